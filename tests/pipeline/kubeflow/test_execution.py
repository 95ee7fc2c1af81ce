"""A step's pod gives TFX's executor what it needs, and Kubeflow's launcher what that expects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.pipeline

INPUTS_SPEC = {
    "artifacts": {
        "model": {"artifactType": {"instanceSchema": "title: tfx.Model\ntype: object\n"}},
        "examples": {"artifactType": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}},
    },
    "parameters": {"rows": {"parameterType": "NUMBER_INTEGER"}, "folder": {"parameterType": "STRING"}},
}


class Recorder:
    """Stands in the place of an executor: keeps what it is given, and makes a blessing."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def Do(self, inputs: Any, outputs: Any, properties: dict[str, Any]) -> None:
        (model,), (blessing,) = inputs["model"], outputs["blessing"]
        Path(blessing.uri, "seen.json").write_text(
            json.dumps({"model": model.uri, "properties": properties, "run": self._context.pipeline_run_id,
                        "splits": inputs["examples"][0].split_names})
        )  # fmt: skip
        blessing.set_int_custom_property("blessed", 1)
        blessing.set_int_custom_property("current_model_id", model.id)


def request(folder: Path, **model: Any) -> dict[str, Any]:
    """Returns what a launcher says: inputs without type, and an output that the step does not have."""
    untyped = {"type": {"instanceSchema": ""}}
    return {
        "inputs": {
            "parameterValues": {"rows": 3, "folder": "/data/@{found.name}", "found_name": "scans", "new_field": None},
            "artifacts": {
                "model": {"artifacts": [{"uri": "s3://bucket/p/run-0/Trainer/model", **untyped, **model}]},
                "examples": {
                    "artifacts": [{"name": "7", "uri": "s3://bucket/p/run-0/Gen/examples", **untyped,
                                   "metadata": {"split_names": '["train"]', "display_name": "examples"}}]
                },
            },
        },
        "outputs": {
            "artifacts": {
                "blessing": {
                    "artifacts": [{"uri": "s3://bucket/p/run-1/Judge/blessing",
                                   "type": {"instanceSchema": "title: tfx.ModelBlessing\ntype: object\n"}}]
                },
                "executor-logs": {
                    "artifacts": [{"uri": "s3://bucket/p/run-1/Judge/executor-logs",
                                   "type": {"schemaTitle": "system.Artifact"}}]
                },
            },
            "outputFile": str(folder / "outputs" / "output_metadata.json"),
        },
    }  # fmt: skip


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, **model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs the step; returns what its executor saw, and what the launcher is told."""
    from tfx.utils import import_utils

    from pipeline.kubeflow import step

    monkeypatch.setenv("RADFLOW_MOUNTS", str(folder))
    monkeypatch.setattr(import_utils, "import_class_by_path", _class(import_utils.import_class_by_path))
    said = request(folder, **model)
    del said["inputs"]["parameterValues"]["new_field"]
    code = step.main(
        ["--node", "Judge", "--executor_class_path", "tests.Recorder", "--json_serialized_invocation_args",
         json.dumps(said), "--json_serialized_inputs_spec_args", json.dumps(INPUTS_SPEC), "--direct_num_workers=2"]
    )  # fmt: skip
    assert code == 0
    seen = json.loads((folder / "s3/bucket/p/run-1/Judge/blessing/seen.json").read_text())
    return seen, json.loads((folder / "outputs" / "output_metadata.json").read_text())


def _class(real: Any) -> Any:
    return lambda path: Recorder if path == "tests.Recorder" else real(path)


def test_an_executor_sees_paths_types_and_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, _ = run(tmp_path, monkeypatch, name="12")
    assert seen == {
        "model": str(tmp_path / "s3/bucket/p/run-0/Trainer/model"),
        "properties": {"rows": 3, "folder": "/data/scans"},
        "run": "run-1",
        "splits": '["train"]',
    }


def test_the_launcher_is_told_of_declared_outputs_alone_by_the_uris_that_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, report = run(tmp_path, monkeypatch, name="12")
    assert list(report["artifacts"]) == ["blessing"]
    (blessing,) = report["artifacts"]["blessing"]["artifacts"]
    assert blessing["uri"] == "s3://bucket/p/run-1/Judge/blessing"
    assert blessing["metadata"]["blessed"] == 1
    assert blessing["metadata"]["current_model_id"] == "12"


def test_a_model_that_has_no_name_is_called_by_its_uri_in_the_blessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, report = run(tmp_path, monkeypatch)
    (blessing,) = report["artifacts"]["blessing"]["artifacts"]
    assert blessing["metadata"]["current_model_id"] == "s3://bucket/p/run-0/Trainer/model"


def test_a_foreseen_error_is_one_line_and_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from data_schemas.errors import DataRefused

    def refuse(*_: Any) -> None:
        raise DataRefused("too few patients")

    monkeypatch.setattr(Recorder, "Do", refuse)
    with pytest.raises(AssertionError, match="assert 4 == 0"):
        run(tmp_path, monkeypatch)
    assert capsys.readouterr().err.splitlines()[-1] == "Judge: too few patients"
    assert not (tmp_path / "outputs" / "output_metadata.json").exists()
