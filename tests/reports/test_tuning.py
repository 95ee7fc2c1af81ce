"""A search as a table, as JSON, drawn and as a part of a page."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from data_schemas.tuning_results import Trial, TuningResults
from reports.tuning import (
    best_so_far,
    load_results,
    trials_csv,
    trials_svg,
    tuning_section,
    tuning_sentence,
    write_results,
)


def _results(objective: str = "auc") -> TuningResults:
    trials = (
        Trial(number=1, status="completed", seed=2, hyperparameters={"learning_rate": 0.001, "hidden": ""},
              objective=0.8, epochs=3, seconds=12.3),
        Trial(number=2, status="failed", seed=3, hyperparameters={"learning_rate": 0.1, "hidden": "64x32"},
              reason="diverged <at once>"),
        Trial(number=3, status="completed", seed=4, hyperparameters={"learning_rate": 0.002, "hidden": "64"},
              objective=0.9, epochs=3, seconds=10.0),
        Trial(number=4, status="completed", seed=5, hyperparameters={"learning_rate": 0.003, "hidden": "64"},
              objective=0.85, epochs=3, seconds=10.0),
    )  # fmt: skip
    return TuningResults(
        task="synthetic_chest", algorithm="random", objective=objective, max_trials=8, minutes=0.6, trials=trials
    )


def test_the_best_is_the_highest_auc_or_the_lowest_loss() -> None:
    assert [each.number for each in (_results().best, _results("loss").best) if each] == [3, 1]
    assert best_so_far(_results()) == [0.8, 0.9, 0.9]
    assert best_so_far(_results("loss")) == [0.8, 0.8, 0.8]


def test_the_sentence_names_the_best_and_its_values() -> None:
    said = "the best of 4 trials is number 3 (learning_rate 0.002, hidden 64), AUC 0.900 on eval."
    assert tuning_sentence(_results()) == f"Search for hyperparameters: {said}"
    failed = _results().model_copy(update={"trials": _results().trials[1:2]})
    assert tuning_sentence(failed).endswith("no trial was completed, of 1.")


def test_the_table_has_every_trial_and_empty_cells_for_what_it_has_not() -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(_results()))))
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0] == {
        "trial": "1", "status": "completed", "seed": "2", "auc": "0.8", "epochs": "3", "seconds": "12.3",
        "learning_rate": "0.001", "hidden": "", "reason": "",
    }  # fmt: skip
    assert (rows[1]["auc"], rows[1]["epochs"], rows[1]["reason"]) == ("", "", "diverged <at once>")


def test_what_is_written_is_what_is_loaded(tmp_path: Path) -> None:
    write_results(_results(), tmp_path)
    assert load_results(tmp_path) == _results()
    assert {path.name for path in tmp_path.iterdir()} == {"trials.json", "trials.csv", "trials.svg"}


@pytest.mark.parametrize("objective", ["auc", "average_precision", "loss"])
def test_the_plot_is_svg_with_names_and_the_same_each_time(objective: str) -> None:
    svg = trials_svg(_results(objective))
    ET.fromstring(svg.encode())
    assert "learning rate" in svg and "best so far" in svg and "on eval" in svg
    assert svg == trials_svg(_results(objective))


def test_without_a_learning_rate_or_any_completed_trial_there_is_still_a_plot() -> None:
    trials = tuple(trial.model_copy(update={"hyperparameters": {"dropout": 0.1}}) for trial in _results().trials)
    assert "learning rate" not in trials_svg(_results().model_copy(update={"trials": trials}))
    failed = _results().model_copy(update={"trials": _results().trials[1:2]})
    assert "<svg" in trials_svg(failed) and failed.best is None
    assert "failed: diverged" in tuning_section(failed)


def test_the_section_has_the_best_the_plot_and_every_trial_and_escapes_text() -> None:
    html = tuning_section(_results())
    assert "best AUC, trial 3" in html and "0.900" in html
    assert 'src="data:image/svg+xml;base64,' in html and 'alt="AUC of 3 trials' in html
    assert html.count('<th scope="row">') == 4
    assert "diverged &lt;at once&gt;" in html and "<at once>" not in html
    assert '<td data-column="hidden">none</td>' in html
