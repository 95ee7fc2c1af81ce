"""What became of each run of an output: pushed, refused, stopped, and what is said of its model where it is served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from components.evaluator.results import METRICS_FILE
from data_schemas.model_files import ALREADY_SERVED
from data_schemas.models_config import MODELS_CONFIG_FILE, Said, read_models_config
from data_schemas.served_folder import versions
from pipeline.lineage import OutputArtifact
from pipeline.metadata_graph import DONE, MetadataGraph, StoredRun

PUSHED, ALREADY, GATE, CANARY = "pushed", "already_served", "gate_refused", "canary_refused"
DATA, FAILED, CUT_OFF, GOING_ON = "data_refused", "failed", "cut_off", "going_on"
_DATA_CHECK = "DataCheck"
_REPORT_FILE = "report.json"
_METRICS = ("auroc", "sensitivity", "specificity")


@dataclass(frozen=True)
class PastRun:
    """A run, as `radflow runs` lists it.

    Attributes:
        run: its name.
        task: the task's name; empty where no step began.
        started, ended: in UTC; `ended` is None while it goes on.
        status: one of this module's words.
        step: where it is, or stopped before its end; empty where it came to it.
        blessed: the Evaluator's blessing; None where it did not get so far.
        findings: by name AUROC, sensitivity and specificity on the test split, with their intervals; empty where there
            was no evaluation, or both it and the run's report were removed since.
        version: the number that its model is served under; None where it was not pushed.
        removed: whether that version was removed since.
        labels: what it is served as: `candidate`, `approved`.
    """

    run: str
    task: str
    started: datetime
    ended: datetime | None
    status: str
    step: str = ""
    blessed: bool | None = None
    findings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    version: int | None = None
    removed: bool = False
    labels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        times = {"started": self.started.isoformat(), "ended": self.ended.isoformat() if self.ended else None}
        return {**vars(self), **times, "labels": list(self.labels)}


def past_runs(output: Path, graph: MetadataGraph, *, going_on: str | None) -> list[PastRun]:
    """Returns every run, oldest first.

    Args:
        output: the output folder.
        graph: of its metadata store.
        going_on: the run that is at work, if any.

    Raises:
        RadflowError: the object store that has a run's evaluation cannot be read.
    """
    said = _said(output / "serving")
    return [_past_run(output, graph, run, said=said, at_work=run.run_id == going_on) for run in graph.runs]


def pushed_version(artifact: OutputArtifact | None) -> tuple[str, int] | None:
    """Returns the task and the version that a Pusher's output was published as; None where it was not."""
    if artifact is None or not artifact.properties.get("pushed"):
        return None
    destination = PurePosixPath(str(artifact.properties.get("pushed_destination", "")))
    return (destination.parent.name, int(destination.name)) if destination.name.isdecimal() else None


def _past_run(
    output: Path, graph: MetadataGraph, run: StoredRun, *, said: Mapping[str, Said], at_work: bool
) -> PastRun:
    pushed = graph.output(run, "Pusher", "pushed_model")
    blessing = graph.output(run, "Evaluator", "blessing")
    task, version = pushed_version(pushed) or (run.task, None)
    status, step = _status(output, graph, run, at_work=at_work)
    labels = said.get(task, Said()).labels
    return PastRun(
        run=run.run_id,
        task=task,
        started=run.started,
        ended=None if at_work else max((one.changed for one in run.steps), default=run.started),
        status=status,
        step=step,
        blessed=None if blessing is None else bool(blessing.properties.get("blessed")),
        findings=_findings(graph.output(run, "Evaluator", "evaluation"), output / "reports" / run.run_id),
        version=version,
        removed=version is not None and version not in versions(output / "serving" / task),
        labels=tuple(sorted(label for label, one in labels.items() if one == version)),
    )


def _status(output: Path, graph: MetadataGraph, run: StoredRun, *, at_work: bool) -> tuple[str, str]:
    """Returns what became of a run, and the step that it is or stopped at."""
    unfinished = [step for step in run.steps if step.state not in DONE]
    step = unfinished[-1].node if unfinished else ""
    if at_work:
        return GOING_ON, step
    pushed = graph.output(run, "Pusher", "pushed_model")
    if pushed is not None and pushed.properties.get("pushed"):
        return (ALREADY if pushed.properties.get(ALREADY_SERVED) else PUSHED), step
    if pushed is not None:
        blessing = graph.output(run, "Evaluator", "blessing")
        return (CANARY if blessing and blessing.properties.get("blessed") else GATE), step
    if unfinished and unfinished[-1].state == metadata_store_pb2.Execution.FAILED:
        page = output / "reports" / run.run_id / "data_check.html"
        return (DATA if step == _DATA_CHECK and page.is_file() else FAILED), step
    return CUT_OFF, step


def _findings(evaluation: OutputArtifact | None, report: Path) -> dict[str, dict[str, Any]]:
    """Returns the metrics that the Evaluator left, else those in the run's report, which outlives it.

    An evaluation that is on an object store alone is fetched only where there is no report.
    """
    if evaluation is None:
        return {}
    metrics = evaluation.uri / METRICS_FILE
    if not metrics.is_file() and (report / _REPORT_FILE).is_file():
        overall = json.loads((report / _REPORT_FILE).read_text(encoding="utf-8"))["evaluation"]["overall"]
    elif _there(evaluation, metrics):
        overall = json.loads(metrics.read_text(encoding="utf-8"))["overall"]
    else:
        return {}
    return {name: {one: found[one] for one in _METRICS} for name, found in overall["findings"].items()}


def _there(artifact: OutputArtifact, file: Path) -> bool:
    """Says whether an artifact has a file, after the artifact was fetched unless it was removed."""
    if artifact.state == metadata_store_pb2.Artifact.LIVE:
        artifact.fetched()
    return file.is_file()


def _said(serving_root: Path) -> dict[str, Said]:
    try:
        text = (serving_root / MODELS_CONFIG_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return read_models_config(text)
