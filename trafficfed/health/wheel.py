"""A tick wheel: what is due when, at the resolution of one tick, so that many timers cost one."""

import heapq
import math
from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """Items by the tick they are due in. Adding costs no more than a heap of distinct ticks.

    >>> wheel = Wheel[str](tick_s=0.5)
    >>> wheel.add(1.2, "late"); wheel.add(0.9, "early")
    >>> wheel.next_s(), wheel.due(1.0), wheel.next_s()
    (1.0, ['early'], 1.5)
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._slots: dict[int, list[T]] = {}
        self._ticks: list[int] = []

    def add(self, due_s: float, item: T) -> None:
        """Nothing comes out before its time: a moment belongs to the tick that ends with or after it."""
        tick = math.ceil(due_s / self._tick_s)
        slot = self._slots.get(tick)
        if slot is None:
            heapq.heappush(self._ticks, tick)
            self._slots[tick] = slot = []
        slot.append(item)

    def next_s(self) -> float | None:
        """When the earliest item is due, None where there is none."""
        return self._ticks[0] * self._tick_s if self._ticks else None

    def due(self, now_s: float) -> list[T]:
        """Take out everything due by now, earliest first."""
        found: list[T] = []
        while self._ticks and self._ticks[0] * self._tick_s <= now_s:
            found += self._slots.pop(heapq.heappop(self._ticks))
        return found
