"""Training on tiny arrays: what is kept, when it stops, and that it says so when it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from data_schemas.errors import TrainingDiverged
from data_schemas.task import Task
from models.eval_metrics import macro
from models.fitting import Forward
from models.losses import to_targets
from models.network import build_network
from models.split_data import SplitData, training_batches
from models.training import train
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task, multi_label_task


def _task(**training: Any) -> Task:
    settings = {"epochs": 4, "batch_size": 16, "augmentation": {}, "monitor": "auc", "patience": 4}
    return demo_task(image={"size": (SIZE, SIZE)}, training=settings | training)


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_the_weights_that_are_kept_are_those_of_the_best_epoch(ema: float) -> None:
    task, held_out = _task(ema_momentum=ema, patience=1, epochs=6), quarter_split(2)
    trained = train(task, quarter_split(1), held_out, weights=None)
    best = max(row["eval_auc"] for row in trained.history)
    assert trained.eval_auc == pytest.approx(best)
    assert macro(roc_auc_score, held_out.labels, trained.eval_logits, task=task) == pytest.approx(best, abs=1e-3)
    np.testing.assert_allclose(Forward(trained.network.model)(held_out.images), trained.eval_logits, atol=1e-4)


def test_a_phase_ends_when_eval_does_not_get_better() -> None:
    noise = quarter_split(2)
    rng = np.random.default_rng(0)
    hopeless = SplitData(noise.images, rng.permutation(noise.labels), noise.example_ids, noise.patients)
    trained = train(_task(epochs=12, patience=1, learning_rate=1e-6), quarter_split(1), hopeless, weights=None)
    assert len(trained.history) < 12


def test_a_diverging_training_says_what_to_lower() -> None:
    broken = quarter_split(1)
    broken.images[:] = np.nan
    with pytest.raises(TrainingDiverged, match=r"lower training\.learning_rate \(it is 0\.003\)"):
        train(_task(learning_rate=0.003), broken, quarter_split(2), weights=None)


def _drawn(seed: int, epochs: range, *, batch_size: int = 16) -> list[int]:
    """Returns the labels in the order in which they are drawn."""
    split, task = quarter_split(1), _task()
    batches = training_batches(
        split,
        to_targets(split.labels, task=task),
        batch_size=batch_size,
        seed=seed,
        epochs=epochs,
        augment=lambda images, _: images,
        mix=lambda images, targets, _: (images, targets),
    )
    return [int(label) for _, targets in batches.as_numpy_iterator() for label in targets.argmax(1)]


def test_the_same_seed_draws_the_same_batches_and_another_one_does_not() -> None:
    assert _drawn(1, range(1)) == _drawn(1, range(1)) != _drawn(2, range(1))
    assert sorted(_drawn(1, range(1))) == sorted(quarter_split(1).labels.tolist())


def test_every_epoch_is_drawn_in_another_order_which_follows_from_its_number() -> None:
    both = _drawn(1, range(2))
    first, second = both[:48], both[48:]
    assert sorted(first) == sorted(second)
    assert first != second
    assert _drawn(1, range(1, 2)) == second


def test_macro_auc_leaves_unknown_labels_out() -> None:
    labels = np.array([[1, 0], [0, 1], [-1, 1], [1, -1]], np.float32)
    logits = np.array([[2, -1], [1, 3], [-9, -2], [0, 9]], np.float32)
    # a: positives 2 and 0, negative 1: one of two pairs in order. b: positives 3 and -2, negative -1: one of two.
    assert macro(roc_auc_score, labels, logits, task=multi_label_task()) == pytest.approx(0.5)


def test_macro_auc_without_both_classes_is_not_a_number() -> None:
    assert np.isnan(macro(roc_auc_score, np.ones((3, 2)), np.zeros((3, 2)), task=multi_label_task()))


def test_tensorboard_gets_a_point_an_epoch_of_each_curve(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained = train(_task(epochs=2), quarter_split(1), quarter_split(2), weights=None, log_folder=tmp_path)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    for name in ("loss", "eval_loss", "eval_auc", "eval_average_precision", "learning_rate"):
        points = events.Tensors(name)
        assert [point.step for point in points] == [1, 2]
        values = [float(np.frombuffer(point.tensor_proto.tensor_content, np.float32)[0]) for point in points]
        assert values == pytest.approx([row[name] for row in trained.history], rel=1e-5)


def test_a_phase_of_its_own_rates_fits_head_first_and_then_everything(tmp_path: Path) -> None:
    weights = tmp_path / "own.weights.h5"
    network = build_network(_task(), weights=None)
    next(layer for layer in network.features.layers if layer.name == "small_cnn").save_weights(weights)
    task = demo_task(
        image={"size": (SIZE, SIZE)},
        model={"weights": "own"},
        training={"frozen_epochs": 2, "epochs": 1, "backbone_learning_rate": 1e-4, "augmentation": {}, "patience": 9},
    )
    trained = train(task, quarter_split(1), quarter_split(2), weights=weights)
    assert [row["phase"] for row in trained.history] == ["head", "head", "all layers"]
    before, after = network.features.get_weights(), trained.network.features.get_weights()
    assert any(not np.array_equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("monitor", ["auc", "average_precision", "loss"])
def test_the_best_epoch_is_that_of_the_declared_metric(monitor: str) -> None:
    trained = train(_task(monitor=monitor, epochs=3), quarter_split(1), quarter_split(2), weights=None)
    values = [row[f"eval_{monitor}"] for row in trained.history]
    assert trained.best[f"eval_{monitor}"] == (min(values) if monitor == "loss" else max(values))
