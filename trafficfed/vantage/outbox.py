"""What was seen and one controller has not been told yet: bounded, the newest win, failures go at once."""

import asyncio
import contextlib
from collections import deque
from itertools import islice

from trafficfed.health.hearing import BACKLOG
from trafficfed.model import Observation

HOLD_S = 0.05
"""How long passes wait for company: a frame costs as much as ten results in it."""
BATCH = 500
"""Results in one message: some 60 kB, which a controller takes in within a few milliseconds."""


class Outbox:
    """One controller's share. ``dropped`` counts what had to make room or was too old when it could be sent."""

    def __init__(self, limit: int = BACKLOG) -> None:
        self._limit = limit
        self._kept: deque[tuple[float, Observation]] = deque()
        self._taken: tuple[tuple[float, Observation], ...] = ()
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, seen: Observation, until_s: float) -> None:
        """One more result; nobody wants it after ``until_s`` (UTC). The oldest makes room where there is none."""
        if len(self._kept) >= self._limit:
            self._kept.popleft()
            self.dropped += 1
        self._kept.append((until_s, seen))
        self._news.set()
        if not seen.passed:
            self._urgent.set()

    def give_back(self) -> None:
        """What was taken last could not be sent: it goes first the next time, as far as there is room for it."""
        room = max(0, self._limit - len(self._kept))
        kept = self._taken[max(0, len(self._taken) - room) :]
        self.dropped += len(self._taken) - len(kept)
        self._kept.extendleft(reversed(kept))
        self._taken = ()
        if self._kept:
            self._news.set()
            self._urgent.set()

    async def wait(self, at_most_s: float) -> None:
        """Until there is something to send, or for so long. Passes are held back for a moment, failures are not."""
        if await _set_within(self._news, at_most_s):
            await _set_within(self._urgent, HOLD_S)

    def take(self, now_s: float) -> tuple[Observation, ...]:
        """The oldest that are still wanted at ``now_s`` (UTC), a message's worth."""
        while self._kept and self._kept[0][0] <= now_s:
            self._kept.popleft()
            self.dropped += 1
        self._taken = tuple(islice(self._kept, BATCH))
        for _ in self._taken:
            self._kept.popleft()
        if not self._kept:
            self._news.clear()
            self._urgent.clear()
        return tuple(seen for _, seen in self._taken)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
