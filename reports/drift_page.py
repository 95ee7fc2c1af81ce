"""The page of a look for drift: the verdict, every comparison in a table, and each one drawn."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evaluation.drift import Comparison
from reports.drift import DriftReport, comparison_name, numbers_text, patients_text
from reports.metric_plots import draw_forest
from reports.page import Cell, Facts, Figure, Figures, Points, Section, Table, Tag, Tone, Verdict, render_page
from reports.plots import BLUE, GREY, HALF, figure, svg

_COLUMNS = ("Compared", "Verdict", "Distance", "By chance", "Alert above", "Patients", "Where they differ most")
_TABLE_NOTE = (
    "The distance is 0 where the two are alike and 1 where they have nothing in common: the Jensen-Shannon divergence "
    "of a feature, the Kolmogorov-Smirnov distance of scores, the difference of two shares. By chance is what it is on "
    "average where nothing has changed. Patients are those of what it is held against, then those here; each counts "
    "once, with one image drawn at random."
)
_GROUPS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "Images and patients",
        ("feature",),
        "Grey: {images}. Blue: here.",
    ),
    ("Scores", ("scores",), "Share of patients with at most such a score. Grey: {cases}. Blue: here."),
    ("Flags, scope and what was withheld", ("flags", "out_of_scope", "withheld"), "95 % intervals over patients."),
)
_WORDS: dict[str, tuple[str, Tone]] = {
    "alert": ("Drift", "bad"),
    "no_alert": ("No drift seen", "good"),
    "not_judged": ("Not judged", "warn"),
}
_ALERT = (
    "What is sent to the model, or what it answers, is not like what it was trained and tested on: it differs by more "
    "than chance makes, and by more than the task's drift limits allow."
)
_THEN = (
    "It does not say that the model is worse here. Ask what changed: a scanner, a protocol, who is referred. "
    "Then judge the model on labelled cases of this time (radflow evaluate), and tell those who read with it until "
    "that is done."
)
_NO_ALERT = (
    "Changes that these features do not show, and changes of what a finding looks like, are not seen here. Only labels "
    "tell how good the model is."
)
_MEANING = (
    ("An alert", (_ALERT, _THEN)),
    ("No alert", (_NO_ALERT, "With few patients only large changes are seen: the column Alert above says how large.")),
)


def drift_page(report: DriftReport) -> str:
    """Returns the page as HTML."""
    sections: list[Section] = [_verdict(report), _facts(report)]
    if report.compared:
        sections.append(
            Table("Comparisons", _COLUMNS, [_row(report, one) for one in report.compared], note=_TABLE_NOTE)
        )
    if report.not_compared:
        rows = [(comparison_name(one), one.note) for one in report.not_compared]
        sections.append(Table("Not compared", ("Compared", "Why not"), rows))
    there = {"images": "before", "cases": "before"} if report.earlier else {"images": "training", "cases": "test split"}
    for heading, kinds, note in _GROUPS:
        drawn = [_drawn(report, one) for one in report.compared if one.kind in kinds]
        if drawn:
            sections.append(Figures(heading, drawn, note=note.format(**there)))
    sections.append(Points(_MEANING, heading="What it means"))
    task = report.description.task
    return render_page(
        f"Drift: {task.title}", sections, subtitle=f"{task.name}, version {report.version}. {task.intended_use}"
    )


def _verdict(report: DriftReport) -> Verdict:
    word, tone = _WORDS[report.verdict]
    reasons = [f"{comparison_name(one)}: {report.where(one)}" for one in report.alerts]
    return Verdict(word, f"{report.headline} {' '.join(report.notes())}", tone, reasons)


def _facts(report: DriftReport) -> Facts:
    facts: list[tuple[str, str | int]] = [
        ("images", report.served.images),
        ("patients", report.served.patients),
        ("comparisons", len(report.compared)),
        ("alerts", len(report.alerts)),
    ]
    return Facts(facts, heading="Here")


def _row(report: DriftReport, one: Comparison) -> list[Cell]:
    verdict = Tag("alert", "bad") if one.alerted else "alike"
    return [comparison_name(one), verdict, *numbers_text(one), patients_text(one), report.where(one)]


def _drawn(report: DriftReport, one: Comparison) -> Figure:
    draw, size = _how(one, report.there(one))

    def on(canvas: Any) -> None:
        axes = canvas.subplots()
        draw(axes, one)
        axes.spines[["top", "right"]].set_visible(False)

    heading = f"{comparison_name(one)}{', alert' if one.alerted else ''}:"
    return figure(heading, svg(on, size=size), f"{heading} {report.where(one)}.", report.where(one))


def _how(one: Comparison, there: str) -> tuple[Callable[[Any, Comparison], None], tuple[float, float]]:
    """Returns what draws a comparison, and the inches that it needs."""
    if one.rates is not None:
        return functools.partial(_rates, there=there.removeprefix("in the ")), (HALF[0], 1.5)
    if one.kind == "scores":
        return _cumulative, HALF
    return _bars, (HALF[0], max(1.5, 0.7 + 0.27 * len(one.reference)))


def _bars(axes: Any, one: Comparison) -> None:
    places = np.arange(len(one.reference))
    for shift, shares, colour in ((-0.2, one.reference, GREY), (0.2, one.served, BLUE)):
        axes.barh(places + shift, [100 * share for share in shares.values()], height=0.38, color=colour)
    axes.set(xlabel="% of patients", ylim=(len(places) - 0.4, -0.6))
    axes.set_yticks(places, list(one.reference))
    axes.tick_params(axis="y", length=0)


def _cumulative(axes: Any, one: Comparison) -> None:
    at = [0.0, *one.edges, 1.0]
    for shares, colour in ((one.reference, GREY), (one.served, BLUE)):
        axes.plot(at, [0.0, *_running(list(shares.values()))], color=colour, marker=".", markersize=4)
    axes.set(xlabel="score", ylabel="% of patients", xlim=(-0.02, 1.02), ylim=(-2, 102))


def _running(shares: Sequence[float]) -> list[float]:
    running: list[float] = (100 * np.cumsum(shares)).tolist()
    return running


def _rates(axes: Any, one: Comparison, *, there: str) -> None:
    assert one.rates is not None  # noqa: S101  # for the type checker: `_how` asked
    highest = max(limit or 0.0 for rate in one.rates for limit in (rate.value, rate.upper))
    draw_forest(
        axes, dict(zip((there, "here"), one.rates, strict=True)), name="share", range_=(0, min(1.0, 1.1 * highest))
    )
