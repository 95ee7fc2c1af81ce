"""All numbers of a report as one JSON object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from reports.chapters.checklists import CHECKLISTS
from reports.chapters.summary import summary, verdict
from reports.checklists.answers import answered
from reports.page import Points
from reports.report_data import Gallery, ReportData

FORMAT = "radflow-model-report/1"


def report_json(data: ReportData) -> dict[str, Any]:
    """Returns plain values; what the run does not have is null."""
    task, said = data.description.task, verdict(data)
    value = {
        "format": FORMAT,
        "run": data.run,
        "task": task.name,
        "title": task.title,
        "summary": {"verdict": said.word, "why": said.text, "reasons": list(said.reasons), "points": _points(data)},
        "blessed": data.blessed,
        "canary": None if data.canary is None else asdict(data.canary),
        "gates": None if data.gates is None else [gate.to_json() for gate in data.gates],
        "evaluation": None if data.evaluation is None else data.evaluation.to_json(),
        "data": {
            "ingest": None if data.ingest is None else _counts(data),
            "groups": [asdict(group) for group in data.groups],
            "checks": None if data.data_check is None else [check.model_dump() for check in data.data_check.checks],
        },
        "description": data.description.model_dump(mode="json"),
        "training": list(data.history),
        "tuning": None if data.tuning is None else data.tuning.model_dump(mode="json"),
        "explanations": {"checks": data.explanation_checks, "gallery": _gallery(data.gallery)},
        "scope": None if data.scope is None else asdict(data.scope),
        "stress": None if data.stress is None else data.stress.model_dump(mode="json"),
        "lineage": None if data.lineage is None else asdict(data.lineage),
        "checklists": {
            checklist.name: [
                {"item": number, "topic": topic, "status": answer.status, "text": answer.text}
                for number, topic, answer in answered(checklist, data)
            ]
            for checklist in CHECKLISTS
        },
    }
    return {name: finite(one) for name, one in value.items()}


def finite(value: Any) -> Any:
    """Returns plain values with null for what is no number, which JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value


def _points(data: ReportData) -> dict[str, list[str]]:
    (points,) = [part for part in summary(data) if isinstance(part, Points)]
    return {name: list(said) for name, said in points.points}


def _counts(data: ReportData) -> dict[str, Any]:
    """Returns the ingest without pseudonyms, which a report has no use for."""
    if data.ingest is None:
        return {}
    whole = data.ingest.model_dump(mode="json", exclude={"patients"})
    return whole | {"patients": {split: len(names) for split, names in data.ingest.patients.items()}}


def _gallery(gallery: Gallery | None) -> dict[str, Any] | None:
    if gallery is None:
        return None
    cases = [{name: value for name, value in asdict(case).items() if name != "picture"} for case in gallery.cases]
    return {"rule": gallery.rule, "counts": gallery.counts, "cases": cases}
