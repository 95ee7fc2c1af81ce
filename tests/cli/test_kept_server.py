from __future__ import annotations

import os
import queue
import signal
import sys
import time
from pathlib import Path

import pytest

from cli.kept_server import KeptServer, kept_server
from data_schemas.errors import ModelServerEnded

SERVES = (
    "import os, signal, sys, time; "
    "print('serving toy on 127.0.0.1:' + ('4242' if sys.argv[1] == '0' else sys.argv[1]), flush=True); "
)
"""A server as far as who starts it can tell; the first word is its port."""
FOREVER = SERVES + "time.sleep(600)"
LONG_S = 30.0


class Commands:
    """Gives one script after the other, the last one again and again; remembers ports and the lines that were said."""

    def __init__(self, *scripts: str) -> None:
        self.scripts, self.ports = list(scripts), []
        self.said: queue.Queue[str] = queue.Queue()

    def __call__(self, port: int) -> list[str]:
        self.ports.append(port)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        return [sys.executable, "-c", script, str(port)]

    def lines(self, count: int) -> list[str]:
        return [self.said.get(timeout=LONG_S) for _ in range(count)]


def kept(commands: Commands, *, waits_s=(0.01, 0.01), steady_s=600.0) -> KeptServer:
    return KeptServer(commands, commands.said.put, waits_s=waits_s, steady_s=steady_s)


@pytest.mark.parametrize(
    ("ends", "how"),
    [
        ("sys.exit(0)", "ended with status 0"),
        ("sys.exit(3)", "ended with status 3"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "was ended by SIGTERM"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(600)", "ended with status 1"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL (the system does so where memory runs out)"),
    ],
)
def test_however_it_ends_by_itself_it_is_started_again_at_the_same_port(ends, how):
    if "SIGINT" in ends:
        ends = "signal.signal(signal.SIGINT, lambda *_: os._exit(1)); " + ends
    commands = Commands(SERVES + ends, FOREVER)
    server = kept(commands)
    try:
        assert server.start(0) == "127.0.0.1:4242"
        assert commands.lines(1) == [f"the model server {how}; it is started again (1 of 2)"]
        _until(lambda: commands.ports == [0, 4242])
    finally:
        server.close()
    assert commands.said.empty()


def test_after_so_many_starts_in_a_row_it_says_once_that_it_gives_up():
    commands = Commands(SERVES, "raise SystemExit(9)")
    server = kept(commands)
    try:
        server.start(0)
        *_, last = commands.lines(3)
        assert "ended with status 9, and is not started any more after 2 new starts: the page stays" in last
        assert "Its log is on this terminal" in last
        time.sleep(0.2)
        assert commands.said.empty()
        assert len(commands.ports) == 3
    finally:
        server.close()


def test_one_that_ran_for_long_begins_the_row_anew():
    commands = Commands(SERVES)
    server = kept(commands, steady_s=0.0)
    try:
        server.start(0)
        assert all("(1 of 2)" in line for line in commands.lines(5))
    finally:
        server.close()


def test_one_that_ends_before_it_is_ready_is_told_by_its_status():
    with pytest.raises(ModelServerEnded) as caught, kept_server(Commands("raise SystemExit(8)"), 0, say=pytest.fail):
        pass
    assert caught.value.status == 8


def noting_its_id(folder: Path) -> str:
    return f"import os, pathlib; pathlib.Path({str(folder / 'pid')!r}).write_text(str(os.getpid())); "


@pytest.mark.parametrize("again", [FOREVER, "import time; time.sleep(600)"], ids=["ready", "starting"])
def test_closing_leaves_no_process_also_of_one_that_is_starting_again(again, tmp_path):
    commands = Commands(SERVES, noting_its_id(tmp_path) + again)
    server = kept(commands)
    server.start(0)
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < LONG_S / 2
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_one_that_ends_because_all_ends_is_neither_told_nor_started_again(tmp_path):
    commands = Commands(noting_its_id(tmp_path) + FOREVER)
    server = kept(commands)
    server.start(0)
    server.ending()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGINT)  # as Ctrl-C does, which the terminal sends to both
    time.sleep(0.3)
    server.close()
    assert commands.said.empty()
    assert len(commands.ports) == 1


def _until(holds) -> None:
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
