"""What fault tests share: data, a task, and the model that a run without a fault ends in."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data_schemas.digests import check_digests
from data_schemas.served_folder import versions
from imaging.synthetic import write_sample
from tests.json_leaves import leaves
from tests.pipeline.conftest import Finished, radflow, write_task

ROOT = Path(__file__).parents[2]
NODES = (
    "DicomExampleGen", "ImportSchemaGen", "Champion", "StatisticsGen", "ExampleValidator", "DataCheck", "Transform",
    "Trainer", "Evaluator", "ServingCanary", "Pusher", "StressTest", "ModelReport",
)  # fmt: skip
"""In the order in which TFX's local runner takes them."""
_COMPARED = ("assets.extra/description.json", "assets.extra/training_patients.json")
_EVALUATION = "assets.extra/evaluation.json"
_SINGLE = 1e-5
"""How far numbers of two evaluations of one model may differ: a score depends on which records share its batch."""
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_KEY = "private/pseudonym.key"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps all of them out of `make test`."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.faults)


@dataclass(frozen=True)
class Place:
    """An output folder, and what is run into it."""

    task: Path
    manifest: Path
    output: Path

    @property
    def words(self) -> list[str]:
        """The words of `radflow run`."""
        given = {"--task": self.task, "--manifest": self.manifest, "--output": self.output}
        return ["run", *(str(word) for pair in given.items() for word in pair), "--json"]

    @property
    def served(self) -> Path:
        """The folder that servers poll."""
        return self.output / "serving" / "synthetic_chest"

    def run(self) -> Finished:
        """Runs to the end, or until something is in the way."""
        return radflow(*self.words)

    def killed(self, node: str, moment: str) -> int:
        """Runs, and is killed in a step; returns the exit status."""
        program = Path(__file__).with_name("killed_run.py")
        command = [sys.executable, str(program), node, moment, *self.words]
        done = subprocess.run(
            command, env=environment(str(self.output)), capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode < 0, f"it was not killed in {node}: {done.stderr}"
        return done.returncode

    def model(self) -> dict[str, Any]:
        """Returns what the one served version is: every variable, and what it says of itself, as bytes."""
        found = versions(self.served)
        assert set(found) == {1}
        assert check_digests(found[1])
        variables = tf.train.load_checkpoint(str(found[1] / "variables" / "variables"))
        # TensorFlow writes the graph of objects, beside them, in an order of its own each time.
        names = sorted(name for name in variables.get_variable_to_shape_map() if name != _OBJECT_GRAPH)
        assert len(names) > 20
        values = {name: np.asarray(variables.get_tensor(name)).tobytes() for name in names}
        return values | {name: (found[1] / name).read_bytes() for name in _COMPARED}

    def ends_in_the_model_of(self, other: Place) -> bool:
        """Says whether the one served version is that of another place, as is how good it was found to be."""
        (told, numbers), (others_told, others_numbers) = (
            leaves(json.loads((versions(place.served)[1] / _EVALUATION).read_text())) for place in (self, other)
        )
        assert len(numbers) > 20
        assert numbers == pytest.approx(others_numbers, rel=_SINGLE, abs=_SINGLE)
        return self.model() == other.model() and told == others_told

    def nothing_half_done_is_served(self) -> bool:
        """Says whether every version folder, if there is any, is whole."""
        return all(check_digests(version) for version in versions(self.served).values())


def environment(mark: str = "") -> dict[str, str]:
    """Returns an environment in which programs find Radflow and its tests, and that marks all that they start."""
    return os.environ | {"PYTHONPATH": str(ROOT), "STARTED_BY_TEST": mark}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Returns a place where a run had no fault."""
    folder = tmp_path_factory.mktemp("undisturbed")
    place = Place(
        write_task(folder / "task.yaml"), write_sample(folder / "sample", studies=120, seed=7), folder / "out"
    )
    done = place.run()
    assert done.code == 0, done.err
    assert tuple(re.findall(r"\] (\w+) +[0-9.]+ s", done.err)) == NODES
    return place


@pytest.fixture
def place(undisturbed: Place, tmp_path: Path) -> Place:
    """Returns a fresh place with the same data, task and key: pseudonyms are equal."""
    return fresh_place(undisturbed, tmp_path / "out")


def fresh_place(undisturbed: Place, output: Path) -> Place:
    """Makes an output folder that has nothing but the key."""
    key = output / _KEY
    key.parent.mkdir(parents=True, mode=0o700)
    shutil.copy2(undisturbed.output / _KEY, key)
    return Place(undisturbed.task, undisturbed.manifest, output)
