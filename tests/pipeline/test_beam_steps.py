"""Beam's arguments reach the steps of a run, and no cache key."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from components.dicom_example_gen.component import DicomExampleGen
from data_schemas.task_file import records_json
from imaging.synthetic import write_sample
from pipeline.beam_options import BeamOptions, parse_beam
from pipeline.beam_steps import beam_steps_run_by
from tests.models.tasks import demo_task

pytestmark = pytest.mark.pipeline


def _run(folder: Path, beam: BeamOptions) -> list[int]:
    """Runs an ingest; returns the states of all executions so far."""
    example_gen = DicomExampleGen(
        manifest=folder / "sample" / "manifest.csv",
        task=records_json(demo_task()),
        pseudonym_key=folder / "key",
        pseudonym_key_id="key",
        withdrawals=folder / "withdrawn.txt",
        withdrawals_digest="",
        fingerprint="sample",
        code_digest="",
    )
    store = metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    compiled = compiler.Compiler().compile(
        pipeline.Pipeline(
            pipeline_name="ingest",
            pipeline_root=str(folder / "pipeline"),
            components=[example_gen],
            enable_cache=True,
            metadata_connection_config=store,
        )
    )
    with beam_steps_run_by(beam):
        LocalDagRunner().run_with_ir(compiled)
    return sorted(one.last_known_state for one in metadata_store.MetadataStore(store).get_executions())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns a folder with a sample."""
    write_sample(tmp_path / "sample", studies=20)
    return tmp_path


def test_another_runner_is_answered_from_the_cache(folder: Path) -> None:
    complete, cached = metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED
    threads = parse_beam("--direct_running_mode=multi_threading --direct_num_workers=2")
    assert _run(folder, threads) == [complete]
    assert _run(folder, BeamOptions()) == [complete, cached]


def test_a_run_in_this_process_downloads_no_other_runner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        "apache_beam.runners.portability.prism_runner.PrismRunner.run_pipeline", lambda *words: asked.append(words)
    )
    assert _run(folder, BeamOptions()) == [metadata_store_pb2.Execution.COMPLETE]
    assert asked == []


def test_steps_are_given_the_arguments_and_later_runs_are_not(folder: Path) -> None:
    with pytest.raises(Exception, match="NoSuchRunner"):
        _run(folder, parse_beam("--runner=NoSuchRunner --sdk_container_image=some/image"))
    states = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.FAILED)
    assert _run(folder, BeamOptions()) == list(states)
