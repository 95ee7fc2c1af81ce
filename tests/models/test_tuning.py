"""Searches with a stand-in for training: what is run, how it goes on after a kill, when it ends, what it leaves."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_tuner.engine.trial import TrialStatus

import models.tuning
import models.tuning_oracle
from data_schemas.errors import ConfigurationError, SearchFailed, TrainingDiverged
from data_schemas.task import Task
from data_schemas.tuning_results import TuningResults
from models.split_data import SplitData
from models.tuning import TaskTuner
from models.tuning_oracle import open_oracle
from models.tuning_run import search_digest
from tests.models.clusters import tf_configs
from tests.models.searches import StandIn, search_task, tiny_splits

ALGORITHMS = ("random", "bayesian", "hyperband")


class Killed(BaseException):
    """Ends a search as a kill would: nothing of it runs afterwards."""


class Trainings:
    """Stands in for training: the learning rate decides the AUC. Keeps the tasks it was given."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def __call__(self, task: Task, *splits: SplitData, weights: Path | None) -> StandIn:
        self.tasks.append(task)
        return StandIn({"eval_auc": 0.5 + 40 * task.training.learning_rate})

    @property
    def rates(self) -> list[float]:
        return [task.training.learning_rate for task in self.tasks]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    stand_in = Trainings()
    monkeypatch.setattr(models.tuning, "train", stand_in)
    monkeypatch.setattr(models.tuning.keras.utils, "clear_session", lambda: None)  # nothing to clear, in 0.2 s
    return stand_in


def _tuner(folder: Path, **tuning: Any) -> TaskTuner:
    return TaskTuner(search_task(**tuning), tiny_splits(), weights={}, folder=folder)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_runs_its_trials_and_the_best_is_the_best_of_all(
    algorithm: str, trainings: Trainings, tmp_path: Path
) -> None:
    tuner = _tuner(tmp_path, algorithm=algorithm, max_trials=5, epochs=3)
    tuner.search()
    results = tuner.results()
    assert [trial.number for trial in results.trials] == [1, 2, 3, 4, 5]
    assert {trial.status for trial in results.trials} == {"completed"}
    assert len(trainings.tasks) == 5
    assert results.best is not None and results.best.objective == max(trial.objective or 0 for trial in results.trials)
    assert tuner.get_best_hyperparameters()[0].values["learning_rate"] == results.best.hyperparameters["learning_rate"]
    # TFX asks for as many as there may be, and writes them.
    assert len(tuner.oracle.get_best_trials(tuner.oracle.max_trials)) == 5


def test_each_trial_has_a_seed_of_its_own_which_is_recorded(trainings: Trainings, tmp_path: Path) -> None:
    tuner = _tuner(tmp_path)
    tuner.search()
    used = [task.training.seed for task in trainings.tasks]
    assert used == [trial.seed for trial in tuner.results().trials] == [2, 3, 4, 5]  # the task's is 1


def test_hyperband_trains_the_best_for_longer_with_the_seed_they_had(trainings: Trainings, tmp_path: Path) -> None:
    tuner = _tuner(tmp_path, algorithm="hyperband", max_trials=4, epochs=3)
    tuner.search()
    # By hand: the first bracket of 3 epochs has three trials of one epoch, and then its best one of three epochs.
    assert [task.training.epochs for task in trainings.tasks] == [1, 1, 1, 3]
    first = max(trainings.tasks[:3], key=lambda task: task.training.learning_rate)
    last = trainings.tasks[3]
    assert (last.training.learning_rate, last.training.seed) == (first.training.learning_rate, first.training.seed)


def test_a_search_for_a_low_loss_takes_the_lowest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def train(task: Task, *splits: SplitData, weights: Path | None) -> StandIn:
        assert task.training.monitor == "loss"
        return StandIn({"eval_loss": task.training.learning_rate, "eval_auc": 0.5}, history=("one", "two"))

    monkeypatch.setattr(models.tuning, "train", train)
    tuner = _tuner(tmp_path, objective="loss")
    tuner.search()
    best = tuner.results().best
    assert best is not None and best.epochs == 2
    rates = [float(trial.hyperparameters["learning_rate"]) for trial in tuner.results().trials]
    assert best.objective == pytest.approx(min(rates))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_that_is_killed_in_any_of_its_writes_goes_on_where_it_was(
    algorithm: str, trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = {"algorithm": algorithm, "max_trials": 4, "epochs": 3}
    _tuner(tmp_path / "whole", **tuning).search()
    expected = sorted(trainings.rates)
    write, kills = models.tuning_oracle._write_whole, 0
    while True:
        folder, left = tmp_path / f"kill{kills}", [kills]

        def killing(path: Path, value: Any, left: list[int] = left) -> None:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            write(path, value)

        trainings.tasks.clear()
        monkeypatch.setattr(models.tuning_oracle, "_write_whole", killing)
        try:
            _tuner(folder, **tuning).search()
        except Killed:
            kills += 1
        else:
            break
        monkeypatch.setattr(models.tuning_oracle, "_write_whole", write)
        tuner = _tuner(folder, **tuning)
        kept = {trial.number for trial in tuner.results().completed}
        begun = len(trainings.tasks)
        tuner.search()
        results = tuner.results()
        assert [(trial.number, trial.status) for trial in results.trials] == [(n, "completed") for n in (1, 2, 3, 4)]
        assert not kept & {task.training.seed - 1 for task in trainings.tasks[begun:]} or algorithm == "hyperband"
        assert len(trainings.tasks) in (4, 5)  # the one that was killed before its result was written is run again
        if algorithm != "bayesian":
            assert sorted(set(trainings.rates)) == sorted(set(expected))
    assert kills > 12


def test_no_time_is_left_between_a_result_and_its_record(
    trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill after the objective was written and before the trial ended: KerasTuner alone would train it again."""
    tuner = _tuner(tmp_path)
    monkeypatch.setattr(tuner.oracle, "end_trial", lambda trial: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        tuner.search()
    _tuner(tmp_path).search()
    assert len(trainings.tasks) == 4


@pytest.mark.parametrize("name", ["oracle.json", "trial_1/trial.json"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_a_search_of_which_a_file_is_cut_short_starts_anew_with_a_word(
    name: str, share: float, trainings: Trainings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _tuner(tmp_path, max_trials=2).search()
    file = tmp_path / "search" / name
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    tuner = _tuner(tmp_path, max_trials=3)
    assert "the unfinished search is damaged" in caplog.text and "starts anew" in caplog.text
    tuner.search()
    assert len(tuner.results().completed) == 3


@pytest.mark.parametrize("content", ["[]", "{}", '{"start_order": 3}', "null", '{"start_order": ["0"]}'])
def test_a_state_that_is_no_state_starts_anew_too(content: str, trainings: Trainings, tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "oracle.json").write_text(content)
    tuner = _tuner(tmp_path, max_trials=2)
    tuner.search()
    assert len(tuner.results().completed) == 2


def test_a_trial_that_is_gone_starts_anew(trainings: Trainings, tmp_path: Path) -> None:
    _tuner(tmp_path, max_trials=2).search()
    (tmp_path / "search" / "trial_0" / "trial.json").unlink()
    tuner = _tuner(tmp_path, max_trials=2)
    tuner.search()
    assert len(tuner.results().completed) == 2


def test_a_larger_budget_goes_on_with_what_there_is(trainings: Trainings, tmp_path: Path) -> None:
    _tuner(tmp_path, max_trials=2).search()
    tuner = _tuner(tmp_path, max_trials=5)
    tuner.search()
    assert len(trainings.tasks) == 5 == len(tuner.results().completed)


def test_a_search_is_told_from_another_by_all_but_its_budget() -> None:
    def digest(
        rate: float = 0.003, data: str = "examples/3", code: str = "c", weights: str = "w", **tuning: Any
    ) -> str:
        task = search_task(**tuning)
        task = task.model_copy(update={"training": task.training.model_copy(update={"learning_rate": rate})})
        return search_digest(task, [data], code=code, weights={"small_cnn": weights})

    same = {digest(), digest(max_trials=9), digest(max_minutes=5.0), digest(parallel_trials=3)}
    others = [
        digest(rate=0.1), digest(data="examples/4"), digest(code="d"), digest(weights="v"),
        digest(algorithm="hyperband"), digest(batch_size=(8, 16)),
    ]  # fmt: skip
    assert len(same) == 1 and len(same | set(others)) == 7


def test_no_trial_begins_after_the_time_is_up_and_the_time_before_a_kill_counts(tmp_path: Path) -> None:
    now = [0.0]
    task = search_task(max_minutes=10)
    oracle = models.tuning_oracle._RandomSearch(
        tuning=task.tuning, clock=lambda: now[0], objective=models.tuning_oracle.keras_tuner.Objective("auc", "max"),
        hyperparameters=models.tuning_oracle.declare_space(task), seed=1,
    )  # fmt: skip
    oracle.open(tmp_path)
    trial = oracle.create_trial("tuner")
    now[0] = 601.0  # a running one ends
    oracle.update_trial(trial.trial_id, {"auc": 0.7})
    trial.status = TrialStatus.COMPLETED
    oracle.end_trial(trial)
    assert oracle.create_trial("tuner").status == TrialStatus.STOPPED
    assert not oracle.tuner_ids
    assert open_oracle(task, tmp_path).create_trial("tuner").status == TrialStatus.STOPPED
    longer = search_task(max_minutes=11)
    assert open_oracle(longer, tmp_path).create_trial("tuner").status == TrialStatus.RUNNING


def test_a_search_has_one_trial_however_short_its_time(trainings: Trainings, tmp_path: Path) -> None:
    tuner = _tuner(tmp_path, max_minutes=1e-9)
    tuner.search()
    assert len(tuner.results().completed) == 1


def test_a_trial_that_diverges_fails_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def train(task: Task, *splits: SplitData, weights: Path | None) -> StandIn:
        if task.training.seed != 4:
            raise TrainingDiverged("training diverged in epoch 1: lower it")
        return StandIn({"eval_auc": 0.7})

    monkeypatch.setattr(models.tuning, "train", train)
    tuner = _tuner(tmp_path)
    tuner.search()
    statuses = [trial.status for trial in tuner.results().trials]
    assert statuses == ["failed", "failed", "completed", "failed"]
    assert tuner.results().trials[0].reason == "training diverged in epoch 1: lower it"
    assert tuner.get_best_hyperparameters()[0].values == tuner.results().trials[2].hyperparameters


def test_a_search_without_any_completed_trial_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def train(task: Task, *splits: SplitData, weights: Path | None) -> StandIn:
        raise MemoryError("/a/patient's/name")

    monkeypatch.setattr(models.tuning, "train", train)
    with pytest.raises(SearchFailed, match=r"no trial of the search was completed \(MemoryError\): mend"):
        _tuner(tmp_path).search()


def test_a_search_stops_before_any_trial_where_eval_has_no_objective(tmp_path: Path) -> None:
    train, held_out = tiny_splits()
    one = SplitData(held_out.images, np.zeros_like(held_out.labels), held_out.example_ids, held_out.patients)
    with pytest.raises(ConfigurationError, match="needs a finding that some images of eval have"):
        TaskTuner(search_task(), (train, one), weights={}, folder=tmp_path)
    TaskTuner(search_task(objective="loss"), (train, one), weights={}, folder=tmp_path)


def test_progress_says_which_trial_how_good_and_how_long(
    trainings: Trainings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "radflow.progress")
    _tuner(tmp_path, max_trials=2).search()
    lines = [record.getMessage() for record in caplog.records if record.name == "radflow.progress"]
    assert lines[0].startswith("trial 1 of at most 2 begins: learning_rate 0.000")
    assert "trial 1 of at most 2: AUC 0.5" in lines[1] and "best so far 0.5" in lines[1] and "s left" in lines[1]
    assert lines[3].startswith("trial 2 of at most 2: AUC 0.827") and lines[3].endswith("best so far 0.827 (trial 2)")


def _start(folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.models.searches", str(folder)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, env=os.environ | environment, stderr=subprocess.PIPE)


def _notes(folder: Path) -> list[str]:
    file = folder / "notes.txt"
    return file.read_text().splitlines() if file.is_file() else []


def test_a_process_killed_in_a_trial_goes_on_and_every_trial_ends_once(tmp_path: Path) -> None:
    with _start(tmp_path, SECONDS_A_TRAINING="2") as first:
        deadline = time.monotonic() + 120
        while sum(note.startswith("begin") for note in _notes(tmp_path)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    interrupted = _notes(tmp_path)
    assert [note.split()[0] for note in interrupted] == ["begin", "end", "begin", "end", "begin"]
    with _start(tmp_path, SECONDS_A_TRAINING="0") as second:
        _, said = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert b"going on with a search; trials that have ended: 2" in said
    notes = _notes(tmp_path)
    ended = Counter(note for note in notes if note.startswith("end"))
    assert len(ended) == 5 and set(ended.values()) == {1}
    assert notes[5] == interrupted[4]  # the one that was killed is the first to be run again, with its seed and values
    results = TuningResults.model_validate(json.loads((tmp_path / "results.json").read_text()))
    assert [(trial.number, trial.status) for trial in results.trials] == [(n, "completed") for n in (1, 2, 3, 4, 5)]


def test_a_cluster_of_trainings_is_nothing_to_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_configs()[0])
    tuner = TaskTuner(search_task(max_trials=1), tiny_splits(), weights={}, folder=tmp_path)
    tuner.search()  # really trains
    assert [trial.status for trial in tuner.results().trials] == ["completed"]
