"""The stress test as a part of a report: what moves the scores most, in words, drawn and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_schemas.stress_results import AttributeProbe, FindingStress, Interval, StressResults, StressRow
from evaluation.differences import AGREED
from reports.page import Cell, Figure, Section, Table, Tag, Verdict
from reports.plots import data_uri, svg

_FALL = 0.05
"""A fall of AUROC that is worth a warning where its whole interval lies below 0."""
_FLAGS = 0.1
"""Share of flags that an ablation changes, worth a warning even where the order of scores, and so AUROC, stays."""
_COLOURS = ("#2a5d9f", "#b0452c", "#3d7a4e", "#8a5fa0")
_GREY = "#8a949e"
_MANY_FINDINGS = len(_COLOURS)


def stress_sections(results: StressResults) -> tuple[Section, ...]:
    """Returns the stress test for a report: a verdict in words, a plot, a table of every change, and the probes."""
    return (_verdict(results), _figure(results), _table(results), _probes(results.probes))


def stress_svg(results: StressResults) -> str:
    """Returns how each change moves each finding's AUROC, with intervals, and its score, as SVG."""
    rows, findings = results.rows[::-1], list(results.unperturbed)
    labels = [f"{row.name}, {row.level}" for row in rows]

    def draw(figure: Any) -> None:
        aurocs, scores = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for index, finding in enumerate(findings):
            many = len(findings) > _MANY_FINDINGS
            colour = _GREY if many else _COLOURS[index]
            offset = 0 if many else 0.5 * (index - (len(findings) - 1) / 2) / len(findings)
            places = [place - offset for place in range(len(rows))]
            found = [row.findings[finding] for row in rows]
            _draw_differences(aurocs, places, [one.auroc_difference for one in found], colour=colour, bars=not many)
            scores.plot([one.score_change for one in found], places, ".", color=colour, label=finding)
        aurocs.axvline(0, color=_GREY, linewidth=0.8)
        aurocs.set(yticks=range(len(rows)), yticklabels=labels, xlabel="AUROC, changed less unchanged")
        scores.set(xlabel="mean change of the score", xlim=(0, None))
        if len(findings) <= _MANY_FINDINGS:
            scores.legend(frameon=False, loc="best")
        for axes in (aurocs, scores):
            axes.grid(axis="y", color="#e3e6e9", linewidth=0.6)
            axes.set_axisbelow(True)

    return svg(draw, size=(8, 0.9 + 0.24 * len(rows)))


def _draw_differences(
    axes: Any, places: Sequence[float], differences: Sequence[Interval], *, colour: str, bars: bool
) -> None:
    for place, one in zip(places, differences, strict=True):
        if one.value is None:
            continue
        axes.plot([one.value], [place], ".", color=colour)
        if bars and one.lower is not None and one.upper is not None:
            axes.plot([one.lower, one.upper], [place, place], "-", color=colour, linewidth=1)


def _verdict(results: StressResults) -> Verdict:
    """Says what moves the scores most, shortcuts first, and what the data cannot exclude."""
    if not any(before.value is not None for before in results.unperturbed.values()):
        text = f"No finding has enough patients for an AUROC; the table has scores and flags. {results.sampling}"
        return Verdict("Stress test: too few patients", text, "warn")
    shortcuts = [row for row in results.rows if row.kind == "shortcut"]
    suspects = [row for row in shortcuts if _falls(row) or _most_flags(row) >= _FLAGS]
    undecided = [row for row in shortcuts if _lowest(row) < -_FALL]
    word = "Stress test: what is masked matters" if suspects else "Stress test: no shortcut seen"
    parts = (
        _suspicion(suspects) if suspects else _acquittal(undecided),
        _agreed_sentence(shortcuts),
        _text_sentence(shortcuts),
        _shift_sentence(results),
        results.sampling,
    )
    return Verdict(word, " ".join(part for part in parts if part), "warn" if suspects or undecided else "good")


def _suspicion(suspects: Sequence[StressRow]) -> str:
    return (
        f"Without what lies there, the model answers otherwise: {_listed(suspects)}. It may be a shortcut, or a part "
        "of the body that reaches there: look at the images and at the heatmaps."
    )


def _acquittal(undecided: Sequence[StressRow]) -> str:
    """Says that no ablation matters, and how large an effect the data leave open."""
    if not undecided:
        return f"Masking the border, the corners and burnt-in text lowers no AUROC by {_FALL:g} or more."
    worst = min(undecided, key=_lowest)
    return (
        "Masking the border, the corners and burnt-in text lowers no AUROC with confidence, but the data cannot "
        f"exclude a fall of {-_lowest(worst):.2f} ({worst.name}, {worst.level})."
    )


def _agreed_sentence(shortcuts: Sequence[StressRow]) -> str:
    """Says how little the number of patients proves where scores moved and no patient changed places with another."""
    found = [(row, one.auroc_difference) for row in shortcuts for one in row.findings.values() if _agreed(one)]
    if not found:
        return ""
    row, difference = min(found, key=lambda pair: pair[1].lower or 0.0)
    limit = difference.note.removeprefix(f"{AGREED}; ")
    return f"Some changes leave the AUROC of each draw of patients as it is, e.g. {row.name} ({row.level}); {limit}."


def _text_sentence(shortcuts: Sequence[StressRow]) -> str:
    unchanged = [row.name for row in shortcuts if not row.images_changed]
    return f"Nothing to mask was found for: {', '.join(unchanged)}." if unchanged else ""


def _shift_sentence(results: StressResults) -> str:
    """Names the shifts that move AUROC most, one level each."""
    worst: dict[str, StressRow] = {}
    for row in sorted((row for row in results.rows if row.kind == "shift" and _falls(row)), key=_fall):
        worst.setdefault(row.name, row)
    if not worst:
        return f"No shift lowers an AUROC by {_FALL:g} or more with confidence."
    return f"Of the shifts, these lower AUROC most: {_listed(list(worst.values())[:3])}."


def _listed(rows: Sequence[StressRow]) -> str:
    return "; ".join(f"{row.name} ({row.level}): {_effect(row)}" for row in rows)


def _effect(row: StressRow) -> str:
    worst = _worst(row)
    flags = f"{_most_flags(row):.0%} of flags change"
    if worst is None or not _falls(row):
        return flags
    return f"{_signed(worst[1].auroc_difference.value)} for {worst[0]}, {flags}"


def _worst(row: StressRow) -> tuple[str, FindingStress] | None:
    """Returns the finding whose AUROC falls most; None where none has one."""
    known = [(name, one) for name, one in row.findings.items() if one.auroc_difference.value is not None]
    return min(known, key=lambda pair: pair[1].auroc_difference.value or 0.0, default=None)


def _fall(row: StressRow) -> float:
    worst = _worst(row)
    return 0.0 if worst is None else worst[1].auroc_difference.value or 0.0


def _falls(row: StressRow) -> bool:
    """Whether a finding's AUROC falls far enough, with its whole interval."""
    return any(
        one.auroc_difference.value is not None
        and one.auroc_difference.value <= -_FALL
        and one.auroc_difference.upper is not None
        and one.auroc_difference.upper < 0
        for one in row.findings.values()
    )


def _lowest(row: StressRow) -> float:
    """Returns the lowest end of an interval of a difference: the fall that the data cannot exclude, negative.

    Where all draws agree, the interval is the number of patients and nothing that the change did.
    """
    ends = (one.auroc_difference.lower or 0.0 for one in row.findings.values() if not _agreed(one))
    return min(ends, default=0.0)


def _agreed(one: FindingStress) -> bool:
    return one.auroc_difference.note.startswith(AGREED)


def _most_flags(row: StressRow) -> float:
    return max((one.flag_changed for one in row.findings.values()), default=0.0)


def _figure(results: StressResults) -> Figure:
    many = len(results.unperturbed) > _MANY_FINDINGS
    return Figure(
        heading="What moves the scores",
        source=data_uri(stress_svg(results).encode(), "image/svg+xml"),
        alternative="For each change of the images, the difference of AUROC and the mean change of the score.",
        note="Left: below 0 the model orders images worse than before. "
        + ("Each dot is a finding; the table names the one that falls most." if many else "Lines are 95 % intervals.")
        + " Right: a score can move for all images alike, and AUROC stay.",
    )


def _table(results: StressResults) -> Table:
    columns = ("Change", "Images changed", "Falls most", "AUROC after", "Difference", "Score", "Flags")
    rows = [_row(row) for row in results.rows]
    note = (
        f"{results.images} images of {results.patients} patients. For the finding whose AUROC falls most: paired "
        "differences with 95 % intervals over patients. Score: largest mean absolute change of a finding's score; "
        "flags: largest share of a finding's flags that change. Changes are made one at a time, at chosen levels; they "
        "stand for no real scanner."
    )
    return Table("Stress test, change by change", columns, rows, note=note)


def _row(row: StressRow) -> list[Cell]:
    worst = _worst(row)
    most = max((one.score_change for one in row.findings.values()), default=0.0)
    start: list[Cell] = [f"{row.name}, {row.level}", row.images_changed]
    end: list[Cell] = [f"{most:.3f}", f"{_most_flags(row):.1%}"]
    if not row.images_changed:
        return [*start, "-", "-", "nothing was changed", *end]
    if worst is None:
        return [*start, "-", *["too few patients"] * 2, *end]
    name, found = worst
    difference = found.auroc_difference
    text = _signed(difference.value) + _limits(difference, signed=True)
    text += f", {difference.note.split(';')[0]}" if difference.value is not None and difference.note else ""
    judged: Cell = Tag(text, "bad" if row.kind == "shortcut" else "warn") if _falls(row) else text
    return [*start, name, _number(found.auroc), judged, *end]


def _probes(probes: Sequence[AttributeProbe]) -> Table:
    """Says whether sex and age can be read from the features."""
    rows: list[list[Cell]] = [
        [probe.attribute, probe.patients, _number(probe.auroc) + _limits(probe.auroc), _reading(probe), probe.note]
        for probe in probes
    ]
    note = (
        "A logistic regression on what the network's head starts from, judged on patients that it was not fitted to; "
        "0.5 is nothing. That features hold an attribute does not say that the score uses it: see fairness."
    )
    columns = ("Attribute", "Patients", "AUROC", "Can it be read?", "Compared")
    return Table("What the network's features tell of the patient", columns, rows, note=note)


def _reading(probe: AttributeProbe) -> Cell:
    if probe.auroc.value is None or probe.auroc.lower is None:
        return "not assessed"
    if probe.auroc.lower > 0.5:
        return Tag("yes", "warn")
    return "not shown"


def _number(interval: Interval) -> str:
    return "-" if interval.value is None else f"{interval.value:.3f}"


def _limits(interval: Interval, *, signed: bool = False) -> str:
    if interval.value is None or interval.lower is None or interval.upper is None:
        return ""
    ends = [_signed(end) if signed else f"{end:.3f}" for end in (interval.lower, interval.upper)]
    return f" [{', '.join(ends)}]"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
