"""Whoever can publish nowhere for a lease time should not lead while another controller says that it can."""

import asyncio
from collections.abc import Sequence

import pytest

from trafficfed.errors import Transient
from trafficfed.model import NameChange, RecordSet, Result
from trafficfed.roles.leading import Reach, highest_term
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing.controlling import ZONE, Bench
from trafficfed.testing.folding import balanced
from trafficfed.zones.fence import fence_set
from trafficfed.zones.publication import Publication
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

LEASE_S = 10.0
EU = balanced("web", "web.example.org", ["192.0.2.1"])


class Cut(Memory):
    """A provider that this controller may be cut off from."""

    cut = False

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        self._check()
        return await super().read(zone, deadline_s)

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        self._check()
        return await super().read_names(zone, names, deadline_s)

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        self._check()
        return await super().apply(zone, changes, deadline_s, fence)

    def _check(self) -> None:
        if self.cut:
            raise Transient("no route to host")


async def leading(bench: Bench) -> None:
    bench.listed("eu", EU)
    bench.listed("us")
    await asyncio.sleep(2)
    bench.election.elect(1)
    await asyncio.sleep(3)


async def test_a_leader_that_publishes_stays() -> None:
    bench = Bench(Cut(), elected=False)
    reach = Reach(bench.controller.publication, bench.clock, LEASE_S)
    async with bench.running():
        await leading(bench)
        reach.begin()
        await asyncio.sleep(3 * LEASE_S)
        assert not reach.gives_way(others_can=True)
        assert reach.is_good


async def test_one_that_is_cut_off_gives_way_after_a_lease_and_only_to_whoever_can() -> None:
    bench = Bench(cut := Cut(), elected=False)
    reach = Reach(bench.controller.publication, bench.clock, LEASE_S)
    async with bench.running():
        await leading(bench)
        assert not reach.gives_way(others_can=True)
        cut.cut = True
        bench.upsert("eu", balanced("web", "web.example.org", ["192.0.2.9"]))
        await asyncio.sleep(3)
        assert not reach.gives_way(others_can=True)
        await asyncio.sleep(LEASE_S)
        assert not reach.gives_way(others_can=False)
        assert reach.gives_way(others_can=True)
        assert not reach.is_good


async def test_one_that_does_not_lead_finds_out_by_reading_the_fence() -> None:
    bench = Bench(cut := Cut(), elected=False)
    reach = Reach(bench.controller.publication, bench.clock, LEASE_S)
    assert not reach.is_good
    await reach.look()
    assert reach.is_good
    cut.cut = True
    await reach.look()
    assert not reach.is_good


async def test_zones_are_read_ahead_where_a_leader_has_fallen_silent_and_failures_are_left_for_later() -> None:
    bench = Bench(cut := Cut(), elected=False)
    reach = Reach(bench.controller.publication, bench.clock, LEASE_S)
    await reach.prepare()
    cut.cut = True
    await reach.prepare()


async def test_without_record_sets_to_write_there_is_nothing_to_reach() -> None:
    bench = Bench(Memory(), elected=False)
    reach = Reach(Publication([ZONE], bench.clock, bench.reports.append), bench.clock, LEASE_S)
    assert reach.is_good
    await asyncio.sleep(3 * LEASE_S)
    assert not reach.gives_way(others_can=True)


async def test_terms_are_met_at_the_table_in_fences_and_wherever_else() -> None:
    bench = Bench(memory := Memory(), elected=False)
    await memory.apply(ZONE.name, (NameChange(name="x", after=(fence_set(ZONE.name, "test", 9),)),), 1.0)
    await Reach(bench.controller.publication, bench.clock, LEASE_S).look()
    table = Table(Snapshot(term=4))
    assert highest_term(table, bench.controller.publication, 3, 0) == 9
    assert highest_term(table, bench.controller.publication, 12) == 12
