"""Leads, relays or alone: what a controller's table is worth to whoever follows it, and how it follows the leader's."""

import asyncio

import pytest

from trafficfed.errors import Refused
from trafficfed.feed.messages import Beat, Overlay, Standing
from trafficfed.roles.following import LeadersTable
from trafficfed.roles.source import ControllerSource
from trafficfed.table.codec import encode_delta, encode_snapshot
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing.controlling import Bench
from trafficfed.testing.sample_zone import EU, anyone, service_row
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

LEASE_S = 10.0
ROW = service_row("web.example.org", anyone(EU), name="web")


class Beside:
    """A controller that does not lead, its source, and the leader's table as it follows it."""

    def __init__(self) -> None:
        self.bench = Bench(Memory(), elected=False)
        self.highest_term = 0
        self.source = ControllerSource(
            self.bench.controller,
            self.bench.clock,
            LEASE_S,
            lambda: self.bench.election.leads,
            lambda: "eu",
            lambda: self.highest_term,
            lambda: True,
        )
        self.table = LeadersTable(self.bench.controller, self.source.heard)


async def test_who_never_heard_a_leader_is_alone() -> None:
    assert Beside().source.standing() is Standing.ALONE


async def test_who_holds_what_its_leader_confirmed_relays_it_for_a_lease() -> None:
    beside = Beside()
    leader = Table(Snapshot(term=2, generation=7, rows=(ROW,)))
    await beside.table.take_full("e1", encode_snapshot(leader.snapshot()))
    assert beside.source.standing() is Standing.RELAYS
    await asyncio.sleep(LEASE_S - 0.1)
    assert beside.source.standing() is Standing.RELAYS
    beside.table.take_beat(Beat(2, 7))
    await asyncio.sleep(LEASE_S - 0.1)
    assert beside.source.standing() is Standing.RELAYS
    await asyncio.sleep(0.2)
    assert beside.source.standing() is Standing.ALONE
    assert beside.source.heard_s() > LEASE_S


async def test_who_knows_of_a_newer_leader_and_lacks_its_table_relays_nobodys() -> None:
    beside = Beside()
    await beside.table.take_full("e1", encode_snapshot(Snapshot(term=2, generation=7)))
    beside.highest_term = 3
    assert beside.source.standing() is Standing.ALONE


async def test_who_leads_leads_until_its_lease_has_run_out() -> None:
    beside = Beside()
    async with beside.bench.running():
        await asyncio.sleep(16)
        beside.bench.election.elect(3, for_s=5)
        await asyncio.sleep(1)
        assert beside.source.standing() is Standing.LEADS
        assert beside.source.heard_s() == 0.0
        await asyncio.sleep(5)
        assert beside.source.standing() is Standing.ALONE


async def test_changes_follow_the_table_and_go_on_to_whoever_follows_us() -> None:
    beside = Beside()
    leader = Table(Snapshot(term=2, generation=7))
    await beside.table.take_full("e1", encode_snapshot(leader.snapshot()))
    assert beside.table.epoch == "e1"
    delta = leader.commit([ROW])
    assert delta is not None
    await beside.table.take_change(encode_delta(delta))
    assert beside.bench.table.snapshot() == leader.snapshot()
    assert beside.bench.deltas == [delta]
    position = beside.table.position
    assert (position.epoch, position.term, position.generation, position.services) == ("e1", 2, 8, 1)


async def test_a_change_that_does_not_follow_has_the_whole_table_asked_for() -> None:
    beside = Beside()
    leader = Table(Snapshot(term=2, generation=7))
    await beside.table.take_full("e1", encode_snapshot(leader.snapshot()))
    leader.commit([ROW])
    later = leader.commit(removed=[ROW.key])
    assert later is not None
    with pytest.raises(Refused, match="ask for a snapshot"):
        await beside.table.take_change(encode_delta(later))
    assert beside.table.position.epoch == ""
    assert beside.bench.table.generation == 7


async def test_a_beat_from_elsewhere_has_the_whole_table_asked_for_and_counts_as_nothing_heard() -> None:
    beside = Beside()
    await beside.table.take_full("e1", encode_snapshot(Snapshot(term=2, generation=7)))
    await asyncio.sleep(LEASE_S)
    with pytest.raises(Refused, match="asking for a snapshot"):
        beside.table.take_beat(Beat(2, 8))
    assert beside.table.position.epoch == ""
    assert beside.source.standing() is Standing.ALONE


async def test_a_table_of_an_older_term_is_refused_and_the_history_stays_the_one_it_was() -> None:
    beside = Beside()
    await beside.table.take_full("e2", encode_snapshot(Snapshot(term=3, generation=1)))
    with pytest.raises(Refused, match="term"):
        await beside.table.take_full("e1", encode_snapshot(Snapshot(term=2, generation=9)))
    assert beside.table.epoch == "e2"
    assert beside.bench.table.term == 3


async def test_what_others_judge_without_a_leader_is_taken_from_nobody() -> None:
    with pytest.raises(Refused, match="a leader judges nothing otherwise"):
        Beside().table.take_overlay(Overlay(2, b""))
