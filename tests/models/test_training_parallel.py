"""Trainings on several machines, which are processes here: as one machine trains, and what happens when one is lost."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_schemas.errors import ConfigurationError, TrainingFailed
from data_schemas.task import Task
from data_schemas.training_cluster import training_cluster
from models import training_worker
from models.network import build_network
from models.training import Trained, train
from models.training_notes import NoteReader, NoteWriter
from models.training_parallel import ALIVE_FILE, HANDED, train_on_cluster
from models.training_state import TrainingState
from tests.models.clusters import WORKER, tf_configs, worker
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task
from tests.processes import running, wait_until

SPLITS = quarter_split(1), quarter_split(2)
"""48 images each: three whole batches of 16."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small network, which is taken for pretrained: its BatchNorm stays as it is, on one device or two."""
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    layers = build_network(demo_task(image={"size": (SIZE, SIZE)}), weights=None).features.layers
    next(layer for layer in layers if layer.name == "small_cnn").save_weights(path)
    return path


def _task(epochs: int = 2) -> Task:
    training = {"frozen_epochs": 1, "epochs": epochs, "batch_size": 16, "patience": 99, "ema_momentum": 0.5}
    rates = {"learning_rate": 1e-3, "backbone_learning_rate": 5e-4, "augmentation": {"noise": 0.05}}
    model = {"weights": "own", "dropout": 0.0, "hidden": (8,), "pooling": "avg"}
    return demo_task(image={"size": (SIZE, SIZE)}, model=model, training=training | rates)


class Trainer:
    """A Trainer on the first of two machines, in a thread of this process."""

    def __init__(self, folder: Path, weights: Path | None, config: str, *, task: Task, **more: Any) -> None:
        self.folder, self.state_folder, self.error = folder, folder / "state", ""
        self._arguments = {"weights": weights, "state_folder": self.state_folder, **more}
        self._task, self._config = task, config
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            train_on_cluster(
                self._task, SPLITS, cluster=training_cluster({"TF_CONFIG": self._config}), **self._arguments
            )
        except (TrainingFailed, ConfigurationError) as error:
            self.error = str(error)

    def __enter__(self) -> Trainer:
        os.environ["TF_CONFIG"] = self._config  # what a run on the first machine has
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        del os.environ["TF_CONFIG"]

    def wait(self, seconds: float = 240) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive()

    def epochs(self) -> int:
        return len((TrainingState.load(self.state_folder) or TrainingState()).history)


def _one_machine(task: Task, weights: Path, state_folder: Path | None = None) -> Trained:
    return train(task, *SPLITS, weights=weights, state_folder=state_folder)


@pytest.mark.clusters
def test_two_machines_come_to_loss_and_weights_of_one_with_the_same_global_batch(
    weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "radflow.progress")
    first, second = tf_configs()
    with (
        worker(tmp_path, second, tmp_path / "log") as other,
        Trainer(tmp_path, weights, first, task=_task()) as trainer,
    ):
        trainer.wait()
        assert trainer.error == "" and other.wait(60) == 0
    log = (tmp_path / "log").read_text()
    assert "worker 1: all layers, epoch 2 of 2" in log and "Traceback" not in log
    assert f"on {json.loads(first)['cluster']['worker'][1]}: python -m models.training_worker {tmp_path}" in caplog.text
    assert caplog.text.count("all layers, epoch 2 of 2") == 1  # what the chief said, and nothing twice
    assert {path.name for path in tmp_path.iterdir()} == {"log", "state"}

    before = (trainer.state_folder / "training.npz").read_bytes()
    together = _one_machine(_task(), weights, trainer.state_folder)
    assert (trainer.state_folder / "training.npz").read_bytes() == before  # nothing was left to be trained
    alone = _one_machine(_task(), weights)
    # Two sums of eight gradients are added where one of sixteen was: they differ in the last bits of float32, which
    # Adam's division by small second moments magnifies.
    for name in ("loss", "eval_loss", "learning_rate"):
        np.testing.assert_allclose(
            [row[name] for row in together.history], [row[name] for row in alone.history], rtol=1e-4, err_msg=name
        )
    for mine, theirs in zip(together.network.model.get_weights(), alone.network.model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(together.eval_logits, alone.eval_logits, rtol=1e-3, atol=1e-3)


@pytest.mark.clusters
@pytest.mark.parametrize("victim", ["another machine's", "the chief"])
def test_a_lost_worker_ends_the_run_in_words_and_the_next_goes_on(victim: str, weights: Path, tmp_path: Path) -> None:
    first, second = tf_configs()
    task = _task(epochs=400)
    with worker(tmp_path, second, tmp_path / "log") as other, Trainer(tmp_path, weights, first, task=task) as trainer:
        wait_until(lambda: trainer.epochs() >= 3, seconds=180)
        (chief,) = [one for one in running(WORKER, tmp_path) if one != other.pid]
        os.kill(other.pid if victim == "another machine's" else chief, signal.SIGKILL)
        killed = time.monotonic()
        trainer.wait(60)
        if victim == "the chief":
            assert other.wait(60) == 1
    assert time.monotonic() - killed < 60
    assert "run again: epochs that were completed are kept" in trainer.error and "\n" not in trainer.error
    if victim == "the chief":
        assert "the process that trains on this machine ended with status -9" in trainer.error
        assert "training_worker: worker 1 lost the others" in (tmp_path / "log").read_text()
    else:
        assert "worker 0 lost the others" in trainer.error
    assert running(WORKER, tmp_path) == [] and not (tmp_path / HANDED).exists()

    done = TrainingState.load(trainer.state_folder)
    assert done is not None
    shorter = _task(epochs=len(done.history) + 1)
    first, second = tf_configs()
    with worker(tmp_path, second, tmp_path / "log"), Trainer(tmp_path, weights, first, task=shorter) as trainer:
        trainer.wait()
    assert trainer.error == ""
    assert "going on after epoch" in (tmp_path / "log").read_text()
    gone_on = TrainingState.load(trainer.state_folder)
    assert gone_on is not None and gone_on.history[: len(done.history)] == done.history
    assert len(gone_on.history) == len(done.history) + 2  # the head's epoch counts too


def test_a_worker_that_does_not_come_is_named(weights: Path, tmp_path: Path) -> None:
    first, _ = tf_configs()
    with Trainer(tmp_path, weights, first, task=_task(), join_s=3) as trainer:
        trainer.wait(120)
    absent = json.loads(first)["cluster"]["worker"][1]
    assert f"worker 1 ({absent}) did not come within 3 s: start python -m models.training_worker" in trainer.error
    assert not (tmp_path / HANDED).exists() and running(WORKER, tmp_path) == []


@pytest.mark.clusters
def test_workers_that_somebody_else_starts_train_for_a_trainer_that_is_none_of_them_and_stop_at_the_same_epoch(
    tmp_path: Path,
) -> None:
    logs = [tmp_path / "log0", tmp_path / "log1"]
    first, second = tf_configs()
    # BatchNorm is fitted: by its own share of the images, each worker finds another eval loss.
    task = demo_task(image={"size": (SIZE, SIZE)}, training={"epochs": 30, "batch_size": 16, "patience": 2})
    with (
        worker(tmp_path, first, logs[0]) as chief,
        worker(tmp_path, second, logs[1]) as other,
        Trainer(tmp_path, None, "", task=task) as trainer,
    ):
        trainer.wait()
        assert trainer.error == ""
        assert (chief.wait(60), other.wait(60)) == (0, 0)
    said = [re.findall(r"epoch \d+ of 30: .* eval AUC [\d.]+", log.read_text()) for log in logs]
    assert said[0] == said[1] and len(said[0]) == trainer.epochs() < 30


def test_what_a_killed_run_has_left_is_no_training(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.training_parallel import _hand_out

    _hand_out(tmp_path / HANDED, _task(), SPLITS, weights=weights, state="state", join_s=9)
    (tmp_path / HANDED / ALIVE_FILE).write_text("7")
    monkeypatch.setenv("TF_CONFIG", tf_configs()[1])
    assert training_worker.main([str(tmp_path), "--wait-minutes", "0.05"]) == 1
    assert f"no training was handed out in {tmp_path}" in capsys.readouterr().err


def test_only_their_owner_reads_what_workers_are_handed(weights: Path, tmp_path: Path) -> None:
    from models.training_parallel import _hand_out

    _hand_out(tmp_path / HANDED, _task(), SPLITS, weights=weights, state="state", join_s=9)
    assert (tmp_path / HANDED).stat().st_mode & 0o777 == 0o700


def test_a_worker_without_a_cluster_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert training_worker.main([str(tmp_path)]) == 2
    assert "TF_CONFIG names no cluster of several machines" in capsys.readouterr().err


def test_a_chief_that_falls_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models import training_parallel

    monkeypatch.setattr(training_parallel, "_SILENCE_S", 0.5)
    (tmp_path / "notes").touch()
    writer = NoteWriter(tmp_path / "notes")
    writer.emit(logging.makeLogRecord({"levelno": logging.INFO, "msg": "epoch %d", "args": (3,)}))
    writer._over.set()  # as if its process had been killed
    with pytest.raises(TrainingFailed, match=r"said nothing for 0 s; the last that it said was: epoch 3"):
        training_parallel._follow(tmp_path / "notes", chief=None, join_s=60)


def test_notes_are_read_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text('{"text": "a"}\n{"te')
    reader = NoteReader(path)
    assert reader.new() == [{"text": "a"}] and reader.new() == []
    with path.open("a") as file:
        file.write('xt": "b"}\n')
    assert reader.new() == [{"text": "b"}]


def test_a_chief_whose_trainer_has_gone_stops(tmp_path: Path) -> None:
    writer = NoteWriter(tmp_path / "notes")
    with pytest.raises(TrainingFailed, match="the Trainer has ended"):
        writer.emit(logging.makeLogRecord({"levelno": logging.INFO, "msg": "x"}))
    assert not (tmp_path / "notes").exists()  # nor is anything written into another one's
