"""Plots of estimates on Matplotlib axes that are given: for pages and notebooks alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.intervals import Estimate
from reports.plots import BLUE, GREY


def draw_forest(
    axes: Any, rows: Mapping[str, Estimate], *, name: str, whole: Estimate | None = None, range_: tuple[float, float]
) -> None:
    """Draws a dot with its interval for each row, from top to bottom.

    Args:
        axes: Matplotlib's.
        rows: by what stands beside them; one without a value says why in words.
        name: of the metric.
        whole: of all rows together, drawn as a band.
        range_: of the axis.
    """
    if whole is not None and whole.lower is not None and whole.upper is not None:
        axes.axvspan(whole.lower, whole.upper, color=GREY, alpha=0.25, linewidth=0)
    for place, one in enumerate(rows.values()):
        if one.value is None:
            axes.text(range_[0], place, one.note.split(":")[0], color=GREY, fontsize=8, va="center")
            continue
        if one.lower is not None and one.upper is not None:
            axes.plot([one.lower, one.upper], [place, place], color=BLUE, linewidth=1.4)
        axes.plot([one.value], [place], "s", color=BLUE, markersize=4)
    margin = 0.02 * (range_[1] - range_[0])
    axes.set(xlabel=name, xlim=(range_[0] - margin, range_[1] + margin), ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(range(len(rows)), list(rows))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
