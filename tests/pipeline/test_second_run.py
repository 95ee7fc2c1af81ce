"""A run in the output of another: killed in training, gone on with, held against the served model, and refused."""

from __future__ import annotations

import json

import pytest

from tests.pipeline.conftest import Later

pytestmark = pytest.mark.pipeline


def test_a_missed_gate_pushes_nothing_says_by_how_much_and_exits_3(later_run: Later) -> None:
    refused = later_run.finished
    assert refused.code == 3, refused.err
    assert refused.json["pushed"] is None
    assert "too much" in refused.err and "missed by" in refused.err
    assert later_run.versions == ["1"]


def test_the_next_model_is_compared_with_the_one_that_is_served(later_run: Later) -> None:
    champion = later_run.finished.json["gates"][1]
    assert champion["passed"] and "the champion's is" in champion["reason"]
    assert later_run.finished.json["metrics"]["champion"]["findings"]["nodule"]["auroc"]["value"] is not None
    assert "Against the model that is served" in later_run.page


def test_a_run_killed_in_training_goes_on_from_its_cache_and_its_last_epoch(later_run: Later) -> None:
    said = later_run.finished.err
    line = next(line for line in said.splitlines() if "Transform" in line and " s" in line)
    assert "unchanged" in line
    assert "going on after epoch 1 of all layers" in said
    assert not list((later_run.output / "unfinished").rglob("*.npz"))


def test_hyperparameters_that_are_given_come_through_an_importer_without_a_search(later_run: Later) -> None:
    assert "trial" not in later_run.finished.err and "Tuner" not in later_run.finished.err
    assert "] Importer" in later_run.finished.err
    newest = max(later_run.output.glob("pipeline/Trainer/model/*"), key=lambda folder: int(folder.name))
    (description,) = newest.rglob("assets.extra/description.json")
    trained = json.loads(description.read_text())["task"]["training"]["learning_rate"]
    assert trained == pytest.approx(0.0123)
