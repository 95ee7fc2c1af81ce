"""A circuit breaker: a server that has failed again and again is left alone for a while, and then tried by one call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class CircuitOpenError(Exception):
    """The server is left alone for so many more seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"left alone for {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class CircuitBreaker:
    """Counts failures in a row; may be used from many threads.

    Closed, every call goes through. After `failures` in a row it opens, and no call does. `open_s` later it is half
    open: one call goes through, and closes it again or opens it for as long once more.

    Args:
        failures: in a row, that open it.
        open_s: seconds for which it stays open.
        clock: seconds that only rise.
    """

    def __init__(self, *, failures: int = 5, open_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._open_s, self._clock = failures, open_s, clock
        self._lock = threading.Lock()
        self._failed = 0
        self._closed_until_failed = True
        self._try_at = 0.0

    def enter(self) -> None:
        """Lets a call through, whose outcome `succeeded` or `failed` must then tell.

        Raises:
            CircuitOpenError: it must not be made.
        """
        with self._lock:
            if self._closed_until_failed:
                return
            now = self._clock()
            if now < self._try_at:
                raise CircuitOpenError(self._try_at - now)
            self._try_at = now + self._open_s  # for the others, while this one tries

    def succeeded(self) -> None:
        """The server answered, be it with a refusal."""
        with self._lock:
            self._failed, self._closed_until_failed = 0, True

    def failed(self) -> None:
        """The server did not answer, or not in time."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._most:
                self._closed_until_failed = False
                self._try_at = self._clock() + self._open_s
