"""Everyone decides, one writes: a controller among several in virtual time, and what an election makes it do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from trafficfed.errors import Refused
from trafficfed.model import Row
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing.controlling import ZONE, Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])


def published(memory: Memory) -> tuple[str, ...]:
    return tuple(value for found in memory.zone(ZONE.name) if found.type == "A" for value in found.values)


def fences(memory: Memory) -> tuple[str, ...]:
    return tuple(found.values[0] for found in memory.zone(ZONE.name) if found.name == f"_trafficfed.{ZONE.name}")


async def a_table() -> Snapshot:
    """What another controller has made of the same clusters."""
    other = Bench(Memory())
    async with other.running():
        other.listed("eu", EU)
        other.listed("us", US)
        await asyncio.sleep(3)
    return other.table.snapshot()


def seen(bench: Bench) -> None:
    bench.listed("eu", EU)
    bench.listed("us", US)


@asynccontextmanager
async def standing_by() -> AsyncIterator[tuple[Bench, Memory]]:
    """A controller that has seen what the leader has, and holds its table."""
    bench = Bench(memory := Memory(), elected=False)
    async with bench.running():
        seen(bench)
        bench.controller.mirror(await a_table())
        yield bench, memory


async def test_who_was_not_elected_publishes_nothing() -> None:
    async with standing_by() as (bench, memory):
        await asyncio.sleep(60)
        assert memory.zone(ZONE.name) == ()
        assert not bench.deltas
        assert not bench.works


async def test_who_is_elected_publishes_the_leaders_table_behind_a_fence() -> None:
    async with standing_by() as (bench, memory):
        await asyncio.sleep(3)
        bench.election.elect(4)
        await asyncio.sleep(1)
        assert published(memory) == ("192.0.2.1", "198.51.100.1")
        assert fences(memory) == ('"trafficfed/1 owner=test term=4"',)
        assert bench.table.term == 4
        assert bench.works == 1


async def test_a_death_that_the_last_leader_did_not_live_to_see_is_out_with_the_first_write() -> None:
    async with standing_by() as (bench, memory):
        bench.down.add("192.0.2.1")
        await asyncio.sleep(10)
        bench.election.elect(2)
        await asyncio.sleep(0.5)
        assert published(memory) == ("198.51.100.1",)


async def test_who_leads_no_more_writes_no_more_and_its_work_ends() -> None:
    async with standing_by() as (bench, memory):
        await asyncio.sleep(3)
        bench.election.elect(2)
        await asyncio.sleep(3)
        bench.election.depose()
        await asyncio.sleep(1)
        before, generation = memory.zone(ZONE.name), bench.table.generation
        bench.upsert("eu", balanced("new", "new.example.org", ["192.0.2.9"]))
        bench.down.add("198.51.100.1")
        await asyncio.sleep(30)
        assert memory.zone(ZONE.name) == before
        assert bench.table.generation == generation
        assert not bench.works


async def test_who_leads_again_publishes_what_happened_meanwhile_under_a_new_fence() -> None:
    async with standing_by() as (bench, memory):
        await asyncio.sleep(3)
        bench.election.elect(2)
        await asyncio.sleep(3)
        bench.election.depose()
        bench.remove("us", US)
        await asyncio.sleep(3)
        bench.election.elect(3)
        await asyncio.sleep(1)
        assert published(memory) == ("192.0.2.1",)
        assert fences(memory) == ('"trafficfed/1 owner=test term=3"',)


async def test_a_lease_that_ran_out_unnoticed_commits_nothing_more() -> None:
    """As after SIGSTOP: nobody has told the controller that it leads no more, its own clock does."""
    async with standing_by() as (bench, _):
        await asyncio.sleep(3)
        bench.election.elect(2, for_s=5)
        await asyncio.sleep(10)
        generation = bench.table.generation
        bench.upsert("eu", balanced("new", "new.example.org", ["192.0.2.9"]))
        await asyncio.sleep(5)
        assert bench.table.generation == generation
        assert not bench.controller.pipeline.leads


async def test_a_new_fleets_names_are_published_once_they_were_probed() -> None:
    """Of two endpoints that nobody knows yet, the dead one is never given out."""
    bench = Bench(memory := Memory(), elected=False)
    bench.down.add("192.0.2.1")
    seen_published: list[tuple[str, ...]] = []
    async with bench.running():
        seen(bench)
        await asyncio.sleep(1)
        bench.election.elect(1)
        for _ in range(200):
            await asyncio.sleep(0.05)
            seen_published.append(published(memory))
    assert seen_published[-1] == ("198.51.100.1",)
    assert set(seen_published) == {(), ("198.51.100.1",)}


async def test_a_new_fleet_counts_its_generations_from_the_time() -> None:
    bench = Bench(Memory(), elected=False)
    async with bench.running():
        seen(bench)
        await asyncio.sleep(1)
        begun_s = bench.clock.now_s()
        bench.election.elect(1)
        await asyncio.sleep(1)
        assert bench.table.generation >= int(begun_s) > 0


async def test_a_table_that_an_elector_has_newer_is_taken_first() -> None:
    newer = await a_table()
    bench = Bench(memory := Memory(), elected=False, newest=newer)
    bench.current = False
    async with bench.running():
        await asyncio.sleep(16)
        bench.election.elect(5)
        await asyncio.sleep(1)
        assert bench.asked == 1
        assert bench.table.rows.keys() == {row.key for row in newer.rows}
        assert published(memory) == ("192.0.2.1", "198.51.100.1")


async def test_a_table_heard_from_the_leader_itself_is_not_asked_for() -> None:
    bench = Bench(Memory(), elected=False)
    async with bench.running():
        bench.controller.mirror(await a_table())
        seen(bench)
        await asyncio.sleep(3)
        bench.election.elect(2)
        await asyncio.sleep(1)
        assert bench.asked == 0


async def test_a_table_of_a_higher_term_ends_the_leadership_before_it_began() -> None:
    newer = Snapshot(term=9, generation=5)
    bench = Bench(memory := Memory(), elected=False, newest=newer)
    bench.current = False
    async with bench.running():
        await asyncio.sleep(16)
        bench.election.elect(5)
        await asyncio.sleep(1)
        assert bench.election.released == [0.0]
        assert bench.election.noted == 9
        assert memory.zone(ZONE.name) == ()


async def test_a_table_of_our_own_term_or_older_is_not_taken_while_we_lead() -> None:
    bench = Bench(Memory(), elected=False)
    async with bench.running():
        table = await a_table()
        bench.controller.mirror(table)
        await asyncio.sleep(16)
        bench.election.elect(2)
        await asyncio.sleep(1)
        with pytest.raises(Refused, match="leads term 2"):
            bench.controller.mirror(table)
        with pytest.raises(Refused, match="leads term 2"):
            bench.controller.mirror_change(Delta(term=2, generation=bench.table.generation + 1))


async def test_holders_hear_of_a_whole_table_once_and_then_of_every_change() -> None:
    bench = Bench(Memory(), elected=False)
    async with bench.running():
        table = await a_table()
        bench.controller.mirror(table)
        assert bench.replaced == 1
        row: Row = table.rows[0]
        delta = Table(table).commit(removed=[row.key])
        assert delta is not None
        bench.controller.mirror_change(delta)
        assert bench.deltas == [delta]
        assert not bench.table.rows
        bench.election.elect(table.term + 1)
        await asyncio.sleep(0.1)
        assert bench.replaced == 2
