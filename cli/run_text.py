"""What a finished run tells a person: stages, metrics with intervals, gates, and what was pushed where."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cli.own_command import own_command

if TYPE_CHECKING:
    from cli.run import FinishedRun

_HEADINGS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
}
_LEFT_OUT = (("left out without consent", "without_consent"), ("left out because the patient withdrew", "withdrawn"))
_FOR_MANY = ("auroc", "sensitivity", "specificity")
_MOST_COLUMNS = 4
_HOW_TO_READ = "95 % intervals over patients; sensitivity and what follows it at each finding's operating point."


def run_text(finished: FinishedRun) -> str:
    """Returns the whole text of a finished run."""
    result, overall = finished.result, finished.result["metrics"]["overall"]
    parts = [
        stage_table(finished),
        _data_line(result),
        f"Data report: {finished.data_report}\nModel report: {finished.model_report}",
        finished.search,
        f"Test split: {overall['examples']} images of {overall['patients']} patients; {_HOW_TO_READ}",
        finding_table(overall["findings"]),
        _task_line(overall["task"]),
        _gates(result["gates"]),
    ]
    if finished.champion:
        parts.append(f"Comparison with what is served: {finished.champion}.")
    parts.append(_pushed(finished))
    parts.append("Research software, not a medical device.")
    return "\n\n".join(part for part in parts if part)


def _data_line(result: dict[str, Any]) -> str:
    left_out = [("rejected", result["rejected"])]
    left_out += [(why, result[key]) for why, key in _LEFT_OUT if result[key]]
    counts = ", ".join(f"{count} {why}" for why, count in left_out)
    return f"Data: {result['examples']} images of {result['patients']} patients, {counts}."


def stage_table(finished: FinishedRun) -> str:
    """Returns the stages with their times."""
    rows = [(stage.name, f"{stage.seconds:.1f} s", "unchanged" if stage.cached else "") for stage in finished.stages]
    total = sum(stage.seconds for stage in finished.stages)
    return table([("Stage", "Time", ""), *rows, ("all stages", f"{total:.1f} s", "")])


def finding_table(findings: dict[str, dict[str, Any]]) -> str:
    """Returns the main metrics with their intervals: a column a finding, or a row a finding where they are many."""
    cells = {name: [_HEADINGS[name], *(estimate(metrics[name]) for metrics in findings.values())] for name in _HEADINGS}
    if len(findings) <= _MOST_COLUMNS:
        return table([("", *findings), *cells.values()])
    columns = [["Finding", *findings], *(cells[name] for name in _FOR_MANY)]
    return table(list(zip(*columns, strict=True)))


def estimate(value: dict[str, float | None] | None) -> str:
    """Returns `0.93 [0.90, 0.96]`, the value alone where there is no interval, or a dash."""
    if value is None or value["value"] is None:
        return "-"
    if value["lower"] is None or value["upper"] is None:
        return f"{value['value']:.3f}"
    return f"{value['value']:.3f} [{value['lower']:.3f}, {value['upper']:.3f}]"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows as text in aligned columns, the first row as its heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]])


def _task_line(task: dict[str, Any]) -> str:
    names = [name for name in ("accuracy", "balanced_accuracy", "macro_auroc") if name in task]
    return "All findings: " + ", ".join(f"{name.replace('_', ' ')} {estimate(task[name])}" for name in names) + "."


def _gates(gates: list[dict[str, Any]]) -> str:
    rows = [(gate["name"], _verdict(gate), gate["reason"]) for gate in gates]
    return table([("Gate", "", "Why"), *rows])


def _verdict(gate: dict[str, Any]) -> str:
    """Returns the verdict in words; capitals refuse the model."""
    words = str(gate["verdict"]).replace("_", " ")
    return words if gate["passed"] else words.upper()


def _pushed(finished: FinishedRun) -> str:
    pushed = finished.result["pushed"]
    if pushed:
        folder, version = pushed.rsplit("/", 1)
        new = f"Served already, as version {version}; nothing new was pushed: {pushed}"
        said = new if finished.already_served else f"Pushed: {pushed}"
        return f"{said}\nServe it: {own_command()} serve --model {shlex.quote(folder)}"
    return "Not pushed; what was served before stays."
