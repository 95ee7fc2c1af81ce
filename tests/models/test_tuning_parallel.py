"""Searches in several processes, which are real: every trial once, none left running, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import models.tuning
from data_schemas.errors import SearchFailed
from models import tuning_worker
from models.tuning import TaskTuner
from models.tuning_parallel import worker_environment
from models.worker_job import read_job, write_job
from tests.models.searches import StandIn, search_task, tiny_splits
from tests.processes import running, wait_until

ROOT = Path(__file__).parents[2]


def _workers(folder: Path) -> list[int]:
    """Returns the process ids of the workers of a search."""
    return running("models.tuning_worker", folder / "workers")


def _tuner(folder: Path, workers: int = 2) -> TaskTuner:
    return TaskTuner(search_task(parallel_trials=workers), tiny_splits(), weights={}, folder=folder)


def test_two_workers_run_every_trial_once_and_the_best_is_the_best_of_all(tmp_path: Path) -> None:
    tuner = _tuner(tmp_path)
    tuner.search()
    results = tuner.results()
    assert [(trial.number, trial.status) for trial in results.trials] == [(n, "completed") for n in (1, 2, 3, 4)]
    assert len({trial.hyperparameters["learning_rate"] for trial in results.trials}) == 4
    assert tuner.oracle._run_times == {str(n): 1 for n in range(4)}
    assert results.best is not None and results.best.objective == max(trial.objective or 0 for trial in results.trials)
    assert tuner.get_best_hyperparameters()[0].values == results.best.hyperparameters
    assert {trial.epochs for trial in results.trials} == {1} and all(trial.seconds for trial in results.trials)
    assert _workers(tmp_path) == [] and not (tmp_path / "workers").exists()


def test_when_a_worker_dies_the_others_are_stopped_and_the_search_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught = []

    def search() -> None:
        try:
            _tuner(tmp_path).search()
        except SearchFailed as error:
            caught.append(str(error))

    thread = threading.Thread(target=search)
    thread.start()
    wait_until(lambda: len(_workers(tmp_path)) == 2)
    os.kill(_workers(tmp_path)[0], signal.SIGKILL)
    thread.join(60)
    assert len(caught) == 1 and "a worker process of the search ended with status -9" in caught[0]
    assert "Run again: what was completed is kept" in caught[0]
    assert _workers(tmp_path) == []
    monkeypatch.setattr(models.tuning, "train", lambda *_, **__: StandIn({"eval_auc": 0.5}))
    tuner = _tuner(tmp_path, workers=1)
    tuner.search()
    assert len(tuner.results().completed) == 4


def test_a_search_that_has_ended_starts_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.tuning, "train", lambda *_, **__: StandIn({"eval_auc": 0.5}))
    _tuner(tmp_path, workers=1).search()
    _tuner(tmp_path).search()
    assert not (tmp_path / "workers").exists()


def test_workers_end_with_a_chief_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.models.searches", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PARALLEL_TRIALS": "2"}) as chief:
        wait_until(lambda: len(_workers(tmp_path)) == 2)
        chief.send_signal(signal.SIGKILL)
    wait_until(lambda: not _workers(tmp_path), seconds=20)


@pytest.mark.clusters
def test_keras_tuners_own_variables_make_a_chief_and_a_worker(tmp_path: Path) -> None:
    # Two trials: the worker, which nothing is stood in for, really trains.
    cluster = {"TRIALS": "2", "KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(_free_port())}
    chief_command = [sys.executable, "-m", "tests.models.searches", str(tmp_path)]
    worker_command = [sys.executable, "-m", "models.tuning_worker", str(tmp_path / "workers")]
    with subprocess.Popen(
        chief_command, cwd=ROOT, env=os.environ | cluster | {"KERASTUNER_TUNER_ID": "chief"}, stderr=subprocess.PIPE
    ) as chief:
        wait_until((tmp_path / "workers" / "job.json").is_file)
        worker = subprocess.run(
            worker_command, cwd=ROOT, env=os.environ | cluster | {"KERASTUNER_TUNER_ID": "worker1"}, check=False
        )
        _, said = chief.communicate(timeout=60)
    assert (worker.returncode, chief.returncode) == (0, 0), said
    assert b"waiting for workers at 127.0.0.1:" in said and b"python -m models.tuning_worker" in said
    assert said.count(b" begins: ") == 2 and not (tmp_path / "notes.txt").exists()  # the chief itself trains nothing
    assert '"number":2,"status":"completed"' in (tmp_path / "results.json").read_text()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_workers_are_handed_the_same_task_images_and_weights(tmp_path: Path) -> None:
    task, splits = search_task(), tiny_splits()
    write_job(tmp_path, task, splits, {"mobilenet": "/weights.h5"})
    read, (train, held_out), weights = read_job(tmp_path)
    assert (read, weights) == (task, {"mobilenet": "/weights.h5"})
    for before, after in zip(splits, (train, held_out), strict=True):
        np.testing.assert_array_equal(before.images, after.images)
        np.testing.assert_array_equal(before.labels, after.labels)
        assert (before.example_ids, before.patients) == (after.example_ids, after.patients)
    assert isinstance(train.images, np.memmap)  # shared by the workers


def test_a_worker_has_its_share_of_the_machine_and_what_the_user_set_stays() -> None:
    cores = os.cpu_count() or 1
    first = worker_environment(0, count=2, port=5, given={}, gpus=["0", "1"])
    assert first["TF_NUM_INTRAOP_THREADS"] == str(max(1, cores // 2))
    assert (first["CUDA_VISIBLE_DEVICES"], first["KERASTUNER_TUNER_ID"], first["KERASTUNER_ORACLE_PORT"]) == (
        "0", "worker0", "5",
    )  # fmt: skip
    third = worker_environment(2, count=3, port=5, given={"TF_NUM_INTRAOP_THREADS": "7"}, gpus=["4", "6"])
    assert third["CUDA_VISIBLE_DEVICES"] == "4" and "TF_NUM_INTRAOP_THREADS" not in third
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment(0, count=1, port=5, given={}, gpus=[])


def test_a_worker_that_cannot_work_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tuning_worker.main([str(tmp_path)]) == 2
    assert "set KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT" in capsys.readouterr().err
    for name in ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"):
        monkeypatch.setenv(name, "x")
    assert tuning_worker.main([str(tmp_path)]) == 2
    assert "has no job.json; the chief says what to start" in capsys.readouterr().err
