"""A name server's copy of the table: what the feed brings becomes the index that queries are answered from."""

import asyncio
from collections.abc import Callable

from trafficfed.errors import Refused
from trafficfed.feed.messages import Beat, Resume
from trafficfed.feed.notes import Note, Tell
from trafficfed.model import ServiceKey
from trafficfed.nameserver.index import Index
from trafficfed.table.codec import decode_delta, decode_snapshot
from trafficfed.table.table import Delta, Snapshot, Table

SLICE = 200  # rows compiled at a stretch, some milliseconds, while a whole table is taken in; queries come in between


class Replica:
    """The table in use, and one that waits where the controller's has lost services that ours has.

    An older term's table is refused. One of our term but behind our generation comes from a controller that lost
    its disk: it is held, not taken, until it has every service that we have or has overtaken us, for an empty memory
    never deletes. ``changed`` is called after every change, with None where the whole table is another.
    """

    def __init__(
        self,
        table: Table,
        empty_index: Callable[[], Index],
        use: Callable[[Index], None],
        confirmed: Callable[[], None],
        tell: Tell,
    ) -> None:
        """``table`` is what was on disk; ``use`` gets each new index, ``confirmed`` is called when ours is current."""
        self.table = table
        self.changed: Callable[[Delta | None], None] = lambda delta: None
        self._empty_index = empty_index
        self._use = use
        self._confirmed = confirmed
        self._tell = tell
        self._epoch = ""
        self._held: Table | None = None
        self._held_epoch = ""
        self._index = empty_index()

    @property
    def has_table(self) -> bool:
        """Whether there ever was a table; an empty one counts once a controller has sent it."""
        return self.table.generation > 0 or bool(self.table.rows) or bool(self._epoch)

    def begin(self) -> Resume:
        """A new connection: where its feed may continue. What an earlier one had us hold is forgotten."""
        self._held = None
        return Resume(self._epoch, self.table.term, self.table.generation, len(self.table.rows))

    async def compile(self) -> None:
        """Build the index of the whole table, in slices, and put it to use."""
        index = self._empty_index()
        rows = list(self.table.rows.values())
        for at in range(0, len(rows), SLICE):
            self._explain(index.apply(rows[at : at + SLICE]))
            await asyncio.sleep(0)
        index.stamp(self.table.generation)
        self._index = index
        self._use(index)

    async def take_full(self, epoch: str, data: bytes) -> None:
        """A snapshot from the feed. Raises Refused where it is damaged or of an older term."""
        snapshot = await asyncio.to_thread(decode_snapshot, data)
        if snapshot.term < self.table.term:
            raise Refused(f"its table is of term {snapshot.term}, ours of {self.table.term}: it leads no more")
        if lost := self._lost(snapshot.term, snapshot.generation, {row.key for row in snapshot.rows}):
            self._held, self._held_epoch = Table(snapshot), epoch
            self._tell(Note("TableHeld", f"the controller's table lacks {lost}; it is not taken until it has all"))
            return
        self._held = None
        await self._adopt(epoch, snapshot)

    def _lost(self, term: int, generation: int, keys: set[ServiceKey]) -> str:
        """What we have and a table behind ours lacks; empty where it may be taken."""
        if term > self.table.term or generation >= self.table.generation:
            return ""
        missing = sorted(self.table.rows.keys() - keys)
        return f"{len(missing)} services that are served, {missing[0]} among them" if missing else ""

    async def _adopt(self, epoch: str, snapshot: Snapshot) -> None:
        self.table.adopt(snapshot)
        self._epoch = epoch
        await self.compile()
        self.changed(None)
        self._confirmed()
        self._tell(Note("TableTaken", f"generation {snapshot.generation} with {len(snapshot.rows)} services"))

    async def take_change(self, data: bytes) -> None:
        """A delta from the feed. Raises Refused where it does not follow."""
        delta = decode_delta(data)
        if self._held is not None:
            await self._hold(self._held, delta)
            return
        try:
            self.table.apply(delta)
        except Refused:
            self._epoch = ""  # what comes next would not follow either: ask for a snapshot
            raise
        self._explain(self._index.apply(delta.rows, delta.removed))
        self._index.stamp(delta.generation)
        self.changed(delta)
        self._confirmed()

    async def _hold(self, held: Table, delta: Delta) -> None:
        """Follow with the table that waits, and take it as soon as it has lost nothing."""
        held.apply(delta)
        if not self._lost(held.term, held.generation, set(held.rows)):
            self._held = None
            await self._adopt(self._held_epoch, held.snapshot())

    def take_beat(self, beat: Beat) -> None:
        """The controller's position. Raises Refused where we are not there."""
        table = self._held or self.table
        if (beat.term, beat.generation) != (table.term, table.generation):
            self._epoch = ""
            raise Refused(f"it is at generation {beat.generation}, we at {table.generation}: asking for a snapshot")
        if self._held is None:
            self._confirmed()

    def _explain(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            self._tell(Note("NotAnswered", note))
