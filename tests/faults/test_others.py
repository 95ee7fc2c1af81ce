"""Others at work at the same place: a second run, a program that holds the database, a worker that vanishes."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Place, environment
from tests.pipeline.conftest import RADFLOW, radflow, write_task

_YEAR_S = 365 * 24 * 3600


@contextmanager
def going_on(place: Place, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Gives a run that has begun."""
    command = [*RADFLOW, *place.words, *words]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Reads what a run says up to a line with a text."""
    assert process.stderr is not None
    assert any(text in line for line in process.stderr), f"it never said {text}"


def test_of_two_runs_at_once_the_second_is_refused_and_the_first_ends_well(place: Place, undisturbed: Place) -> None:
    with going_on(place) as first:
        wait_for(first, "StatisticsGen")
        second = place.run()
        assert second.code == 2
        assert "another run is at work" in second.err and "Traceback" not in second.err
        _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    assert place.ends_in_the_model_of(undisturbed)


@pytest.mark.parametrize("step", ["", "Transform"])
def test_a_database_that_is_held_stops_a_run_with_a_word_and_the_next_one_goes_on(
    place: Place, undisturbed: Place, step: str
) -> None:
    place.killed("StatisticsGen", "done")
    with going_on(place) as run:
        if step:
            wait_for(run, step)
        with closing(sqlite3.connect(place.output / "metadata.sqlite", timeout=60)) as database:
            database.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            _, err = run.communicate(timeout=600)
            assert time.monotonic() - began < 240, (
                err
            )  # MLMD tries for half a minute; of steps that work, also after them
    assert run.returncode in (1, 2), err
    last = err.splitlines()[-1]
    assert "another program holds the metadata store" in last and "run again" in last
    assert "Traceback" not in err
    done = place.run()
    assert done.code == 0, done.err
    assert place.ends_in_the_model_of(undisturbed)


def test_a_clock_that_was_set_back_changes_no_model_and_the_next_version_is_the_highest(
    place: Place, tmp_path: Path
) -> None:
    assert place.run().code == 0
    before = place.model()
    set_ahead(place.output)
    again = place.run()
    assert again.code == 0, again.err
    assert again.err.count("unchanged") >= 8, again.err  # but what looks at the served folder, which changed
    assert place.model() == before
    other = write_task(tmp_path / "other.yaml", training=shorter_training(place))
    done = radflow("run", "--task", other, "--manifest", place.manifest, "--output", place.output, "--json")
    assert done.code == 0, done.err
    assert done.json["pushed"].endswith("/2")
    assert re.search(r'"candidate" value: 2', (place.output / "serving" / "models.config").read_text())
    listed = radflow("runs", "--output", place.output, "--json")
    assert listed.code == 0, listed.err
    assert [json.loads(line)["version"] for line in listed.out.splitlines()] == [1, 1, 2]


def shorter_training(place: Place) -> dict[str, object]:
    """Returns the training of a place's task with an epoch less."""
    import yaml

    training: dict[str, object] = yaml.safe_load(place.task.read_text())["training"]
    return training | {"epochs": 1}


def set_ahead(output: Path) -> None:
    """Makes what an output has of times a year younger, as if the clock had been set back by a year since.

    But for those of artifacts and of what the ingest reads: they are part of cache keys, and no clock changes them.
    """
    with closing(sqlite3.connect(output / "metadata.sqlite")) as database:
        for table in ("Execution", "Context"):
            for column in ("create_time_since_epoch", "last_update_time_since_epoch"):
                database.execute(f"UPDATE {table} SET {column} = {column} + {_YEAR_S * 1000}")
        database.execute(f"UPDATE Event SET milliseconds_since_epoch = milliseconds_since_epoch + {_YEAR_S * 1000}")
        database.commit()
    for path in [*(output / "serving").rglob("*"), *(output / "logs").iterdir()]:
        at = path.stat().st_mtime + _YEAR_S
        os.utime(path, (at, at))


def test_a_worker_of_the_ingest_that_vanishes_costs_nothing(place: Place, undisturbed: Place) -> None:
    with going_on(place) as run:
        wait_for(run, "DicomExampleGen")
        os.kill(_worker(run.pid), signal.SIGKILL)
        _, err = run.communicate(timeout=600)
    assert run.returncode == 0, err
    assert place.ends_in_the_model_of(undisturbed)


def _worker(run: int) -> int:
    """Returns a process that decodes for a run, as soon as there is one: a grandchild, of the fork server."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for server in children(run):
            if workers := children(server):
                return workers[-1]
        time.sleep(0.005)
    raise AssertionError("the ingest has no workers")


def children(process: int) -> list[int]:
    """Returns the processes that a process started and that are alive."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def test_a_worker_of_beams_cluster_that_vanishes_ends_the_run_and_the_next_one_goes_on(
    place: Place, undisturbed: Place
) -> None:
    with going_on(place, "--beam", "local-cluster:2") as run:
        wait_for(run, "DicomExampleGen")
        os.kill(_beam_worker(run.pid), signal.SIGKILL)
        _, err = run.communicate(timeout=600)
    assert "Traceback" not in err
    assert place.nothing_half_done_is_served()
    assert run.returncode == 1
    assert "the full log is" in err.splitlines()[-1], err
    done = radflow(*place.words)
    assert done.code == 0, done.err
    assert place.ends_in_the_model_of(undisturbed)


def _beam_worker(run: int) -> int:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for pool in children(run):
            for worker in children(pool):
                if b"sdk_worker_main" in Path(f"/proc/{worker}/cmdline").read_bytes():
                    return worker
        time.sleep(0.05)
    raise AssertionError("Beam's cluster has no workers")
