"""The running controller in virtual time: events and probes in; disk, zone and reports out, in order and when due."""

import asyncio

import pytest

from trafficfed.model import Freshness, Outcome
from trafficfed.reports import Decided, Published
from trafficfed.table.table import Table
from trafficfed.testing.controlling import ZONE, Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])


def published(memory: Memory, name: str = "web.example.org", rdtype: str = "A") -> tuple[str, ...]:
    found = [each.values for each in memory.zone(ZONE.name) if (each.name, each.type) == (name, rdtype)]
    return found[0] if found else ()


async def settled(bench: Bench) -> None:
    """Both clusters listed, everything probed and published."""
    bench.listed("eu", EU)
    bench.listed("us", US)
    await asyncio.sleep(5)


async def test_nothing_is_written_before_every_cluster_has_answered() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        bench.listed("eu", EU)
        await asyncio.sleep(5)
        assert memory.writes == 0
        assert bench.operations.ready() == (False, ("cluster us has not answered yet",))
        bench.listed("us", US)
        await asyncio.sleep(5)
        assert published(memory) == ("192.0.2.1", "198.51.100.1")
        assert bench.operations.ready() == (True, ())


async def test_a_silent_cluster_holds_the_start_up_only_so_long() -> None:
    bench = Bench(memory := Memory(), settle_s=15.0)
    async with bench.running():
        bench.listed("eu", EU)
        await asyncio.sleep(14)
        assert memory.writes == 0
        await asyncio.sleep(2)
        assert published(memory) == ("192.0.2.1",)


async def test_a_dead_target_leaves_and_returns_after_its_hold() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        await settled(bench)
        bench.down.add("192.0.2.1")
        await asyncio.sleep(2 + 2 * 1 + 1)
        assert published(memory) == ("198.51.100.1",)
        bench.down.clear()
        await asyncio.sleep(3)
        assert published(memory) == ("198.51.100.1",), "rise and hold are not over"
        await asyncio.sleep(12)
        assert published(memory) == ("192.0.2.1", "198.51.100.1")


async def test_the_disk_hears_of_a_change_before_the_zone_does() -> None:
    bench = Bench(memory := Memory())
    at_delta: list[tuple[str, ...]] = []
    async with bench.running():
        await settled(bench)
        bench.on_append = lambda: at_delta.append(published(memory))
        bench.upsert("eu", balanced("web", "web.example.org", ["192.0.2.9"]))
        await asyncio.sleep(5)
        assert published(memory) == ("192.0.2.9", "198.51.100.1")
    assert at_delta[0] == ("192.0.2.1", "198.51.100.1")


async def test_a_deletion_that_was_seen_takes_the_records_away_at_once() -> None:
    bench = Bench(memory := Memory(), ["eu"])
    async with bench.running():
        bench.listed("eu", EU)
        await asyncio.sleep(3)
        assert published(memory) == ("192.0.2.1",)
        bench.remove("eu", EU)
        await asyncio.sleep(0.5)
        assert memory.zone(ZONE.name) == ()


async def test_a_restart_over_the_same_table_writes_nothing_while_a_cluster_is_away() -> None:
    first = Bench(memory := Memory())
    async with first.running():
        await settled(first)
    writes = memory.writes
    second = Bench(memory, table=Table(first.table.snapshot()))
    async with second.running():
        second.listed("us", US)
        second.lost("eu")
        await asyncio.sleep(5)
        assert memory.writes == writes
        assert published(memory) == ("192.0.2.1", "198.51.100.1")
        assert second.table.sources["eu"].freshness is Freshness.STALE


async def test_a_lost_table_takes_nothing_from_the_zone_before_all_was_seen() -> None:
    first = Bench(memory := Memory())
    async with first.running():
        await settled(first)
    second = Bench(memory)
    async with second.running():
        second.listed("us", US)
        second.lost("eu")
        await asyncio.sleep(60)
        assert published(memory) == ("192.0.2.1", "198.51.100.1")
        assert [refusal.reason for refusal in second.operations.status().refusals] == ["IncompleteView"]
        plan = second.operations.plan()
        assert plan.incomplete == ("cluster eu was never seen: what it offers is not known",)


async def test_load_balancers_names_are_resolved_and_followed() -> None:
    bench = Bench(memory := Memory(), ["eu", "us"])
    bench.lookups["lb.example.net"] = ("192.0.2.7",)
    async with bench.running():
        bench.listed("eu", balanced("web", "web.example.org", ["lb.example.net"]))
        bench.listed("us", US)
        await asyncio.sleep(5)
        assert published(memory) == ("192.0.2.7", "198.51.100.1")
        bench.lookups["lb.example.net"] = ("192.0.2.8",)
        await asyncio.sleep(40)
        assert published(memory) == ("192.0.2.8", "198.51.100.1")


async def test_delays_are_measured_from_the_event_to_the_publication() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        bench.reports.clear()
        bench.upsert("eu", balanced("web", "web.example.org", ["192.0.2.9"]))
        await asyncio.sleep(0.5)
    outcomes = {each.provider: each for each in bench.reports if isinstance(each, Published)}
    assert outcomes.keys() == {"zone", "own"}
    assert all(each.outcome is Outcome.DONE and each.since_event_s < 0.5 for each in outcomes.values())
    assert any(isinstance(each, Decided) and each.cause == "object" for each in bench.reports)
