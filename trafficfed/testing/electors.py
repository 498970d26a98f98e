"""An elector in memory for each controller, at a place they share; it can be slow, hang, or be away."""

import asyncio

from trafficfed.errors import Transient
from trafficfed.leadership.elector import Conflict, Seen
from trafficfed.leadership.record import Record
from trafficfed.testing.elections import Place


class MemoryElector:
    """One controller's way to a place. ``takes_s`` is one way of a message; ``away`` is why nothing is answered.

    ``calls`` are (when, what), ``read`` or the holder that was written.
    """

    def __init__(self, place: Place, takes_s: float = 0.005) -> None:
        self.place, self.takes_s = place, takes_s
        self.away = ""
        self.hangs = False
        self.fails: Exception | None = None
        self.calls: list[tuple[float, str]] = []

    @property
    def name(self) -> str:
        return self.place.name

    async def read(self, deadline_s: float) -> Seen:
        await self._reach("read")
        seen = self.place.seen
        await asyncio.sleep(self.takes_s)
        return seen

    async def write(self, record: Record, over: Seen, deadline_s: float) -> Seen:
        await self._reach(record.holder or "released")
        seen = self.place.take(record, over)
        await asyncio.sleep(self.takes_s)
        if seen is None:
            raise Conflict(f"{self.name} holds another record")
        return seen

    async def _reach(self, what: str) -> None:
        self.calls.append((asyncio.get_running_loop().time(), what))
        await asyncio.sleep(self.takes_s)
        if self.hangs or not self.place.up:
            await asyncio.Event().wait()
        if self.away:
            raise Transient(self.away)
        if self.fails is not None:
            raise self.fails
