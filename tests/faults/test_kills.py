"""A run that is killed (SIGKILL) in any step goes on when it is run again, and ends in the same model."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from tests.faults.conftest import NODES, Place, fresh_place


@pytest.fixture(scope="module")
def killed_again_and_again(undisturbed: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Returns one place for all kills: each goes on from where the one before ended."""
    return fresh_place(undisturbed, tmp_path_factory.mktemp("kills") / "out")


@pytest.mark.parametrize("moment", ["begun", "done"])  # the inner loop
@pytest.mark.parametrize("node", NODES)
def test_a_kill_leaves_no_half_of_a_version_and_no_process(
    killed_again_and_again: Place, node: str, moment: str
) -> None:
    place = killed_again_and_again
    place.killed(node, moment)
    assert place.nothing_half_done_is_served()
    assert not processes_of(place.output), "what the run started outlives it"


def test_after_all_of_these_kills_a_run_ends_in_the_same_model(
    killed_again_and_again: Place, undisturbed: Place
) -> None:
    done = killed_again_and_again.run()
    assert done.code == 0, done.err
    assert killed_again_and_again.ends_in_the_model_of(undisturbed)
    assert not list(killed_again_and_again.served.glob(".*"))


def processes_of(output: Path, *, within_s: float = 20) -> list[str]:
    """Returns the commands of processes that runs into a folder started and that do not end within some seconds."""
    end = time.monotonic() + within_s
    while found := [_command(process) for process in _marked(f"STARTED_BY_TEST={output}")]:
        if time.monotonic() > end:
            return found
        time.sleep(0.2)
    return []


def _marked(mark: str) -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is not ours
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent)
    return found


def _command(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
