"""`radflow report`: finds a run and its report, and says what is wrong in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

import local_runner
from cli import report as command
from cli.main import main
from reports.model_report import report_files, write_files
from tests.reports.sample_report import report_data


def store_with(output: Path, runs: dict[str, list[tuple[str, str, Path]]], **at: str) -> None:
    """Writes a metadata store in which each run has outputs: (node, output, folder).

    Args:
        output: the run's.
        runs: by id.
        at: by id, the node that a run is at, as the store has it: running, however long ago.
    """
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as pb
    from tfx.orchestration import metadata

    output.mkdir(parents=True, exist_ok=True)
    config = metadata.sqlite_metadata_connection_config(str(output / "metadata.sqlite"))
    store = metadata_store.MetadataStore(config)
    context_type = store.put_context_type(pb.ContextType(name="pipeline_run"))
    artifact_type = store.put_artifact_type(pb.ArtifactType(name="Thing"))
    for run, outputs in runs.items():
        context = pb.Context(type_id=context_type, name=run)
        (context.id,) = store.put_contexts([context])
        for node, name, uri in outputs:
            execution_type = store.put_execution_type(pb.ExecutionType(name=f"components.x.component.{node}"))
            execution = pb.Execution(type_id=execution_type, last_known_state=pb.Execution.COMPLETE)
            execution.custom_properties["code_digest"].string_value = f"digest of {node}"
            event = pb.Event(type=pb.Event.OUTPUT, path=pb.Event.Path(steps=[pb.Event.Path.Step(key=name)]))
            artifact = pb.Artifact(type_id=artifact_type, uri=str(uri))
            store.put_execution(execution, [(artifact, event)], [context])
        if run in at:
            kind = store.put_execution_type(pb.ExecutionType(name=at[run]))
            store.put_execution(pb.Execution(type_id=kind, last_known_state=pb.Execution.RUNNING), [], [context])


@cache
def sample_files(run: str) -> dict[str, str]:
    """Returns a run's report; to draw it takes seconds."""
    return report_files(report_data(run=run))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Returns an output with three runs: a refused one, one with a report, and one that DataCheck stopped."""
    folder = tmp_path / "output"
    artifact = tmp_path / "artifact"
    write_files(sample_files("first"), artifact)
    model = tmp_path / "model"
    runs = {
        "first": [("Trainer", "model", model), ("ModelReport", "report", artifact)],
        "second": [("Trainer", "model", model), ("ModelReport", "report", artifact)],
        "stopped": [],
    }
    store_with(folder, runs, stopped="components.data_check.component.DataCheck")
    return folder


@contextmanager
def at_work(output: Path, run: str) -> Iterator[None]:
    """Holds the output's lock as a run does."""
    with local_runner.only_run(output) as begin:
        begin(run)
        yield


def test_a_runs_report_is_named_with_its_summary(output: Path, capsys) -> None:
    assert main(["report", "first", "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "artifact/model_report.html" in said and "Refused: The model must not be served." in said
    assert "not a medical device" in said and "metrics.csv" in said
    assert len(said.splitlines()) < 20


def test_json_is_one_line_with_the_page(output: Path, capsys) -> None:
    assert main(["report", "first", "--output", str(output), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert Path(value["report"]).is_file() and value["blessed"] is False and value["summary"]["verdict"] == "Refused"


def test_the_latest_is_the_newest_that_trained_a_model(output: Path) -> None:
    assert command.find_run(output, "latest") == "second"


def test_a_report_beside_datachecks_goes_first(output: Path, capsys) -> None:
    write_files(sample_files("second"), output / "reports" / "second")
    assert main(["report", "latest", "--output", str(output)]) == 0
    assert "reports/second/model_report.html" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--fresh"], []])
def test_a_report_is_made_when_asked_for_or_absent(output: Path, monkeypatch, capsys, words) -> None:
    made = []

    def make(artifacts, folder):
        made.append(artifacts)
        write_files(sample_files("first"), folder)

    monkeypatch.setattr(command, "_make", make)
    if not words:
        (output.parent / "artifact" / "report.json").unlink()
    assert main(["report", "first", "--output", str(output), *words]) == 0
    (artifacts,) = made
    assert artifacts.run == "first" and artifacts.serving == output.parent / "model" / "Format-Serving"
    assert artifacts.evaluation is None and artifacts.blessed is None
    assert artifacts.code_digests["Trainer"] == "digest of Trainer"
    assert [(one.name, one.type) for one in artifacts.used] == [("model", "Thing")] and artifacts.used[0].id
    assert "reports/first/model_report.html" in capsys.readouterr().out


def test_an_unknown_run_is_told_with_those_that_there_are(output: Path, capsys) -> None:
    assert main(["report", "third", "--output", str(output)]) == 2
    assert "no run 'third'" in capsys.readouterr().err


def test_a_folder_without_runs_is_told(tmp_path: Path, capsys) -> None:
    assert main(["report", "latest", "--output", str(tmp_path)]) == 2
    assert "no run has been there" in capsys.readouterr().err


def test_a_run_that_trained_nothing_is_told_with_where_it_ended_and_what_says_why(output: Path, capsys) -> None:
    assert main(["report", "stopped", "--output", str(output)]) == 1
    said = capsys.readouterr().err
    assert "run stopped ended at DataCheck, without a model" in said and "its log says why; mend that" in said
    page = output / "reports" / "stopped" / "data_check.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert main(["report", "stopped", "--output", str(output)]) == 1
    assert f"{page} says why" in capsys.readouterr().err


def test_a_run_that_goes_on_is_told_with_its_step_and_makes_no_half_report(output: Path, capsys) -> None:
    with at_work(output, "stopped"):
        assert main(["report", "stopped", "--output", str(output)]) == 1
        said = capsys.readouterr().err
    assert "run stopped is going on, at DataCheck: its report is made at its end" in said
    assert not (output / "reports" / "stopped").exists()


def test_the_latest_report_is_said_to_be_of_an_earlier_run_than_the_latest(output: Path, capsys) -> None:
    with at_work(output, "stopped"):
        assert main(["report", "latest", "--output", str(output)]) == 0
    assert "run stopped is going on, at DataCheck, without a report so far" in capsys.readouterr().err
    assert main(["report", "latest", "--output", str(output)]) == 0
    assert "run stopped ended at DataCheck, without a report so far" in capsys.readouterr().err


@pytest.mark.parametrize("at", ["", "Trainer"])
def test_the_first_run_that_goes_on_is_known_before_it_is_in_the_store(tmp_path: Path, capsys, at: str) -> None:
    if at:
        store_with(tmp_path, {"2026-01-02T03-04-05": []}, **{"2026-01-02T03-04-05": at})
    with at_work(tmp_path, "2026-01-02T03-04-05"):
        assert main(["report", "latest", "--output", str(tmp_path)]) == 1
    where = f", at {at}" if at else ""
    assert f"run 2026-01-02T03-04-05 is going on{where}: its report" in capsys.readouterr().err


def test_a_run_that_was_killed_is_not_taken_for_the_one_that_has_begun_since(tmp_path: Path, capsys) -> None:
    store_with(tmp_path, {"2026-01-02T03-04-05": []}, **{"2026-01-02T03-04-05": "Trainer"})
    with at_work(tmp_path, "2026-01-02T04-00-00"):
        assert main(["report", "2026-01-02T03-04-05", "--output", str(tmp_path)]) == 1
    assert "run 2026-01-02T03-04-05 ended at Trainer, without a model" in capsys.readouterr().err


def test_a_verdict_is_read_from_the_blessing() -> None:
    assert command._blessed(None) is None
    assert command._blessed(SimpleNamespace(properties={"blessed": 1})) is True
    assert command._blessed(SimpleNamespace(properties={})) is False
