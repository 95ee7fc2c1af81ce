"""A training that is stopped goes on to the very weights that it would have had; what cannot be read starts anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.training import Trained, train
from models.training_state import TrainingState
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task


class KilledError(Exception):
    """Stands for the end of the process."""


def _train(state_folder: Path | None, **training: Any) -> Trained:
    changes = {"augmentation": {"noise": 0.05, "mixup": 0.2}, "batch_size": 16, "epochs": 4, "ema_momentum": 0.8}
    task = demo_task(
        image={"size": (SIZE, SIZE)}, model={"dropout": 0.3}, training=changes | {"patience": 9} | training
    )
    return train(task, quarter_split(1), quarter_split(2), weights=None, state_folder=state_folder)


def _kill_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Ends the process once so many epochs are on disk."""
    save = TrainingState.save

    def save_and_die(self: TrainingState, folder: Path) -> None:
        save(self, folder)
        if len(self.history) == epochs:
            raise KilledError

    monkeypatch.setattr(TrainingState, "save", save_and_die)


@pytest.fixture(scope="module")
def whole() -> Trained:
    """A training that nothing stops."""
    return _train(None)


def test_a_stopped_training_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Trained
) -> None:
    with monkeypatch.context() as patch:
        _kill_after(patch, 2)
        with pytest.raises(KilledError):
            _train(tmp_path)
    gone_on = _train(tmp_path)
    for mine, theirs in zip(gone_on.network.model.get_weights(), whole.network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    said = [[row["loss"], row["eval_auc"], row["learning_rate"]] for row in gone_on.history]
    assert said == [[row["loss"], row["eval_auc"], row["learning_rate"]] for row in whole.history]


def test_two_trainings_of_one_seed_give_the_same_weights_and_of_two_seeds_do_not(whole: Trained) -> None:
    again, other = _train(None), _train(None, seed=2)
    pairs = list(zip(whole.network.model.get_weights(), again.network.model.get_weights(), strict=True))
    assert all(np.array_equal(one, two) for one, two in pairs)
    assert not np.array_equal(whole.eval_logits, other.eval_logits)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = TrainingState(phase=1, epoch=3, stale=2, history=[{"phase": "head", "loss": 0.5}], best=0, best_value=0.25)
    state.best_weights, state.variables = [np.arange(3.0)], [np.int64(7), np.ones((2, 2), np.float32)]
    state.save(tmp_path)
    found = TrainingState.load(tmp_path)
    assert found is not None
    assert (found.phase, found.epoch, found.stale, found.history, found.best_value) == (1, 3, 2, state.history, 0.25)
    np.testing.assert_array_equal(found.best_weights[0], [0, 1, 2])
    assert found.variables[0] == 7 and found.variables[1].shape == (2, 2)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04half"])
def test_a_state_that_cannot_be_read_is_no_state(tmp_path: Path, content: bytes) -> None:
    assert TrainingState.load(tmp_path) is None
    (tmp_path / "training.npz").write_bytes(content)
    assert TrainingState.load(tmp_path) is None


def test_a_half_written_state_leaves_the_one_before(tmp_path: Path) -> None:
    TrainingState(epoch=1).save(tmp_path)
    (tmp_path / "training.npz.99.partial").write_bytes(b"half")
    found = TrainingState.load(tmp_path)
    assert found is not None and found.epoch == 1
