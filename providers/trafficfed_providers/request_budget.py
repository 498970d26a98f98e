"""A budget of requests: vendors refuse, or delay everybody of an account, where it is exceeded."""

import asyncio
from collections.abc import Callable


class RequestBudget:
    """A token bucket: ``burst`` requests at once, ``rate_per_s`` of them in the long run. They go in the order asked.

    ``now_s`` is a clock that never jumps; without one it is the running event loop's.
    """

    def __init__(self, rate_per_s: float, burst: int, now_s: Callable[[], float] | None = None) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        self._free_at_s: float | None = None

    @property
    def left(self) -> float:
        """How many requests may be sent at once; below 0 where those that were taken have to wait."""
        if self._free_at_s is None:
            return float(self._burst)
        return min(float(self._burst), (self._now_s() - self._free_at_s) * self._rate_per_s)

    def reserve_s(self) -> float:
        """Take one request out of the budget; returns how many seconds to wait before it may be sent."""
        now_s = self._now_s()
        full_s = now_s - self._burst / self._rate_per_s
        self._free_at_s = max(full_s, full_s if self._free_at_s is None else self._free_at_s) + 1 / self._rate_per_s
        return max(0.0, self._free_at_s - now_s)

    def give_back(self) -> None:
        """Return a request that was taken and will not be sent."""
        if self._free_at_s is not None:
            self._free_at_s -= 1 / self._rate_per_s

    def pause(self, seconds: float) -> None:
        """Send nothing for so long: the other side asked for it."""
        self._free_at_s = max(self._free_at_s or 0.0, self._now_s() + seconds)

    async def take(self) -> None:
        """Wait until one more request may be sent. A wait that is cancelled does not give its request back."""
        delay_s = self.reserve_s()
        if delay_s > 0:
            await asyncio.sleep(delay_s)
