"""However the writes of several leaders interleave, what loads is one leader's table, never an older term's again."""

from collections.abc import Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Row
from trafficfed.table.mirror import HEADER, Header, Names, Shards, image_of, read, snapshot_in, writes
from trafficfed.table.place import Overtaken
from trafficfed.table.seal import Seal
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing import fleets
from trafficfed.testing.mirror_places import MemoryPlace, Shelf

SEAL = Seal("demo", b"k" * 32)
NAMES = [f"s{number}" for number in range(6)]


def row(name: str, weight: int) -> Row:
    return fleets.row(fleets.endpoint("eu", weight=weight), name=name, hostnames=(f"{name}.example.org",))


class Writer:
    """One leader: loads, unless it still knows what stands; writes; begins again where it was overtaken.

    It never learns that it leads no more, except by what it finds. As a Copy does it, in steps that can be stopped.
    """

    def __init__(self, shelf: Shelf, term: int, count: int) -> None:
        self.place = MemoryPlace("eu", shelf)
        self.table = Table(Snapshot(term=term, rows=tuple(row(name, term) for name in NAMES)))
        self.count = count
        self.names = Names(f"t{term}")
        self.unnamed: frozenset[str] = frozenset()
        self.standing: Header | None = None
        self.known = self.gone = False
        self.tables = {self.table.generation: self.table.snapshot()}
        self.under_way: Coroutine[Any, Any, None] | None = None

    def change(self, name: str, weight: int) -> None:
        self.table.commit([row(name, 10 * weight + self.table.term)])
        self.tables[self.table.generation] = self.table.snapshot()

    def step(self) -> None:
        """As far as the next moment at which others may act."""
        if self.gone:
            return
        if self.under_way is None:
            self.under_way = self.write()
        try:
            self.under_way.send(None)
        except StopIteration:
            self.under_way = None

    async def write(self) -> None:
        if not self.known:
            reading = read(await self.place.load(1.0), SEAL)
            self.standing, self.unnamed = reading.header, frozenset(reading.unnamed)
            self.names.abandon()
            if self.standing is not None and self.standing.term > self.table.term:
                self.gone = True
                return
        shards = Shards(self.table.rows.values(), self.table.generation, self.count)
        chunks, standing = writes(image_of(shards.cut(self.table.term), None, SEAL), self.standing, self.names, SEAL)
        self.known = False
        try:
            if chunks:
                await self.place.store(chunks, 1.0)
        except Overtaken:
            return
        former = self.standing.names if self.standing else frozenset()
        self.standing, self.known = standing, True
        if chunks:
            await self.place.drop((*self.names.release(former - standing.names), *self.unnamed), 1.0)
            self.unnamed = frozenset()

    def finish(self) -> None:
        while self.under_way is not None:
            self.step()


actions = st.tuples(st.integers(0, 2), st.sampled_from(("step", "step", "step", "change")), st.integers(0, 5))


@settings(max_examples=100, deadline=None)
@given(actions=st.lists(actions, max_size=80), counts=st.tuples(*[st.sampled_from((1, 2, 4))] * 3))
def test_however_writes_interleave(actions: list[tuple[int, str, int]], counts: tuple[int, int, int]) -> None:
    shelf = Shelf()
    writers = [Writer(shelf, term, count) for term, count in zip((1, 2, 3), counts, strict=True)]
    highest = 0
    for number, (which, what, detail) in enumerate(actions):
        writer = writers[which]
        if what == "change":
            writer.change(NAMES[detail], number + 1)
        else:
            writer.step()
        if HEADER not in shelf.chunks:
            continue
        found = snapshot_in(read(shelf.data, SEAL))
        assert found is not None
        assert found == writers[found.term - 1].tables[found.generation]
        highest = max(highest, found.term)
        assert found.term == highest
    for writer in writers:
        writer.finish()


@settings(max_examples=50, deadline=None)
@given(actions=st.lists(actions, max_size=40), counts=st.tuples(*[st.sampled_from((1, 2, 4))] * 3))
def test_the_newest_always_gets_through(actions: list[tuple[int, str, int]], counts: tuple[int, int, int]) -> None:
    """Once the others are at rest; two tries are enough, as each loads what stands."""
    shelf = Shelf()
    writers = [Writer(shelf, term, count) for term, count in zip((1, 2, 3), counts, strict=True)]
    for number, (which, what, detail) in enumerate(actions):
        writers[which].change(NAMES[detail], number + 1) if what == "change" else writers[which].step()
    for writer in writers:
        writer.finish()
    newest = writers[-1]
    for _ in range(2):
        newest.step()
        newest.finish()
    assert snapshot_in(read(shelf.data, SEAL)) == newest.table.snapshot()
