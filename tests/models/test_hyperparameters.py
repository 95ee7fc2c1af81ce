"""Hyperparameters of a former search: read in what form they come, checked, and written as an artifact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError
from models.hyperparameters import read_hyperparameters, write_hyperparameters
from tests.models.tasks import demo_task

VALUES = {"learning_rate": 0.002, "hidden": "64x32"}


@pytest.mark.parametrize("content", [VALUES, {"space": [], "values": VALUES | {"tuner/epochs": 3}}])
def test_a_plain_mapping_and_keras_tuners_own_form_are_read(content: object, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(json.dumps(content))
    assert read_hyperparameters(tmp_path / "file.json", demo_task()) == VALUES


def _former_search(output: Path, number: int, *, task: str, rate: float) -> None:
    tuner = output / "pipeline" / "Tuner"
    (tuner / "tuner_results" / str(number)).mkdir(parents=True)
    (tuner / "tuner_results" / str(number) / "trials.json").write_text(json.dumps({"task": task}))
    best = tuner / "best_hyperparameters" / str(number)
    best.mkdir(parents=True)
    (best / "best_hyperparameters.txt").write_text(json.dumps({"values": {"learning_rate": rate}}))


def test_of_an_output_the_newest_search_for_the_task_counts(tmp_path: Path) -> None:
    for number, task, rate in ((9, "synthetic_chest", 0.1), (10, "synthetic_chest", 0.2), (11, "another", 0.3)):
        _former_search(tmp_path, number, task=task, rate=rate)
    assert read_hyperparameters(tmp_path, demo_task()) == {"learning_rate": 0.2}
    artifact = tmp_path / "pipeline" / "Tuner" / "best_hyperparameters" / "9"
    assert read_hyperparameters(artifact, demo_task()) == {"learning_rate": 0.1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("learning_rate: 0.1", "is not JSON"),
        ("[0.1]", "has no values; write a mapping"),
        ("{}", "has no values"),
        ('{"values": {}}', "has no values"),
        ('{"values": {"tuner/epochs": 3}}', "has no values"),
        ('{"learning_rate": -1}', r"learning_rate: Input should be greater than 0; mend .*file\.json, or the task"),
        ('{"learning_rate": "fast"}', "learning_rate: Input should be a valid number"),
        ('{"rate": 1}', "rate: no hyperparameters"),
    ],
)
def test_a_file_that_the_task_cannot_take_is_refused_in_words(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(content)
    with pytest.raises(ConfigurationError, match=said):
        read_hyperparameters(tmp_path / "file.json", demo_task())


def test_a_file_that_is_not_there_and_an_output_without_a_search_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory; name a file, or a run's output"):
        read_hyperparameters(tmp_path / "none.json", demo_task())
    with pytest.raises(ConfigurationError, match="no search for the task synthetic_chest ended there"):
        read_hyperparameters(tmp_path, demo_task())


def test_an_output_with_damaged_trials_is_refused_in_words(tmp_path: Path) -> None:
    _former_search(tmp_path, 3, task="synthetic_chest", rate=0.1)
    (tmp_path / "pipeline" / "Tuner" / "tuner_results" / "3" / "trials.json").write_text('{"ta')
    with pytest.raises(ConfigurationError, match="is not JSON"):
        read_hyperparameters(tmp_path, demo_task())


def test_bytes_that_are_no_text_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="is not JSON"):
        read_hyperparameters(tmp_path / "file.json", demo_task())


def test_the_artifact_has_one_file_and_a_name_that_changes_with_its_content(tmp_path: Path) -> None:
    first, same = (write_hyperparameters(dict(VALUES), tmp_path) for _ in range(2))
    other = write_hyperparameters(VALUES | {"learning_rate": 0.003}, tmp_path)
    assert first == same != other
    (file,) = first.iterdir()
    assert json.loads(file.read_text())["values"] == VALUES
    assert read_hyperparameters(first, demo_task()) == VALUES
