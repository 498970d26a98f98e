"""A standby that sees trouble coming reads the zone in advance: taking over then costs the fence and what changes."""

import asyncio

import pytest

from trafficfed.errors import Transient
from trafficfed.model import Outcome, RecordSet
from trafficfed.reports import Published
from trafficfed.testing.publishing import ZONE, Rig
from trafficfed.zones.publisher import PREPARED_S
from trafficfed_providers.memory import Memory

READ_S = 5.0
ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")

pytestmark = pytest.mark.looptime


class Large(Memory):
    """A zone that takes its time to be read whole, and says what stood there when the reading began."""

    def __init__(self, atomicity: str = "batch") -> None:
        super().__init__(atomicity=atomicity)
        self.reads = 0

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        found = await super().read(zone, deadline_s)
        self.reads += 1
        await asyncio.sleep(READ_S)
        return found

    async def read_names(self, zone: str, names: object, deadline_s: float) -> tuple[RecordSet, ...]:
        assert isinstance(names, list | tuple)
        return tuple(found for found in await super().read(zone, deadline_s) if found.name in names)


@pytest.fixture
def large() -> Large:
    return Large()


async def former(large: Large, *labels: str) -> Rig:
    """A controller that led until now, and the addresses it left at these names."""
    rig = Rig(large)
    for label in labels:
        rig.want(label, *ADDRESSES)
    async with rig.leading(3):
        await asyncio.sleep(2 * READ_S)
    return rig


def standby(large: Large, *labels: str) -> Rig:
    rig = Rig(large)
    rig.publisher.view_complete(True)
    for label in labels:
        rig.want(label, *ADDRESSES)
    return rig


def dead(rig: Rig, label: str) -> None:
    """The first address is served no more: a verdict took it out."""
    rig.want(label, *ADDRESSES[1:], known=ADDRESSES)


def outcomes(rig: Rig) -> list[Outcome]:
    return [event.outcome for event in rig.said(Published) if isinstance(event, Published)]


async def test_what_is_urgent_is_written_before_the_zone_is_read_again(large: Large) -> None:
    await former(large, "web")
    rig = standby(large, "web")
    await rig.publisher.prepare()
    dead(rig, "web")
    async with rig.leading(4):
        await asyncio.sleep(0.1)
        assert rig.at("web") == {"A": ADDRESSES[1:]}
        assert outcomes(rig) == [Outcome.DONE]


async def test_without_it_the_reading_comes_first(large: Large) -> None:
    await former(large, "web")
    rig = standby(large, "web")
    dead(rig, "web")
    async with rig.leading(4):
        await asyncio.sleep(READ_S - 0.1)
        assert rig.at("web") == {"A": ADDRESSES}
        await asyncio.sleep(0.2)
        assert rig.at("web") == {"A": ADDRESSES[1:]}


async def test_what_the_former_leader_wrote_since_is_found_out_and_put_right(large: Large) -> None:
    first = await former(large, "web", "shop")
    rig = standby(large, "web", "shop")
    await rig.publisher.prepare()
    async with first.leading(3):
        await asyncio.sleep(2 * READ_S)
        first.want("web", ADDRESSES[2], known=ADDRESSES)
        first.want("shop", ADDRESSES[2], known=ADDRESSES)
        first.want("new", ADDRESSES[2])
        await asyncio.sleep(1)
    dead(rig, "web")
    rig.want("new", *ADDRESSES)
    async with rig.leading(4):
        await asyncio.sleep(1)
        assert (rig.at("web"), rig.at("new")) == ({"A": ADDRESSES[1:]}, {"A": ADDRESSES})
        assert rig.at("shop") == {"A": (ADDRESSES[2],)}
        await asyncio.sleep(2 * READ_S)
        assert rig.at("shop") == {"A": ADDRESSES}
    assert rig.reasons() == []


async def test_the_zone_is_read_once_more_and_then_at_the_usual_times(large: Large) -> None:
    await former(large, "web")
    rig = standby(large, "web")
    await rig.publisher.prepare()
    reads = large.reads
    async with rig.leading(4):
        await asyncio.sleep(100)
        for _ in range(5):
            dead(rig, "web")
            await asyncio.sleep(20)
            rig.want("web", *ADDRESSES)
            await asyncio.sleep(20)
        assert large.reads == reads + 1
        await asyncio.sleep(1000)
        assert large.reads == reads + 2


async def test_causes_are_kept_of_what_the_former_leader_published_since(large: Large) -> None:
    """Addresses that came after the reading and left by a watched deletion: they go, no brake holds them."""
    first = await former(large, "web")
    rig = standby(large, "web")
    await rig.publisher.prepare()
    late = tuple(f"198.51.100.{number}" for number in range(1, 5))
    async with first.leading(3):
        await asyncio.sleep(2 * READ_S)
        first.want("web", *ADDRESSES, *late)
        await asyncio.sleep(1)
    rig.want("web", *ADDRESSES, departed=late)
    async with rig.leading(4):
        await asyncio.sleep(0.1)
        rig.want("web", *ADDRESSES)
        await asyncio.sleep(4 * READ_S)
        assert rig.at("web") == {"A": ADDRESSES}
        assert rig.publisher.held == ()


async def test_a_reading_of_long_ago_is_not_begun_with(large: Large) -> None:
    await former(large, "web")
    rig = standby(large, "web")
    await rig.publisher.prepare()
    await asyncio.sleep(PREPARED_S + 1)
    reads = large.reads
    async with rig.leading(4):
        await asyncio.sleep(1)
        assert (large.reads, rig.publisher.state) == (reads + 1, "Loading")


async def test_a_reading_is_begun_with_once_only(large: Large) -> None:
    await former(large, "web")
    rig = standby(large, "web")
    await rig.publisher.prepare()
    async with rig.leading(4):
        await asyncio.sleep(1)
        assert rig.publisher.state == "Ready"
    async with rig.leading(5):
        await asyncio.sleep(1)
        assert rig.publisher.state == "Loading"


async def test_a_reading_that_comes_when_it_already_leads_is_dropped(large: Large) -> None:
    rig = standby(large, "web")
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.publisher.prepare())
        await asyncio.sleep(1)
        async with rig.leading(4):
            await asyncio.sleep(20)
    async with rig.leading(5):
        await asyncio.sleep(1)
        assert rig.publisher.state == "Loading"


async def test_where_no_fence_guards_a_write_nothing_is_read_in_advance() -> None:
    large = Large("none")
    rig = standby(large, "web")
    await rig.publisher.prepare()
    assert large.reads == 0


async def test_a_second_run_after_a_prepared_takeover_writes_the_fence_alone(large: Large) -> None:
    labels = [f"n{number}" for number in range(30)]
    await former(large, *labels)
    rig = standby(large, *labels)
    await rig.publisher.prepare()
    writes = large.writes
    async with rig.leading(4):
        await asyncio.sleep(2000)
    assert large.writes == writes + 1


async def test_it_says_what_hinders_it_and_a_takeover_then_reads_as_ever(large: Large) -> None:
    await former(large, "web")
    rig = standby(large, "web")
    large.be_away("maintenance")
    with pytest.raises(Transient, match="maintenance"):
        await rig.publisher.prepare()
    large.be_away("")
    dead(rig, "web")
    async with rig.leading(4):
        await asyncio.sleep(READ_S + 1)
        assert rig.at("web") == {"A": ADDRESSES[1:]}


async def test_it_learns_the_term(large: Large) -> None:
    await former(large, "web")
    rig = standby(large, "web")
    await rig.publisher.prepare()
    assert rig.publisher.seen_term == 3
    assert [found.type for found in large.zone(ZONE) if found.name.startswith("_trafficfed.")] == ["TXT"]
