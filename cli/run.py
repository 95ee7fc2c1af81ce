"""`radflow run`: the whole pipeline on a manifest; ends in a served model or says why not."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_schemas.errors import CanaryRefused, ConfigurationError, DataRefused, GateRefused, RadflowError
from pipeline.beam_options import HELP, BeamOptions, parse_beam

if TYPE_CHECKING:
    from cli.progress import Stage
    from pipeline.settings import PipelineSettings

_STAGES = 13
"""Nodes of the pipeline without the Tuner, or the Importer in its place."""
_REFUSED_DATA: dict[str, Any] = {
    **dict.fromkeys(("examples", "patients", "rejected", "without_consent", "withdrawn", "pushed", "metrics")),
    "blessed": False,
    "gates": [],
}
"""What `--json` prints when DataCheck stopped the run; its report has the counts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Run the whole pipeline: read and check the data, train, evaluate, and push the model if it passes its gates."
    )
    parser.add_argument("--task", required=True, help="a shipped task (`radflow tasks`) or a YAML file")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV with one row an image")
    parser.add_argument(
        "--output", type=output_folder, required=True, metavar="DIR", help="receives everything; goes on there"
    )
    parser.add_argument("--weights", type=Path, metavar="DIR", help="folder of pretrained weights [RADFLOW_WEIGHTS]")
    parser.add_argument(
        "--hyperparameters",
        type=Path,
        metavar="FILE",
        help="JSON, or a former run's output, whose hyperparameters are used in place of a search",
    )
    parser.add_argument(
        "--metadata",
        metavar="URL",
        help="record runs in a PostgreSQL or MySQL, e.g. postgresql://USER@HOST/DATABASE, rather than in a file of "
        "--output; the first run of an output decides [RADFLOW_METADATA]; RADFLOW_METADATA_PASSWORD has the password",
    )
    parser.add_argument(
        "--artifacts",
        metavar="URL",
        help="keep the artifacts of steps on an object store, e.g. s3://BUCKET/FOLDER, rather than in --output alone; "
        "the first run of an output decides [RADFLOW_ARTIFACTS]",
    )
    parser.add_argument("--beam", default="", metavar="RUNNER", help=HELP)
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON, last")


def run(arguments: argparse.Namespace) -> int:
    """Runs and reports."""
    try:
        finished = run_pipeline(
            arguments.task,
            arguments.manifest,
            output=arguments.output,
            weights=weights_folder(arguments.weights),
            hyperparameters=arguments.hyperparameters,
            metadata=arguments.metadata,
            artifacts=arguments.artifacts,
            beam=parse_beam(arguments.beam),
        )
    except DataRefused as refusal:
        if arguments.json:
            print(json.dumps(_REFUSED_DATA | {"reason": str(refusal)}))
        raise
    if arguments.json:
        print(json.dumps(finished.result))
    else:
        print(finished.text())
    finished.raise_if_refused()
    return 0


def output_folder(text: str) -> Path:
    """Returns `--output` as a path; an empty one, as an unset variable of a script gives, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name a folder")
    return Path(text)


def weights_folder(given: Path | None) -> Path | None:
    """Returns `--weights`, else RADFLOW_WEIGHTS, checked.

    Raises:
        ConfigurationError: it is no folder.
    """
    named = given or (Path(os.environ["RADFLOW_WEIGHTS"]) if os.environ.get("RADFLOW_WEIGHTS") else None)
    if named is not None and not named.is_dir():
        raise ConfigurationError(
            f"--weights {named}: no such folder; it should hold files as keras.applications names them"
        )
    return named


@dataclass(frozen=True)
class FinishedRun:
    """A run that came to its end, with or without a push.

    Attributes:
        result: what `--json` prints.
        canary: why the canary refused; empty when it did not.
        stages: what ran, and how long.
        log: the full log.
        champion: why the candidate was not compared with what is served; empty when it was.
        data_report: DataCheck's page; model_report: ModelReport's.
        already_served: the model was served already, so that nothing new was pushed.
        search: which hyperparameters were found; empty where none were looked for.
    """

    result: dict[str, Any]
    canary: str
    stages: list[Stage]
    log: Path
    champion: str
    data_report: Path
    model_report: Path
    already_served: bool
    search: str = ""

    def text(self) -> str:
        """Returns the result for people."""
        from cli.run_text import run_text

        return run_text(self)

    def raise_if_refused(self) -> None:
        """Raises what gives the command its exit code when the model was not pushed.

        Raises:
            GateRefused: a gate was missed.
            CanaryRefused: the gates were met, but the served model answers otherwise than the trained one.
        """
        missed = [gate for gate in self.result["gates"] if not gate["passed"]]
        if not self.result["blessed"]:
            lines = [f"  {gate['name']}: {gate['reason']}" for gate in missed] or ["  the Evaluator did not bless it"]
            raise GateRefused("\n".join(["not pushed; what was served before stays. Gates missed:", *lines]))
        if self.canary:
            raise CanaryRefused(f"not pushed; what was served before stays: {self.canary}")


def run_pipeline(
    task: str,
    manifest: Path,
    *,
    output: Path,
    weights: Path | None,
    hyperparameters: Path | None = None,
    metadata: str | None = None,
    artifacts: str | None = None,
    beam: BeamOptions | None = None,
) -> FinishedRun:
    """Runs the pipeline with progress on standard error and everything else in a log file.

    Raises:
        RadflowError: the configuration, the data or a step failed; refusals by gate or canary are in the result.
    """
    import local_runner

    with local_runner.only_run(output) as begin:
        settings = local_runner.prepare(
            task,
            manifest,
            output=output,
            weights=weights,
            hyperparameters=hyperparameters,
            metadata=metadata,
            artifacts=artifacts,
        )
        run_id = _new_run_id(settings)
        begin(run_id)
        return _run_logged(settings, run_id, beam)


def _new_run_id(settings: PipelineSettings) -> str:
    """Returns a name that no run of the output has had, not even where the clock was set back."""
    now = time.strftime("%Y-%m-%dT%H-%M-%S")
    names = itertools.chain([now], (f"{now}-{number}" for number in itertools.count(2)))
    return next(run_id for name in names if not _log(settings, run_id := settings.metadata.run_id(name)).exists())


def _log(settings: PipelineSettings, run_id: str) -> Path:
    return settings.output / "logs" / f"{run_id}.log"


def _run_logged(settings: PipelineSettings, run_id: str, beam: BeamOptions | None) -> FinishedRun:
    from cli.progress import Progress
    from cli.run_failure import failure
    from cli.run_log import log_everything, logged_to

    log = _log(settings, run_id)
    with logged_to(log) as terminal:
        progress = Progress(terminal, stages=_STAGES + (settings.searches or settings.hyperparameters is not None))
        progress.say(f"{settings.task.title}: the full log is {log}")
        progress.say("loading TensorFlow and TFX ...")
        try:
            _run(settings, run_id, beam, progress=progress, setup=log_everything)
            return _finished(settings, run_id, stages=progress.finished, log=log)
        except Exception as error:
            told = failure(error, settings, run_id, log=log)
            if told is error:
                raise
            with contextlib.suppress(OSError):  # the log's disk may be full
                sys.stderr.write(_traceback(error))
            raise told from error


def _run(settings: PipelineSettings, run_id: str, beam: BeamOptions | None, *, progress: Any, setup: Any) -> None:
    import local_runner
    import pipeline.pipeline  # noqa: F401  # its imports set the logging back, so they come before `setup`
    from pipeline.damaged_examples import set_aside_incomplete

    setup()
    for folder in set_aside_incomplete(settings):
        progress.say(f"files of records are gone from {folder}: the images are read anew")
    progress.attach()
    try:
        local_runner.run(settings, run_id=run_id, beam=beam)
    finally:
        progress.detach()


def _traceback(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _finished(settings: PipelineSettings, run_id: str, *, stages: list[Stage], log: Path) -> FinishedRun:
    from components.evaluator.results import read_evaluation, read_gates
    from data_schemas.ingest_report import FILE_NAME, IngestReport
    from data_schemas.model_files import ALREADY_SERVED
    from pipeline.lineage import RunOutputs

    outputs = RunOutputs(settings.metadata, run_id)
    ingest = IngestReport.model_validate_json(
        (_uri(outputs, "DicomExampleGen", "ingest_report") / FILE_NAME).read_text()
    )
    evaluation = str(_uri(outputs, "Evaluator", "evaluation"))
    canary, champion = outputs.get("ServingCanary", "blessing"), outputs.get("Champion", "champion")
    pushed, blessing = outputs.get("Pusher", "pushed_model"), outputs.get("Evaluator", "blessing")
    result = {
        "examples": sum(ingest.examples.values()),
        "patients": ingest.patient_count,
        "rejected": len(ingest.rejects),
        "without_consent": ingest.without_consent,
        "withdrawn": ingest.withdrawn,
        "blessed": bool(blessing and blessing.properties.get("blessed")),
        "pushed": pushed.properties["pushed_destination"] if pushed and pushed.properties.get("pushed") else None,
        "gates": [gate.to_json() for gate in read_gates(evaluation)],
        "metrics": read_evaluation(evaluation).to_json(),
    }
    return FinishedRun(
        result=result,
        canary=canary.properties.get("reason", "") if canary else "",
        stages=stages,
        log=log,
        champion=champion.properties.get("reason", "") if champion else "",
        data_report=_uri(outputs, "DataCheck", "report") / "data_check.html",
        model_report=_uri(outputs, "ModelReport", "report") / "model_report.html",
        already_served=bool(pushed and pushed.properties.get(ALREADY_SERVED)),
        search=_search(outputs),
    )


def _search(outputs: Any) -> str:
    """Returns what the Tuner found, in a sentence; empty where it did not run."""
    from reports.tuning import load_results, tuning_sentence

    artifact = outputs.get("Tuner", "tuner_results")
    return f"{tuning_sentence(load_results(artifact.uri))} All trials: {artifact.uri}" if artifact else ""


def _uri(outputs: Any, node: str, output: str) -> Path:
    artifact = outputs.get(node, output)
    if artifact is None:
        raise RadflowError(f"{node} left no {output}; see the log")
    uri: Path = artifact.uri
    return uri
