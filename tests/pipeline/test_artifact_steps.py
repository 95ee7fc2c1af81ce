"""Steps find their inputs and leave their outputs on an object store, and TFX's cache knows what is there."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.dsl.compiler import compiler
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration import pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable import launcher
from tfx.types.standard_artifacts import Examples, Model

from data_schemas.errors import RadflowError
from pipeline.artifact_root import ArtifactRoot, artifact_root, choose_artifact_root
from pipeline.artifact_steps import artifacts_in
from pipeline.metadata_database import MetadataDatabase, output_database
from tests.object_store import objects

pytestmark = pytest.mark.pipeline
COMPLETE, CACHED, FAILED = pb.Execution.COMPLETE, pb.Execution.CACHED, pb.Execution.FAILED


@component
def Make(examples: OutputArtifact[Examples]) -> None:  # noqa: N802  # a component is named as a class
    (Path(examples.uri) / "records").write_text("records")
    (Path(examples.uri) / "none").mkdir()


@component
def Train(  # noqa: N802
    examples: InputArtifact[Examples], model: OutputArtifact[Model], word: Parameter[str]
) -> None:
    if word == "fails":
        raise ValueError("as asked")
    (Path(model.uri) / "model").write_text((Path(examples.uri) / "records").read_text() + word)


@pytest.fixture
def output(bucket: str, tmp_path: Path) -> Path:
    choose_artifact_root(tmp_path, bucket, {}, recorded=False)
    return tmp_path


def run(output: Path, *, word: str = "", root: ArtifactRoot | None = None) -> list[int]:
    """Runs two steps; returns the states of this run's executions."""
    store = output_database(output)
    before = len(executions(store)) if store.exists() else 0
    made = Make()
    train = Train(examples=made.outputs["examples"], word=word)
    compiled = compiler.Compiler().compile(
        pipeline.Pipeline(
            pipeline_name="two",
            pipeline_root=str(output / "pipeline"),
            components=[made, train],
            enable_cache=True,
            metadata_connection_config=store.connection_config(),
        )
    )
    with store.used_by_tfx(), artifacts_in(root or artifact_root(output)):
        LocalDagRunner().run_with_ir(compiled)
    return [one.last_known_state for one in executions(store)[before:]]


def executions(store: MetadataDatabase) -> list[Any]:
    return sorted(store.connect().get_executions(), key=lambda one: one.id)


def test_outputs_are_on_the_object_store_and_recorded_there(output: Path) -> None:
    assert run(output) == [COMPLETE, COMPLETE]
    root = artifact_root(output)
    assert objects(root.url)["Train/model/2/model"] == b"records"
    plain = MetadataDatabase(file=output / "metadata.sqlite").connect()
    assert sorted(one.uri for one in plain.get_artifacts()) == [
        f"{root.url}/Make/examples/1",
        f"{root.url}/Train/model/2",
    ]
    ours = output_database(output).connect()
    assert min(one.uri for one in ours.get_artifacts()) == str(root.folder / "Make" / "examples" / "1")


def test_what_is_there_comes_from_the_cache_and_is_fetched_only_where_a_step_needs_it(output: Path) -> None:
    run(output)
    shutil.rmtree(output / "pipeline")
    assert run(output) == [CACHED, CACHED]
    assert not (output / "pipeline" / "Make" / "examples" / "1").exists()
    assert run(output, word=" and more") == [CACHED, COMPLETE]
    assert (output / "pipeline" / "Make" / "examples" / "1" / "none").is_dir()
    assert any(text == b"records and more" for text in objects(artifact_root(output).url).values())


def test_what_is_neither_here_nor_there_is_made_anew(output: Path) -> None:
    run(output)
    artifact_root(output).remove(output / "pipeline" / "Make" / "examples" / "1")
    assert run(output) == [COMPLETE, COMPLETE]


def test_a_step_that_fails_leaves_nothing_there_and_the_launcher_as_it_was(output: Path) -> None:
    before = dict(launcher.DEFAULT_EXECUTOR_OPERATORS)
    with pytest.raises(ValueError, match="as asked"):
        run(output, word="fails")
    assert {name.split("/")[0] for name in objects(artifact_root(output).url)} == {"Make"}
    assert before == launcher.DEFAULT_EXECUTOR_OPERATORS
    assert run(output) == [CACHED, COMPLETE]


def test_what_cannot_be_put_there_is_not_recorded_as_made(output: Path) -> None:
    away = ArtifactRoot(output / "pipeline", "s3://no-such-bucket/x")
    with pytest.raises(RadflowError, match="s3://no-such-bucket/x cannot be written"):
        run(output, root=away)
    assert [one.last_known_state for one in executions(output_database(output))] == [FAILED]
    assert run(output) == [COMPLETE, COMPLETE]
