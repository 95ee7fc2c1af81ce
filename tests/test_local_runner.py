"""What is checked and held before a pipeline runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import cli.run
import kubeflow_runner
import local_runner
from data_schemas.errors import ConfigurationError
from data_schemas.task_file import task_to_json
from imaging.manifest import read_manifest
from models.backbones import BACKBONES
from pipeline.artifact_root import ArtifactRoot, artifact_root
from pipeline.run_state import going_on
from tests.models.clusters import tf_configs
from tests.models.tasks import demo_task
from tests.object_store import objects
from tests.recorded_output import RecordedOutput


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    (tmp_path / "manifest.csv").write_text("file,label,patient_id\na.png,normal,1\nb.png,nodule,2\n")
    return tmp_path / "manifest.csv"


def test_a_second_run_in_the_same_folder_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    with local_runner.only_run(tmp_path), pytest.raises(ConfigurationError, match="another run is at work"):
        local_runner.only_run(tmp_path).__enter__()
    with local_runner.only_run(tmp_path):
        pass


def test_a_run_has_its_id_in_the_lock_before_its_first_step(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "output"
    monkeypatch.setattr(cli.run, "_run_logged", lambda _, run_id, beam: (run_id, beam, going_on(output)))
    run_id, _, found = cli.run.run_pipeline("synthetic_chest", manifest, output=output, weights=None)
    assert found == run_id
    assert going_on(output) is None


@pytest.mark.pipeline
def test_a_run_of_the_tfx_command_goes_on_as_soon_as_tfx_has_named_it(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    output, seen = tmp_path / "output", []

    def run(*_: Any) -> None:
        seen.append(going_on(output))
        RecordedOutput(output).run("2026-01-02T03:04:05.678901")
        seen.append(going_on(output))

    monkeypatch.setattr(LocalDagRunner, "run", run)
    monkeypatch.setenv("RADFLOW_OUTPUT", str(output))
    monkeypatch.setenv("RADFLOW_MANIFEST", str(manifest))
    local_runner.main()
    assert seen == [None, "2026-01-02T03:04:05.678901"]


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made or used"), local_runner.only_run(tmp_path / "taken"):
        pass


def test_preparing_writes_the_schema_and_a_private_key(manifest: Path, tmp_path: Path) -> None:
    settings = local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    assert settings.schema.is_file()
    assert settings.pseudonym_key.stat().st_mode & 0o777 == 0o600
    assert settings.served_state == "nothing is served"
    assert settings.weights == {"small_cnn": ""} and settings.weights_digests == {"small_cnn": ""}


def test_two_runs_differ_in_nothing_but_the_nonce(manifest: Path, tmp_path: Path) -> None:
    first, second = (local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output") for _ in range(2))
    assert first.run_nonce != second.run_nonce
    for name in ("fingerprint", "pseudonym_key_id", "code_digests", "schema", "served_state", "task"):
        assert getattr(first, name) == getattr(second, name), name


def test_an_image_that_changes_under_the_same_manifest_changes_the_fingerprint(manifest: Path) -> None:
    task = demo_task()
    before = read_manifest(manifest, task).fingerprint()
    (manifest.parent / "a.png").write_bytes(b"other bytes")
    assert read_manifest(manifest, task).fingerprint() != before


def test_another_pseudonym_key_is_another_cache_key(manifest: Path, tmp_path: Path) -> None:
    first = local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    first.pseudonym_key.unlink()
    second = local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    assert first.pseudonym_key_id != second.pseudonym_key_id


def test_a_key_is_missed_where_an_object_store_alone_has_the_records(
    manifest: Path, tmp_path: Path, bucket: str
) -> None:
    output = tmp_path / "output"
    first = local_runner.prepare("synthetic_chest", manifest, output=output, artifacts=bucket)
    RecordedOutput(output).run("run-1")
    artifact_root(output).keep(artifact_root(output).folder)
    shutil.rmtree(artifact_root(output).folder)
    first.pseudonym_key.unlink()
    with pytest.raises(ConfigurationError, match="key is gone"):
        local_runner.prepare("synthetic_chest", manifest, output=output)


@pytest.mark.parametrize("metadata", [None, "postgresql://ada@127.0.0.1:9/mlmd"])
def test_a_lost_metadata_store_stops_a_run_before_it_numbers_artifacts_anew(
    manifest: Path, tmp_path: Path, metadata: str | None
) -> None:
    output = tmp_path / "output"
    local_runner.prepare("synthetic_chest", manifest, output=output)
    RecordedOutput(output).run("run-1", version=1)
    local_runner.prepare("synthetic_chest", manifest, output=output)
    store = output / "metadata.sqlite"
    for lose in (lambda: store.rename(tmp_path / "backup"), lambda: RecordedOutput(output)):
        lose()  # the file is gone, then there is an empty store
        with pytest.raises(ConfigurationError, match=r"does not have.*Put the store back, or move .*/pipeline away"):
            local_runner.prepare("synthetic_chest", manifest, output=output, metadata=metadata)
    assert not (output / "metadata.json").exists()
    (tmp_path / "backup").rename(store)
    local_runner.prepare("synthetic_chest", manifest, output=output)
    store.unlink()
    (output / "pipeline").rename(tmp_path / "away")
    local_runner.prepare("synthetic_chest", manifest, output=output)


def test_an_older_metadata_store_stops_a_run(manifest: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    local_runner.prepare("synthetic_chest", manifest, output=output)
    RecordedOutput(output).run("run-1", version=1)
    backup = (output / "metadata.sqlite").read_bytes()
    RecordedOutput(output).run("run-2", version=2)
    newest = (output / "metadata.sqlite").read_bytes()
    (output / "metadata.sqlite").write_bytes(backup)
    with pytest.raises(ConfigurationError, match=r"seems to be an older backup.*Put the newest store back"):
        local_runner.prepare("synthetic_chest", manifest, output=output)
    (output / "metadata.sqlite").write_bytes(newest)
    local_runner.prepare("synthetic_chest", manifest, output=output)


def test_a_lost_metadata_store_is_missed_where_an_object_store_alone_has_artifacts(
    manifest: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "output"
    for _ in range(2):  # a run that was killed before its first record goes on
        local_runner.prepare("synthetic_chest", manifest, output=output, artifacts=bucket)
    RecordedOutput(output).run("run-1", version=1)
    root = artifact_root(output)
    root.keep(root.folder)
    shutil.rmtree(root.folder)
    (output / "metadata.sqlite").rename(tmp_path / "backup")
    with pytest.raises(ConfigurationError, match=rf"{root.url} has artifacts of runs.*artifacts\.json away"):
        local_runner.prepare("synthetic_chest", manifest, output=output)
    assert objects(root.url)
    (tmp_path / "backup").rename(output / "metadata.sqlite")
    monkeypatch.setattr(ArtifactRoot, "_remote_files", lambda _: pytest.fail("the object store was listed"))
    local_runner.prepare("synthetic_chest", manifest, output=output)


def test_a_first_run_that_was_killed_before_it_made_anything_goes_on(manifest: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    local_runner.prepare("synthetic_chest", manifest, output=output)
    RecordedOutput(output)  # the store is there, without a run
    (output / "pipeline" / "DicomExampleGen" / ".system" / "executor_execution" / "1").mkdir(parents=True)
    local_runner.prepare("synthetic_chest", manifest, output=output)


def test_on_a_cluster_the_outputs_own_records_are_not_asked_for(manifest: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    local_runner.prepare("synthetic_chest", manifest, output=output)
    RecordedOutput(output).run("run-1", version=1)
    (output / "metadata.sqlite").unlink()
    executor_input = json.dumps({"outputs": {"outputFile": str(tmp_path / "executor_output.json")}})
    words = ["prepare", "--task", task_to_json(demo_task()), "--manifest", str(manifest), "--output", str(output)]
    assert kubeflow_runner.main([*words, "--executor_input", executor_input]) == 0


def test_a_backbone_that_does_not_exist_stops_before_any_work(manifest: Path, tmp_path: Path) -> None:
    task = (Path(__file__).parents[1] / "data_schemas" / "tasks" / "synthetic_chest.yaml").read_text()
    (tmp_path / "task.yaml").write_text(task.replace("backbone: small_cnn", "backbone: alexnet"))
    with pytest.raises(ConfigurationError, match=f"choose one of {', '.join(BACKBONES)}"):
        local_runner.prepare(str(tmp_path / "task.yaml"), manifest, output=tmp_path / "output")
    assert not (tmp_path / "output").exists()


def _task_file(folder: Path, **sections: Any) -> str:
    (folder / "task.yaml").write_text(yaml.safe_dump(demo_task(**sections).model_dump(mode="json")))
    return str(folder / "task.yaml")


BACKBONES_TO_TRY = {
    "model": {"backbone": "mobilenet", "weights": "imagenet", "alpha": 0.25},
    "tuning": {"enabled": True, "backbone": ("mobilenet", "densenet121")},
}
MOBILENET, DENSENET = (
    BACKBONES[name].weights_url(alpha).rsplit("/", 1)[1] for name, alpha in (("mobilenet", 0.25), ("densenet121", None))
)


def test_the_weights_of_every_backbone_to_try_are_found_before_any_work(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing can be fetched
    task, weights = _task_file(tmp_path, **BACKBONES_TO_TRY), tmp_path / "weights"
    weights.mkdir()
    (weights / MOBILENET).write_bytes(b"mobilenet")
    with pytest.raises(ConfigurationError, match=DENSENET):
        local_runner.prepare(task, manifest, output=tmp_path / "output", weights=weights)
    assert not (tmp_path / "output").exists()
    (weights / DENSENET).write_bytes(b"densenet")
    settings = local_runner.prepare(task, manifest, output=tmp_path / "output", weights=weights)
    assert settings.weights == {"mobilenet": str(weights / MOBILENET), "densenet121": str(weights / DENSENET)}
    before = settings.weights_digests
    (weights / DENSENET).write_bytes(b"another")
    after = local_runner.prepare(task, manifest, output=tmp_path / "output", weights=weights).weights_digests
    assert before["mobilenet"] == after["mobilenet"] and before["densenet121"] != after["densenet121"]


def test_hyperparameters_that_are_given_need_the_weights_of_their_backbone_alone(
    manifest: Path, tmp_path: Path
) -> None:
    (tmp_path / "given.json").write_text('{"backbone": "densenet121", "learning_rate": 0.001}')
    (tmp_path / DENSENET).write_bytes(b"densenet")
    settings = local_runner.prepare(
        _task_file(tmp_path, **BACKBONES_TO_TRY),
        manifest,
        output=tmp_path / "output",
        weights=tmp_path,
        hyperparameters=tmp_path / "given.json",
    )
    assert list(settings.weights) == ["densenet121"] and not settings.searches
    assert (
        settings.hyperparameters is not None
        and settings.hyperparameters.parent == tmp_path / "output" / "hyperparameters"
    )


def test_hyperparameters_that_the_task_cannot_take_stop_before_any_work(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "given.json").write_text('{"learning_rate": -1}')
    with pytest.raises(ConfigurationError, match="learning_rate: Input should be greater than 0"):
        local_runner.prepare(
            "synthetic_chest", manifest, output=tmp_path / "output", hyperparameters=tmp_path / "given.json"
        )
    assert not (tmp_path / "output").exists()


def test_a_space_with_a_value_that_no_task_may_have_stops_before_any_work(manifest: Path, tmp_path: Path) -> None:
    task = _task_file(tmp_path, tuning={"enabled": True, "loss": ("cross_entropy", "dice")})
    with pytest.raises(ConfigurationError, match=r"mend tuning\.loss in the task"):
        local_runner.prepare(task, manifest, output=tmp_path / "output")
    assert not (tmp_path / "output").exists()


def test_a_run_is_the_first_machine_of_a_cluster_and_no_other(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tf_configs()
    monkeypatch.setenv("TF_CONFIG", second)
    with pytest.raises(ConfigurationError, match=r"makes this worker 1 of 2, and a run is the first.*training_worker"):
        local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(ConfigurationError, match="TF_CONFIG is no cluster"):
        local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    assert not (tmp_path / "output").exists()
    monkeypatch.setenv("TF_CONFIG", first)
    local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")


def test_a_run_in_the_environment_of_a_worker_is_refused_and_as_a_chief_it_is_not(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = _task_file(tmp_path, tuning={"enabled": True, "batch_size": (8, 16)})
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker1")
    with pytest.raises(ConfigurationError, match="a run is the chief of a search: set it to chief, or start a worker"):
        local_runner.prepare(task, manifest, output=tmp_path / "output")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    assert local_runner.prepare(task, manifest, output=tmp_path / "output").searches
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker1")
    assert not local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output").searches


@pytest.mark.pipeline
def test_an_importer_stands_where_the_tuner_would(manifest: Path, tmp_path: Path) -> None:
    from pipeline.pipeline import create_pipeline

    (tmp_path / "given.json").write_text('{"batch_size": 8}')
    task = _task_file(tmp_path, tuning={"enabled": True, "batch_size": (8, 16)})

    def nodes(hyperparameters: Path | None) -> dict[str, Any]:
        output = tmp_path / "output"
        settings = local_runner.prepare(task, manifest, output=output, hyperparameters=hyperparameters)
        return {node.id: node for node in create_pipeline(settings).components}

    searching, given = nodes(None), nodes(tmp_path / "given.json")
    assert set(searching) - set(given) == {"Tuner"} and set(given) - set(searching) == {"Importer"}
    imported = given["Importer"].outputs["best_hyperparameters"]
    assert imported.type_name == "HyperParameters"
    assert given["Trainer"].inputs["hyperparameters"] == imported
    (file,) = Path(given["Importer"].exec_properties["artifact_uri"]).iterdir()
    assert json.loads(file.read_text())["values"] == {"batch_size": 8}
