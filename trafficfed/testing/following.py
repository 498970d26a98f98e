"""A follower that remembers what came and lets tests wait for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from trafficfed.errors import Refused
from trafficfed.feed.client import Following
from trafficfed.feed.messages import Beat, Overlay, Resume
from trafficfed.feed.notes import Note
from trafficfed.table.codec import decode_delta, decode_snapshot
from trafficfed.table.table import Table
from trafficfed.testing.feeding import KEY, PlayedController


class Watched:
    """A copy of the table with everything that came, and the client that brought it."""

    def __init__(
        self, *controllers: PlayedController, identity: str = "nameserver", lease_s: float = 10.0, **more: Any
    ) -> None:
        self.table = Table()
        self.epoch = ""
        self.heard: list[str] = []
        self.overlays: list[Overlay] = []
        self.beats: list[Beat] = []
        self.notes: list[Note] = []
        self._moved = asyncio.Event()
        addresses = [each.address for each in controllers]
        self.client = Following(
            addresses, identity, KEY, self, self._tell, Random(1), lease_s, on_beat=self._moved.set, **more
        )

    @property
    def position(self) -> Resume:
        return Resume(self.epoch, self.table.term, self.table.generation, len(self.table.rows))

    def begin(self, beat: Beat) -> Resume:
        self._note(f"ask who {beat.standing}")
        return self.position

    async def take_full(self, epoch: str, data: bytes) -> None:
        self.table.adopt(decode_snapshot(data))
        self.epoch = epoch
        self._note(f"full {self.table.term}/{self.table.generation}")

    async def take_change(self, data: bytes) -> None:
        self.table.apply(decode_delta(data))
        self._note(f"change {self.table.generation}")

    def take_overlay(self, overlay: Overlay) -> None:
        self.overlays.append(overlay)
        self._note("overlay")

    def take_beat(self, beat: Beat) -> None:
        if beat.generation > self.table.generation:
            self.epoch = ""
            raise Refused("something was missed")
        self.beats.append(beat)
        self._moved.set()

    def _tell(self, note: Note) -> None:
        self.notes.append(note)
        self._moved.set()

    def _note(self, what: str) -> None:
        self.heard.append(what)
        self._moved.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for it, event by event."""
        async with asyncio.timeout(60):
            while not reached():
                self._moved.clear()
                await self._moved.wait()

    async def follows(self, controller: PlayedController) -> None:
        """Wait until it takes the table from this one and is where that one is."""
        table = controller.source.table
        await self.until(
            lambda: (
                self.client.connected == controller.address
                and (self.table.term, self.table.generation) == (table.term, table.generation)
            )
        )

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.client.run())
            yield
            task.cancel()
