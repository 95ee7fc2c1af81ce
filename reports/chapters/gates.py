"""The task's gates: what each asks, what was found, what was held against the bound, and what would settle it."""

from __future__ import annotations

from evaluation.gate_results import GateResult
from reports.estimates import number
from reports.page import Cell, Chapter, Table, Tag, Tone
from reports.report_data import ReportData

HEADING = "Gates"
_WORDS: dict[str, tuple[str, Tone]] = {
    "met": ("met", "good"),
    "unmet": ("unmet", "bad"),
    "undecided": ("undecided", "warn"),
    "not_assessable": ("not assessable", "warn"),
    "not_compared": ("nothing to compare with", "warn"),
}
_NOTE = (
    "A gate is held against the unfavourable end of the 95 % interval, so that luck with these patients is not enough. "
    "All gates must be met; an undecided one refuses the model or is only reported, as the task says."
)


def gates(data: ReportData) -> Chapter:
    """Returns the chapter."""
    if data.gates is None:
        return Chapter(HEADING, (), note="Not available in this run.")
    columns = ("Gate", "Verdict", "Asked", "Value", "Judged limit", "Patients", "Why")
    return Chapter(HEADING, [Table("Each gate", columns, [_row(gate) for gate in data.gates])], note=_NOTE)


def _row(gate: GateResult) -> list[Cell]:
    word, tone = _WORDS[gate.verdict]
    if gate.verdict == "undecided":
        word = f"{word}: {'refused' if not gate.passed else 'reported only'}"
    return [gate.name, Tag(word, tone), asked(gate), _value(gate), _limit(gate.judged), _patients(gate), gate.reason]


def _value(gate: GateResult) -> str:
    return "-" if gate.value is None else number(gate.value)


def _patients(gate: GateResult) -> str:
    """Returns who is behind a verdict, and about how many more would settle it."""
    known = gate.positives is not None or gate.negatives is not None
    parts = [f"{gate.positives} with, {gate.negatives} without"] if known else []
    if gate.more_patients is not None:
        parts.append(f"about {gate.more_patients} more would settle it")
    return "; ".join(parts) or "-"


def asked(gate: GateResult) -> str:
    """Returns what a gate demands, in words."""
    if isinstance(gate.bound, tuple):
        return f"{gate.bound[0]:g} to {gate.bound[1]:g}"
    if gate.bound is None:
        return "-"
    if gate.kind == "max_drop":
        return f"at most {gate.bound:g} worse than what is served"
    gap = "gap " if gate.gap else ""
    return f"{gap}at {'least' if gate.kind == 'min' else 'most'} {gate.bound:g}"


def _limit(judged: float | tuple[float, float] | None) -> str:
    if isinstance(judged, tuple):
        return f"{number(judged[0])} to {number(judged[1])}"
    return "-" if judged is None else number(judged)
