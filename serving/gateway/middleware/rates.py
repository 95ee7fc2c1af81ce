"""How often somebody may do something in a minute."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter


class Rate:
    """Counts in this process' memory, in a window that slides.

    The library's storage for asyncio: the other one starts a thread at each count, for which the event loop would wait.

    Args:
        per_minute: how many.

    Example:
        >>> rate = Rate(1)
        >>> async def ask() -> list[int]:
        ...     return [await rate.seconds_to_wait(who) for who in ("a", "b")]
        >>> asyncio.run(ask())
        [0, 0]
    """

    def __init__(self, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def seconds_to_wait(self, who: str) -> int:
        """Counts one and returns 0; where that were too many, counts none and returns seconds to wait, at least 1."""
        if await self._limiter.hit(self._item, who):
            return 0
        window = await self._limiter.get_window_stats(self._item, who)
        return max(1, math.ceil(window.reset_time - time.time()))
