"""`radflow compare` on output folders as runs leave them: a metadata store, cases, descriptions."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from cli import compare
from data_schemas.errors import ConfigurationError
from tests.evaluation.test_paired import described, records


class Output:
    """An output folder whose runs have an evaluation and a model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._store = metadata_store.MetadataStore(
            metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
        )

    def add(
        self, name: str, *, key: str = "key 1", prevalence: dict[str, float] | None = None, **settings: Any
    ) -> None:
        run_type = self._store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
        context = metadata_store_pb2.Context(type_id=run_type, name=name)
        self._store.put_contexts([context])
        evaluation, assets = self._output("Evaluator", "evaluation", name), self._output("Trainer", "model", name)
        np.savez_compressed(evaluation / "cases.npz", **records(**settings).arrays())
        assets = assets / "Format-Serving" / "assets.extra"
        assets.mkdir(parents=True)
        (assets / "description.json").write_text(
            described().model_copy(update={"deployment_prevalence": prevalence}).model_dump_json()
        )
        (assets / "training_patients.json").write_text(json.dumps({"pseudonym_key_id": key, "patients": []}))

    def _output(self, node: str, output: str, run: str) -> Path:
        folder = self.folder / node / run
        folder.mkdir(parents=True)
        node_type = self._store.put_execution_type(metadata_store_pb2.ExecutionType(name=node))
        kind = self._store.put_artifact_type(metadata_store_pb2.ArtifactType(name=output))
        done = metadata_store_pb2.Execution(type_id=node_type, last_known_state=metadata_store_pb2.Execution.COMPLETE)
        event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
        event.path.steps.add().key = output
        event.path.steps.add().index = 0
        artifact = metadata_store_pb2.Artifact(type_id=kind, uri=str(folder))
        context = self._store.get_context_by_type_and_name("pipeline_run", run)
        self._store.put_execution(done, [(artifact, event)], [context])
        return folder


@pytest.fixture
def output(tmp_path: Path) -> Output:
    made = Output(tmp_path / "output")
    made.add("run-1", noise=3.0)
    made.add("run-2", noise=1.0, seed=2)
    return made


def _run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.run(parser.parse_args(list(map(str, words))))


def test_the_better_run_is_better_by_a_paired_difference(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("run-1", "latest", "--output", output.folder, "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == "" and len(captured.out.splitlines()) == 1
    assert (found["first"]["run"], found["second"]["run"]) == ("run-1", "run-2")
    assert found["differences"]["findings"]["nodule"]["auroc"]["lower"] > 0
    assert found["shared"] == {"images": 60, "patients": 30}


def test_the_text_is_for_people(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("run-1", "run-2", "--output", output.folder) == 0
    text = capsys.readouterr().out
    assert "A is run-1, B is run-2" in text and "*" in text


def test_another_key_is_warned_of_before_the_runs_are_refused(
    output: Output, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Output(tmp_path / "other")
    other.add("run-9", key="key 2", noise=1.0, ids=range(100, 160))
    with pytest.raises(ConfigurationError, match="share no test image"):
        _run("run-1", "latest", "--output", output.folder, "--output-b", other.folder)
    assert "made with different keys" in capsys.readouterr().err


def test_other_declared_prevalences_are_warned_of(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    output.add("run-3", noise=1.0, prevalence={"normal": 0.8, "nodule": 0.1, "cavity": 0.1})
    assert _run("run-2", "run-3", "--output", output.folder) == 0
    captured = capsys.readouterr()
    assert "declare different prevalences" in captured.err and "Beware: the runs declare" in captured.out


def test_a_run_without_cases_is_said_to_be_too_old(output: Output) -> None:
    (output.folder / "Evaluator" / "run-1" / "cases.npz").unlink()
    with pytest.raises(ConfigurationError, match=r"run run-1 left no cases and description .* run it again"):
        _run("run-1", "run-2", "--output", output.folder)


def test_a_run_that_is_not_there_is_refused(output: Output) -> None:
    with pytest.raises(ConfigurationError, match=r"no run 'run-3' in .*; runs: run-1, run-2"):
        _run("run-1", "run-3", "--output", output.folder)
