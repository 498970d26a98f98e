"""The Google provider against a Cloud DNS that pages, throttles, denies, loses answers, hangs, and has other users."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.model import NameChange, Outcome, RecordSet, Result, Routing, Where
from trafficfed.testing.google_dns.managed_zone import ManagedZone, Quotas
from trafficfed.testing.google_dns.server import Fault, GoogleDns
from trafficfed.zones.ownership import done_marker, marker_set
from trafficfed_providers.google_cloud import GoogleCloudDns

ZONE = "fed.test"
WEB = "web.fed.test"
NOW_S = 1_800_000_000.0
DEADLINE_S = 10.0


@pytest.fixture
def server() -> Iterator[GoogleDns]:
    with GoogleDns(now_s=lambda: NOW_S, page_size=10) as running:
        yield running


@pytest.fixture
def zone(server: GoogleDns) -> ManagedZone:
    return server.add_zone("fed-test", ZONE)


def provider_at(server: GoogleDns, **more: Any) -> GoogleCloudDns:
    settings = {"endpoint": server.url, "project": server.project.name, "requests-per-second": 1000, **more}
    return GoogleCloudDns.from_settings("google", settings)


@pytest.fixture
async def provider(server: GoogleDns, zone: ManagedZone) -> AsyncIterator[GoogleCloudDns]:
    running = provider_at(server)
    yield running
    await running.close()


def a_set(name: str, *values: str, ttl: int = 30, rdtype: str = "A") -> RecordSet:
    return RecordSet(name=name, type=rdtype, ttl=ttl, values=values)


def marked(name: str, *sets: RecordSet) -> tuple[RecordSet, ...]:
    return (*sets, marker_set(name, done_marker("prod", "default/shop/web", sets)))


def weighted(name: str, **weights: int) -> tuple[RecordSet, ...]:
    """``_1=70`` is 192.0.2.1 with weight 70."""
    values = {f"192.0.2.{key[1:]}": weight for key, weight in weights.items()}
    return tuple(
        RecordSet(name=name, type="A", ttl=30, values=(value,), routing=Routing(set_id=value, weight=weight))
        for value, weight in values.items()
    )


def placed(name: str, **places: str) -> tuple[RecordSet, ...]:
    """``europe_west3="192.0.2.1"`` is that address near that region."""
    regions = {key.replace("_", "-"): value for key, value in places.items()}
    return tuple(
        RecordSet(name=name, type="A", ttl=30, values=(value,), routing=Routing(set_id=at, where=Where("region", at)))
        for at, value in sorted(regions.items())
    )


def creations(count: int) -> list[NameChange]:
    names = [f"n{number:04}.{ZONE}" for number in range(count)]
    return [NameChange(name=name, after=marked(name, a_set(name, "192.0.2.1"))) for name in names]


async def apply(provider: GoogleCloudDns, *changes: NameChange) -> tuple[Result, ...]:
    return await provider.apply(ZONE, changes, DEADLINE_S)


async def outcomes(provider: GoogleCloudDns, *changes: NameChange) -> list[Outcome]:
    return [result.outcome for result in await apply(provider, *changes)]


async def at(provider: GoogleCloudDns, name: str = WEB) -> tuple[RecordSet, ...]:
    return await provider.read_names(ZONE, (name,), DEADLINE_S)


# What is written


@pytest.mark.parametrize(
    "sets", [weighted(WEB, _1=7, _2=2, _3=1), placed(WEB, europe_west3="192.0.2.1", us_east1="192.0.2.2")]
)
async def test_a_policy_is_written_read_changed_and_deleted(
    provider: GoogleCloudDns, zone: ManagedZone, sets: tuple[RecordSet, ...]
) -> None:
    after = marked(WEB, *sets)
    assert await outcomes(provider, NameChange(name=WEB, after=after)) == [Outcome.DONE]
    assert await at(provider) == sets
    assert len([rrset for rrset in zone.rrsets() if rrset["name"] == f"{WEB}." and rrset["type"] == "A"]) == 1
    plain = marked(WEB, a_set(WEB, "192.0.2.9"))
    assert await outcomes(provider, NameChange(name=WEB, before=after, after=plain)) == [Outcome.DONE]
    assert await at(provider) == plain[:1]
    assert await outcomes(provider, NameChange(name=WEB, before=plain)) == [Outcome.DONE]
    assert await at(provider) == ()


async def test_a_policy_that_somebody_edited_is_a_conflict(provider: GoogleCloudDns, zone: ManagedZone) -> None:
    before = marked(WEB, *weighted(WEB, _1=7, _2=3))
    await apply(provider, NameChange(name=WEB, after=before))
    edited = zone.rrset(f"{WEB}.", "A")
    edited["routingPolicy"]["wrr"]["items"][0]["weight"] = 1
    zone.put(edited)
    assert await outcomes(provider, NameChange(name=WEB, before=before)) == [Outcome.CONFLICT]
    assert zone.rrset(f"{WEB}.", "A") == edited


async def test_a_policy_of_others_is_seen_and_taken_over_only_as_it_is(
    provider: GoogleCloudDns, zone: ManagedZone
) -> None:
    items = [{"location": "us-east1", "rrdatas": ["192.0.2.7"]}]
    policy = {
        "primaryBackup": {
            "primaryTargets": {"externalEndpoints": ["192.0.2.6"]},
            "backupGeoTargets": {"items": items},
            "trickleTraffic": 0.1,
        },
        "healthCheck": "https://www.googleapis.com/compute/v1/projects/p/global/healthChecks/c",
    }
    zone.put({"name": f"{WEB}.", "type": "A", "ttl": 60, "routingPolicy": policy})
    (found,) = await at(provider)
    assert found.values == ("192.0.2.6", "192.0.2.7")
    after = marked(WEB, a_set(WEB, "192.0.2.1"))
    assert await outcomes(provider, NameChange(name=WEB, after=after)) == [Outcome.CONFLICT]
    assert await outcomes(provider, NameChange(name=WEB, before=(found,), after=after)) == [Outcome.DONE]
    assert await at(provider) == after[:1]


async def test_what_is_stored_in_another_spelling_is_changed_all_the_same(
    provider: GoogleCloudDns, zone: ManagedZone
) -> None:
    """A deletion must be spelt as it is stored; a name that is taken over was spelt by others."""
    zone.put({"name": f"{WEB}.", "type": "AAAA", "ttl": 30, "rrdatas": ["2001:DB8:0::2"]})
    items = [{"weight": 2, "rrdatas": ["192.0.2.2"]}, {"weight": 1, "rrdatas": ["192.0.2.1"]}]
    zone.put({"name": f"{WEB}.", "type": "A", "ttl": 30, "routingPolicy": {"wrr": {"items": items}}})
    found = await at(provider)
    after = marked(WEB, a_set(WEB, "192.0.2.9"))
    assert await outcomes(provider, NameChange(name=WEB, before=found, after=after)) == [Outcome.DONE]
    assert await at(provider) == after[:1]


async def test_what_stays_guards_the_rest(provider: GoogleCloudDns, zone: ManagedZone) -> None:
    """Only the TTL changes: the marker is the same before and after, and must still be there."""
    before = marked(WEB, a_set(WEB, "192.0.2.1"))
    after = marked(WEB, a_set(WEB, "192.0.2.1", ttl=60))
    await apply(provider, NameChange(name=WEB, after=before))
    zone.erase("_trafficfed-owner.web.fed.test.", "TXT")
    assert await outcomes(provider, NameChange(name=WEB, before=before, after=after)) == [Outcome.CONFLICT]
    assert [found.ttl for found in await at(provider)] == [30]


async def test_routing_that_it_does_not_have_is_refused(provider: GoogleCloudDns, zone: ManagedZone) -> None:
    alias = RecordSet(name=WEB, type="A", ttl=0, values=("other.fed.test",), alias=True)
    (result,) = await apply(provider, NameChange(name=WEB, after=(alias,)))
    assert result.outcome is Outcome.REFUSED
    assert "alias" in result.message
    assert zone.changes() == []


async def test_what_the_server_refuses_harms_its_own_name_only(provider: GoogleCloudDns) -> None:
    wrong = NameChange(name=WEB, after=(a_set(WEB, "not an address"),))
    results = await apply(provider, *creations(3), wrong)
    assert [result.outcome for result in results] == [Outcome.DONE] * 3 + [Outcome.REFUSED]
    assert "'not an address' is no A" in results[-1].message


# How much it costs


async def test_many_names_are_one_request(provider: GoogleCloudDns, server: GoogleDns) -> None:
    assert set(await outcomes(provider, *creations(100))) == {Outcome.DONE}
    assert len(server.requests("POST", "/changes")) == 1


async def test_one_culprit_among_many_is_found_by_halving(
    provider: GoogleCloudDns, server: GoogleDns, zone: ManagedZone
) -> None:
    zone.put({"name": "n0077.fed.test.", "type": "A", "ttl": 60, "rrdatas": ["192.0.2.9"]})
    found = await outcomes(provider, *creations(100))
    assert [number for number, outcome in enumerate(found) if outcome is not Outcome.DONE] == [77]
    assert found[77] is Outcome.CONFLICT
    assert len(server.requests("POST", "/changes")) <= 2 * 7 + 1


async def test_what_exceeds_the_limits_of_one_change_goes_in_several(
    provider: GoogleCloudDns, server: GoogleDns
) -> None:
    changes = [
        NameChange(name=f"n{number}.{ZONE}", after=(a_set(f"n{number}.{ZONE}", f'"{"x" * 200}"', rdtype="TXT"),))
        for number in range(900)
    ]
    assert set(await outcomes(provider, *changes)) == {Outcome.DONE}
    assert len(server.requests("POST", "/changes")) == 2


async def test_a_smaller_quota_than_the_usual_one_is_found_by_halving() -> None:
    with GoogleDns(now_s=lambda: NOW_S, quotas=Quotas(rrset_additions_per_change=50)) as server:
        server.add_zone("fed-test", ZONE)
        provider = provider_at(server)
        assert set(await outcomes(provider, *creations(100))) == {Outcome.DONE}
        await provider.close()


async def test_the_managed_zone_is_asked_for_once(provider: GoogleCloudDns, server: GoogleDns) -> None:
    for change in creations(3):
        await apply(provider, change)
    assert len(server.requests("GET", "/managedZones")) == 1


async def test_a_zone_of_many_pages_is_read_whole(provider: GoogleCloudDns, server: GoogleDns) -> None:
    await apply(provider, *creations(33))
    found = await provider.read(ZONE, DEADLINE_S)
    assert len({each.name for each in found if each.type == "A"}) == 33
    assert len(server.requests("GET", "/rrsets")) == 7
    assert [each.type for each in found if each.name == ZONE] == ["NS"]


async def test_asking_for_very_many_names_reads_the_zone(provider: GoogleCloudDns, server: GoogleDns) -> None:
    changes = creations(60)
    await apply(provider, *changes)
    wanted = [change.name for change in changes[:50]]
    assert {found.name for found in await provider.read_names(ZONE, wanted, DEADLINE_S)} == set(wanted)
    assert all("name" not in seen.query for seen in server.requests("GET", "/rrsets"))


async def test_a_change_tells_its_number_and_that_it_is_pending(provider: GoogleCloudDns) -> None:
    (result,) = await apply(provider, *creations(1))
    assert result.message == "change 0 is pending"


# What goes wrong


@pytest.mark.parametrize(("code", "reason"), [(429, "rateLimitExceeded"), (403, "userRateLimitExceeded")])
async def test_throttling_is_transient_and_nothing_was_changed(
    provider: GoogleCloudDns, server: GoogleDns, zone: ManagedZone, code: int, reason: str
) -> None:
    server.fail(code, reason, verb="POST", retry_after_s=None)
    with pytest.raises(Transient, match=reason):
        await apply(provider, *creations(2))
    assert zone.changes() == []
    assert set(await outcomes(provider, *creations(2))) == {Outcome.DONE}


async def test_the_pause_that_the_server_asks_for_is_told(provider: GoogleCloudDns, server: GoogleDns) -> None:
    server.fail(429, "rateLimitExceeded", retry_after_s=7)
    with pytest.raises(Transient) as caught:
        await provider.read(ZONE, DEADLINE_S)
    assert caught.value.retry_after_s == 7
    with pytest.raises(Transient, match=r"the next request is due in [67]\.\d s only"):
        await provider.apply(ZONE, creations(1), 5.0)
    assert len(server.requests("GET")) == len(server.requests("POST", "/changes")) == 0


async def test_an_error_of_the_server_leaves_open_what_was_done(provider: GoogleCloudDns, server: GoogleDns) -> None:
    await provider.read(ZONE, DEADLINE_S)
    server.fail(503, "backendError", verb="POST")
    results = await apply(provider, *creations(2))
    assert [result.outcome for result in results] == [Outcome.FAILED] * 2
    assert "backendError" in results[0].message


@pytest.mark.parametrize("fault", [Fault(verb="POST", lose=True), Fault(verb="POST", garble=True)])
async def test_a_lost_answer_is_a_failure_that_may_have_been_done(
    provider: GoogleCloudDns, server: GoogleDns, zone: ManagedZone, fault: Fault
) -> None:
    await provider.read(ZONE, DEADLINE_S)
    server.faults.append(fault)
    change = NameChange(name=WEB, after=marked(WEB, a_set(WEB, "192.0.2.1")))
    assert await outcomes(provider, change) == [Outcome.FAILED]
    assert await at(provider) == change.after[:1]
    assert await outcomes(provider, change) == [Outcome.CONFLICT]
    assert len(zone.changes()) == 1


async def test_a_server_that_hangs_is_left_by_the_deadline(provider: GoogleCloudDns, server: GoogleDns) -> None:
    await provider.read(ZONE, DEADLINE_S)
    server.hang()
    with pytest.raises(Transient, match=r"within 0\.2 s"):
        await provider.read(ZONE, 0.2)
    results = await provider.apply(ZONE, creations(1), 0.2)
    assert [result.outcome for result in results] == [Outcome.FAILED]
    server.resume()
    assert len(await provider.read(ZONE, DEADLINE_S)) >= 1


async def test_a_server_that_is_not_there_is_transient(server: GoogleDns) -> None:
    url = server.url
    server.__exit__(None, None, None)
    provider = GoogleCloudDns.from_settings("google", {"endpoint": url, "project": "shop-prod-1"})
    with pytest.raises(Transient, match="google cannot be reached"):
        await apply(provider, *creations(1))
    await provider.close()


async def test_a_denied_account_is_refused(provider: GoogleCloudDns, server: GoogleDns, zone: ManagedZone) -> None:
    server.fail(403, "forbidden")
    with pytest.raises(Refused, match="forbidden"):
        await apply(provider, *creations(1))
    assert zone.changes() == []


async def test_being_denied_amid_many_tells_what_was_done(provider: GoogleCloudDns, server: GoogleDns) -> None:
    changes = [
        NameChange(name=f"n{number}.{ZONE}", after=(a_set(f"n{number}.{ZONE}", f'"{"x" * 250}"', rdtype="TXT"),))
        for number in range(800)
    ]
    server.faults.append(Fault(verb="POST"))
    server.fail(403, "forbidden", verb="POST")
    found = await outcomes(provider, *changes)
    assert found == [Outcome.DONE] * 396 + [Outcome.REFUSED] * 404


async def test_an_unknown_zone_is_refused_with_the_fix(provider: GoogleCloudDns) -> None:
    with pytest.raises(Refused, match=r"no managed zone of DNS name other\.test\.; create it"):
        await provider.read("other.test", DEADLINE_S)


async def test_a_zone_that_was_deleted_is_refused_and_found_again(provider: GoogleCloudDns, server: GoogleDns) -> None:
    await provider.read(ZONE, DEADLINE_S)
    server.project.answer("dns.managedZones.delete", {"project": server.project.name, "managedZone": "fed-test"}, {})
    with pytest.raises(Refused, match="managedZone"):
        await apply(provider, *creations(1))
    server.add_zone("fed-test-2", ZONE)
    assert await outcomes(provider, *creations(1)) == [Outcome.DONE]


async def test_a_zone_that_was_deleted_is_no_empty_zone(provider: GoogleCloudDns, server: GoogleDns) -> None:
    await provider.read(ZONE, DEADLINE_S)
    server.project.answer("dns.managedZones.delete", {"project": server.project.name, "managedZone": "fed-test"}, {})
    for _ in range(2):
        with pytest.raises(Refused, match="managed"):
            await provider.read(ZONE, DEADLINE_S)
    with pytest.raises(Refused, match="no managed zone of DNS name"):
        await at(provider)


async def test_of_several_zones_the_public_one_is_meant_and_two_must_be_told_apart(server: GoogleDns) -> None:
    server.add_zone("inside", ZONE, visibility="private")
    only = server.add_zone("outside", ZONE)
    provider = provider_at(server)
    await apply(provider, *creations(1))
    assert len(only.changes()) == 1
    server.add_zone("outside-2", ZONE)
    other = provider_at(server)
    with pytest.raises(Refused, match=r"outside, outside-2 all hold fed\.test; set managed-zone"):
        await other.read(ZONE, DEADLINE_S)
    named = provider_at(server, **{"managed-zone": "inside"})
    await apply(named, *creations(1))
    assert len(server.project.zone("inside").changes()) == 1
    for each in (provider, other, named):
        await each.close()


async def test_a_managed_zone_that_is_none_or_another_ones_is_refused(server: GoogleDns, zone: ManagedZone) -> None:
    missing, other = (provider_at(server, **{"managed-zone": name}) for name in ("nowhere", "fed-test"))
    with pytest.raises(Refused, match=r"nowhere.*set managed-zone of google to one that is there"):
        await missing.read(ZONE, DEADLINE_S)
    with pytest.raises(Refused, match=r"managed zone fed-test holds fed\.test\., not example\.org"):
        await other.read("example.org", DEADLINE_S)
    await missing.close()
    await other.close()


# Who it is


@pytest.fixture
def guarded_server() -> Iterator[GoogleDns]:
    with GoogleDns(now_s=lambda: NOW_S, guarded=True) as running:
        running.add_zone("fed-test", ZONE)
        yield running


@pytest.fixture
async def account(guarded_server: GoogleDns, tmp_path: Path) -> AsyncIterator[GoogleCloudDns]:
    key = tmp_path / "key.json"
    key.write_text(guarded_server.tokens.key_file(guarded_server.project.name, guarded_server.url))
    settings = {"endpoint": guarded_server.url, "credentials-file": str(key), "requests-per-second": 1000}
    provider = GoogleCloudDns.from_settings("google", settings)
    yield provider
    await provider.close()


async def test_a_service_account_gets_a_token_and_its_project(
    account: GoogleCloudDns, guarded_server: GoogleDns
) -> None:
    assert await outcomes(account, *creations(1)) == [Outcome.DONE]
    assert await outcomes(account, *creations(1)) == [Outcome.CONFLICT]
    assert guarded_server.tokens.given == 1


async def test_a_token_that_ends_early_is_renewed(account: GoogleCloudDns, guarded_server: GoogleDns) -> None:
    await apply(account, *creations(1))
    guarded_server.tokens.revoke()
    assert await outcomes(account, *creations(2)) == [Outcome.CONFLICT, Outcome.DONE]
    assert guarded_server.tokens.given == 2


async def test_an_account_that_is_known_no_more_is_refused(account: GoogleCloudDns, guarded_server: GoogleDns) -> None:
    guarded_server.tokens.denied = True
    with pytest.raises(Refused, match="google: the credentials were refused"):
        await apply(account, *creations(1))


async def test_no_credentials_where_some_are_needed_is_refused(guarded_server: GoogleDns) -> None:
    provider = provider_at(guarded_server)
    with pytest.raises(Refused):
        await apply(provider, *creations(1))
    await provider.close()
