"""How long to wait before the next try."""

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

    def delay_s(self, random: Random, retry_after_s: float | None = None) -> float:
        """A random part of the bound, on top of what the server asked for."""
        return (retry_after_s or 0.0) + random.uniform(0.0, self.bound_s)

    def after(self) -> Self:
        return replace(self, tries=self.tries + 1)
