"""The model card as JSON, in the fields of the Model Card Toolkit's schema, version 0.0.2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data_schemas.metrics import metric_name
from evaluation.summary import Summary
from reports.chapters.limits import USERS, ethical_considerations, limitations
from reports.chapters.summary import RESEARCH_ONLY, verdict
from reports.estimates import count, slice_name
from reports.report_data import ReportData

SCHEMA_VERSION = "0.0.2"
_SLICED = ("auroc", "sensitivity", "specificity")


def model_card(data: ReportData) -> dict[str, Any]:
    """Returns the card; fields that nobody declared, such as owners and licences, are left out."""
    return {
        "schema_version": SCHEMA_VERSION,
        "model_details": _details(data),
        "model_parameters": _parameters(data),
        "quantitative_analysis": {"performance_metrics": list(_metrics(data))},
        "considerations": _considerations(data),
    }


def _details(data: ReportData) -> dict[str, Any]:
    task, said = data.description.task, verdict(data)
    version = {"name": data.run}
    if data.lineage is not None:
        version["date"] = data.lineage.made[:10]
    return {
        "name": task.title,
        "overview": task.intended_use,
        "documentation": " ".join([f"{said.word}. {said.text}", *said.reasons, RESEARCH_ONLY]),
        "version": version,
    }


def _parameters(data: ReportData) -> dict[str, Any]:
    task = data.description.task
    rows, columns = task.image.size
    return {
        "model_architecture": f"{task.model.backbone}, {task.labels.type}, labels {', '.join(task.labels.names)}",
        "data": _datasets(data),
        "input_format": f"a tf.Example with a 16-bit PNG; the network sees {rows} x {columns} x {task.channels}",
        "output_format": f"a probability for each of {', '.join(task.labels.names)}, flags and label sets",
    }


def _datasets(data: ReportData) -> list[dict[str, Any]]:
    task = data.description.task
    sensitive = {"sensitive_data": ["medical images", "sex", "age"]}
    if data.ingest is None:
        return [{"name": task.name, "description": task.population, "sensitive": sensitive}]
    return [
        {
            "name": f"{task.name}, {split}",
            "description": f"{count(images, 'image')} of {count(len(data.ingest.patients.get(split, ())), 'patient')}. "
            f"{task.population} Reference standard: {task.reference_standard}",
            "sensitive": sensitive,
        }
        for split, images in data.ingest.examples.items()
    ]


def _metrics(data: ReportData) -> Iterator[dict[str, Any]]:
    if data.evaluation is None:
        return
    overall = data.evaluation.overall
    yield from _of(overall, tuple(next(iter(overall.findings.values()), {})), None)
    for key, one in sorted(data.evaluation.slices.items()):
        yield from _of(one, _SLICED, slice_name(key))


def _of(summary: Summary, names: tuple[str, ...], group: str | None) -> Iterator[dict[str, Any]]:
    for finding, metrics in summary.findings.items():
        for name in names:
            value = metrics[name].value
            if value is not None:
                entry = {"type": f"{metric_name(name)}, {finding}", "value": value}
                yield entry if group is None else {**entry, "slice": group}


def _considerations(data: ReportData) -> dict[str, Any]:
    return {
        "users": [{"description": USERS}],
        "use_cases": [{"description": data.description.task.intended_use}],
        "limitations": [{"description": said} for said in limitations(data)],
        "tradeoffs": [
            {"description": f"{finding} is flagged from {point:.3f} on: a lower point finds more and errs more."}
            for finding, point in data.description.operating_points.items()
            if finding in data.description.task.labels.findings
        ],
        "ethical_considerations": [
            {"name": risk, "mitigation_strategy": done} for risk, done in ethical_considerations(data)
        ],
    }
