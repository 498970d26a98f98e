"""A TXT record in a zone is a vote that one holds at a time, where the provider compares before it writes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.leadership.elector import Conflict, Seen
from trafficfed.leadership.record import Record
from trafficfed.leadership.sight import went_back
from trafficfed.leadership.zone_elector import ZoneElector, leader_set
from trafficfed.model import RecordSet
from trafficfed.ports import Provider
from trafficfed.testing.authorities import Bind
from trafficfed_providers.memory import Memory
from trafficfed_providers.rfc2136 import Rfc2136

ZONE = "fed.test"
NAME = "_trafficfed-leader.fed.test"
EU = Record(owner="team a/prod", holder="eu_5f3c9a01", term=7, renewal=3, lease_s=10.0, electorate=("eu", "fed.test"))
DEADLINE_S = 5.0


@pytest.fixture(scope="module")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    with Bind(tmp_path_factory.mktemp("bind"), ZONE) as server:
        yield server


@asynccontextmanager
async def at(bind: Bind) -> AsyncIterator[ZoneElector]:
    provider = Rfc2136.from_settings("bind", bind.settings)
    try:
        yield ZoneElector("zone", provider, ZONE)
    finally:
        await provider.close()


@pytest.fixture
async def votes(bind: Bind) -> AsyncIterator[ZoneElector]:
    bind.erase(NAME, "TXT")
    async with at(bind) as elector:
        yield elector


async def ask_until_silent(votes: ZoneElector) -> None:
    """A stop reaches a process a moment after it was sent."""
    for _ in range(50):
        await votes.read(0.2)


real = pytest.mark.real


@real
async def test_a_record_comes_back_as_it_was_written(votes: ZoneElector) -> None:
    nothing = await votes.read(DEADLINE_S)
    assert nothing == Seen()
    first = await votes.write(EU, nothing, DEADLINE_S)
    assert first.record == EU
    assert await votes.read(DEADLINE_S) == first
    released = await votes.write(replace(EU, holder="", renewal=4), first, DEADLINE_S)
    assert (await votes.read(DEADLINE_S)) == released
    assert released.record == replace(EU, holder="", renewal=4)


@real
async def test_of_two_that_write_at_once_one_wins(votes: ZoneElector, bind: Bind) -> None:
    us = replace(EU, holder="us_1", term=8)
    async with at(bind) as other:
        for turn in range(3):
            seen = await votes.read(DEADLINE_S)
            mine, theirs = replace(EU, renewal=10 * turn), replace(us, renewal=10 * turn)
            ended = await asyncio.gather(
                votes.write(mine, seen, DEADLINE_S), other.write(theirs, seen, DEADLINE_S), return_exceptions=True
            )
            assert sorted(type(each).__name__ for each in ended) == ["Conflict", "Seen"]
            (won,) = (each for each in ended if isinstance(each, Seen))
            assert await other.read(DEADLINE_S) == won


@real
async def test_a_record_that_is_gone_or_old_is_a_conflict_and_has_gone_back(votes: ZoneElector, bind: Bind) -> None:
    old = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
    new = await votes.write(replace(EU, renewal=4), old, DEADLINE_S)
    with pytest.raises(Conflict):
        await votes.write(replace(EU, renewal=5), old, DEADLINE_S)
    bind.write(NAME, 1, "TXT", *leader_set(ZONE, EU).values)
    assert went_back(new, await votes.read(DEADLINE_S))
    bind.erase(NAME, "TXT")
    assert went_back(new, await votes.read(DEADLINE_S))
    with pytest.raises(Conflict):
        await votes.write(replace(EU, renewal=5), new, DEADLINE_S)


@real
async def test_a_server_that_is_restarted_keeps_the_vote(votes: ZoneElector, bind: Bind) -> None:
    before = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
    await asyncio.to_thread(bind.restart)
    assert await votes.read(DEADLINE_S) == before
    assert (await votes.write(replace(EU, renewal=4), before, DEADLINE_S)).record == replace(EU, renewal=4)


@real
async def test_a_silent_server_costs_no_more_than_the_deadline(votes: ZoneElector, bind: Bind) -> None:
    before = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
    bind.pause()
    try:
        with pytest.raises(Transient):
            await ask_until_silent(votes)
        with pytest.raises(Transient) as failed:
            await votes.write(replace(EU, renewal=4), before, 0.2)
        assert not isinstance(failed.value, Conflict)
    finally:
        bind.resume()
    assert (await votes.read(DEADLINE_S)).record in (EU, replace(EU, renewal=4))


@real
async def test_what_stands_at_the_name_but_is_no_record_is_refused(votes: ZoneElector, bind: Bind) -> None:
    bind.write(NAME, 60, "TXT", '"hello"')
    with pytest.raises(Refused, match=rf'{NAME} at zone holds "hello", which is no record of a leadership: delete it'):
        await votes.read(DEADLINE_S)
    bind.erase(NAME, "TXT")


@real
async def test_a_zone_that_takes_no_updates_says_so(bind: Bind) -> None:
    provider = Rfc2136.from_settings("bind", bind.settings)
    votes = ZoneElector("other", provider, "other.test")
    with pytest.raises((Refused, Transient)):
        await votes.write(EU, Seen(), DEADLINE_S)
    await provider.close()


def test_a_provider_that_cannot_compare_before_it_writes_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"electorate: zone: a zone elector needs .* \(fence: check-first\): use one"):
        ZoneElector("zone", Memory(atomicity="none"), ZONE)


async def test_every_atomic_provider_will_do() -> None:
    memory: Provider = Memory()
    votes = ZoneElector("zone", memory, ZONE)
    first = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
    assert await votes.read(DEADLINE_S) == first
    with pytest.raises(Conflict, match=f"{NAME} at zone: "):
        await votes.write(EU, Seen(), DEADLINE_S)


async def test_a_provider_that_fails_has_written_or_not() -> None:
    memory = Memory()
    votes = ZoneElector("zone", memory, ZONE)
    memory.break_after(0)
    with pytest.raises(Transient) as failed:
        await votes.write(EU, Seen(), DEADLINE_S)
    assert not isinstance(failed.value, Conflict)
    memory.be_away("no route")
    with pytest.raises(Transient, match="no route"):
        await votes.read(DEADLINE_S)


async def test_a_ttl_changed_by_hand_is_part_of_the_condition() -> None:
    """Some providers compare it (Route 53: a deletion names the TTL), so it is remembered as it was read."""
    memory = Memory()
    votes = ZoneElector("zone", memory, ZONE)
    memory.write_by_hand(ZONE, replace(leader_set(ZONE, EU), ttl=300))
    seen = await votes.read(DEADLINE_S)
    assert seen.record == EU
    assert '"ttl":300' in seen.version
    assert (await votes.write(replace(EU, renewal=4), seen, DEADLINE_S)).record == replace(EU, renewal=4)


async def test_other_records_at_the_name_are_nobodys_business() -> None:
    memory = Memory()
    memory.write_by_hand(ZONE, RecordSet(name=NAME, type="HINFO", ttl=60, values=('"a" "b"',)))
    votes = ZoneElector("zone", memory, ZONE)
    await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
    assert {found.type for found in memory.zone(ZONE)} == {"HINFO", "TXT"}
