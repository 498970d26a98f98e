"""A MirrorPlace in memory that several controllers share, with the faults that tests want."""

import asyncio
from collections.abc import Mapping, Sequence

from trafficfed.errors import Refused, Transient
from trafficfed.table.place import Chunk, Overtaken


class Shelf:
    """What one elector keeps: ``chunks`` by name, each with the number of its last write.

    ``stored`` lists all that was ever written, in order, ``dropped`` all that was deleted. ``failure`` is raised by
    every call; ``hangs`` lets every call wait out its deadline; ``breaks_after`` ends a store after so many chunks of
    it, as a kill would; stores stand still while ``hold`` is cleared.
    """

    def __init__(self) -> None:
        self.chunks: dict[str, tuple[int, bytes]] = {}
        self.stored: list[str] = []
        self.dropped: list[str] = []
        self.loads = 0
        self.failure: Transient | Refused | None = None
        self.hangs = False
        self.hold = asyncio.Event()
        self.hold.set()
        self.breaks_after: int | None = None

    @property
    def data(self) -> dict[str, bytes]:
        return {name: data for name, (_, data) in self.chunks.items()}

    def put(self, name: str, data: bytes) -> None:
        """Whoever else may write there writes this."""
        self.stored.append(name)
        self.chunks[name] = (len(self.stored), data)

    async def answer(self, deadline_s: float) -> None:
        if self.hangs:
            await asyncio.sleep(deadline_s)
            raise Transient(f"no answer in {deadline_s:.0f} s")
        if self.failure is not None:
            raise self.failure


class MemoryPlace:
    """One controller's view of a shelf."""

    def __init__(self, name: str = "eu", shelf: Shelf | None = None) -> None:
        self.name = name
        self.shelf = shelf or Shelf()
        self._versions: dict[str, int] = {}

    async def look(self, deadline_s: float) -> Mapping[str, bytes]:
        self.shelf.loads += 1
        await self.shelf.answer(deadline_s)
        return self.shelf.data

    async def load(self, deadline_s: float) -> Mapping[str, bytes]:
        await self.look(deadline_s)
        self._versions = {name: version for name, (version, _) in self.shelf.chunks.items()}
        return self.shelf.data

    async def store(self, chunks: Sequence[Chunk], deadline_s: float) -> None:
        await self.shelf.answer(deadline_s)
        for number, chunk in enumerate(chunks):
            if number == self.shelf.breaks_after:
                raise Transient("the connection broke off")
            await asyncio.sleep(0)
            if not self.shelf.hold.is_set():
                await self.shelf.hold.wait()
            version, _ = self.shelf.chunks.get(chunk.name, (0, b""))
            if version != self._versions.get(chunk.name, 0):
                raise Overtaken(f"somebody else wrote {chunk.name} in {self.name}")
            self.shelf.put(chunk.name, chunk.data)
            self._versions[chunk.name] = len(self.shelf.stored)

    async def drop(self, names: Sequence[str], deadline_s: float) -> None:
        await self.shelf.answer(deadline_s)
        for name in names:
            await asyncio.sleep(0)
            self.shelf.dropped.append(name)
            self.shelf.chunks.pop(name, None)
            self._versions.pop(name, None)
