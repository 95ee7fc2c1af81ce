"""Explained test images: right and wrong flags with heatmaps, and whether the maps depend on what was learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.estimates import count
from reports.page import Cell, Chapter, Figure, Figures, Points, Section, Table, Tag
from reports.plots import data_uri
from reports.report_data import OUTCOMES, Gallery, ReportData

HEADING = "Explanations"
_ALIKE = 0.5
"""Rank correlation from which maps of a network without any learnt weight count as unchanged."""
_NOTE = (
    "A heatmap shows where the network looked for a finding, not why, and not whether it was right to. It is no "
    "segmentation, and an image is not better understood because a map looks plausible."
)


def gallery(data: ReportData) -> Chapter:
    """Returns the chapter."""
    parts: list[Section] = []
    if data.gallery is None:
        parts.append(Points([("Gallery", ["Not available in this run."])]))
    else:
        parts += [part for finding in data.gallery.counts for part in _finding(finding, data.gallery)]
    parts += _checks_table(data.explanation_checks)
    rule = f" {data.gallery.rule}" if data.gallery is not None else ""
    return Chapter(HEADING, parts, note=_NOTE + rule)


def _finding(finding: str, shown: Gallery) -> list[Section]:
    figures, missing = [], []
    for outcome in OUTCOMES:
        cases = [case for case in shown.cases if case.finding == finding and case.outcome == outcome]
        if not cases:
            missing.append(f"{outcome}s ({count(shown.counts[finding].get(outcome, 0), 'case')})")
        for case in cases:
            name = f"{outcome.capitalize()}, score {case.score:.3f}"
            said = f"Test image and, beside it, its heatmap for {finding}: a {outcome}."
            figures.append(
                Figure(name, data_uri(case.picture, "image/jpeg"), said, f"row {case.row or '-'}, {case.name[:12]}")
            )
    parts: list[Section] = []
    if figures:
        parts.append(
            Figures(finding, figures, small=True, note=f"None shown of: {', '.join(missing)}." if missing else "")
        )
    else:
        parts.append(Points([(finding, ["No test image of it can be shown."])]))
    return parts


def _checks_table(checks: Mapping[str, Sequence[Mapping[str, float]]]) -> tuple[Table, ...]:
    """Says whether maps change with what the network has learnt."""
    if not checks:
        return ()
    shares = [f"{stage['share']:.0%} of the layers random" for stage in next(iter(checks.values()))]
    rows: list[list[Cell]] = []
    for name, stages in checks.items():
        values = [stage["similarity"] for stage in stages]
        depends = values[-1] < _ALIKE
        verdict = Tag("depends on the weights", "good") if depends else Tag("hardly depends on the weights", "bad")
        rows.append([name, *(f"{value:+.2f}" for value in values), verdict])
    note = (
        "Rank correlation of a few eval images' maps with those of the same network, its layers made random from the "
        "logits down. A map that stays as it is shows the image, and nothing that was learnt (Adebayo et al. 2018)."
    )
    return (Table("Do the maps depend on what was learnt", ("Method", *shares, ""), rows, note=note),)
