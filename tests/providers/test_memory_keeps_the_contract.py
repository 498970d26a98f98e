"""The provider in memory keeps the same contract as real servers, with and without transactions."""

import pytest

from trafficfed.errors import ConfigError, Transient
from trafficfed.model import NameChange, Outcome, RecordSet, Routing
from trafficfed.ports import Provider
from trafficfed.testing.provider_contract import ONE, TWO, Bench, FenceContract, ProviderContract, records
from trafficfed_providers.memory import Memory

ZONE = "fed.test"
_: type[Provider] = Memory


class Hand:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def write(self, record_set: RecordSet) -> None:
        self._memory.write_by_hand(ZONE, record_set)

    def erase(self, name: str, rdtype: str) -> None:
        self._memory.erase_by_hand(ZONE, name, rdtype)

    def writes(self) -> int:
        return self._memory.writes


@pytest.fixture(params=["batch", "none"])
def memory(request: pytest.FixtureRequest) -> Memory:
    return Memory.from_settings("memory", {"atomicity": request.param})


@pytest.fixture
def bench(memory: Memory) -> Bench:
    return Bench(memory, ZONE, Hand(memory))


class TestMemory(ProviderContract, FenceContract):
    pass


def test_an_unknown_setting_is_named_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"providers\.m\.atomic: unknown key; the only one is atomicity"):
        Memory.from_settings("m", {"atomic": "batch"})
    with pytest.raises(ConfigError, match=r"providers\.m\.atomicity: 'set' is not known; use batch or none"):
        Memory.from_settings("m", {"atomicity": "set"})


async def test_away_means_transient_and_nothing_changed(memory: Memory) -> None:
    memory.be_away("maintenance")
    change = NameChange(name="a.fed.test", after=records("a.fed.test", ONE))
    with pytest.raises(Transient, match="maintenance"):
        await memory.apply(ZONE, (change,), 1)
    memory.be_away("")
    assert await memory.read(ZONE, 1) == ()


async def test_with_transactions_a_break_leaves_nothing_half_done() -> None:
    memory = Memory()
    memory.break_after(1)
    change = NameChange(name="a.fed.test", after=records("a.fed.test", ONE))
    assert [result.outcome for result in await memory.apply(ZONE, (change,), 1)] == [Outcome.FAILED]
    assert await memory.read(ZONE, 1) == ()


async def test_without_transactions_the_marker_is_first_and_pending() -> None:
    memory = Memory(atomicity="none")
    memory.break_after(1)
    change = NameChange(name="a.fed.test", after=records("a.fed.test", ONE))
    await memory.apply(ZONE, (change,), 1)
    (marker,) = await memory.read(ZONE, 1)
    assert marker.name == "_trafficfed-owner.a.fed.test"
    assert "state=pending" in marker.values[0]


async def test_without_transactions_a_deletion_takes_the_record_first() -> None:
    memory = Memory(atomicity="none")
    before = records("a.fed.test", TWO)
    await memory.apply(ZONE, (NameChange(name="a.fed.test", after=before),), 1)
    memory.break_after(1)
    await memory.apply(ZONE, (NameChange(name="a.fed.test", before=before),), 1)
    assert [found.name for found in await memory.read(ZONE, 1)] == ["_trafficfed-owner.a.fed.test"]


async def test_routing_is_refused(memory: Memory) -> None:
    weighted = RecordSet(
        name="a.fed.test", type="A", ttl=30, values=("192.0.2.1",), routing=Routing(set_id="1", weight=1)
    )
    (result,) = await memory.apply(ZONE, (NameChange(name="a.fed.test", after=(weighted,)),), 1)
    assert result.outcome is Outcome.REFUSED
