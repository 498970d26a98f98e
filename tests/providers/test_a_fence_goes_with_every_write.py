"""How each kind of provider says the condition: in every request that writes, within its limits, at little cost."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import dns.message
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.errors import Fenced
from trafficfed.model import NameChange, Outcome, RecordSet
from trafficfed.testing.google_dns.managed_zone import ManagedZone
from trafficfed.testing.google_dns.server import GoogleDns
from trafficfed.testing.provider_contract import ONE, TWO, records
from trafficfed.testing.route53.account import Account, Fault
from trafficfed.testing.route53.bench import ZONE, Route53Bench
from trafficfed.zones.fence import fence_name, fence_set, raise_fence
from trafficfed_providers.dns_update import check, compare_and_set
from trafficfed_providers.google_change import NOTHING, Guarded, guard, packed
from trafficfed_providers.google_cloud import GoogleCloudDns
from trafficfed_providers.route53 import Route53
from trafficfed_providers.route53_batches import CHARACTERS_MAX, ELEMENTS_MAX, in_batches, kept, refusal, size

DEADLINE_S = 20.0
OWNER = "contract"
FENCE = fence_set(ZONE, OWNER, 7)
HIGHER = fence_set(ZONE, OWNER, 8)
TAKEN = size(kept(FENCE))


def create(number: int) -> NameChange:
    name = f"n{number}.{ZONE}"
    return NameChange(name=name, after=records(name, ONE))


def txt(name: str, values: int, length: int = 1) -> NameChange:
    found = RecordSet(name=name, type="TXT", ttl=30, values=tuple("x" * length for _ in range(values)))
    return NameChange(name=name, after=(found,))


# RFC 2136


def test_a_message_requires_the_fences_value_and_writes_nothing_there() -> None:
    """RFC 2136 section 2.4.2: an RRset exists, value dependent."""
    message = dns.message.from_wire(compare_and_set(ZONE, (create(1),), FENCE).to_wire())
    required = [rrset for rrset in message.sections[1] if rrset.rdtype == dns.rdatatype.TXT]
    (fence,) = [rrset for rrset in required if rrset.name.to_text(omit_final_dot=True) == fence_name(ZONE)]
    assert [rdata.to_text() for rdata in fence] == list(FENCE.values)
    assert all(fence_name(ZONE) not in rrset.name.to_text() for rrset in message.sections[2])


def test_a_message_without_a_fence_speaks_of_none() -> None:
    for message in (compare_and_set(ZONE, (create(1),)), check(ZONE, (create(1),))):
        assert fence_name(ZONE) not in dns.message.from_wire(message.to_wire()).to_text()


# Route 53


def fence_entries(request: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Where in a request, and by which action, the fence is spoken of."""
    changes = request["ChangeBatch"]["Changes"]
    return [
        (at, change["Action"])
        for at, change in enumerate(changes)
        if change["ResourceRecordSet"]["Name"].rstrip(".") == fence_name(ZONE)
    ]


async def raised(provider: Route53 | GoogleCloudDns, term: int = 7) -> RecordSet:
    return await raise_fence(provider, ZONE, OWNER, term, DEADLINE_S)


async def test_every_request_to_route_53_deletes_the_fence_and_creates_it_again(
    aws: Route53Bench, route53: Route53
) -> None:
    fence = await raised(route53)
    before = len(aws.requests("ChangeResourceRecordSets"))
    changes = [txt(f"n{number}.{ZONE}", 400) for number in range(4)]
    changes = [NameChange(name=c.name, after=(_numbered(c.after[0]),)) for c in changes]
    results = await route53.apply(ZONE, changes, DEADLINE_S, fence)
    assert {result.outcome for result in results} == {Outcome.DONE}
    requests = aws.requests("ChangeResourceRecordSets")[before:]
    assert len(requests) == 2
    assert [fence_entries(request) for request in requests] == [[(0, "DELETE"), (1, "CREATE")]] * 2


def _numbered(found: RecordSet) -> RecordSet:
    values = tuple(f'"{number}"' for number in range(len(found.values)))
    return RecordSet(name=found.name, type=found.type, ttl=found.ttl, values=values)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 80)), max_size=30))
def test_requests_to_route_53_stay_within_the_limits_with_the_fence_in_each(found: list[tuple[int, int]]) -> None:
    changes = [txt(f"n{at}", count, length) for at, (count, length) in enumerate(found)]
    batches = in_batches(changes, TAKEN)
    assert [at for batch in batches for at in batch] == list(range(len(changes)))
    for batch in batches:
        elements, characters = (TAKEN[part] + sum(size(changes[at])[part] for at in batch) for part in (0, 1))
        assert len(batch) == 1 or (elements <= ELEMENTS_MAX and characters <= CHARACTERS_MAX)


def test_a_name_that_fills_a_request_alone_has_no_room_for_the_fence_and_is_refused_before_it_is_sent() -> None:
    full = txt(f"web.{ZONE}", ELEMENTS_MAX)
    assert refusal(full, ZONE) == ""
    assert "publish fewer endpoints under one name" in refusal(full, ZONE, TAKEN)
    assert refusal(txt(f"web.{ZONE}", ELEMENTS_MAX - 2), ZONE, TAKEN) == ""


async def test_at_route_53_a_fallen_fence_is_found_out_by_one_write_and_one_look(
    aws: Route53Bench, route53: Route53
) -> None:
    old = await raised(route53)
    await raised(route53, 8)
    before = len(aws.requests())
    with pytest.raises(Fenced) as told:
        await route53.apply(ZONE, [create(number) for number in range(100)], DEADLINE_S, old)
    assert told.value.term == 8
    assert len(aws.requests()) - before == 2


async def test_at_route_53_a_standing_fence_costs_a_look_for_each_name_that_is_refused(
    aws: Route53Bench, route53: Route53
) -> None:
    fence = await raised(route53)
    await route53.apply(ZONE, (create(3),), DEADLINE_S, fence)
    before = len(aws.requests("ListResourceRecordSets"))
    results = await route53.apply(ZONE, [create(number) for number in range(10)], DEADLINE_S, fence)
    assert [result.outcome is Outcome.DONE for result in results] == [number != 3 for number in range(10)]
    assert results[3].outcome is Outcome.CONFLICT
    assert len(aws.requests("ListResourceRecordSets")) - before <= 4


async def test_at_route_53_a_fallen_fence_is_found_out_whatever_the_refusal_says(
    aws: Route53Bench, route53: Route53, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its wording is no part of the API."""
    old = await raised(route53)
    await raised(route53, 8)
    call = Account.call

    def mute(account: Account, operation: str, params: Any) -> dict[str, Any]:
        try:
            return call(account, operation, params)
        except Fault as fault:
            raise Fault(fault.code, "something is wrong", fault.status) from fault

    monkeypatch.setattr(Account, "call", mute)
    writes = aws.account.writes
    with pytest.raises(Fenced):
        await route53.apply(ZONE, [create(number) for number in range(8)], DEADLINE_S, old)
    assert aws.account.writes == writes


async def test_at_route_53_a_fence_whose_ttl_somebody_changed_is_taken_as_it_stands(
    aws: Route53Bench, route53: Route53
) -> None:
    """Route 53 deletes by the whole set, TTL included."""
    fence = await raised(route53)
    with aws.server.at_hand():
        values = [{"Value": value} for value in fence.values]
        aws.zone.put({"Name": fence.name, "Type": "TXT", "TTL": 5, "ResourceRecords": values})
    with pytest.raises(Fenced) as told:
        await route53.apply(ZONE, (create(1),), DEADLINE_S, fence)
    assert told.value.term == 7
    standing = await raised(route53)
    assert standing.ttl == 5
    (result,) = await route53.apply(ZONE, (create(1),), DEADLINE_S, standing)
    assert result.outcome is Outcome.DONE


# Google Cloud DNS


@pytest.fixture
def server() -> Iterator[GoogleDns]:
    with GoogleDns(now_s=lambda: 1_800_000_000.0) as running:
        yield running


@pytest.fixture
def zone(server: GoogleDns) -> ManagedZone:
    return server.add_zone("fed-test", ZONE)


@pytest.fixture
async def google(server: GoogleDns, zone: ManagedZone) -> AsyncIterator[GoogleCloudDns]:
    settings = {"endpoint": server.url, "project": server.project.name, "requests-per-second": 1000}
    provider = GoogleCloudDns.from_settings("google", settings)
    yield provider
    await provider.close()


async def test_every_change_at_google_deletes_the_fence_and_adds_it_again(
    google: GoogleCloudDns, server: GoogleDns
) -> None:
    fence = await raised(google)
    before = len(server.requests("POST", "/changes"))
    name = f"web.{ZONE}"
    for change in (
        NameChange(name=name, after=records(name, ONE)),
        NameChange(name=name, before=records(name, ONE), after=records(name, TWO)),
        NameChange(name=name, before=records(name, TWO)),
    ):
        (result,) = await google.apply(ZONE, (change,), DEADLINE_S, fence)
        assert result.outcome is Outcome.DONE
    for seen in server.requests("POST", "/changes")[before:]:
        for side in ("deletions", "additions"):
            spoken = [rrset for rrset in seen.body[side] if rrset["name"] == f"{fence_name(ZONE)}."]
            assert [(rrset["ttl"], rrset["rrdatas"]) for rrset in spoken] == [(fence.ttl, list(fence.values))]


@given(st.lists(st.integers(1, 120_000), max_size=30))
def test_changes_at_google_stay_within_the_limits_with_the_fence_in_each(octets: list[int]) -> None:
    changes = [
        Guarded(
            name=str(at), before=(), deletions=(), additions=({"name": str(at), "type": "TXT", "rrdatas": ["x" * n]},)
        )
        for at, n in enumerate(octets)
    ]
    parts = list(packed(changes, guard(FENCE)))
    assert [each for part in parts for each in part] == changes
    for part in parts:
        assert len(part) == 1 or guard(FENCE).octets + sum(each.octets for each in part) <= 100_000


def test_the_fence_counts_among_the_record_sets_of_a_change_at_google() -> None:
    changes = [
        Guarded(name=str(at), before=(), deletions=(), additions=({"name": str(at), "type": "TXT", "rrdatas": ["x"]},))
        for at in range(2500)
    ]
    assert [len(part) for part in packed(changes, guard(FENCE))] == [999, 999, 502]
    assert guard(None) == NOTHING


async def test_at_google_a_fallen_fence_is_found_out_by_one_write_and_one_look(
    google: GoogleCloudDns, server: GoogleDns
) -> None:
    old = await raised(google)
    await raised(google, 8)
    before = len(server.seen)
    with pytest.raises(Fenced) as told:
        await google.apply(ZONE, [create(number) for number in range(100)], DEADLINE_S, old)
    assert told.value.term == 8
    assert [seen.verb for seen in server.seen[before:]] == ["POST", "GET"]


async def test_at_google_a_standing_fence_is_looked_at_twice_while_a_culprit_is_found(
    google: GoogleCloudDns, server: GoogleDns, zone: ManagedZone
) -> None:
    """At the first refusal, and where the culprit is alone: requests are few at Google."""
    fence = await raised(google)
    zone.put({"name": f"n5.{ZONE}.", "type": "A", "ttl": 60, "rrdatas": ["192.0.2.9"]})
    before = len(server.seen)
    results = await google.apply(ZONE, [create(number) for number in range(16)], DEADLINE_S, fence)
    assert [result.outcome is Outcome.DONE for result in results] == [number != 5 for number in range(16)]
    looks = [seen for seen in server.seen[before:] if seen.query.get("name") == f"{fence_name(ZONE)}."]
    assert len(looks) == 2


async def test_at_google_a_fence_that_falls_amid_the_halves_stops_the_rest(
    google: GoogleCloudDns, server: GoogleDns, zone: ManagedZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence = await raised(google)
    zone.put({"name": f"n1.{ZONE}.", "type": "A", "ttl": 60, "rrdatas": ["192.0.2.9"]})
    carry_out, refused = ManagedZone.carry_out, []

    def falling(managed: ManagedZone, change: Any) -> Any:
        try:
            return carry_out(managed, change)
        except Exception:
            refused.append(len(change["additions"]))
            if len(refused) == 2:
                managed.put({"name": f"{HIGHER.name}.", "type": "TXT", "ttl": 300, "rrdatas": list(HIGHER.values)})
            raise

    monkeypatch.setattr(ManagedZone, "carry_out", falling)
    with pytest.raises(Fenced) as told:
        await google.apply(ZONE, [create(number) for number in range(8)], DEADLINE_S, fence)
    assert told.value.term == 8
    assert {rrset["name"] for rrset in zone.rrsets() if rrset["type"] == "A"} == {f"n1.{ZONE}."}
