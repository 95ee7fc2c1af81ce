"""Training on tiny arrays: what is kept, when it stops, and that it says so when it fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data_schemas.errors import TrainingDiverged
from data_schemas.task import Task
from models.split_data import SplitData, training_batches
from models.training import macro_auc, predict_logits, to_scores, train
from tests.models.tasks import demo_task, multi_label_task

SIZE = 32


def _task(**training: Any) -> Task:
    settings = {"epochs": 4, "batch_size": 16, "augmentation": {}, "monitor": "auc", "patience": 4}
    return demo_task(image={"size": (SIZE, SIZE)}, training=settings | training)


def _split(seed: int, count: int = 48) -> SplitData:
    """Images whose bright quarter tells the label, in noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.random((count, SIZE, SIZE, 1), np.float32) * 0.6
    for image, label in zip(images, labels, strict=True):
        image[: SIZE // 2, : SIZE // 2] += 0.2 * label
    names = tuple(map(str, range(count)))
    return SplitData(images, labels, names, names)


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_the_weights_that_are_kept_are_those_of_the_best_epoch(ema: float) -> None:
    task, held_out = _task(ema_momentum=ema, patience=1, epochs=6), _split(2)
    trained = train(task, _split(1), held_out, weights=None)
    best = max(row["eval_auc"] for row in trained.history)
    assert trained.eval_auc == pytest.approx(best)
    assert macro_auc(held_out.labels, trained.eval_logits, task=task) == pytest.approx(best, abs=1e-3)
    np.testing.assert_allclose(predict_logits(trained.network.model, held_out.images), trained.eval_logits, atol=1e-4)


def test_a_phase_ends_when_eval_does_not_get_better() -> None:
    noise = _split(2)
    rng = np.random.default_rng(0)
    hopeless = SplitData(noise.images, rng.permutation(noise.labels), noise.example_ids, noise.patients)
    trained = train(_task(epochs=12, patience=1, learning_rate=1e-6), _split(1), hopeless, weights=None)
    assert len(trained.history) < 12


def test_a_diverging_training_says_what_to_lower() -> None:
    broken = _split(1)
    broken.images[:] = np.nan
    with pytest.raises(TrainingDiverged, match=r"lower training\.learning_rate \(it is 0\.003\)"):
        train(_task(learning_rate=0.003), broken, _split(2), weights=None)


def test_the_same_seed_draws_the_same_batches_and_another_one_does_not() -> None:
    split = _split(1)

    def labels(seed: int) -> list[int]:
        batches = training_batches(split, batch_size=16, seed=seed, augment=lambda images, _: images)
        return [int(label) for _, batch in batches.as_numpy_iterator() for label in batch]

    assert labels(1) == labels(1) != labels(2)
    assert sorted(labels(1)) == sorted(split.labels.tolist())


def test_every_epoch_is_drawn_in_another_order() -> None:
    batches = training_batches(_split(1), batch_size=48, seed=1, augment=lambda images, _: images)
    first, second = (labels.tolist() for _, labels in batches.repeat(2).as_numpy_iterator())
    assert sorted(first) == sorted(second)
    assert first != second


def test_macro_auc_leaves_unknown_labels_out() -> None:
    labels = np.array([[1, 0], [0, 1], [-1, 1], [1, -1]], np.float32)
    logits = np.array([[2, -1], [1, 3], [-9, -2], [0, 9]], np.float32)
    # a: positives 2 and 0, negative 1: one of two pairs in order. b: positives 3 and -2, negative -1: one of two.
    assert macro_auc(labels, logits, task=multi_label_task()) == pytest.approx(0.5)


def test_macro_auc_without_both_classes_is_not_a_number() -> None:
    assert np.isnan(macro_auc(np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32), task=multi_label_task()))


def test_scores_are_softmax_or_sigmoid() -> None:
    logits = np.log(np.array([[1, 2, 5]], np.float32))
    np.testing.assert_allclose(to_scores(logits, task=demo_task()), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-6)
    np.testing.assert_allclose(to_scores(logits[:, :2], task=multi_label_task()), [[1 / 2, 2 / 3]], rtol=1e-6)
