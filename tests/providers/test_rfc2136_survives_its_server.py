"""Refusals, hangs, restarts and lost answers of a real server become what the contract says, with one clear message."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.model import NameChange, Outcome, RecordSet, Routing
from trafficfed.testing.authorities import Authority, Bind, Knot
from trafficfed.testing.processes import free_port
from trafficfed.testing.provider_contract import OTHER, TWO, records
from trafficfed_providers.rfc2136 import Rfc2136

pytestmark = pytest.mark.real

ZONE = "fed.test"


@pytest.fixture(params=[Bind, Knot])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Authority]:
    kind: type[Authority] = request.param
    with kind(tmp_path, ZONE) as running:
        yield running


@pytest.fixture
async def provider(authority: Authority) -> AsyncIterator[Rfc2136]:
    made = Rfc2136.from_settings("real", authority.settings)
    yield made
    await made.close()


def creation(label: str) -> NameChange:
    name = f"{label}.{ZONE}"
    return NameChange(name=name, after=records(name, TWO))


async def outcome(provider: Rfc2136, *changes: NameChange, deadline_s: float = 10.0) -> list[Outcome]:
    return [result.outcome for result in await provider.apply(ZONE, changes, deadline_s)]


async def test_a_restarted_server_finds_the_kept_connection_gone_and_is_called_again(
    authority: Authority, provider: Rfc2136
) -> None:
    assert await outcome(provider, creation("one")) == [Outcome.DONE]
    authority.restart()
    assert await outcome(provider, creation("two")) == [Outcome.DONE]
    assert authority.query("one.fed.test", "A") == authority.query("two.fed.test", "A") == TWO[2]


async def test_a_server_that_is_not_there_is_transient_and_names_itself(
    authority: Authority, provider: Rfc2136
) -> None:
    authority.stop()
    with pytest.raises(Transient, match=f"{authority.address}:{authority.port} cannot be reached over TCP"):
        await provider.apply(ZONE, (creation("one"),), 5)
    with pytest.raises(Transient):
        await provider.read(ZONE, 5)


async def test_a_hanging_server_ends_at_the_deadline_and_the_outcome_is_unknown(
    authority: Authority, provider: Rfc2136
) -> None:
    assert await outcome(provider, creation("one")) == [Outcome.DONE]
    authority.pause()
    assert await outcome(provider, creation("two"), creation("three"), deadline_s=0.3) == [Outcome.FAILED] * 2
    with pytest.raises(Transient, match=r"did not answer within 0\.2 s"):
        await provider.read_names(ZONE, ["one.fed.test"], 0.2)
    authority.resume()
    assert {found.name for found in await provider.read(ZONE, 10)} >= {"one.fed.test"}


async def test_an_update_repeated_because_its_answer_was_lost_is_a_conflict_and_no_second_write(
    authority: Authority, provider: Rfc2136
) -> None:
    """The connection dies with the answer: whoever repeats meets the prerequisites, and reading shows it was done."""
    assert await outcome(provider, creation("one")) == [Outcome.DONE]
    written = authority.update_count()
    assert await outcome(provider, creation("one")) == [Outcome.CONFLICT]
    assert authority.update_count() == written
    found = await provider.read_names(ZONE, ["one.fed.test"], 10)
    assert [there.values for there in found] == [TWO[2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "unknown."}, "it does not know this key"),
        ({"secret": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "the secret is not the same on both sides"),
    ],
)
async def test_a_refused_key_says_why(authority: Authority, change: dict[str, str], message: str) -> None:
    wrong = Rfc2136.from_settings("real", {**authority.settings, "tsig": {**authority.tsig, **change}})
    with pytest.raises(Refused, match=message):
        await wrong.apply(ZONE, (creation("one"),), 5)
    with pytest.raises(Refused, match=message):
        await wrong.read(ZONE, 5)
    with pytest.raises(Refused, match=message):
        await wrong.read_names(ZONE, ["one.fed.test"], 5)
    await wrong.close()
    assert authority.update_count() == 0


async def test_without_a_key_nothing_is_taken_and_nothing_is_given(authority: Authority) -> None:
    bare = Rfc2136.from_settings("real", {"server": f"{authority.address}:{authority.port}"})
    with pytest.raises(Refused, match=r"refused the transfer of fed\.test"):
        await bare.read(ZONE, 5)
    name = "one.fed.test"
    if isinstance(authority, Knot):
        with pytest.raises(Refused, match="without a TSIG key"):
            await bare.apply(ZONE, (creation("one"),), 5)
    else:
        (result,) = await bare.apply(ZONE, (creation("one"),), 5)
        assert result.outcome is Outcome.REFUSED
        assert "without a TSIG key" in result.message
    await bare.close()
    assert authority.query(name, "A") == ()


async def test_a_zone_that_the_server_does_not_have_is_refused(provider: Rfc2136) -> None:
    with pytest.raises(Refused, match=r"other\.test|does not know the zone"):
        await provider.read("other.test", 5)
    with pytest.raises(Refused, match=r"other\.test|does not know the zone"):
        await provider.apply("other.test", (NameChange(name="a.other.test", after=records("a.other.test", TWO)),), 5)


async def test_records_that_are_none_are_refused_alone(provider: Rfc2136) -> None:
    nonsense = RecordSet(name="bad.fed.test", type="A", ttl=30, values=("not an address",))
    routed = RecordSet(name="geo.fed.test", type="A", ttl=30, values=("192.0.2.1",), routing=Routing(set_id="eu"))
    changes = (
        creation("one"),
        NameChange(name="bad.fed.test", after=(nonsense,)),
        NameChange(name="geo.fed.test", after=(routed,)),
        creation("two"),
    )
    results = await provider.apply(ZONE, changes, 10)
    assert [result.outcome for result in results] == [Outcome.DONE, Outcome.REFUSED, Outcome.REFUSED, Outcome.DONE]
    assert "not valid or too large" in results[1].message
    assert "plain record sets only" in results[2].message


async def test_more_names_than_one_message_holds_are_written_in_several(authority: Authority) -> None:
    provider = Rfc2136.from_settings("real", {**authority.settings, "batch": 7})
    assert await outcome(provider, *(creation(f"n{number}") for number in range(30))) == [Outcome.DONE] * 30
    await provider.close()
    assert authority.update_count() == 5


async def test_many_single_names_are_read_by_one_transfer(provider: Rfc2136) -> None:
    await outcome(provider, creation("one"))
    names = [f"n{number}.fed.test" for number in range(200)]
    found = await provider.read_names(ZONE, ["one.fed.test", *names], 10)
    assert [there.name for there in found] == ["one.fed.test"]


async def test_a_large_zone_is_read_whole(authority: Authority, provider: Rfc2136) -> None:
    """More than one transfer message, so that signatures chain and record sets continue."""
    authority.write("big.fed.test", 60, "TXT", *(f'"{number:04d}{"x" * 240}"' for number in range(90)))
    changes = [creation(f"n{number}") for number in range(300)]
    assert await outcome(provider, *changes, deadline_s=30) == [Outcome.DONE] * 300
    found = {(there.name, there.type): there for there in await provider.read(ZONE, 30)}
    assert len(found["big.fed.test", "TXT"].values) == 90
    assert sum(name.endswith(".fed.test") and rdtype == "A" and name.startswith("n") for name, rdtype in found) == 301


async def test_two_writers_of_one_name_lose_no_update(authority: Authority) -> None:
    """Whoever was overtaken is told so: compare-and-set on marker and data."""
    writers = [Rfc2136.from_settings(f"w{number}", authority.settings) for number in range(3)]
    name = "counter.fed.test"
    await writers[0].apply(ZONE, (NameChange(name=name, after=(count(0),)),), 10)

    async def increment(writer: Rfc2136, times: int) -> None:
        while times:
            (before,) = await writer.read_names(ZONE, [name], 10)
            change = NameChange(name=name, before=(before,), after=(count(int(before.values[0].strip('"')) + 1),))
            (result,) = await writer.apply(ZONE, (change,), 10)
            times -= result.outcome is Outcome.DONE

    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(increment(writer, 5))
    for writer in writers:
        await writer.close()
    assert authority.query(name, "TXT") == ('"15"',)


def count(number: int) -> RecordSet:
    return RecordSet(name="counter.fed.test", type="TXT", ttl=30, values=(f'"{number}"',))


async def test_values_are_compared_as_data_and_not_as_text(provider: Rfc2136) -> None:
    shouting = RecordSet(name="web.fed.test", type="CNAME", ttl=30, values=("LB.Example.NET.",))
    assert await outcome(provider, NameChange(name="web.fed.test", after=(shouting,))) == [Outcome.DONE]
    (found,) = await provider.read_names(ZONE, ["web.fed.test"], 10)
    assert found.values == ("lb.example.net.",)


async def test_a_foreign_record_that_came_between_reading_and_writing_stays(
    authority: Authority, provider: Rfc2136
) -> None:
    await provider.read(ZONE, 10)
    authority.write("one.fed.test", 60, "A", *OTHER[2])
    assert await outcome(provider, creation("one"), creation("two")) == [Outcome.CONFLICT, Outcome.DONE]
    assert authority.query("one.fed.test", "A") == OTHER[2]


async def test_a_source_address_is_used(authority: Authority) -> None:
    provider = Rfc2136.from_settings("real", {**authority.settings, "source": "127.0.0.9"})
    assert await outcome(provider, creation("one")) == [Outcome.DONE]
    await provider.close()


async def test_garbage_instead_of_dns_is_no_success() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x00\x04HTTP")
        await writer.drain()
        writer.close()

    port = free_port("127.0.0.1")
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        provider = Rfc2136.from_settings("real", {"server": f"127.0.0.1:{port}"})
        assert await outcome(provider, creation("one"), deadline_s=2) == [Outcome.FAILED]
        with pytest.raises(Transient):
            await provider.read(ZONE, 2)
        await provider.close()
