"""What every DNS provider has to keep: inherit the class, give it a bench, and pytest runs it against your adapter."""

from dataclasses import dataclass
from typing import Protocol

import pytest

from trafficfed.errors import Fenced, Refused
from trafficfed.model import NameChange, Outcome, RecordSet, Result
from trafficfed.ports import Provider
from trafficfed.zones.fence import fence_name, fence_set, raise_fence, read_fence
from trafficfed.zones.ownership import done_marker, marker_name, marker_set

DEADLINE_S = 20.0
OWNER = "contract"


class ByHand(Protocol):
    """An administrator's way into the zone, past the provider."""

    def write(self, record_set: RecordSet) -> None: ...

    def erase(self, name: str, rdtype: str) -> None: ...

    def writes(self) -> int:
        """A number that grows with everything that is written, and with nothing else."""
        ...


@dataclass(frozen=True)
class Bench:
    """A provider with an empty zone of its own (NS and SOA aside)."""

    provider: Provider
    zone: str
    by_hand: ByHand

    def name(self, label: str) -> str:
        return f"{label}.{self.zone}"

    async def apply(self, *changes: NameChange) -> tuple[Result, ...]:
        return await self.provider.apply(self.zone, changes, DEADLINE_S)

    async def fenced(self, fence: RecordSet, *changes: NameChange) -> list[Outcome]:
        """How changes end that are guarded by a fence."""
        results = await self.provider.apply(self.zone, changes, DEADLINE_S, fence)
        assert [result.name for result in results] == [change.name for change in changes]
        return [result.outcome for result in results]

    async def raised(self, term: int) -> RecordSet:
        return await raise_fence(self.provider, self.zone, OWNER, term, DEADLINE_S)

    async def fence(self) -> RecordSet | None:
        return await read_fence(self.provider, self.zone, DEADLINE_S)

    async def outcomes(self, *changes: NameChange) -> list[Outcome]:
        return [result.outcome for result in await self.apply(*changes)]

    async def at(self, label: str) -> dict[str, tuple[str, ...]]:
        """Values by type at a name and (as ``marker``) at its marker, as a whole reading of the zone shows them."""
        name = self.name(label)
        found = await self.provider.read(self.zone, DEADLINE_S)
        data = {there.type: there.values for there in found if there.name == name}
        markers = [there.values for there in found if there.name == marker_name(name)]
        return data | ({"marker": markers[0]} if markers else {})


def records(name: str, *sets: tuple[str, int, tuple[str, ...]]) -> tuple[RecordSet, ...]:
    """Record sets (type, TTL, values) of a name with the marker that goes with them."""
    data = tuple(RecordSet(name=name, type=rdtype, ttl=ttl, values=values) for rdtype, ttl, values in sets)
    return (*data, marker_set(name, done_marker(OWNER, "default/contract/suite", data)))


ONE = ("A", 30, ("192.0.2.1",))
TWO = ("A", 30, ("192.0.2.1", "192.0.2.2"))
OTHER = ("A", 30, ("192.0.2.9",))
SIX = ("AAAA", 30, ("2001:db8::1",))
ALIAS = ("CNAME", 30, ("lb.example.net.",))


class ProviderContract:
    """Subclasses provide a ``bench`` fixture with a fresh zone for every test."""

    async def test_creates_all_sets_of_a_name_with_its_marker(self, bench: Bench) -> None:
        name = bench.name("web")
        after = records(name, TWO, SIX)
        assert await bench.outcomes(NameChange(name=name, after=after)) == [Outcome.DONE]
        found = await bench.at("web")
        assert found == {"A": TWO[2], "AAAA": SIX[2], "marker": after[-1].values}

    async def test_reads_sorted_and_canonical_without_soa(self, bench: Bench) -> None:
        name = bench.name("web")
        await bench.apply(NameChange(name=name, after=records(name, SIX, TWO)))
        found = await bench.provider.read(bench.zone, DEADLINE_S)
        assert list(found) == sorted(found, key=lambda there: (there.name, there.type))
        assert all(there.type != "SOA" and there.name == there.name.lower().rstrip(".") for there in found)
        assert next(there for there in found if there.name == name and there.type == "A").ttl == 30

    async def test_reads_single_names_and_nothing_else(self, bench: Bench) -> None:
        for label in ("one", "two"):
            await bench.apply(NameChange(name=bench.name(label), after=records(bench.name(label), ONE)))
        found = await bench.provider.read_names(bench.zone, [bench.name("one"), bench.name("none")], DEADLINE_S)
        assert [(there.name, there.type, there.values) for there in found] == [(bench.name("one"), "A", ONE[2])]

    async def test_a_wildcard_does_not_feign_records_at_other_names(self, bench: Bench) -> None:
        wild = bench.name("*.wild")
        await bench.apply(NameChange(name=wild, after=records(wild, ONE)))
        asked = [bench.name("a.wild"), wild]
        found = await bench.provider.read_names(bench.zone, asked, DEADLINE_S)
        assert {there.name for there in found} == {wild}

    async def test_changes_values_and_ttl(self, bench: Bench) -> None:
        name = bench.name("web")
        before, after = records(name, ONE), records(name, ("A", 60, TWO[2]))
        await bench.apply(NameChange(name=name, after=before))
        assert await bench.outcomes(NameChange(name=name, before=before, after=after)) == [Outcome.DONE]
        found = await bench.provider.read_names(bench.zone, [name], DEADLINE_S)
        assert [(there.ttl, there.values) for there in found] == [(60, TWO[2])]

    async def test_changes_a_ttl_alone(self, bench: Bench) -> None:
        name = bench.name("web")
        before, after = records(name, ONE), records(name, ("A", 60, ONE[2]))
        await bench.apply(NameChange(name=name, after=before))
        assert await bench.outcomes(NameChange(name=name, before=before, after=after)) == [Outcome.DONE]
        assert [there.ttl for there in await bench.provider.read_names(bench.zone, [name], DEADLINE_S)] == [60]

    async def test_deletes_all_that_is_ours_and_leaves_what_is_not(self, bench: Bench) -> None:
        name = bench.name("web")
        before = records(name, ONE, SIX)
        await bench.apply(NameChange(name=name, after=before))
        bench.by_hand.write(RecordSet(name=name, type="MX", ttl=60, values=("10 mail.example.net.",)))
        assert await bench.outcomes(NameChange(name=name, before=before)) == [Outcome.DONE]
        assert await bench.at("web") == {"MX": ("10 mail.example.net.",)}

    async def test_goes_from_addresses_to_a_cname_and_back(self, bench: Bench) -> None:
        name = bench.name("web")
        addresses, alias = records(name, ONE, SIX), records(name, ALIAS)
        await bench.apply(NameChange(name=name, after=addresses))
        assert await bench.outcomes(NameChange(name=name, before=addresses, after=alias)) == [Outcome.DONE]
        assert (await bench.at("web"))["CNAME"] == ALIAS[2]
        assert await bench.outcomes(NameChange(name=name, before=alias, after=addresses)) == [Outcome.DONE]
        assert (await bench.at("web")).keys() == {"A", "AAAA", "marker"}

    async def test_creation_where_the_set_exists_is_a_conflict_that_changes_nothing(self, bench: Bench) -> None:
        name = bench.name("web")
        bench.by_hand.write(RecordSet(name=name, type="A", ttl=60, values=OTHER[2]))
        writes = bench.by_hand.writes()
        assert await bench.outcomes(NameChange(name=name, after=records(name, ONE))) == [Outcome.CONFLICT]
        assert await bench.at("web") == {"A": OTHER[2]}
        assert bench.by_hand.writes() == writes

    async def test_a_change_of_what_is_no_longer_there_is_a_conflict(self, bench: Bench) -> None:
        name = bench.name("web")
        before, after = records(name, ONE), records(name, TWO)
        await bench.apply(NameChange(name=name, after=before))
        bench.by_hand.write(RecordSet(name=name, type="A", ttl=60, values=OTHER[2]))
        assert await bench.outcomes(NameChange(name=name, before=before, after=after)) == [Outcome.CONFLICT]
        assert (await bench.at("web"))["A"] == OTHER[2]

    async def test_a_superset_of_what_was_read_is_a_conflict(self, bench: Bench) -> None:
        name = bench.name("web")
        before = records(name, ONE)
        await bench.apply(NameChange(name=name, after=before))
        bench.by_hand.write(RecordSet(name=name, type="A", ttl=30, values=TWO[2]))
        assert await bench.outcomes(NameChange(name=name, before=before)) == [Outcome.CONFLICT]
        assert (await bench.at("web"))["A"] == TWO[2]

    async def test_a_marker_that_changed_is_a_conflict(self, bench: Bench) -> None:
        name = bench.name("web")
        before, after = records(name, ONE), records(name, TWO)
        await bench.apply(NameChange(name=name, after=before))
        bench.by_hand.write(RecordSet(name=marker_name(name), type="TXT", ttl=60, values=('"somebody else"',)))
        assert await bench.outcomes(NameChange(name=name, before=before, after=after)) == [Outcome.CONFLICT]
        assert (await bench.at("web"))["A"] == ONE[2]

    async def test_a_second_creation_is_a_conflict(self, bench: Bench) -> None:
        name = bench.name("web")
        change = NameChange(name=name, after=records(name, ONE))
        assert await bench.outcomes(change) == [Outcome.DONE]
        assert await bench.outcomes(change) == [Outcome.CONFLICT]

    @pytest.mark.parametrize("beside", [("MX", "10 mail.example.net."), ("TXT", '"note"'), ("A", "192.0.2.9")])
    async def test_a_cname_is_never_put_beside_other_data(self, bench: Bench, beside: tuple[str, str]) -> None:
        """RFC 2136 section 3.4.2.2 lets a server skip such a record in silence and say NOERROR."""
        name = bench.name("web")
        bench.by_hand.write(RecordSet(name=name, type=beside[0], ttl=60, values=(beside[1],)))
        assert await bench.outcomes(NameChange(name=name, after=records(name, ALIAS))) == [Outcome.CONFLICT]
        assert await bench.at("web") == {beside[0]: (beside[1],)}

    async def test_addresses_do_not_give_way_to_a_cname_beside_other_data(self, bench: Bench) -> None:
        name = bench.name("web")
        before = records(name, ONE)
        await bench.apply(NameChange(name=name, after=before))
        bench.by_hand.write(RecordSet(name=name, type="MX", ttl=60, values=("10 mail.example.net.",)))
        change = NameChange(name=name, before=before, after=records(name, ALIAS))
        assert await bench.outcomes(change) == [Outcome.CONFLICT]
        assert (await bench.at("web"))["A"] == ONE[2]

    async def test_addresses_are_never_put_beside_a_cname(self, bench: Bench) -> None:
        name = bench.name("web")
        bench.by_hand.write(RecordSet(name=name, type="CNAME", ttl=60, values=("other.example.net.",)))
        assert await bench.outcomes(NameChange(name=name, after=records(name, ONE))) == [Outcome.CONFLICT]
        assert await bench.at("web") == {"CNAME": ("other.example.net.",)}

    async def test_one_foreign_record_among_many_harms_only_itself(self, bench: Bench) -> None:
        bench.by_hand.write(RecordSet(name=bench.name("n7"), type="A", ttl=60, values=OTHER[2]))
        names = [bench.name(f"n{number}") for number in range(12)]
        results = await bench.apply(*(NameChange(name=name, after=records(name, ONE)) for name in names))
        assert [result.name for result in results] == names
        assert [result.outcome is Outcome.DONE for result in results] == [number != 7 for number in range(12)]
        assert results[7].outcome is Outcome.CONFLICT
        assert results[7].message
        assert await bench.at("n7") == {"A": OTHER[2]}

    async def test_a_name_outside_the_zone_is_refused_and_harms_no_other(self, bench: Bench) -> None:
        outside, inside = "web.elsewhere.example", bench.name("web")
        changes = [NameChange(name=name, after=records(name, ONE)) for name in (outside, inside)]
        assert await bench.outcomes(*changes) == [Outcome.REFUSED, Outcome.DONE]

    async def test_no_change_writes_nothing(self, bench: Bench) -> None:
        writes = bench.by_hand.writes()
        assert await bench.apply() == ()
        assert bench.by_hand.writes() == writes

    async def test_capabilities_are_stated(self, bench: Bench) -> None:
        capabilities = bench.provider.capabilities
        assert capabilities.batch >= 1
        assert capabilities.atomicity in {"batch", "set", "none"}
        assert capabilities.fence in {"atomic", "check-first", "none"}


def creation(bench: Bench, label: str) -> NameChange:
    return NameChange(name=bench.name(label), after=records(bench.name(label), ONE))


class FenceContract:
    """What a provider keeps besides whose capability ``fence`` is not ``none``; the same ``bench`` fixture."""

    async def test_under_its_own_fence_a_name_is_made_changed_and_deleted(self, bench: Bench) -> None:
        fence = await bench.raised(7)
        name = bench.name("web")
        before, after = records(name, ONE), records(name, TWO, SIX)
        for change in (
            NameChange(name=name, after=before),
            NameChange(name=name, before=before, after=after),
            NameChange(name=name, before=after),
        ):
            assert await bench.fenced(fence, change) == [Outcome.DONE]
        assert await bench.at("web") == {}
        assert await bench.fence() == fence

    async def test_a_fence_is_raised_by_one_write_and_returned_as_it_stands(self, bench: Bench) -> None:
        writes = bench.by_hand.writes()
        fence = await bench.raised(7)
        assert fence.values == fence_set(bench.zone, OWNER, 7).values
        assert await bench.fence() == fence
        assert bench.by_hand.writes() - writes == 1

    async def test_a_fence_that_stands_already_is_not_written_again(self, bench: Bench) -> None:
        fence = await bench.raised(7)
        writes = bench.by_hand.writes()
        assert await bench.raised(7) == fence
        assert bench.by_hand.writes() == writes

    async def test_a_fence_goes_up_and_never_down(self, bench: Bench) -> None:
        await bench.raised(7)
        higher = await bench.raised(12)
        writes = bench.by_hand.writes()
        with pytest.raises(Fenced, match=r"stands at term 12, above term 9") as told:
            await bench.raised(9)
        assert told.value.term == 12
        assert (await bench.fence(), bench.by_hand.writes()) == (higher, writes)

    async def test_where_a_higher_term_stands_nothing_is_written(self, bench: Bench) -> None:
        old = await bench.raised(7)
        name = bench.name("web")
        before = records(name, ONE)
        await bench.fenced(old, NameChange(name=name, after=before))
        new = await bench.raised(8)
        writes = bench.by_hand.writes()
        for change in (
            NameChange(name=name, before=before, after=records(name, TWO)),
            NameChange(name=name, before=before),
            creation(bench, "other"),
        ):
            with pytest.raises(Fenced, match=r"no longer says .*term=7.* it says .*term=8") as told:
                await bench.fenced(old, change)
            assert told.value.term == 8
        assert bench.by_hand.writes() == writes
        assert ((await bench.at("web"))["A"], await bench.at("other")) == (ONE[2], {})
        assert await bench.fenced(new, creation(bench, "other")) == [Outcome.DONE]

    async def test_not_one_of_many_changes_is_written_under_a_fallen_fence(self, bench: Bench) -> None:
        old = await bench.raised(7)
        await bench.raised(8)
        bench.by_hand.write(RecordSet(name=bench.name("n3"), type="A", ttl=60, values=OTHER[2]))
        before = await bench.provider.read(bench.zone, DEADLINE_S)
        with pytest.raises(Fenced):
            await bench.fenced(old, *(creation(bench, f"n{number}") for number in range(120)))
        assert await bench.provider.read(bench.zone, DEADLINE_S) == before

    async def test_where_no_fence_stands_nothing_is_written(self, bench: Bench) -> None:
        with pytest.raises(Fenced, match="it is gone") as told:
            await bench.fenced(fence_set(bench.zone, OWNER, 7), creation(bench, "web"))
        assert told.value.term == 0
        assert await bench.at("web") == {}

    async def test_a_fence_of_another_owner_stops_every_write(self, bench: Bench) -> None:
        bench.by_hand.write(fence_set(bench.zone, "somebody", 3))
        with pytest.raises(Fenced) as told:
            await bench.fenced(fence_set(bench.zone, OWNER, 7), creation(bench, "web"))
        assert told.value.term == 0
        assert await bench.at("web") == {}

    async def test_a_fence_of_another_owner_is_never_replaced(self, bench: Bench) -> None:
        bench.by_hand.write(fence_set(bench.zone, "somebody", 3))
        with pytest.raises(Refused, match=r"fence of owner somebody, .* owner is contract") as told:
            await bench.raised(7)
        assert not isinstance(told.value, Fenced)
        found = await bench.fence()
        assert found is not None
        assert found.values == fence_set(bench.zone, "somebody", 3).values

    @pytest.mark.parametrize("value", ['"v=spf1 -all"', '"trafficfed/1 owner=contract"'])
    async def test_what_is_no_fence_is_never_replaced(self, bench: Bench, value: str) -> None:
        bench.by_hand.write(RecordSet(name=fence_name(bench.zone), type="TXT", ttl=60, values=(value,)))
        with pytest.raises(Refused, match="which is no fence of ours: take it away"):
            await bench.raised(7)
        found = await bench.fence()
        assert found is not None
        assert found.values == (value,)

    async def test_a_foreign_record_under_a_standing_fence_harms_only_itself(self, bench: Bench) -> None:
        fence = await bench.raised(7)
        bench.by_hand.write(RecordSet(name=bench.name("n7"), type="A", ttl=60, values=OTHER[2]))
        outcomes = await bench.fenced(fence, *(creation(bench, f"n{number}") for number in range(12)))
        assert [outcome is Outcome.DONE for outcome in outcomes] == [number != 7 for number in range(12)]
        assert outcomes[7] is Outcome.CONFLICT

    async def test_no_change_under_a_fence_writes_nothing(self, bench: Bench) -> None:
        fence = await bench.raised(7)
        writes = bench.by_hand.writes()
        assert await bench.provider.apply(bench.zone, (), DEADLINE_S, fence) == ()
        assert bench.by_hand.writes() == writes
