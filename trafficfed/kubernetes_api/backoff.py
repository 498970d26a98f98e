"""How long to wait before the next try, and what makes waiting pointless."""

import asyncio
from dataclasses import dataclass, replace
from random import Random
from typing import Self

# The values client-go's reflector uses.
FIRST_S = 0.8
LONGEST_S = 30.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015) under a doubling bound.

    >>> Backoff().bound_s, Backoff(tries=3).bound_s, Backoff(tries=60).bound_s
    (0.8, 6.4, 30.0)
    """

    tries: int = 0

    @property
    def bound_s(self) -> float:
        return min(LONGEST_S, FIRST_S * 2.0 ** min(self.tries, 16))

    def delay_s(self, random: Random) -> float:
        """A random part of the bound."""
        return random.uniform(0.0, self.bound_s)

    def after(self) -> Self:
        return replace(self, tries=self.tries + 1)


class Recovery:
    """One for all that wait for the same API server: the first that is answered again wakes the others."""

    def __init__(self) -> None:
        self._came = asyncio.Event()

    def tell(self) -> None:
        """Wake whoever waits now; who begins to wait later waits for the next time."""
        came, self._came = self._came, asyncio.Event()
        came.set()

    async def wait(self, limit_s: float) -> bool:
        """So long, or until it is told: then True."""
        try:
            async with asyncio.timeout(limit_s):
                return await self._came.wait()
        except TimeoutError:
            return False
