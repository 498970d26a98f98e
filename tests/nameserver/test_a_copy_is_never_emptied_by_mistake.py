"""What a name server takes from a feed, what it holds back, and that each step costs what changed."""

import asyncio

import pytest

from trafficfed.errors import Refused
from trafficfed.feed.messages import Beat, Resume
from trafficfed.feed.notes import Note
from trafficfed.model import Member, Row
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.replica import SLICE, Replica
from trafficfed.nameserver.respond import Responder
from trafficfed.table.codec import encode_delta, encode_snapshot
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing.nameservers import ask, values
from trafficfed.testing.sample_zone import EU, US, ZONE, anyone, responder_for, service_row


class Copy:
    """A replica with everything it did recorded."""

    def __init__(self, table: Table | None = None) -> None:
        self.responder: Responder = responder_for(())
        self.notes: list[Note] = []
        self.confirmed = 0
        self.indexes = 0
        self.changes: list[Delta | None] = []
        self.replica = Replica(table or Table(), self._empty, self._use, self._confirm, self.notes.append)
        self.replica.changed = self.changes.append

    def _empty(self) -> Index:
        return Index((ZONE,))

    def _use(self, index: Index) -> None:
        self.responder.index = index
        self.indexes += 1

    def _confirm(self) -> None:
        self.confirmed += 1

    def answer(self, name: str) -> tuple[str, ...]:
        return values(ask(self.responder, f"{name}.example.org"))

    @property
    def serial(self) -> int:
        serial: int = ask(self.responder, "example.org", "SOA").answer[0][0].serial
        return serial


def row(name: str, *pool: Member) -> Row:
    return service_row(f"{name}.example.org", anyone(*pool))


def snapshot(generation: int, *rows: Row, term: int = 0) -> bytes:
    return encode_snapshot(Snapshot(term=term, generation=generation, rows=rows))


A, B, A_MOVED = row("a", EU), row("b", US), row("a", US)


async def test_a_snapshot_and_the_deltas_after_it_are_answered_at_once() -> None:
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(5, A))
    assert (copy.answer("a"), copy.answer("b"), copy.serial) == (("192.0.2.1",), (), 5)
    await copy.replica.take_change(encode_delta(Delta(term=0, generation=6, rows=(B,))))
    assert (copy.answer("b"), copy.serial) == (("192.0.2.2",), 6)
    await copy.replica.take_change(encode_delta(Delta(term=0, generation=7, rows=(A_MOVED,), removed=(B.key,))))
    assert (copy.answer("a"), copy.answer("b"), copy.serial) == (("192.0.2.2",), (), 7)
    assert copy.replica.begin(Beat(0, 0)) == Resume("e1", 0, 7, len(copy.replica.table.rows))
    assert copy.confirmed == 3
    assert [change.generation if change else None for change in copy.changes] == [None, 6, 7]
    assert copy.indexes == 1, "a delta changes the index in use, it does not build another"


async def test_a_gap_is_refused_and_a_snapshot_asked_for() -> None:
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(5, A))
    with pytest.raises(Refused, match="delta 7 refused"):
        await copy.replica.take_change(encode_delta(Delta(term=0, generation=7, rows=(B,))))
    assert copy.replica.begin(Beat(0, 0)) == Resume("", 0, 5, len(copy.replica.table.rows))
    assert copy.answer("a") == ("192.0.2.1",)


async def test_a_beat_confirms_only_where_nothing_was_missed() -> None:
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(5, A))
    copy.replica.take_beat(Beat(0, 5))
    assert copy.confirmed == 2
    with pytest.raises(Refused, match="it is at generation 6, we at 5"):
        copy.replica.take_beat(Beat(0, 6))
    assert copy.confirmed == 2
    assert copy.replica.begin(Beat(0, 0)).epoch == ""


async def test_an_older_terms_table_is_refused() -> None:
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(5, A, term=2))
    with pytest.raises(Refused, match="of term 1, ours of 2"):
        await copy.replica.take_full("e2", snapshot(900, B, term=1))
    assert copy.answer("a") == ("192.0.2.1",)


async def test_a_damaged_snapshot_is_refused() -> None:
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(5, A))
    with pytest.raises(Refused):
        await copy.replica.take_full("e2", snapshot(6, B)[:-1])
    assert copy.answer("a") == ("192.0.2.1",)


async def test_a_higher_term_or_generation_is_taken_whatever_it_lacks() -> None:
    for later in (snapshot(6, B), snapshot(1, B, term=1)):
        copy = Copy()
        await copy.replica.take_full("e1", snapshot(5, A))
        await copy.replica.take_full("e2", later)
        assert (copy.answer("a"), copy.answer("b")) == ((), ("192.0.2.2",))


async def test_a_controller_that_lost_its_table_does_not_empty_ours() -> None:
    """Its generations start anew: held back until every service is in it again, then taken as a whole."""
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(50, A, B))
    confirmed = copy.confirmed
    await copy.replica.take_full("e2", snapshot(0))
    copy.replica.take_beat(Beat(0, 0))
    await copy.replica.take_change(encode_delta(Delta(term=0, generation=1, rows=(A_MOVED,))))
    assert (copy.answer("a"), copy.answer("b"), copy.serial) == (("192.0.2.1",), ("192.0.2.2",), 50)
    assert copy.confirmed == confirmed, "what is held does not confirm what is served"
    assert copy.notes[-1].event == "TableHeld"
    assert "lacks 2 services that are served, default/prod/a.example.org among them" in copy.notes[-1].message
    await copy.replica.take_change(encode_delta(Delta(term=0, generation=2, rows=(B,))))
    assert (copy.answer("a"), copy.answer("b"), copy.serial) == (("192.0.2.2",), ("192.0.2.2",), 2)
    assert copy.replica.begin(Beat(0, 0)) == Resume("e2", 0, 2, len(copy.replica.table.rows))
    await copy.replica.take_change(encode_delta(Delta(term=0, generation=3, removed=(B.key,))))
    assert copy.answer("b") == ()


async def test_what_is_held_does_not_outlive_the_connection() -> None:
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(50, A, B))
    await copy.replica.take_full("e2", snapshot(1, A_MOVED))
    assert copy.replica.begin(Beat(0, 0)) == Resume("e1", 0, 50, len(copy.replica.table.rows))
    await copy.replica.take_change(encode_delta(Delta(term=0, generation=51, rows=(A_MOVED,))))
    assert copy.answer("a") == ("192.0.2.2",)


async def test_a_controller_that_lost_its_last_change_is_taken() -> None:
    """A torn journal: behind our generation, but no service is missing."""
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(50, A, B))
    await copy.replica.take_full("e2", snapshot(49, A_MOVED, B))
    assert copy.answer("a") == ("192.0.2.2",)
    assert copy.replica.begin(Beat(0, 0)) == Resume("e2", 0, 49, len(copy.replica.table.rows))


async def test_a_table_from_disk_is_compiled_and_its_epoch_unknown() -> None:
    table = Table(Snapshot(generation=9, rows=(A,)))
    copy = Copy(table)
    assert copy.replica.has_table
    await copy.replica.compile()
    assert (copy.answer("a"), copy.serial) == (("192.0.2.1",), 9)
    assert copy.replica.begin(Beat(0, 0)) == Resume("", 0, 9, len(copy.replica.table.rows))


async def test_there_is_no_table_until_one_was_sent() -> None:
    copy = Copy()
    assert not copy.replica.has_table
    await copy.replica.take_full("e1", snapshot(0))
    assert copy.replica.has_table, "a fleet without services is known to have none"


async def test_a_row_that_does_not_compile_stays_as_it_was_and_harms_no_other() -> None:
    copy = Copy()
    await copy.replica.take_full("e1", snapshot(5, A))
    bad = row("a", Member(cluster="eu", weight=1, addresses=("192.0.2.300",)))
    await copy.replica.take_change(encode_delta(Delta(term=0, generation=6, rows=(bad, B))))
    assert (copy.answer("a"), copy.answer("b")) == (("192.0.2.1",), ("192.0.2.2",))
    assert copy.notes[-1].event == "NotAnswered"
    assert "default/prod/a.example.org stays as it was: not an IP address among 192.0.2.300" in copy.notes[-1].message


async def test_a_large_table_is_taken_in_slices_and_changes_hands_at_once() -> None:
    copy = Copy()
    rows = tuple(row(f"n{number}", US) for number in range(SLICE * 3))
    await copy.replica.take_full("e1", snapshot(5, A))
    seen: list[tuple[bool, bool]] = []

    async def watch() -> None:
        while copy.indexes < 2:
            seen.append((bool(copy.answer("a")), bool(copy.answer("n0")) or bool(copy.answer("n599"))))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        await copy.replica.take_full("e1", snapshot(6, *rows))
    assert len(seen) > 3, "queries were answered while it was compiled"
    assert set(seen) == {(True, False)}, "from the old table, until all of the new one was there"
    assert (copy.answer("a"), copy.answer("n0"), copy.answer("n599")) == ((), ("192.0.2.2",), ("192.0.2.2",))
