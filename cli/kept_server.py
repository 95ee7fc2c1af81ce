"""A model server as a child process that is started again when it ends by itself, at the same address."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from data_schemas.errors import ModelServerEnded
from serving.child_server import ready_address, start, stop

WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each new start in a row; as many starts, then no more."""
STEADY_S = 600.0
"""A server that ran for so long has recovered: the next start counts as the first again."""
_GRACE_S = 30.0


class KeptServer:
    """Starts a model server, and again whenever it ends by itself; used by `kept_server`.

    Args:
        command: returns the words that serve on a port, 0 being any free one; `ready_address` says what they print.
        say: is told of each new start in a line, and once that there is none any more; from a thread of its own.
        waits_s: seconds before each new start in a row.
        steady_s: how long a server must run for that row to end.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        say: Callable[[str], None],
        *,
        waits_s: Sequence[float] = WAITS_S,
        steady_s: float = STEADY_S,
    ) -> None:
        self._command, self._say, self._waits_s, self._steady_s = command, say, waits_s, steady_s
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._ready = False
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._first: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()
        # A thread starts every process: a signal's exception in the midst of that would lose the process.
        self._thread = threading.Thread(target=self._keep, name="kept-server", daemon=True)

    def start(self, port: int) -> str:
        """Returns the address `HOST:PORT` once the server answers.

        Raises:
            ModelServerEnded: it ended before.
            OSError: no process could be started.
        """
        self._port = port
        self._thread.start()
        outcome = self._first.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def ending(self) -> None:
        """From now on it is no surprise that the server ends: Ctrl-C reaches it as well as this process."""
        self._ending.set()

    def close(self) -> None:
        """Ends the server, at once where it does not answer yet; leaves no process."""
        self._ending.set()
        with self._lock:
            process = self._process
        if process is not None:
            stop(process, _GRACE_S if self._ready else 0.0)
        if self._thread.ident is not None:
            self._thread.join()

    def _keep(self) -> None:
        starts = 0
        while True:
            began = time.monotonic()
            how = self._served()
            if not how:
                return
            starts = 0 if time.monotonic() - began >= self._steady_s else starts
            left = starts < len(self._waits_s)
            if self._ending.wait(self._waits_s[starts if left else 0]):
                return
            if not left:
                self._say(
                    f"the model server {how}, and is not started any more after {starts} new starts: the page stays, "
                    "without it. Its log is on this terminal; mend what it tells, then start radflow serve again"
                )
                return
            starts += 1
            self._say(f"the model server {how}; it is started again ({starts} of {len(self._waits_s)})")

    def _served(self) -> str:
        """Runs the server once; returns how it ended, in words, or nothing where it is not to be started again."""
        first = not self._process
        try:
            with self._lock:
                if self._ending.is_set():
                    return ""
                self._ready = False
                self._process = process = start(self._command(self._port))
            with process:
                address = ready_address(process)
                self._port, self._ready = int(address.rpartition(":")[2]), True
                self._first.put(address)
                return _how(process.wait())
        except (ModelServerEnded, OSError) as error:
            self._first.put(error)
            if first:
                return ""
            return _how(error.status) if isinstance(error, ModelServerEnded) else f"cannot be started ({error})"


@contextmanager
def kept_server(
    command: Callable[[int], Sequence[str]], port: int, *, say: Callable[[str], None]
) -> Iterator[tuple[KeptServer, str]]:
    """Gives a model server that is kept up while the block runs, and its address `HOST:PORT`, once it answers.

    Args:
        command: as `KeptServer`'s.
        port: 0 for any free one, which it then keeps.
        say: as `KeptServer`'s.

    Raises:
        ModelServerEnded: it ended before it was ready.
    """
    server = KeptServer(command, say)
    try:
        yield server, server.start(port)
    finally:
        server.close()


def _how(status: int) -> str:
    """Returns how a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was ended by {name}" + (" (the system does so where memory runs out)" if name == "SIGKILL" else "")
