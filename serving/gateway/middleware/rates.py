"""How often somebody may do something in a minute."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter


class Rate:
    """Counts in this process' memory, in a window that slides.

    Args:
        per_minute: how many.

    Example:
        >>> rate = Rate(1)
        >>> rate.seconds_to_wait("a"), 0 < rate.seconds_to_wait("a") <= 61, rate.seconds_to_wait("b")
        (0, True, 0)
    """

    def __init__(self, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def seconds_to_wait(self, who: str) -> int:
        """Counts one and returns 0; where that were too many, counts none and returns seconds to wait, at least 1."""
        if self._limiter.hit(self._item, who):
            return 0
        reset = self._limiter.get_window_stats(self._item, who).reset_time
        return max(1, math.ceil(reset - time.time()))
