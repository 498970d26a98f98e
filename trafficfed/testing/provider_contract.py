"""What every DNS provider has to keep: inherit the class, give it a bench, and pytest runs it against your adapter."""

from dataclasses import dataclass
from typing import Protocol

import pytest

from trafficfed.model import NameChange, Outcome, RecordSet, Result
from trafficfed.ports import Provider
from trafficfed.zones.ownership import done_marker, marker_name, marker_set

DEADLINE_S = 20.0


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
    return (*data, marker_set(name, done_marker("contract", "default/contract/suite", data)))


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
