"""Two publishers that both believe they lead: nothing of the older one's is written, and it is told so once."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import RecordSet
from trafficfed.reports import ProviderFailed, Published
from trafficfed.testing.publishing import ZONE, Rig
from trafficfed.zones.fence import fence_set
from trafficfed_providers.memory import Memory

OLD, NEW = "192.0.2.66", "192.0.2.1"
BOTH = (OLD, NEW, "192.0.2.7")

pytestmark = pytest.mark.looptime


def pair(memory: Memory) -> tuple[Rig, Rig]:
    return Rig(memory), Rig(memory)


def values(memory: Memory) -> set[str]:
    return {value for found in memory.zone(ZONE) if found.type == "A" for value in found.values}


def failures(rig: Rig) -> list[ProviderFailed]:
    return [event for event in rig.said(ProviderFailed) if isinstance(event, ProviderFailed)]


async def test_the_older_one_stops_at_its_next_write_and_is_told_the_term(memory: Memory) -> None:
    older, newer = pair(memory)
    older.want("web", "192.0.2.7")
    async with older.leading(3):
        await asyncio.sleep(1)
        newer.want("web", NEW, known=BOTH)
        async with newer.leading(4):
            await asyncio.sleep(1)
            zone, writes = memory.zone(ZONE), memory.writes
            older.want("web", OLD, known=BOTH)
            older.want("shop", OLD)
            await asyncio.sleep(5)
            assert (memory.zone(ZONE), memory.writes) == (zone, writes)
    assert older.fenced == [4]
    assert newer.fenced == []
    (failure,) = failures(older)
    assert failure.message.startswith("another controller leads: the fence _trafficfed.fed.test no longer says")
    assert failure.retry_s == 0.0
    assert (older.publisher.state, older.publisher.message) == ("Failing", failure.message)
    assert older.publisher.seen_term == newer.publisher.seen_term == 4


async def test_one_that_was_held_up_amid_a_batch_writes_nothing_of_the_rest(memory: Memory) -> None:
    older, newer = pair(memory)
    for number in range(30):
        older.want(f"n{number}", OLD)
        newer.want(f"n{number}", NEW, known=BOTH)
    memory.hold_after(1 + 20)
    async with older.leading(3):
        await asyncio.sleep(1)
        assert memory.writes == 21
        memory.hold_after(1000)
        async with newer.leading(4):
            await asyncio.sleep(1)
            zone = memory.zone(ZONE)
            memory.let_go()
            await asyncio.sleep(5)
            assert memory.zone(ZONE) == zone
    assert values(memory) == {NEW}
    assert older.fenced == [4]


async def test_after_it_was_fenced_it_does_not_even_ask_any_more(memory: Memory) -> None:
    older, newer = pair(memory)
    async with older.leading(3):
        await asyncio.sleep(1)
        async with newer.leading(4):
            await asyncio.sleep(1)
            older.want("web", OLD)
            await asyncio.sleep(5)
        told, writes = len(older.reports), memory.writes
        for number in range(5):
            older.want(f"n{number}", OLD)
            await asyncio.sleep(600)
        assert (older.reports[told:], memory.writes) == ([], writes)
    assert older.fenced == [4]
    assert older.said(Published) == []


async def test_one_with_nothing_to_write_finds_out_by_its_scan(memory: Memory) -> None:
    older, newer = pair(memory)
    async with older.leading(3):
        await asyncio.sleep(1)
        async with newer.leading(4):
            await asyncio.sleep(2000)
    assert older.fenced == [4]
    assert "above term 3 of this one" in failures(older)[0].message


async def test_one_that_comes_too_late_to_raise_its_fence_reads_and_writes_nothing(memory: Memory) -> None:
    memory.write_by_hand(ZONE, fence_set(ZONE, "prod", 4))
    late = Rig(memory)
    late.want("web", OLD)
    async with late.leading(3):
        await asyncio.sleep(60)
    assert (late.fenced, memory.writes) == ([4], 0)
    assert late.publisher.seen_term == 4


async def test_it_may_lead_again_with_a_higher_term_and_brings_what_was_wished_meanwhile(memory: Memory) -> None:
    older, newer = pair(memory)
    older.want("web", "192.0.2.7")
    async with older.leading(3):
        await asyncio.sleep(1)
        newer.want("web", NEW, known=BOTH)
        newer.want("shop", NEW, known=BOTH)
        async with newer.leading(4):
            await asyncio.sleep(1)
            older.want("web", NEW, known=BOTH)
            older.want("shop", "192.0.2.7", known=BOTH)
            await asyncio.sleep(1)
    assert older.fenced == [4]
    async with older.leading(5):
        await asyncio.sleep(5)
        assert older.publisher.state == "Ready"
    assert (older.at("web"), older.at("shop")) == ({"A": (NEW,)}, {"A": ("192.0.2.7",)})
    assert (older.term(), older.fenced) == (5, [4])


async def test_without_a_transaction_what_was_on_its_way_is_put_right_by_the_newer_one() -> None:
    """The machine of the older one was suspended between its look at the fence and its write."""
    memory = Memory(atomicity="none")
    older, newer = pair(memory)
    older.want("web", "192.0.2.7")
    async with older.leading(3):
        await asyncio.sleep(15)
        memory.hold_after(1)
        older.want("web", OLD, known=BOTH)
        await asyncio.sleep(1)
        memory.hold_after(1000)
        newer.want("web", NEW, known=BOTH)
        async with newer.leading(4):
            await asyncio.sleep(15)
            assert newer.at("web") == {"A": (NEW,)}
            memory.let_go()
            await asyncio.sleep(5)
            assert newer.at("web") == {"A": (OLD,)}
            older.want("web", "192.0.2.7", known=BOTH)
            await asyncio.sleep(1)
            assert older.fenced == [4]
            await asyncio.sleep(2000)
            assert newer.at("web") == {"A": (NEW,)}
            assert newer.reasons() == []
            writes = memory.writes
            await asyncio.sleep(2000)
            assert memory.writes == writes


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 12))
def test_wherever_it_is_held_up_nothing_of_the_older_one_comes_after_the_newer_fence(
    held_after: int, older_names: int, newer_names: int
) -> None:
    async def scenario() -> None:
        memory = Memory()
        older, newer = pair(memory)
        for number in range(older_names):
            older.want(f"n{number}", OLD)
        for number in range(newer_names):
            newer.want(f"n{number}", NEW, known=BOTH)
        memory.hold_after(held_after)
        async with older.leading(1):
            await _quiet()
            memory.hold_after(10_000)
            async with newer.leading(2):
                await _quiet()
                zone = memory.zone(ZONE)
                memory.let_go()
                await _quiet()
                assert memory.zone(ZONE) == zone
        for number in range(newer_names):
            assert newer.at(f"n{number}") == {"A": (NEW,)}

    asyncio.run(scenario())


async def _quiet() -> None:
    """Long enough for all that waits for nothing; a thread takes part in reading a zone."""
    for _ in range(25):
        await asyncio.sleep(0)
        await asyncio.to_thread(RecordSet, name="", type="", ttl=0, values=())
