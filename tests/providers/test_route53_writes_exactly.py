"""What is written to Route 53 is an exact compare-and-set, in as few requests as its limits let; boto3 itself talks."""

from typing import Any

import pytest

from trafficfed.model import NameChange, Outcome, RecordSet, Routing, Where, Zone
from trafficfed.testing.publishing import service_key
from trafficfed.testing.route53.account import Account, Fault
from trafficfed.testing.route53.bench import ZONE, Route53Bench
from trafficfed.zones.ownership import done_marker, marker_name, marker_set, pool_name
from trafficfed.zones.publisher import ZonePublisher
from trafficfed.zones.wish import Wish
from trafficfed_providers.route53 import Route53

DEADLINE_S = 20.0
NAME = f"web.{ZONE}"


def plain(name: str, *values: str, rdtype: str = "A", ttl: int = 30) -> RecordSet:
    return RecordSet(name=name, type=rdtype, ttl=ttl, values=values)


def whole(name: str, *sets: RecordSet) -> tuple[RecordSet, ...]:
    return (*sets, marker_set(name, done_marker("prod", "default/shop/web", sets)))


def tree(name: str = NAME) -> tuple[RecordSet, ...]:
    """Places at the name, weights below one of them."""
    pool = pool_name(name, "continent-eu")
    europe = Routing(set_id="continent-eu", where=Where("continent", "EU"))
    return whole(
        name,
        RecordSet(name=name, type="A", ttl=0, values=(f"{pool}.",), routing=europe, alias=True),
        RecordSet(name=name, type="A", ttl=30, values=("192.0.2.3",), routing=Routing(set_id="any", where=Where())),
        RecordSet(name=pool, type="A", ttl=30, values=("192.0.2.1",), routing=Routing(set_id="eu", weight=70)),
        RecordSet(name=pool, type="A", ttl=30, values=("192.0.2.2",), routing=Routing(set_id="us", weight=30)),
    )


def create(name: str, *values: str) -> NameChange:
    return NameChange(name=name, after=whole(name, plain(name, *(values or ("192.0.2.1",)))))


async def apply(route53: Route53, *changes: NameChange, zone: str = ZONE) -> list[Outcome]:
    return [result.outcome for result in await route53.apply(zone, changes, DEADLINE_S)]


async def test_a_tree_is_written_by_one_request_and_read_back_as_written(aws: Route53Bench, route53: Route53) -> None:
    assert await apply(route53, NameChange(name=NAME, after=tree())) == [Outcome.DONE]
    assert aws.account.writes == 1
    found = await route53.read(ZONE, DEADLINE_S)
    assert {there for there in found if there.type != "NS"} == {*tree()}


async def test_a_tree_is_changed_and_deleted_by_one_request_each(aws: Route53Bench, route53: Route53) -> None:
    small = whole(NAME, plain(NAME, "192.0.2.1"))
    await apply(route53, NameChange(name=NAME, after=tree()))
    assert await apply(route53, NameChange(name=NAME, before=tree(), after=small)) == [Outcome.DONE]
    assert await apply(route53, NameChange(name=NAME, before=small, after=tree())) == [Outcome.DONE]
    assert await apply(route53, NameChange(name=NAME, before=tree())) == [Outcome.DONE]
    assert aws.account.writes == 4
    assert [found["Type"] for found in aws.zone.records()] == ["NS", "SOA"]


async def test_nothing_is_upserted_and_what_stays_is_asserted_too(aws: Route53Bench, route53: Route53) -> None:
    before, after = whole(NAME, plain(NAME, "192.0.2.1")), whole(NAME, plain(NAME, "192.0.2.1", ttl=60))
    await apply(route53, NameChange(name=NAME, after=before))
    await apply(route53, NameChange(name=NAME, before=before, after=after))
    changes = aws.requests("ChangeResourceRecordSets")[-1]["ChangeBatch"]["Changes"]
    said = [(change["Action"], change["ResourceRecordSet"]["Type"]) for change in changes]
    assert sorted(said) == [("CREATE", "A"), ("CREATE", "TXT"), ("DELETE", "A"), ("DELETE", "TXT")]


@pytest.mark.parametrize(
    "edit",
    [
        {"Weight": 71},
        {"SetIdentifier": "eu2"},
        {"TTL": 31},
        {"ResourceRecords": [{"Value": "192.0.2.9"}]},
    ],
)
async def test_a_routed_set_that_somebody_edited_is_a_conflict(
    aws: Route53Bench, route53: Route53, edit: dict[str, Any]
) -> None:
    await apply(route53, NameChange(name=NAME, after=tree()))
    eu = next(record for record in aws.zone.records() if record.get("SetIdentifier") == "eu")
    with aws.server.at_hand():
        aws.zone.remove(eu["Name"], "A")
        for record in ({**eu, **edit},):
            aws.zone.put(record)
    (result,) = await route53.apply(ZONE, (NameChange(name=NAME, before=tree()),), DEADLINE_S)
    assert result.outcome is Outcome.CONFLICT
    assert "is no longer what was last read" in result.message
    assert aws.account.writes == 1


async def test_a_plain_set_beside_routed_ones_of_others_is_a_conflict(aws: Route53Bench, route53: Route53) -> None:
    aws.zone.put(
        {"Name": NAME, "Type": "A", "SetIdentifier": "blue", "Weight": 1, "TTL": 60}
        | {"ResourceRecords": [{"Value": "198.51.100.1"}]}
    )
    (result,) = await route53.apply(ZONE, (create(NAME),), DEADLINE_S)
    assert (result.outcome, result.message) == (Outcome.CONFLICT, f"{NAME} has A already")


async def test_what_others_made_by_other_means_is_read_and_can_be_deleted_exactly(
    aws: Route53Bench, route53: Route53
) -> None:
    """Latency, multivalue, aliases elsewhere, checks: an adopted name gives all of them up."""
    base = {"Name": NAME, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "198.51.100.1"}]}
    aws.account.health_checks.add("h1")
    target = {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": "lb.elb.amazonaws.com.", "EvaluateTargetHealth": True}
    foreign: list[dict[str, Any]] = [
        {**base, "SetIdentifier": "use1", "Region": "us-east-1", "HealthCheckId": "h1"},
        {**base, "Name": f"mv.{ZONE}", "SetIdentifier": "one", "MultiValueAnswer": True},
        {"Name": f"alias.{ZONE}", "Type": "A", "AliasTarget": target},
    ]
    for record in foreign:
        aws.zone.put(record)
    found = [there for there in await route53.read(ZONE, DEADLINE_S) if there.type == "A"]
    assert len(found) == 3
    changes = [NameChange(name=there.name, before=(there,)) for there in found]
    assert await apply(route53, *changes) == [Outcome.DONE] * 3


async def test_a_hundred_names_take_one_request(aws: Route53Bench, route53: Route53) -> None:
    names = [f"n{number:03}.{ZONE}" for number in range(100)]
    assert set(await apply(route53, *map(create, names))) == {Outcome.DONE}
    assert aws.account.writes == 1


async def test_names_are_divided_over_requests_by_the_limit_of_values(aws: Route53Bench, route53: Route53) -> None:
    values = tuple(f"192.0.2.{number}" for number in range(200))
    names = [f"n{number}.{ZONE}" for number in range(12)]
    assert set(await apply(route53, *(create(name, *values) for name in names))) == {Outcome.DONE}
    assert aws.account.writes == 3


async def test_a_name_that_no_request_can_hold_is_refused_alone(aws: Route53Bench, route53: Route53) -> None:
    before = whole(NAME, plain(NAME, *(f"198.51.{n // 250}.{n % 250}" for n in range(399))))
    after = whole(
        NAME, *(plain(NAME, *(f"2001:db8::{kind}:{n:x}" for n in range(399)), rdtype=f"A{kind}") for kind in "ab")
    )
    large = NameChange(name=NAME, before=before, after=after)
    results = await route53.apply(ZONE, (large, create(f"small.{ZONE}")), DEADLINE_S)
    assert [result.outcome for result in results] == [Outcome.REFUSED, Outcome.DONE]
    assert "publish fewer endpoints under one name" in results[0].message


async def test_whoever_spoils_a_batch_is_found_by_the_message_and_the_others_go_on(
    aws: Route53Bench, route53: Route53
) -> None:
    aws.zone.put({"Name": f"n7.{ZONE}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "198.51.100.7"}]})
    names = [f"n{number}.{ZONE}" for number in range(50)]
    outcomes = await apply(route53, *map(create, names))
    assert [at for at, outcome in enumerate(outcomes) if outcome is not Outcome.DONE] == [7]
    assert outcomes[7] is Outcome.CONFLICT
    assert len(aws.requests("ChangeResourceRecordSets")) == 3


async def test_whoever_spoils_a_batch_is_found_by_halves_where_the_message_names_nobody(
    aws: Route53Bench, route53: Route53, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wording of messages is no part of the API."""
    call = Account.call

    def mute(account: Account, operation: str, params: Any) -> dict[str, Any]:
        try:
            return call(account, operation, params)
        except Fault as fault:
            raise Fault(fault.code, "something is wrong", fault.status) from fault

    monkeypatch.setattr(Account, "call", mute)
    aws.zone.put({"Name": f"n7.{ZONE}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "198.51.100.7"}]})
    outcomes = await apply(route53, *(create(f"n{number}.{ZONE}") for number in range(16)))
    assert [at for at, outcome in enumerate(outcomes) if outcome is not Outcome.DONE] == [7]
    assert outcomes[7] is Outcome.CONFLICT


@pytest.mark.parametrize(
    ("record_set", "said"),
    [
        (plain(NAME, "192.0.2.300"), "not a valid IPv4 address"),
        (plain(f"{'x' * 64}.{ZONE}", "192.0.2.1"), "DomainLabelTooLong"),
        (
            RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",), routing=Routing(set_id="x", weight=256)),
            "256 is outside 0 to 255",
        ),
        (
            RecordSet(
                name=NAME,
                type="A",
                ttl=30,
                values=("192.0.2.1",),
                routing=Routing(set_id="x", failover="primary", health_check="gone"),
            ),
            "A health check with id gone does not exist.",
        ),
    ],
)
async def test_what_route_53_does_not_take_is_refused_in_its_words(
    aws: Route53Bench, route53: Route53, record_set: RecordSet, said: str
) -> None:
    change = NameChange(name=record_set.name, after=(record_set,))
    (result,) = await route53.apply(ZONE, (change,), DEADLINE_S)
    assert result.outcome is Outcome.REFUSED
    assert said in result.message
    assert aws.account.writes == 0
    aws.server.violations[:] = [found for found in aws.server.violations if "256 is outside" not in found]


async def test_places_that_route_53_does_not_know_are_refused_without_asking(
    aws: Route53Bench, route53: Route53
) -> None:
    network = Routing(set_id="x", where=Where("network", "192.0.2.0/24"))
    record_set = RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",), routing=network)
    (result,) = await route53.apply(ZONE, (NameChange(name=NAME, after=(record_set,)),), DEADLINE_S)
    assert (result.outcome, result.message) == (Outcome.REFUSED, "Route 53 knows no clients of network 192.0.2.0/24")
    assert aws.requests() == []


async def test_large_zones_are_read_by_pages_with_sets_of_one_name_on_both_sides(
    aws: Route53Bench, route53: Route53
) -> None:
    for number in range(100):
        for name in ("a", "b", "c", "d", "e", "f", "g"):
            aws.zone.put(
                {"Name": f"{name}.{ZONE}", "Type": "A", "SetIdentifier": f"s{number:03}", "Weight": 1, "TTL": 60}
                | {"ResourceRecords": [{"Value": f"192.0.2.{number}"}]}
            )
    found = await route53.read(ZONE, DEADLINE_S)
    assert len({(there.name, there.routing) for there in found if there.type == "A"}) == 700
    assert len(aws.requests("ListResourceRecordSets")) == 3
    assert any("StartRecordIdentifier" in params for params in aws.requests("ListResourceRecordSets"))


async def test_names_that_lie_together_are_read_by_one_request(aws: Route53Bench, route53: Route53) -> None:
    await apply(route53, NameChange(name=NAME, after=tree()))
    before = len(aws.requests("ListResourceRecordSets"))
    names = (NAME, pool_name(NAME, "continent-eu"), marker_name(NAME))
    assert {*await route53.read_names(ZONE, names, DEADLINE_S)} == {*tree()}
    assert len(aws.requests("ListResourceRecordSets")) == before + 1


async def test_a_name_with_more_sets_than_a_page_is_read_whole(aws: Route53Bench, route53: Route53) -> None:
    for rdtype in ("A", "AAAA", "TXT", "MX"):
        for number in range(100):
            record = {"Name": NAME, "Type": rdtype, "SetIdentifier": f"s{number}", "Weight": 1, "TTL": 60}
            aws.zone.put(record | {"ResourceRecords": [{"Value": "x"}]})
    found = await route53.read_names(ZONE, (NAME, f"zzz.{ZONE}"), DEADLINE_S)
    assert len(found) == 400


async def test_the_second_run_of_a_publisher_writes_nothing(aws: Route53Bench, route53: Route53) -> None:

    wish = Wish(
        service=service_key("web"),
        names=(NAME,),
        sets=tuple(found for found in tree() if found.type != "TXT"),
        known=frozenset({"192.0.2.1", "192.0.2.2", "192.0.2.3"}),
    )

    def publisher() -> ZonePublisher:
        return ZonePublisher(route53, Zone(name=ZONE), "aws", "prod", aws.clock, lambda event: None)

    for _ in range(2):
        one = publisher()
        one.want(wish)
        one.view_complete(True)
        await one.load()
        await one.publish_once()
    assert aws.account.writes == 1
    assert {*await route53.read_names(ZONE, (NAME, pool_name(NAME, "continent-eu")), DEADLINE_S)} == {*wish.sets}
    again = publisher()
    again.want(Wish(service=wish.service, released=frozenset({NAME})))
    again.view_complete(True)
    await again.load()
    await again.publish_once()
    assert [found["Type"] for found in aws.zone.records()] == ["NS", "SOA"]
