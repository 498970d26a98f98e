"""A name server's copy of the table: what the feed brings becomes the index that queries are answered from."""

import asyncio
from collections.abc import Callable

from trafficfed.errors import Refused
from trafficfed.feed.messages import Beat, Overlay, Resume, Standing
from trafficfed.feed.notes import Note, Tell
from trafficfed.model import ServiceKey
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.overlay import Overlaid
from trafficfed.table.codec import decode_delta, decode_snapshot
from trafficfed.table.table import Delta, Snapshot, Table

SLICE = 200  # rows compiled at a stretch, some milliseconds, while a whole table is taken in; queries come in between


class Replica:
    """The table in use, and one that waits where the controller's is behind ours.

    An older term's table is refused. One of our term but behind our generation comes from a leader that lost its
    disk: it is held, not taken, until it has every service that we have or has overtaken us, for an empty memory
    never deletes. Or it comes from a controller that does not lead, and is held until the leader's changes have
    reached that one. ``changed`` is called after every change, with None where the whole table is another.

    What a controller without a leader judges otherwise is answered, but changes neither the table nor its position;
    it ends with a complete table, or with a leader (or who relays it) that finds us where it stands.
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
        self._standing = Standing.LEADS
        self._overlaid = Overlaid()
        self._refused = ""
        self._held: Table | None = None
        self._held_epoch = ""
        self._index = empty_index()

    @property
    def has_table(self) -> bool:
        """Whether there ever was a table; an empty one counts once a controller has sent it."""
        return self.table.generation > 0 or bool(self.table.rows) or bool(self._epoch)

    @property
    def position(self) -> Resume:
        """Where the table in use stands."""
        return Resume(self._epoch, self.table.term, self.table.generation, len(self.table.rows))

    @property
    def led(self) -> bool:
        """Whether a leader stands behind what comes, itself or through another controller."""
        return self._standing is not Standing.ALONE

    @property
    def overlaid(self) -> int:
        """How many services are answered otherwise than the table says."""
        return len(self._overlaid.rows)

    def begin(self, beat: Beat) -> Resume:
        """Another controller is asked: where it may continue. What an earlier one had us hold is forgotten."""
        self._held = None
        self._standing = beat.standing
        return self.position

    async def compile(self) -> None:
        """Build the index of the whole table, in slices, and put it to use."""
        index = self._empty_index()
        rows = [self._overlaid.rows.get(key, row) for key, row in self.table.rows.items()]
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
        if why := self._behind(snapshot.term, snapshot.generation, {row.key for row in snapshot.rows}):
            self._held, self._held_epoch = Table(snapshot), epoch
            self._tell(Note("TableHeld", f"the controller's table {why}"))
            return
        self._held = None
        await self._adopt(epoch, snapshot)

    def _behind(self, term: int, generation: int, keys: set[ServiceKey]) -> str:
        """Why a table behind ours must wait; empty where it may be taken."""
        if term > self.table.term or generation >= self.table.generation:
            return ""
        if self._standing is not Standing.LEADS:
            return f"is at generation {generation}, ours at {self.table.generation}: it waits for the leader's changes"
        missing = sorted(self.table.rows.keys() - keys)
        if not missing:
            return ""
        return f"lacks {len(missing)} services that are served, {missing[0]} among them: it waits until it has all"

    async def _adopt(self, epoch: str, snapshot: Snapshot) -> None:
        former = self.table.term
        self.table.adopt(snapshot)
        self._epoch = epoch
        if self.led or snapshot.term > former:
            self._overlaid.end_all(self.table)
        else:
            self._overlaid.keep(self.table)
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
        self._overlaid.end(self.table, [*delta.removed, *(row.key for row in delta.rows)])
        restored = self._overlaid.end_all(self.table) if self.led else []
        self._explain(self._index.apply([*restored, *delta.rows], delta.removed))
        self._index.stamp(delta.generation)
        self.changed(delta)
        self._confirmed()

    async def _hold(self, held: Table, delta: Delta) -> None:
        """Follow with the table that waits, and take it as soon as it has lost nothing."""
        held.apply(delta)
        if not self._behind(held.term, held.generation, set(held.rows)):
            self._held = None
            await self._adopt(self._held_epoch, held.snapshot())

    def take_overlay(self, overlay: Overlay) -> None:
        """What a controller without a leader judges otherwise: answered where it rests on what we have."""
        self._standing = Standing.ALONE  # whoever sends this is alone, whatever its last beat said
        before = self.overlaid
        rows, refused = self._overlaid.take(self.table, overlay)
        self._explain(self._index.apply(rows))
        self._tell_refused(refused)
        if bool(before) != bool(self.overlaid):
            count = self.overlaid or "no more"
            self._tell(Note("Overlaid", f"no leader is heard: {count} services are answered by other verdicts"))

    def _tell_refused(self, refused: list[str]) -> None:
        """Tell of rows that are not answered: once, not with every change of the overlay."""
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        why = f"{refused[0]}{more}" if refused else ""
        if why and why != self._refused:
            self._tell(Note("OverlayRefused", f"verdicts made without a leader are not taken: {why}"))
        self._refused = why

    def take_beat(self, beat: Beat) -> None:
        """The controller's position. Raises Refused where we are not there."""
        self._standing = beat.standing
        table = self._held or self.table
        waits = beat.standing is not Standing.LEADS and beat.term == table.term and beat.generation < table.generation
        if waits:  # it does not lead, and what it is told is on its way: nothing is missing here
            return
        if (beat.term, beat.generation) != (table.term, table.generation):
            self._epoch = ""
            raise Refused(f"it is at generation {beat.generation}, we at {table.generation}: asking for a snapshot")
        if self._held is None:
            if self.led and self.overlaid:
                self._explain(self._index.apply(self._overlaid.end_all(self.table)))
                self._tell(Note("Overlaid", "a leader is heard again: the answers are the table's"))
            self._confirmed()

    def _explain(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            self._tell(Note("NotAnswered", note))
