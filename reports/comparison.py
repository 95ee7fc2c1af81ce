"""Two runs beside each other, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_schemas.metrics import metric_name
from evaluation.intervals import Estimate
from evaluation.paired import Comparison
from evaluation.summary import WHOLE_TASK
from reports.estimates import count, number

_SHOWN = (
    "auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "balanced_accuracy", "mcc", "brier",
    "calibration_slope", "ece",
)  # fmt: skip
"""Metrics in the printed table; the JSON has all."""


@dataclass(frozen=True)
class RunComparison:
    """What `radflow compare` prints.

    Attributes:
        title: the task's.
        task: its name.
        runs: both ids, the first one first.
        compared: the numbers.
        warnings: what makes them less sure than they look.
    """

    title: str
    task: str
    runs: tuple[str, str]
    compared: Comparison
    warnings: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints; `differences` are second less first."""
        numbers = self.compared.evaluation.to_json()
        return {
            "task": self.task,
            "unit": numbers["unit"],
            "first": {"run": self.runs[0], "only": self.compared.only_first, "summary": numbers["champion"]},
            "second": {"run": self.runs[1], "only": self.compared.only_second, "summary": numbers["overall"]},
            "shared": {"images": self.compared.images, "patients": self.compared.patients},
            "differences": numbers["differences"],
            "warnings": list(self.warnings),
        }

    def to_text(self) -> str:
        """Returns the tables that people read."""
        shared = f"{count(self.compared.images, 'test image')} of {count(self.compared.patients, 'patient')} in both"
        alone = f"left out: {self.compared.only_first} of A alone, {self.compared.only_second} of B alone"
        lines = [
            f"{self.title} ({self.task}): A is {self.runs[0]}, B is {self.runs[1]}",
            f"{shared}; {alone}.",
            "95 % intervals over patients, B less A paired. * marks intervals that leave 0 out;",
            "of twenty metrics of equal models, one does by chance.",
            *(f"Beware: {warning}" for warning in self.warnings),
        ]
        overall = self.compared.evaluation.overall
        parts = [self._table(finding, _SHOWN) for finding in overall.findings]
        whole = [name for name in ("accuracy", "balanced_accuracy", "macro_auroc") if name in overall.task]
        return "\n\n".join(["\n".join(lines), *parts, self._table(WHOLE_TASK, whole)])

    def _table(self, finding: str | None, metrics: Sequence[str]) -> str:
        evaluation = self.compared.evaluation
        first = evaluation.champion or evaluation.overall
        rows = [(finding or "whole task", "A", "B", "B less A")]
        for name in metrics:
            difference = (evaluation.differences or {}).get((finding, name), Estimate(None, note="-"))
            rows.append(
                (
                    metric_name(name),
                    number(first.value(finding, name)),
                    number(evaluation.overall.value(finding, name)),
                    _signed(difference),
                )
            )
        widths = [max(len(row[column]) for row in rows) + 2 for column in range(4)]
        return "\n".join(
            "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )


def _signed(difference: Estimate) -> str:
    """Returns `+0.020 (-0.010 to +0.050)`, marked where 0 is not inside."""
    if difference.value is None:
        return difference.note
    note = f", {difference.note.split(';')[0]}" if difference.note else ""
    if difference.lower is None or difference.upper is None:
        return f"{difference.value:+.3f}{note}"
    mark = " *" if difference.lower > 0 or difference.upper < 0 else ""
    return f"{difference.value:+.3f} ({difference.lower:+.3f} to {difference.upper:+.3f}){mark}{note}"
