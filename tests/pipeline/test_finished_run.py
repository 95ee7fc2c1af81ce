"""Finding a run of an output folder: the latest, one by its id, the latest that has what is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

import local_runner
from data_schemas.errors import ConfigurationError
from pipeline.finished_run import find_run, output_folder

STATISTICS = ("StatisticsGen", "statistics")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder with three runs; the second has statistics, the third stopped before."""
    store = metadata_store.MetadataStore(metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")))
    run_type = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
    node_type = store.put_execution_type(metadata_store_pb2.ExecutionType(name="StatisticsGen"))
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="ExampleStatistics"))
    for name in ("run-b", "run-a", "run-c"):
        context = metadata_store_pb2.Context(type_id=run_type, name=name)
        if name != "run-a":
            store.put_contexts([context])
            continue
        folder = tmp_path / "statistics"
        folder.mkdir()
        execution = metadata_store_pb2.Execution(
            type_id=node_type, last_known_state=metadata_store_pb2.Execution.COMPLETE
        )
        event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
        event.path.steps.add().key = "statistics"
        event.path.steps.add().index = 0
        artifact = metadata_store_pb2.Artifact(type_id=kind, uri=str(folder))
        store.put_execution(execution, [(artifact, event)], [context])
    return tmp_path


def test_runs_are_in_the_order_of_their_start_and_not_of_their_names(output: Path) -> None:
    assert find_run(output).run_id == "run-c"
    assert find_run(output, "run-b").run_id == "run-b"


def test_the_latest_run_that_has_what_is_wanted_is_taken(output: Path) -> None:
    found = find_run(output, having=STATISTICS)
    assert found.run_id == "run-a"
    assert found.folder(*STATISTICS) == output / "statistics"
    assert found.report_folder == output / "reports" / "run-a"


def test_what_a_run_that_goes_on_has_not_yet_is_told_so(output: Path) -> None:
    with local_runner.only_run(output) as begin:
        begin("run-c")
        with pytest.raises(ConfigurationError, match=r"run run-c is going on, and there is no model of Trainer before"):
            find_run(output, having=("Trainer", "model"))


def test_what_is_missing_is_said_in_words(output: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no run in .*nowhere yet: `make demo`"):
        find_run(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match=r"no run 'run-x' in .*; runs: run-b, run-a, run-c"):
        find_run(output, "run-x")
    with pytest.raises(ConfigurationError, match="no run has the model of Trainer"):
        find_run(output, having=("Trainer", "model"))
    with pytest.raises(ConfigurationError, match="run run-c does not have the statistics of StatisticsGen"):
        find_run(output, "run-c", having=STATISTICS)
    with pytest.raises(ConfigurationError, match="run run-c has no statistics of StatisticsGen"):
        find_run(output).folder(*STATISTICS)


def test_an_artifact_that_was_removed_since_is_said(output: Path) -> None:
    (output / "statistics").rmdir()
    with pytest.raises(ConfigurationError, match="statistics of StatisticsGen was removed"):
        find_run(output, "run-a").folder(*STATISTICS)


def test_looking_for_a_run_makes_no_metadata_store(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        find_run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_output_folder_is_the_variables_else_the_demos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_folder({"RADFLOW_OUTPUT": "/data/out"}) == Path("/data/out")
    (tmp_path / "radflow-output").mkdir()
    (tmp_path / "notebooks").mkdir()
    for folder in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(folder)
        assert output_folder({}) == tmp_path / "radflow-output"
