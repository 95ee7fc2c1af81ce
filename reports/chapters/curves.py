"""Curves of each finding: ROC, precision and recall, reliability, net benefit, predictive values by prevalence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evaluation.curves import Curves
from reports.page import Chapter, Figures
from reports.plots import BLUE, GREY, HALF, RED, figure, svg
from reports.report_data import ReportData

HEADING = "Curves"
_HOW_TO_READ = (
    "ROC: the nearer to the upper left, the better; the grey line is chance. Reliability: of cases given a "
    "probability, how many have the finding; on the grey line it means what it says, bars are 95 % intervals. "
    "Decision curve: net benefit of acting on the model against treating everyone or no one; it is of use where its "
    "line is highest. Predictive values: what a flag, or its absence, is worth where the finding is rarer or "
    "commoner."
)


def curves(data: ReportData) -> Chapter:
    """Returns the chapter."""
    if data.evaluation is None or not data.evaluation.curves:
        return Chapter(HEADING, (), note="Not available in this run.")
    parts = [finding_figures(finding, one) for finding, one in data.evaluation.curves.items()]
    return Chapter(HEADING, parts, note=_HOW_TO_READ)


def finding_figures(finding: str, of_finding: Curves) -> Figures:
    """Returns the five curves of a finding."""
    drawn: tuple[tuple[str, Callable[[Any, Curves], None]], ...] = (
        ("ROC", _roc),
        ("Precision and recall", _precision_recall),
        ("Reliability", _reliability),
        ("Decision curve", _decision),
        ("Predictive values by prevalence", _prevalence),
    )
    return Figures(
        finding,
        [figure(name, _drawn(draw, of_finding), f"{name} of {finding}.") for name, draw in drawn],
    )


def _drawn(draw: Callable[[Any, Curves], None], of_finding: Curves) -> str:
    def on(canvas: Any) -> None:
        axes = canvas.subplots()
        draw(axes, of_finding)
        axes.spines[["top", "right"]].set_visible(False)

    return svg(on, size=HALF)


def _roc(axes: Any, of_finding: Curves) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    axes.plot(*_pairs(of_finding.roc, "false_positive_rate", "sensitivity"), color=BLUE)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _precision_recall(axes: Any, of_finding: Curves) -> None:
    axes.plot(*_pairs(of_finding.precision_recall, "recall", "precision"), color=BLUE)
    axes.set(xlabel="recall (sensitivity)", ylabel="precision (PPV)", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _reliability(axes: Any, of_finding: Curves) -> None:
    points = of_finding.reliability
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    for predicted, observed, lower, upper in zip(
        *(points[name] for name in ("predicted", "observed", "lower", "upper")), strict=True
    ):
        if predicted is None or observed is None:
            continue
        if lower is not None and upper is not None:
            axes.plot([predicted, predicted], [lower, upper], color=GREY, linewidth=1.2)
        axes.plot([predicted], [observed], "o", color=BLUE, markersize=4)
    axes.set(xlabel="predicted probability", ylabel="observed share", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _decision(axes: Any, of_finding: Curves) -> None:
    points = of_finding.decision
    axes.axhline(0, color=GREY, linewidth=0.8, label="no one")
    axes.plot(*_pairs(points, "threshold", "everyone"), color=RED, linewidth=1, label="everyone")
    axes.plot(*_pairs(points, "threshold", "model"), color=BLUE, label="model")
    known = [value for value in points["model"] if value is not None]
    top = max([0.05, *known]) * 1.15
    axes.set(xlabel="threshold probability", ylabel="net benefit", xlim=(0, 1), ylim=(-0.25 * top, top))
    axes.legend(frameon=False)


def _prevalence(axes: Any, of_finding: Curves) -> None:
    axes.plot(*_pairs(of_finding.prevalence, "prevalence", "ppv"), color=BLUE, label="PPV")
    axes.plot(*_pairs(of_finding.prevalence, "prevalence", "npv"), color=RED, label="NPV")
    axes.set(xlabel="prevalence", ylabel="predictive value", xscale="log", ylim=(-0.02, 1.02))
    axes.set_xticks([0.001, 0.01, 0.1, 0.9], ["0.1 %", "1 %", "10 %", "90 %"])
    axes.minorticks_off()
    axes.legend(frameon=False, loc="center left")


def _pairs(points: dict[str, list[float | None]], across: str, up: str) -> tuple[list[float], list[float]]:
    """Returns the points at which both are defined."""
    defined = [(x, y) for x, y in zip(points[across], points[up], strict=True) if x is not None and y is not None]
    return [x for x, _ in defined], [y for _, y in defined]
