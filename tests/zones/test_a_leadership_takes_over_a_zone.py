"""From one leadership to the next: the fence first, then a reading, then what differs; wishes and causes stay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.model import Capabilities, NameChange, RecordSet, Result
from trafficfed.reports import ProviderFailed, Verified
from trafficfed.testing.publishing import ZONE, Rig
from trafficfed.zones.fence import fence_name, fence_set
from trafficfed.zones.publisher import APPLY_S
from trafficfed_providers.memory import Memory

FENCE = fence_name(ZONE)

pytestmark = pytest.mark.looptime


class Watched(Memory):
    """Remembers the order of calls, with the term that each write carried and how long it was given."""

    def __init__(self, atomicity: str = "batch", fence: str = "") -> None:
        super().__init__(atomicity=atomicity)
        self.calls: list[str] = []
        self.deadlines: list[float] = []
        self._fence_kind = fence or super().capabilities.fence

    @property
    def capabilities(self) -> Capabilities:
        found = super().capabilities
        return Capabilities(batch=found.batch, atomicity=found.atomicity, fence=self._fence_kind)

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        self.calls.append("read")
        return await super().read(zone, deadline_s)

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        self.calls.append("look")
        return tuple(found for found in self.zone(zone) if found.name in names)

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        guard = fence.values[0].rpartition("=")[2].strip('"') if fence else "-"
        self.calls += [f"{change.name.partition('.')[0]} under {guard}" for change in changes]
        self.deadlines.append(deadline_s)
        return await super().apply(zone, changes, deadline_s, fence)


@asynccontextmanager
async def unled(rig: Rig) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(rig.publisher.run())
        yield
        task.cancel()


def failures(rig: Rig) -> list[str]:
    return [event.message for event in rig.said(ProviderFailed) if isinstance(event, ProviderFailed)]


async def test_the_fence_is_raised_before_the_zone_is_read_and_guards_every_write() -> None:
    watched = Watched()
    rig = Rig(watched)
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(1)
        rig.want("web", "192.0.2.2", known=("192.0.2.1", "192.0.2.2"))
        await asyncio.sleep(1)
    assert watched.calls == ["look", "_trafficfed under -", "look", "read", "web under 7", "web under 7"]
    assert rig.publisher.seen_term == 7


async def test_without_an_electorate_there_is_no_fence() -> None:
    watched = Watched()
    rig = Rig(watched)
    rig.want("web", "192.0.2.1")
    async with unled(rig):
        await asyncio.sleep(1)
    assert watched.calls == ["read", "web under -"]
    assert rig.publisher.seen_term == 0


async def test_a_fence_that_stands_changes_nothing_for_one_without_an_electorate(memory: Memory, rig: Rig) -> None:
    """Leadership may be switched off again: the record that stays behind is no obstacle, and nobody's to delete."""
    memory.write_by_hand(ZONE, fence_set(ZONE, "prod", 7))
    rig.publisher.view_complete(True)
    rig.want("web", "192.0.2.1")
    async with unled(rig):
        await asyncio.sleep(2000)
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert (rig.term(), rig.publisher.seen_term, rig.reasons()) == (7, 7, [])


async def test_a_second_run_of_the_same_term_writes_nothing(memory: Memory, rig: Rig) -> None:
    for number in range(20):
        rig.want(f"n{number}", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(5)
    writes, zone = memory.writes, memory.zone(ZONE)
    async with rig.leading(7):
        await asyncio.sleep(2000)
    again = Rig(memory)
    for number in reversed(range(20)):
        again.want(f"n{number}", "192.0.2.1")
    async with again.leading(7):
        await asyncio.sleep(2000)
    assert (memory.writes, memory.zone(ZONE)) == (writes, zone)


async def test_a_new_term_over_a_zone_that_is_right_writes_its_fence_and_nothing_else(memory: Memory, rig: Rig) -> None:
    for number in range(20):
        rig.want(f"n{number}", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(5)
    writes = memory.writes
    async with rig.leading(8):
        await asyncio.sleep(2000)
    assert memory.writes == writes + 1
    assert rig.term() == 8


async def test_the_fence_is_neither_ours_to_delete_nor_foreign_to_report(memory: Memory, rig: Rig) -> None:
    rig.publisher.view_complete(True)
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(2000)
        assert (rig.publisher.names, rig.publisher.held, rig.reasons()) == (1, (), [])
        assert rig.publisher.pending().changes == ()
    assert rig.term() == 7


async def test_no_service_is_given_the_fences_name(memory: Memory, rig: Rig) -> None:
    rig.want("web", "192.0.2.1", names=(FENCE,))
    async with rig.leading(7):
        await asyncio.sleep(5)
    assert rig.reasons() == ["ReservedName"]
    assert [found.type for found in memory.zone(ZONE)] == ["TXT"]


async def test_what_left_while_another_one_led_leaves_with_its_cause(memory: Memory) -> None:
    """The former leader died with the region whose address it should have taken out."""
    former, standby = Rig(memory), Rig(memory)
    addresses = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    for rig in (former, standby):
        rig.publisher.view_complete(True)
        rig.want("web", *addresses)
    async with former.leading(7):
        await asyncio.sleep(5)
    standby.want("web", "192.0.2.2", "192.0.2.3", departed=("192.0.2.1",))
    standby.want("web", "192.0.2.3", departed=("192.0.2.2",))
    async with standby.leading(8):
        await asyncio.sleep(1)
        assert standby.at("web") == {"A": ("192.0.2.3",)}
        assert standby.publisher.held == ()


async def test_one_that_led_before_does_not_judge_causes_by_what_it_once_read(memory: Memory) -> None:
    """The address came and went while another one led: this one has never seen it published."""
    first, second = Rig(memory), Rig(memory)
    for rig in (first, second):
        rig.publisher.view_complete(True)
        rig.want("web", "192.0.2.1")
    async with first.leading(7):
        await asyncio.sleep(5)
    for rig in (first, second):
        rig.want("web", *(f"192.0.2.{number}" for number in range(1, 5)))
    async with second.leading(8):
        await asyncio.sleep(5)
        assert len(second.at("web")["A"]) == 4
    first.want("web", "192.0.2.1", departed=tuple(f"192.0.2.{number}" for number in range(2, 5)))
    first.want("web", "192.0.2.1")
    async with first.leading(9):
        await asyncio.sleep(5)
        assert first.at("web") == {"A": ("192.0.2.1",)}
        assert first.publisher.held == ()


async def test_it_is_loading_again_once_it_leads_no_more(memory: Memory, rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(5)
        assert (rig.publisher.state, rig.publisher.names) == ("Ready", 1)
    assert (rig.publisher.state, rig.publisher.message, rig.publisher.names) == ("Loading", "", 0)


async def test_nothing_is_written_once_the_lease_has_run_out_and_all_when_it_is_renewed(rig: Rig) -> None:
    lease = [10.0]
    async with rig.leading(7, lambda: lease[0]):
        await asyncio.sleep(1)
        lease[0] = 0.0
        rig.want("web", "192.0.2.1")
        await asyncio.sleep(60)
        assert rig.at("web") == {}
        assert set(failures(rig)) == {"the lease of term 7 has run out: nothing is written until this controller leads"}
        lease[0] = 10.0
        await asyncio.sleep(60)
        assert rig.at("web") == {"A": ("192.0.2.1",)}
        assert (rig.publisher.state, rig.fenced) == ("Ready", [])


async def test_a_lease_that_runs_out_amid_many_batches_stops_before_the_next(memory: Memory, rig: Rig) -> None:
    batches = 3
    left = iter((10.0, *[10.0] * batches))
    for number in range(1000):
        rig.want(f"n{number}", "192.0.2.1")
    async with rig.leading(7, lambda: next(left, 0.0)):
        await asyncio.sleep(20)
        assert rig.publisher.names == batches * memory.capabilities.batch


async def test_not_even_the_fence_is_raised_without_a_lease(memory: Memory, rig: Rig) -> None:
    async with rig.leading(7, lambda: 0.0):
        await asyncio.sleep(60)
    assert (memory.writes, rig.fenced) == (0, [])


async def test_where_the_fence_is_no_condition_a_new_leader_outwaits_the_former_ones_calls_and_reads_after() -> None:
    watched = Watched("none")
    rig = Rig(watched)
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(APPLY_S - 0.1)
        assert watched.calls == ["look", "_trafficfed under -", "look"]
        await asyncio.sleep(0.2)
        assert watched.calls[3:] == ["read", "web under 7"]


async def test_where_the_fence_is_no_condition_a_call_ends_before_the_lease_does() -> None:
    watched = Watched("none")
    rig = Rig(watched)
    async with rig.leading(7, lambda: 4.5):
        await asyncio.sleep(APPLY_S + 1)
        rig.want("web", "192.0.2.1")
        await asyncio.sleep(1)
    assert watched.deadlines == [4.5, 4.5]


async def test_where_the_fence_is_a_condition_a_call_may_take_its_whole_time() -> None:
    watched = Watched()
    rig = Rig(watched)
    rig.want("web", "192.0.2.1")
    async with rig.leading(7, lambda: 4.5):
        await asyncio.sleep(1)
    assert watched.deadlines == [APPLY_S, APPLY_S]


async def test_a_provider_without_fences_is_waited_for_and_given_none() -> None:
    watched = Watched("none", fence="none")
    rig = Rig(watched)
    rig.want("web", "192.0.2.1")
    async with rig.leading(7, lambda: 4.5):
        await asyncio.sleep(APPLY_S - 0.1)
        assert watched.calls == []
        await asyncio.sleep(1)
    assert watched.calls == ["read", "web under -"]
    assert watched.deadlines == [4.5]


async def test_a_fence_that_somebody_took_away_is_raised_again_and_said(memory: Memory, rig: Rig) -> None:
    async with rig.leading(7):
        await asyncio.sleep(1)
        memory.erase_by_hand(ZONE, FENCE, "TXT")
        rig.want("web", "192.0.2.1")
        await asyncio.sleep(5)
        assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert (rig.term(), rig.fenced) == (7, [])
    (message,) = failures(rig)
    assert message.endswith("it is gone; it is raised again, and the zone is read anew")


async def test_a_fence_that_was_set_back_is_raised_again(memory: Memory, rig: Rig) -> None:
    """The zone was restored from a backup."""
    async with rig.leading(7):
        await asyncio.sleep(1)
        memory.write_by_hand(ZONE, fence_set(ZONE, "prod", 2))
        rig.want("web", "192.0.2.1")
        await asyncio.sleep(5)
        assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert (rig.term(), rig.fenced) == (7, [])


async def test_a_scan_that_began_before_the_zone_was_read_anew_is_dropped() -> None:
    """It would bring back what stood there before."""

    class SlowOnce(Memory):
        slow_s = 0.0

        async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
            found = await super().read(zone, deadline_s)
            slow_s, self.slow_s = self.slow_s, 0.0
            await asyncio.sleep(slow_s)
            return found

    memory = SlowOnce()
    rig = Rig(memory)
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(890)
        memory.slow_s = 60.0
        await asyncio.sleep(30)
        assert memory.slow_s == 0
        rig.by_hand("web", "A", "198.51.100.7")
        memory.erase_by_hand(ZONE, FENCE, "TXT")
        rig.want("shop", "192.0.2.1")
        await asyncio.sleep(5)
        assert rig.reasons() == ["ContentChanged"]
        await asyncio.sleep(60)
        assert rig.reasons() == ["ContentChanged"]


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (fence_set(ZONE, "dev", 9), "is the fence of owner dev, and this controller's owner is prod"),
        (RecordSet(name=FENCE, type="TXT", ttl=60, values=('"note"',)), 'holds "note", which is no fence of ours'),
    ],
)
async def test_what_stands_in_the_fences_place_is_said_once_a_minute_until_somebody_acts(
    memory: Memory, rig: Rig, standing: RecordSet, said: str
) -> None:
    memory.write_by_hand(ZONE, standing)
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(130)
        assert len(failures(rig)) == 3
        assert said in rig.publisher.message
        assert (rig.publisher.state, memory.writes, rig.fenced) == ("Loading", 0, [])
        memory.erase_by_hand(ZONE, FENCE, "TXT")
        await asyncio.sleep(60)
    assert rig.at("web") == {"A": ("192.0.2.1",)}


async def test_an_outage_during_the_takeover_is_waited_out(memory: Memory, rig: Rig) -> None:
    memory.be_away("maintenance")
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(20)
        memory.be_away("")
        await asyncio.sleep(40)
        assert rig.at("web") == {"A": ("192.0.2.1",)}


async def test_a_provider_is_reached_from_the_fence_on_and_not_during_an_outage(memory: Memory, rig: Rig) -> None:
    memory.be_away("maintenance")
    rig.want("web", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(5)
        assert not rig.publisher.reaches
        memory.be_away("")
        await asyncio.sleep(30)
        assert rig.publisher.reaches
        memory.be_away("again")
        rig.want("web", "192.0.2.2", known=("192.0.2.1",))
        await asyncio.sleep(5)
        assert not rig.publisher.reaches
        memory.be_away("")
        await asyncio.sleep(60)
        assert rig.publisher.reaches
    assert not rig.publisher.reaches


async def test_a_provider_is_reached_while_the_former_leaders_calls_are_outwaited() -> None:
    rig = Rig(Memory(atomicity="none"))
    async with rig.leading(7):
        await asyncio.sleep(APPLY_S / 2)
        assert (rig.publisher.state, rig.publisher.reaches) == ("Loading", True)


async def test_a_standby_learns_the_term_and_whether_the_provider_answers_by_looking_only() -> None:
    watched = Watched()
    leader, standby = Rig(watched), Rig(watched)
    async with leader.leading(7):
        await asyncio.sleep(1)
    watched.calls.clear()
    await standby.publisher.probe()
    assert (standby.publisher.seen_term, watched.calls) == (7, ["look"])
    watched.erase_by_hand(ZONE, FENCE, "TXT")
    await standby.publisher.probe()
    assert standby.publisher.seen_term == 0


async def test_a_probe_raises_what_the_provider_does() -> None:
    class Refusing(Memory):
        async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
            raise Refused("the key is not known")

    away = Memory()
    away.be_away("maintenance")
    with pytest.raises(Transient, match="maintenance"):
        await Rig(away).publisher.probe()
    with pytest.raises(Refused, match="the key is not known"):
        await Rig(Refusing()).publisher.probe()


class Answered(Memory):
    """Never has at its name servers what was written."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(batch=100, atomicity="batch", fence="atomic", tracks=True)

    async def in_sync(self, deadline_s: float) -> bool:
        await asyncio.sleep(100)
        return False


async def test_what_a_former_run_expected_of_the_name_servers_is_no_concern_of_the_next() -> None:
    """Another leader may have changed the names meanwhile: the answers are right, not what we wrote long ago."""
    rig = Rig(Answered())
    for number in range(100):
        rig.want(f"n{number}", "192.0.2.1")
    async with rig.leading(7):
        await asyncio.sleep(5)
    async with rig.leading(8):
        await asyncio.sleep(1500)
    assert rig.said(Verified) == []
