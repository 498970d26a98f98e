"""While it leads, a controller keeps a copy of the table in every place; no place waits for another."""

import asyncio
import itertools
from collections import UserDict
from collections.abc import AsyncIterator, Mapping, Sequence, ValuesView
from contextlib import asynccontextmanager
from random import Random

import msgspec
import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.model import OperatorControl, Row, ServiceKey
from trafficfed.reports import ProviderFailed, ReportEvent
from trafficfed.table.mirror import CHUNK_LIMIT, HEADER, ROWS_MOST
from trafficfed.table.mirror_copy import CHECK_S, LAST_RETRY_S
from trafficfed.table.mirroring import COALESCE_S, FLUSH_S, Mirror, newest
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing import fleets
from trafficfed.testing.mirror_places import MemoryPlace, Shelf
from trafficfed.testing.scripted_api import LoopClock, running

pytestmark = pytest.mark.looptime

KEY = b"k" * 32
DRAIN = OperatorControl(kind="drain", cluster="us", who="ann", why="upgrade")


def row(name: str, weight: int = 100) -> Row:
    return fleets.row(fleets.endpoint("eu", weight=weight), name=name, hostnames=(f"{name}.example.org",))


class Controller:
    """One controller with its table and its mirror in places that others may share."""

    def __init__(
        self,
        *shelves: Shelf,
        term: int = 1,
        table: Table | None = None,
        key: bytes = KEY,
        places: Sequence[MemoryPlace] = (),
    ) -> None:
        self.shelves = shelves or (Shelf(),)
        self.table = table or Table(Snapshot(generation=3, rows=(row("web"),)))
        self.table.begin_term(term)
        self.leads = True
        self.reports: list[ReportEvent] = []
        names = ("eu", "us", "ap")
        self.places = places or [MemoryPlace(name, shelf) for name, shelf in zip(names, self.shelves, strict=False)]
        tokens = itertools.count()
        self.mirror = Mirror(
            self.places,
            self.table,
            key,
            "demo",
            LoopClock(),
            self.reports.append,
            leads=lambda: self.leads,
            token=lambda: f"t{term}-{next(tokens)}",
        )

    def change(self, name: str = "web", weight: int = 1) -> None:
        delta = self.table.commit([row(name, weight)])
        assert delta is not None
        self.mirror.append(delta)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(each.provider, each.message) for each in self.reports if isinstance(each, ProviderFailed)]

    async def up_to_date(self) -> None:
        """Until every place that answers has all of it."""
        await self.mirror.flush(self.table.generation, enough=len(self.shelves))


@asynccontextmanager
async def mirroring(*controllers: Controller) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(each.mirror.run()) for each in controllers]
        try:
            yield
        finally:
            for each in started:
                each.cancel()


async def table_in(shelf: Shelf, key: bytes = KEY) -> Snapshot | None:
    loaded = await newest([MemoryPlace("looking", shelf)], None, 1.0, key=key, owner="demo")
    assert not loaded.missing, loaded.missing
    return loaded.snapshot


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def test_every_place_gets_the_table_when_leading_begins() -> None:
    leader = Controller(Shelf(), Shelf(), Shelf())
    async with mirroring(leader):
        await asyncio.sleep(0.1)
    for shelf in leader.shelves:
        assert await table_in(shelf) == leader.table.snapshot()
    assert [(kept.place, kept.term, kept.generation) for kept in leader.mirror.kept_in] == [
        ("eu", 1, 3),
        ("us", 1, 3),
        ("ap", 1, 3),
    ]
    assert leader.told == []


async def test_changes_of_some_seconds_are_one_write() -> None:
    leader = Controller()
    (shelf,) = leader.shelves
    async with mirroring(leader):
        await leader.up_to_date()
        shelf.stored.clear()
        for weight in range(1, 6):
            leader.change(weight=weight)
            await asyncio.sleep(0.4)
        assert shelf.stored == []
        await asyncio.sleep(COALESCE_S)
        assert len(shelf.stored) == 2
        assert shelf.stored[-1] == HEADER
    assert await table_in(shelf) == leader.table.snapshot()


async def test_a_change_is_written_within_the_time_of_gathering() -> None:
    leader = Controller()
    async with mirroring(leader):
        await leader.up_to_date()
        leader.change()
        await asyncio.sleep(COALESCE_S + 0.1)
        (kept,) = leader.mirror.kept_in
        assert kept.generation == leader.table.generation
        assert LoopClock().now_s() - kept.at_s == pytest.approx(0.1, abs=0.01)


async def test_nothing_is_written_while_nothing_changes() -> None:
    leader = Controller()
    (shelf,) = leader.shelves
    async with mirroring(leader):
        await leader.up_to_date()
        shelf.stored.clear()
        await asyncio.sleep(2 * CHECK_S + 60)
    assert shelf.stored == []


async def test_a_leader_begun_anew_in_the_same_term_writes_nothing() -> None:
    former = Controller()
    async with mirroring(former):
        await former.up_to_date()
    (shelf,) = former.shelves
    shelf.stored.clear()
    snapshot = former.table.snapshot()
    again = Controller(shelf, term=1, table=Table(Snapshot(generation=snapshot.generation, rows=snapshot.rows)))
    async with mirroring(again):
        assert await again.mirror.flush(again.table.generation) == 1
    assert shelf.stored == []


async def test_who_does_not_lead_writes_nothing() -> None:
    standby = Controller()
    standby.leads = False
    async with mirroring(standby):
        standby.change()
        await asyncio.sleep(60)
        assert await standby.mirror.flush(0) == 0
    (shelf,) = standby.shelves
    assert (shelf.stored, shelf.loads) == ([], 0)


async def test_a_standby_that_begins_to_lead_writes_what_its_table_then_is() -> None:
    """Its table was replaced as a whole meanwhile, which no delta told."""
    standby = Controller()
    standby.leads = False
    async with mirroring(standby):
        await asyncio.sleep(10)
        standby.table.adopt(Snapshot(term=4, generation=90, rows=(row("web", 7), row("api"))))
        standby.table.begin_term(5)
        standby.leads = True
        await asyncio.sleep(COALESCE_S + 0.1)
    assert await table_in(standby.shelves[0]) == standby.table.snapshot()


async def test_a_dead_place_delays_no_other() -> None:
    hanging, dead, well = Shelf(), Shelf(), Shelf()
    hanging.hangs, dead.failure = True, Transient("cannot connect")
    leader = Controller(hanging, dead, well)
    async with mirroring(leader):
        await asyncio.sleep(0.1)
        assert await table_in(well) == leader.table.snapshot()
        leader.change()
        await asyncio.sleep(COALESCE_S + 0.1)
        assert await table_in(well) == leader.table.snapshot()


async def test_a_place_that_returns_gets_what_it_missed() -> None:
    shelf = Shelf()
    shelf.failure = Transient("cannot connect")
    leader = Controller(shelf)
    async with mirroring(leader):
        await asyncio.sleep(200)
        leader.change()
        await asyncio.sleep(200)
        assert shelf.loads < 30, "it was asked again and again"
        shelf.failure = None
        await asyncio.sleep(LAST_RETRY_S + 0.1)
    assert await table_in(shelf) == leader.table.snapshot()


async def test_a_failure_is_told_once_and_shown_until_it_ends() -> None:
    shelf = Shelf()
    shelf.failure = Refused("403 Forbidden: configmaps is forbidden")
    leader = Controller(shelf)
    async with mirroring(leader):
        await asyncio.sleep(300)
        assert leader.told == [("mirror eu", "403 Forbidden: configmaps is forbidden")]
        assert leader.mirror.kept_in[0].problem == "403 Forbidden: configmaps is forbidden"
        shelf.failure = None
        await asyncio.sleep(LAST_RETRY_S + 0.1)
        assert leader.mirror.kept_in[0].problem == ""
    assert len(leader.told) == 1


class TestFlush:
    async def test_it_does_not_wait_for_companions(self) -> None:
        leader = Controller(Shelf(), Shelf(), Shelf())
        async with mirroring(leader):
            await leader.up_to_date()
            delta = leader.table.commit(controls=(DRAIN,))
            assert delta is not None
            leader.mirror.append(delta)
            began_s = now_s()
            assert await leader.mirror.flush(delta.generation, enough=3) == 3
            assert now_s() - began_s < 0.1
        for shelf in leader.shelves:
            kept = await table_in(shelf)
            assert kept is not None
            assert kept.controls == (DRAIN,)

    async def test_it_does_not_wait_for_companions_of_an_earlier_change(self) -> None:
        leader = Controller()
        async with mirroring(leader):
            await leader.up_to_date()
            leader.change(weight=5)
            await asyncio.sleep(COALESCE_S / 2)
            leader.change(weight=6)
            began_s = now_s()
            assert await leader.mirror.flush(leader.table.generation) == 1
            assert now_s() - began_s < 0.1

    async def test_a_majority_is_enough(self) -> None:
        hanging = Shelf()
        leader = Controller(Shelf(), hanging, Shelf())
        async with mirroring(leader):
            await leader.up_to_date()
            hanging.hangs = True
            leader.change()
            began_s = now_s()
            assert await leader.mirror.flush(leader.table.generation) == 2
            assert now_s() - began_s < 0.1

    async def test_it_ends_when_the_others_have_failed(self) -> None:
        dead, dead_too = Shelf(), Shelf()
        leader = Controller(Shelf(), dead, dead_too)
        async with mirroring(leader):
            await leader.up_to_date()
            dead.failure = dead_too.failure = Transient("cannot connect")
            leader.change()
            began_s = now_s()
            assert await leader.mirror.flush(leader.table.generation) == 1
            assert now_s() - began_s < 0.1

    async def test_it_ends_at_its_deadline(self) -> None:
        hanging = Shelf()
        leader = Controller(Shelf(), hanging)
        async with mirroring(leader):
            await leader.up_to_date()
            hanging.hangs = True
            leader.change()
            began_s = now_s()
            assert await leader.mirror.flush(leader.table.generation) == 1
            assert now_s() - began_s == pytest.approx(FLUSH_S, abs=0.1)

    async def test_a_place_that_was_waiting_to_be_tried_again_is_tried_now(self) -> None:
        shelf = Shelf()
        shelf.failure = Transient("cannot connect")
        leader = Controller(shelf)
        async with mirroring(leader):
            await asyncio.sleep(100)
            shelf.failure = None
            began_s = now_s()
            assert await leader.mirror.flush(leader.table.generation) == 1
            assert now_s() - began_s < 0.1

    async def test_several_at_once_all_get_their_answer(self) -> None:
        leader = Controller(Shelf(), Shelf(), Shelf())
        async with mirroring(leader):
            leader.change()
            generation = leader.table.generation
            answers = await asyncio.gather(*(leader.mirror.flush(generation, enough=3) for _ in range(5)))
        assert answers == [3] * 5

    async def test_what_stands_already_costs_nothing(self) -> None:
        leader = Controller()
        async with mirroring(leader):
            await leader.up_to_date()
            leader.shelves[0].stored.clear()
            assert await leader.mirror.flush(leader.table.generation) == 1
            await asyncio.sleep(10)
        assert leader.shelves[0].stored == []

    async def test_a_generation_of_an_older_terms_table_is_no_proof(self) -> None:
        """The former leader wrote more than the new one knows; none of that is the new one's table."""
        shelf = Shelf()
        former = Controller(shelf, term=1)
        async with mirroring(former):
            for weight in range(1, 9):
                former.change(weight=weight)
            await former.up_to_date()
        leader = Controller(shelf, term=2)
        shelf.failure = Transient("cannot connect")
        async with mirroring(leader):
            assert await leader.mirror.flush(leader.table.generation) == 0


class TestTwoThatBothBelieveTheyLead:
    async def test_the_older_term_writes_nothing_over_the_newers(self) -> None:
        """At most one chunk goes where the newer's header names nothing, before the older learns of it."""
        shelf = Shelf()
        older, newer = Controller(shelf, term=3), Controller(shelf, term=4)
        async with mirroring(older, newer):
            await older.mirror.flush(3)
            await newer.up_to_date()
            standing = await table_in(shelf)
            shelf.stored.clear()
            for weight in range(1, 20):
                older.change(weight=weight)
                await asyncio.sleep(10)
        assert len(shelf.stored) <= 1
        assert HEADER not in shelf.stored
        assert await table_in(shelf) == standing == newer.table.snapshot()
        assert older.told[-1] == ("mirror eu", "a leader of term 4 has written there, this one is of term 3")
        assert older.mirror.seen_term == 4
        assert newer.told == []

    async def test_the_newer_replaces_what_the_older_still_wrote(self) -> None:
        shelf = Shelf()
        older, newer = Controller(shelf, term=3), Controller(shelf, term=4)
        async with mirroring(older):
            await older.up_to_date()
            async with mirroring(newer):
                await newer.up_to_date()
                newer.leads = False
                older.leads = True
                other = Controller(shelf, term=4, table=Table(Snapshot(generation=50, rows=(row("other"),))))
                async with mirroring(other):
                    await other.up_to_date()
                newer.change(weight=9)
                newer.leads = True
                await asyncio.sleep(2 * COALESCE_S)
        assert await table_in(shelf) == newer.table.snapshot()

    async def test_who_leads_again_at_once_knows_nothing_of_what_others_wrote_meanwhile(self) -> None:
        """Too short a break to be noticed by itself: only the term tells. Another has dropped chunks of the first."""
        shelf = Shelf()
        rows = tuple(row(f"w{number}") for number in range(ROWS_MOST * 3))
        leader = Controller(shelf, term=3, table=Table(Snapshot(rows=rows)))
        async with mirroring(leader):
            await leader.up_to_date()
            other = Controller(shelf, term=4, table=Table(leader.table.snapshot()))
            async with mirroring(other):
                for number in range(len(rows)):
                    other.change(f"w{number}", weight=7)
                await other.up_to_date()
                await asyncio.sleep(0.1)
            leader.table.adopt(other.table.snapshot())
            leader.table.begin_term(5)
            leader.change("w3", weight=9)
            await leader.up_to_date()
        assert await table_in(shelf) == leader.table.snapshot()
        assert leader.told == []

    async def test_a_table_taken_over_in_a_break_too_short_to_be_noticed_is_written(self) -> None:
        """It stands at the very generation that this controller had reached itself, with other rows."""
        leader = Controller(term=3)
        async with mirroring(leader):
            await leader.up_to_date()
            leader.table.adopt(Snapshot(term=4, generation=leader.table.generation, rows=(row("web", 7), row("api"))))
            leader.table.begin_term(5)
            await leader.up_to_date()
        assert await table_in(leader.shelves[0]) == leader.table.snapshot()

    async def test_a_store_that_hung_since_an_earlier_leadership_overwrites_nothing(self) -> None:
        shelf = Shelf()
        leader = Controller(shelf, term=3)
        async with mirroring(leader):
            await leader.up_to_date()
            shelf.hold.clear()
            leader.change(weight=5)
            await asyncio.sleep(COALESCE_S + 1)
            other = Controller(Shelf(), term=4, table=Table(Snapshot(generation=50, rows=(row("other"),))))
            async with mirroring(other):
                await other.up_to_date()
            for name, data in other.shelves[0].data.items():
                shelf.put(name, data)
            leader.leads = False
            await leader.places[0].look(1.0)
            shelf.hold.set()
            await asyncio.sleep(1)
        assert await table_in(shelf) == other.table.snapshot()

    async def test_of_two_that_write_at_the_same_moment_the_newer_stays(self) -> None:
        shelf = Shelf()
        rows = tuple(row(f"w{number}") for number in range(ROWS_MOST * 3))
        older, newer = (Controller(shelf, term=term, table=Table(Snapshot(rows=rows))) for term in (3, 4))
        async with mirroring(older, newer):
            for number in range(20):
                older.change(f"w{number}", weight=2)
                newer.change(f"w{number}", weight=3)
                await asyncio.gather(
                    older.mirror.flush(older.table.generation), newer.mirror.flush(newer.table.generation)
                )
            await asyncio.sleep(LAST_RETRY_S)
        assert await table_in(shelf) == newer.table.snapshot()


class TestWhatIsFoundThere:
    async def test_a_forged_chunk_is_told_and_written_anew(self) -> None:
        leader = Controller()
        (shelf,) = leader.shelves
        async with mirroring(leader):
            await leader.up_to_date()
            (chunk,) = set(shelf.chunks) - {HEADER}
            shelf.put(chunk, b"forged")
            await asyncio.sleep(CHECK_S + 1)
        assert await table_in(shelf) == leader.table.snapshot()
        assert leader.told == [("mirror eu", f"{chunk} is no part of a table; it is written anew")]

    async def test_a_deleted_mirror_is_written_anew(self) -> None:
        leader = Controller()
        (shelf,) = leader.shelves
        async with mirroring(leader):
            await leader.up_to_date()
            shelf.chunks.clear()
            leader.change()
            await asyncio.sleep(COALESCE_S + 0.1)
        assert await table_in(shelf) == leader.table.snapshot()

    async def test_a_mirror_of_another_key_is_told_and_written_anew(self) -> None:
        shelf = Shelf()
        former = Controller(shelf, term=9, key=b"former" * 8)
        async with mirroring(former):
            await former.up_to_date()
        leader = Controller(shelf, term=2)
        async with mirroring(leader):
            await leader.up_to_date()
        assert await table_in(shelf) == leader.table.snapshot()
        ((_, said),) = leader.told
        assert said.startswith("trafficfed-table is not authentic: it was altered, or sealed with another key")

    async def test_a_place_restored_from_a_backup_is_told_and_written_anew(self) -> None:
        leader = Controller()
        (shelf,) = leader.shelves
        async with mirroring(leader):
            await leader.up_to_date()
            backup = dict(shelf.chunks)
            leader.change(weight=2)
            await leader.up_to_date()
            leader.change(weight=3)
            await leader.up_to_date()
            shelf.chunks = backup
            await asyncio.sleep(CHECK_S + 1)
        assert await table_in(shelf) == leader.table.snapshot()
        assert leader.told == [
            ("mirror eu", "an older table has come back there, as from a backup; it is written anew"),
        ]

    async def test_another_federations_mirror_is_left_alone(self) -> None:
        shelf = Shelf()
        leader = Controller(shelf)
        stranger = Mirror(
            [MemoryPlace("eu", shelf)], Table(Snapshot(term=1)), KEY, "other", LoopClock(), leader.reports.append
        )
        async with running(stranger.run):
            await stranger.flush(0)
        before = dict(shelf.chunks)
        async with mirroring(leader):
            assert await leader.mirror.flush(0) == 0
        assert shelf.chunks == before
        ((_, said),) = leader.told
        assert said.startswith("trafficfed-table belongs to the federation 'other' and this one is 'demo'")

    async def test_a_writer_killed_in_the_middle_leaves_the_former_table(self) -> None:
        rows = tuple(row(f"w{number}") for number in range(ROWS_MOST * 3))
        leader = Controller(table=Table(Snapshot(rows=rows)))
        (shelf,) = leader.shelves
        async with mirroring(leader):
            await leader.up_to_date()
            whole = leader.table.snapshot()
            for number in range(60):
                leader.change(f"w{number}", weight=2)
            shelf.breaks_after = 2
            await leader.mirror.flush(leader.table.generation)
        assert await table_in(shelf) == whole
        shelf.breaks_after = None
        async with mirroring(leader):
            await leader.up_to_date()
        assert await table_in(shelf) == leader.table.snapshot()


class TestWhatIsNoLongerNeeded:
    async def test_a_former_leaders_chunks_go_as_they_are_replaced(self) -> None:
        shelf = Shelf()
        former = Controller(shelf, term=1)
        async with mirroring(former):
            for weight in range(1, 5):
                former.change(weight=weight)
                await former.up_to_date()
        assert len(shelf.chunks) == 3
        leader = Controller(shelf, term=2, table=Table(former.table.snapshot()))
        async with mirroring(leader):
            leader.change(weight=9)
            await leader.up_to_date()
            await asyncio.sleep(0.1)
        assert len(shelf.chunks) == 2
        assert await table_in(shelf) == leader.table.snapshot()

    async def test_what_an_interrupted_write_left_goes_too(self) -> None:
        leader = Controller()
        (shelf,) = leader.shelves
        async with mirroring(leader):
            await leader.up_to_date()
            shelf.breaks_after = 1
            leader.change(weight=2)
            await asyncio.sleep(COALESCE_S + 0.1)
            left = shelf.stored[-1]
            assert left in shelf.chunks
            shelf.breaks_after = None
            await asyncio.sleep(LAST_RETRY_S)
        assert shelf.dropped == [left]
        assert await table_in(shelf) == leader.table.snapshot()

    async def test_nothing_is_dropped_that_is_used_again(self) -> None:
        """A look at what is there finds the spare names too; a change that follows must not lose its own chunk."""
        leader = Controller()
        (shelf,) = leader.shelves
        async with mirroring(leader):
            for weight in (1, 2, 3):
                leader.change(weight=weight)
                await leader.up_to_date()
            await asyncio.sleep(CHECK_S + 1)
            leader.change(weight=4)
            await leader.up_to_date()
            await asyncio.sleep(0.1)
            assert await table_in(shelf) == leader.table.snapshot()

    async def test_without_permission_to_delete_the_table_is_kept_all_the_same(self) -> None:
        class Strict(MemoryPlace):
            async def drop(self, names: Sequence[str], deadline_s: float) -> None:
                raise Refused("403 Forbidden: cannot delete")

        shelf = Shelf()
        former = Controller(shelf, term=1)
        async with mirroring(former):
            await former.up_to_date()
        leader = Controller(shelf, term=2, places=[Strict("eu", shelf)])
        async with mirroring(leader):
            leader.change(weight=9)
            assert await leader.mirror.flush(leader.table.generation) == 1
            await asyncio.sleep(1)
            assert leader.told == [
                ("mirror eu", "chunks that are no longer needed were not deleted: 403 Forbidden: cannot delete")
            ]
        assert await table_in(shelf) == leader.table.snapshot()


class Gathered(UserDict[ServiceKey, Row]):
    """Rows that count how often all of them were asked for."""

    def __init__(self, rows: Mapping[ServiceKey, Row]) -> None:
        super().__init__()
        self.data, self.times = rows, 0  # type: ignore[assignment]

    def values(self) -> ValuesView[Row]:
        self.times += 1
        return super().values()


class TestManyRows:
    async def test_the_chunks_grow_in_number_with_the_rows(self) -> None:
        leader = Controller(table=Table(Snapshot(rows=(row("web"),))))
        (shelf,) = leader.shelves
        async with mirroring(leader):
            await leader.up_to_date()
            for number in range(3 * ROWS_MOST):
                leader.change(f"w{number}")
            await leader.up_to_date()
        assert len(shelf.chunks) > 5
        assert await table_in(shelf) == leader.table.snapshot()

    async def test_rows_too_large_for_their_chunk_get_more_chunks(self) -> None:
        rows = tuple(
            msgspec.structs.replace(row(f"w{number}"), last_good=(Random(number).randbytes(150_000).hex(),))
            for number in range(12)
        )
        leader = Controller(table=Table(Snapshot(rows=rows)))
        (shelf,) = leader.shelves
        async with mirroring(leader):
            await leader.up_to_date()
        assert len(shelf.chunks) > 3
        assert max(len(data) for data in shelf.data.values()) <= CHUNK_LIMIT
        assert await table_in(shelf) == leader.table.snapshot()
        assert leader.told == []

    async def test_one_row_too_large_for_any_chunk_is_told_once_and_ends_nothing(self) -> None:
        small = row("web")
        huge = msgspec.structs.replace(small, last_good=(Random(1).randbytes(CHUNK_LIMIT).hex(),))
        leader = Controller(table=Table(Snapshot(rows=(huge,))))
        leader.table.rows = gathered = Gathered(leader.table.rows)
        async with mirroring(leader):
            await asyncio.sleep(30)
            assert gathered.times == 1, "what cannot be is not tried again before anything has changed"
            ((name, said),) = leader.told
            assert name == "mirror"
            assert f"of which {CHUNK_LIMIT} can be kept" in said
            leader.change("web", 1)
            await leader.up_to_date()
        assert await table_in(leader.shelves[0]) == leader.table.snapshot()
