"""Forest plots: a dot and a line where there is a value, words where there is none."""

from __future__ import annotations

from matplotlib.figure import Figure

from evaluation.intervals import Estimate
from reports.metric_plots import draw_forest


def test_each_row_has_its_interval_and_one_without_a_value_has_words() -> None:
    axes = Figure().subplots()
    rows = {"F": Estimate(0.8, 0.7, 0.9), "M": Estimate(0.6), "O": Estimate(None, note="too few patients: 3")}
    draw_forest(axes, rows, name="sensitivity", whole=Estimate(0.75, 0.7, 0.8), range_=(0, 1))
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["F", "M", "O"]
    assert [tuple(line.get_xdata()) for line in axes.lines] == [(0.7, 0.9), (0.8,), (0.6,)]
    assert [(text.get_text(), text.get_position()[1]) for text in axes.texts] == [("too few patients", 2)]
    assert axes.get_xlabel() == "sensitivity" and axes.get_xlim() == (-0.02, 1.02)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is the highest
    assert len(axes.patches) == 1  # the band


def test_without_a_whole_there_is_no_band() -> None:
    axes = Figure().subplots()
    draw_forest(axes, {"F": Estimate(0.1, -0.2, 0.4)}, name="difference", range_=(-1, 1))
    assert not axes.patches and axes.get_xlim() == (-1.04, 1.04)
