"""Runs the pipeline on this machine; what `tfx pipeline create --engine local --pipeline-path` is pointed at.

The `tfx` command hides its arguments from this file, so it reads RADFLOW_TASK, RADFLOW_MANIFEST and RADFLOW_OUTPUT (and
RADFLOW_WEIGHTS, RADFLOW_BEAM, RADFLOW_ARTIFACTS); without them it makes the sample and runs the demo's task on it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_schemas.errors import ConfigurationError
from data_schemas.ingest_report import FILE_NAME as INGEST_REPORT_FILE
from data_schemas.models_config import settle_models_config
from data_schemas.schema import write_schema
from data_schemas.served_folder import served_state
from data_schemas.task import Model, Task
from data_schemas.task_file import load_task
from data_schemas.training_cluster import training_cluster
from imaging.manifest import private_copy, read_manifest
from imaging.pseudonyms import Pseudonyms
from imaging.withdrawals import withdrawals_digest
from models.backbones import backbone_row
from models.hyperparameters import read_hyperparameters, write_hyperparameters
from models.tuning_space import apply_hyperparameters, check_space, models_to_build
from models.weights import WEIGHTS_VARIABLE, find_weights, weights_digest
from pipeline.artifact_root import artifact_root, choose_artifact_root
from pipeline.beam_options import BEAM_VARIABLE, BeamOptions, parse_beam
from pipeline.code_digest import code_digest
from pipeline.lost_records import require_records
from pipeline.metadata_database import choose_database, output_database
from pipeline.metadata_url import without_passwords
from pipeline.run_state import lock_file, unnamed_run
from pipeline.settings import PipelineSettings, private_folder, pseudonym_key, served_folder, withdrawals

_TENSORFLOW = ("tensorflow", "keras", "tensorflow-transform")
CODE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ingest": (
        ("data_schemas", "imaging", "components.dicom_example_gen", "components.image_index"),
        ("imagecodecs", "numpy", "opencv-python-headless", "pyarrow", "pydicom", "xxhash"),
    ),
    "data_check": (
        ("data_schemas", "evaluation", "reports", "components.data_check", "components.image_index"),
        ("numpy", "scikit-learn", "scipy", "tensorflow-data-validation"),
    ),
    "transform": (("data_schemas", "models"), _TENSORFLOW),
    "training": (("data_schemas", "evaluation", "models"), (*_TENSORFLOW, "keras-tuner", "scikit-learn")),
    "champion": (("data_schemas", "components.champion"), ()),
    "model_report": (
        ("data_schemas", "evaluation", "imaging", "reports", "components.model_report", "components.image_index"),
        ("matplotlib", "opencv-python-headless", "tensorflow"),
    ),
    "evaluator": (
        ("data_schemas", "evaluation", "components.evaluator"),
        ("numpy", "scikit-learn", "scipy", "tensorflow-model-analysis"),
    ),
    "stress_test": (
        ("data_schemas", "evaluation", "imaging", "components.stress_test"),
        ("numpy", "opencv-python-headless", "scikit-learn", "scipy", "tensorflow"),
    ),
    "canary": (
        ("data_schemas", "imaging", "serving", "components.serving_canary"),
        ("grpcio", "imagecodecs", "numpy", "opencv-python-headless", "pydicom", "tensorflow"),
    ),
}
"""By step: our packages, and the libraries, that decide what it makes."""
DEMO_TASK = "synthetic_chest"


def prepare(
    task_name: str,
    manifest: Path,
    *,
    output: Path,
    weights: Path | None = None,
    hyperparameters: Path | None = None,
    metadata: str | None = None,
    artifacts: str | None = None,
    beam_args: tuple[str, ...] = (),
) -> PipelineSettings:
    """Returns what the pipeline is made from, after checking everything that can be checked before any work.

    Args:
        task_name: a shipped task's name or a YAML file.
        manifest: the manifest's path.
        output: the folder that receives everything; made if absent.
        weights: the folder of pretrained weights.
        hyperparameters: a file, or a former run's output, whose hyperparameters are used in place of a search.
        metadata: URL of a server's database where runs are recorded; RADFLOW_METADATA's, or the output's own if None.
        artifacts: URL of an object store's folder for artifacts; RADFLOW_ARTIFACTS', or the output's own if None.
        beam_args: arguments that the pipeline holds for every Beam step, where it is compiled for other machines; those
            of a run on this one are given to `run`.

    Raises:
        ConfigurationError: task, manifest, weights, metadata store or key are wrong; all problems of a file at once.
        RadflowError: there may be artifacts of runs that are not recorded, and the object store cannot be read.
    """
    task = load_task(task_name)
    require_records(output.absolute(), metadata)
    return prepare_task(
        task,
        manifest,
        output=output,
        weights=weights,
        hyperparameters=hyperparameters,
        metadata=metadata,
        artifacts=artifacts,
        beam_args=beam_args,
    )


def prepare_task(
    task: Task,
    manifest: Path,
    *,
    output: Path,
    weights: Path | None = None,
    hyperparameters: Path | None = None,
    metadata: str | None = None,
    artifacts: str | None = None,
    beam_args: tuple[str, ...] = (),
) -> PipelineSettings:
    """Returns what `prepare` returns, for a task that was read already; raises what it raises.

    It does not look whether artifacts are recorded: on a cluster, neither artifacts nor records are the output's.
    """
    _require_chief()
    rows = read_manifest(manifest, task)
    values = read_hyperparameters(_with_search(hyperparameters), task) if hyperparameters else None
    found = _find_all_weights(task, values, folder=weights)
    output = _made(output)
    _require_known_key(output)
    choose_artifact_root(output, artifacts, recorded=output_database(output).exists())
    database = choose_database(output, metadata)
    return PipelineSettings(
        task=task,
        private_manifest=private_copy(rows, private_folder(output)),
        output=output,
        metadata=database,
        fingerprint=rows.fingerprint(),
        schema=write_schema(task, output / "schemas"),
        weights={name: str(path.absolute()) if path else "" for name, path in found.items()},
        weights_digests={name: weights_digest(path) for name, path in found.items()},
        withdrawals_digest=withdrawals_digest(withdrawals(output)),
        pseudonym_key_id=Pseudonyms.load_or_create(pseudonym_key(output)).key_id,
        served_state=served_state(served_folder(output, task)),
        code_digests={name: code_digest(ours, distributions=theirs) for name, (ours, theirs) in CODE.items()},
        run_nonce=uuid.uuid4().hex,
        beam_args=beam_args,
        hyperparameters=write_hyperparameters(values, output / "hyperparameters") if values else None,
    )


def _with_search(source: Path) -> Path:
    """Returns a file or a run's output as it is named, whose searches are fetched where an object store has them."""
    root = artifact_root(source)
    for folder in sorted({file.parent for file in root.glob("Tuner/*/*/*")}):
        root.fetched(folder)
    return source


def _find_all_weights(task: Task, values: dict[str, Any] | None, *, folder: Path | None) -> dict[str, Path | None]:
    """Returns, for each backbone that the run may build, the file of its weights, or None for random ones.

    Args:
        task: the task.
        values: hyperparameters that are used in place of a search, or None.
        folder: where to look first.

    Raises:
        ConfigurationError: a backbone cannot be built, the tuning space has values that no task may have, or weights
            are nowhere to be had.
    """
    models = buildable_models(task, values)
    if values is None and task.tuning.enabled:
        _require_no_worker()
    return {model.backbone: find_weights(model, folder=folder) for model in models}


def buildable_models(task: Task, values: dict[str, Any] | None = None) -> tuple[Model, ...]:
    """Returns the model sections that a run may build, one for each backbone.

    Args:
        task: the task.
        values: hyperparameters that are used in place of a search, or None.

    Raises:
        ConfigurationError: a backbone cannot be built, or the tuning space has values that no task may have.
    """
    backbone_row(task.model, size=task.image.size)
    if values is None and task.tuning.enabled:
        check_space(task)
    models = models_to_build(task) if values is None else (apply_hyperparameters(task, values).model,)
    for model in models:
        backbone_row(model, size=task.image.size)
    return models


def _require_no_worker() -> None:
    """Raises where KerasTuner's variables make this process a worker: a run is the chief, or has nothing to do with it.

    Raises:
        ConfigurationError: they do.
    """
    tuner = os.environ.get("KERASTUNER_TUNER_ID", "")
    if "KERASTUNER_ORACLE_IP" in os.environ and "chief" not in tuner:
        raise ConfigurationError(
            f"KERASTUNER_TUNER_ID is {tuner or 'not set'}, and a run is the chief of a search: set it to chief, "
            "or start a worker with `python -m models.tuning_worker FOLDER`, as the chief says"
        )


def _require_chief() -> None:
    """Raises where TF_CONFIG is wrong, or makes this process a worker other than the first: a run is the first.

    Raises:
        ConfigurationError: it does.
    """
    cluster = training_cluster()
    if cluster and not cluster.chief:
        raise ConfigurationError(
            f"TF_CONFIG makes this worker {cluster.index} of {len(cluster.addresses)}, and a run is the first of them: "
            "start `python -m models.training_worker OUTPUT/unfinished/TASK/training` here, with the run's output"
        )


def _require_known_key(output: Path) -> None:
    """Raises where the key of an output's records is gone: with a fresh one, every patient would be a stranger.

    Raises:
        ConfigurationError: there are records, and no key.
        RadflowError: there is no key, and the object store that may have records cannot be read.
    """
    reports = f"DicomExampleGen/ingest_report/*/{INGEST_REPORT_FILE}"
    if not pseudonym_key(output).exists() and artifact_root(output).glob(reports):
        raise ConfigurationError(
            f"{pseudonym_key(output)} is gone, with which the records in {output} were made: put it back, or give "
            "another --output"
        )


@contextmanager
def only_run(output: Path) -> Iterator[Callable[[str], object]]:
    """Holds the output folder's lock for the block, which the system gives back however the process ends.

    It yields what a run tells its id to: others then read in the lock's file which run is going on.

    Raises:
        ConfigurationError: another run is at work there.
    """
    with lock_file(_made(output)).open("ab", buffering=0) as lock:  # "w" would empty it under who holds it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"another run is at work in {output}: wait for it, or give another --output"
            ) from error
        lock.truncate(0)  # a run that was killed has left its id
        try:
            yield lambda run_id: lock.write(run_id.encode())
        finally:
            lock.truncate(0)


def _made(output: Path) -> Path:
    """Returns the absolute path of the output folder, made if absent."""
    try:
        output.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold patients' images
    except OSError as error:
        raise ConfigurationError(f"--output {output} cannot be made or used: {error.strerror}") from error
    return output.absolute()


def run(settings: PipelineSettings, *, run_id: str, beam: BeamOptions | None = None) -> None:
    """Runs the pipeline here and now, one component after the other.

    Args:
        settings: from `prepare`.
        run_id: what the metadata store and the reports call this run; `settings.metadata.run_id` made it.
        beam: where Beam's steps run; in this process unless given. It is no part of any cache key.
    """
    from tfx.dsl.compiler import compiler, constants
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.portable import runtime_parameter_utils

    from pipeline.pipeline import create_pipeline

    _leave_gpu_memory()
    compiled = compiler.Compiler().compile(create_pipeline(settings))
    runtime_parameter_utils.substitute_runtime_parameter(compiled, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    with _steps_here(settings, beam or BeamOptions()):
        LocalDagRunner().run_with_ir(compiled)
    # By now, servers have had time to load what was pushed: most often there is nothing to wait for.
    settle_models_config(settings.output / "serving")


@contextmanager
def _steps_here(settings: PipelineSettings, beam: BeamOptions) -> Iterator[None]:
    """Lets the steps that TFX starts within the block run as the settings and Beam's options say."""
    from pipeline.artifact_steps import artifacts_in
    from pipeline.beam_steps import beam_steps_run_by

    with (
        _no_password_logged(),
        settings.metadata.used_by_tfx(),
        beam_steps_run_by(beam),
        artifacts_in(artifact_root(settings.output)),
    ):
        yield


def _leave_gpu_memory() -> None:
    """Lets TensorFlow take no more of a GPU than it uses where, of several machines, another process here trains."""
    if training_cluster():
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


@contextmanager
def _no_password_logged() -> Iterator[None]:
    """Blots out the metadata store's password in what TFX logs of its configuration within the block."""

    def blot_out(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (shown := without_passwords(message)) != message:  # others keep their parts, which tell the progress
            record.msg, record.args = shown, None
        return True

    logger = logging.getLogger("absl")
    logger.addFilter(blot_out)
    try:
        yield
    finally:
        logger.removeFilter(blot_out)


def settings_from_environment(output: Path) -> PipelineSettings:
    """Returns the settings that the environment names, or the demo's on a sample made now.

    Args:
        output: the folder that receives everything.
    """
    task, manifest = os.environ.get("RADFLOW_TASK", DEMO_TASK), os.environ.get("RADFLOW_MANIFEST")
    weights = os.environ.get(WEIGHTS_VARIABLE)
    if manifest is None:
        manifest = str(sample(output / "sample"))
    return prepare(task, Path(manifest), output=output, weights=Path(weights) if weights else None)


def sample(folder: Path) -> Path:
    """Returns the manifest of the sample in a folder, which is made unless it is there."""
    from imaging.synthetic import write_sample

    manifest = folder / "manifest.csv"
    return manifest if manifest.is_file() else write_sample(folder)


def main() -> None:
    """Hands the pipeline to TFX's runner, which the `tfx` command puts its own hooks on."""
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.pipeline import create_pipeline

    beam = parse_beam(os.environ.get(BEAM_VARIABLE, ""))
    output = Path(os.environ.get("RADFLOW_OUTPUT", "radflow-output/tfx"))
    with only_run(output) as begin:
        settings = settings_from_environment(output)
        if settings.metadata.url is not None:
            raise ConfigurationError(
                f"the `tfx` command names runs itself, so that those of several outputs could not be told apart in "
                f"{settings.metadata}: use `radflow run`"
            )
        _leave_gpu_memory()
        begin(unnamed_run(settings.output))
        with _steps_here(settings, beam):
            LocalDagRunner().run(create_pipeline(settings))
        settle_models_config(settings.output / "serving")


if __name__ == "__main__":
    main()
