"""Whatever Route 53 shows is turned into record sets and back without a loss, and batches keep within their limits."""

import itertools
from typing import Any

import botocore.loaders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.model import NameChange, RecordSet, Routing, Where
from trafficfed.zones.ownership import pool_name
from trafficfed_providers.route53_batches import (
    CHARACTERS_MAX,
    ELEMENTS_MAX,
    conflict,
    in_batches,
    parts_of,
    size,
    to_changes,
)
from trafficfed_providers.route53_records import FIELDS, from_api, name_from_api, order_key, to_api

HERE = "ZHERE"
BASE = {"Name": "web.fed.test.", "Type": "A"}
VALUES = {"TTL": 30, "ResourceRecords": [{"Value": "192.0.2.1"}]}
ELSEWHERE = {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": "lb.elb.amazonaws.com.", "EvaluateTargetHealth": True}
INSIDE = {"HostedZoneId": HERE, "DNSName": "pool.fed.test.", "EvaluateTargetHealth": False}


@pytest.mark.parametrize(
    "record",
    [
        {**BASE, **VALUES},
        {**BASE, "SetIdentifier": "eu", "Weight": 0, **VALUES},
        {**BASE, "SetIdentifier": "eu", "GeoLocation": {"ContinentCode": "EU"}, **VALUES},
        {**BASE, "SetIdentifier": "us", "GeoLocation": {"CountryCode": "US"}, **VALUES},
        {**BASE, "SetIdentifier": "ca", "GeoLocation": {"CountryCode": "US", "SubdivisionCode": "CA"}, **VALUES},
        {**BASE, "SetIdentifier": "any", "GeoLocation": {"CountryCode": "*"}, **VALUES},
        {**BASE, "SetIdentifier": "one", "Failover": "PRIMARY", **VALUES, "HealthCheckId": "h1"},
        {**BASE, "SetIdentifier": "lat", "Region": "eu-west-1", **VALUES},
        {**BASE, "SetIdentifier": "mv", "MultiValueAnswer": True, **VALUES},
        {
            **BASE,
            "SetIdentifier": "near",
            **VALUES,
            "GeoProximityLocation": {"Coordinates": {"Latitude": "1", "Longitude": "2"}, "Bias": 5},
        },
        {**BASE, "SetIdentifier": "net", **VALUES, "CidrRoutingConfig": {"CollectionId": "c", "LocationName": "*"}},
        {**BASE, **VALUES, "HealthCheckId": "h1"},
        {**BASE, "AliasTarget": ELSEWHERE},
        {**BASE, "AliasTarget": INSIDE},
        {**BASE, "AliasTarget": {**INSIDE, "EvaluateTargetHealth": True}},
        {
            **BASE,
            "SetIdentifier": "two",
            "Failover": "SECONDARY",
            "AliasTarget": {**INSIDE, "EvaluateTargetHealth": True},
        },
    ],
)
def test_every_kind_of_record_comes_back_as_it_was_in_the_order_of_the_service(record: dict[str, Any]) -> None:
    found = to_api(from_api(record, HERE), HERE)
    assert found == record
    assert list(found) == list(record)


def test_an_alias_of_ours_is_its_targets_name_alone() -> None:
    found = from_api({**BASE, "AliasTarget": INSIDE}, HERE)
    assert (found.alias, found.ttl, found.values) == (True, 0, ("pool.fed.test.",))


def test_aliases_evaluate_health_under_failover_only() -> None:
    """Elsewhere a place whose members all fail would be answered with a wider place's."""
    plain = Routing(set_id="eu", where=Where("continent", "EU"))
    side = Routing(set_id="primary", failover="primary")
    for routing, evaluates in ((plain, False), (side, True)):
        record_set = RecordSet(
            name="web.fed.test", type="A", ttl=0, values=("p.fed.test.",), routing=routing, alias=True
        )
        assert to_api(record_set, HERE)["AliasTarget"]["EvaluateTargetHealth"] is evaluates


@pytest.mark.parametrize("where", [Where("network", "192.0.2.0/24"), Where("subdivision", "DE-BY")])
def test_a_place_that_route_53_has_not_is_told(where: Where) -> None:
    record_set = RecordSet(
        name="web.fed.test", type="A", ttl=30, values=("192.0.2.1",), routing=Routing(set_id="x", where=where)
    )
    with pytest.raises(ValueError, match="Route 53 knows no clients of"):
        to_api(record_set, HERE)


def test_the_order_of_names_is_that_of_the_listings() -> None:
    names = ["fed.test", "a.fed.test", "*.a.fed.test", "_x.a.fed.test", "b.a.fed.test", "b.fed.test"]
    assert sorted([*names[3:], *names[:3]], key=order_key) == names
    assert name_from_api("\\052.Fed.Test.") == "*.fed.test"


def change(name: str, *values: str) -> NameChange:
    return NameChange(name=name, after=(RecordSet(name=name, type="TXT", ttl=30, values=values),))


sizes = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 80)), max_size=30)


@given(sizes)
def test_batches_hold_every_change_once_in_order_and_within_the_limits(found: list[tuple[int, int]]) -> None:
    changes = [change(f"n{at}", *["x" * length] * count) for at, (count, length) in enumerate(found)]
    batches = in_batches(changes)
    assert [at for batch in batches for at in batch] == list(range(len(changes)))
    for batch in batches:
        elements, characters = (sum(size(changes[at])[part] for at in batch) for part in (0, 1))
        assert len(batch) == 1 or (elements <= ELEMENTS_MAX and characters <= CHARACTERS_MAX)
    for one, other in itertools.pairwise(batches):
        together = [sum(size(changes[at])[part] for at in (*one, other[0])) for part in (0, 1)]
        assert together[0] > ELEMENTS_MAX or together[1] > CHARACTERS_MAX


@given(st.integers(2, 40), st.sets(st.integers(0, 39)))
def test_a_refused_batch_is_taken_apart_until_everybody_is_alone_or_done(count: int, bad: set[int]) -> None:
    changes = [change(f"n{at}.fed.test", "x") for at in range(count)]
    tasks, rounds, alone = [tuple(range(count))], 0, set()
    while tasks:
        batch = tasks.pop()
        rounds += 1
        culprits = [at for at in batch if at in bad]
        if culprits and len(batch) > 1:
            tasks += parts_of(batch, changes, f"[Tried to create [name='n{culprits[0]}.fed.test.', type='TXT']")
        elif culprits:
            alone.add(batch[0])
    assert alone == {at for at in bad if at < count}
    assert rounds <= 2 * len(alone) + 1


def test_a_message_about_a_marker_or_a_branch_is_about_its_name() -> None:
    changes = [change("a.fed.test", "x"), change("*.fed.test", "x"), change("b.fed.test", "x")]
    messages = {
        "[name='_trafficfed-owner._wildcard.fed.test.', type='TXT']": 1,
        f"Tried to create an alias that targets {pool_name('b.fed.test', 'any')}., type A": 2,
        "RRSet of type CNAME with DNS name a.fed.test. is not permitted": 0,
        "[name='\\052.fed.test.', type='A']": 1,
    }
    for message, at in messages.items():
        assert (at,) in parts_of((0, 1, 2), changes, message)


@pytest.mark.parametrize("message", ["", "something is wrong", "name='a.fed.test.' and name='b.fed.test.'"])
def test_where_a_message_tells_nobody_apart_halves_are_tried(message: str) -> None:
    changes = [change("a.fed.test", "x"), change("b.fed.test", "x")]
    assert parts_of((0, 1), changes, message) == [(0,), (1,)]


def test_targets_are_made_before_their_aliases_and_deleted_after_them() -> None:
    def at(name: str, target: str = "") -> RecordSet:
        return RecordSet(name=name, type="A", ttl=30, values=(target or "192.0.2.1",), alias=bool(target))

    top, middle, leaf = "web.fed.test", pool_name("web.fed.test", "eu"), pool_name("web.fed.test", "eu-primary")
    sets = (at(top, f"{middle}."), at(leaf), at(middle, f"{leaf}."))
    wire = to_changes(NameChange(name=top, before=sets, after=sets), HERE)
    order = [(item["Action"], item["ResourceRecordSet"]["Name"].rstrip(".")) for item in wire]
    down = [("DELETE", name) for name in (top, middle, leaf)]
    assert order == [*down, *(("CREATE", name) for name in (leaf, middle, top))]


ONE = RecordSet(name="web.fed.test", type="A", ttl=30, values=("192.0.2.1",))
TWO = RecordSet(name="web.fed.test", type="A", ttl=30, values=("192.0.2.2",))
MAIL = RecordSet(name="web.fed.test", type="MX", ttl=30, values=("10 mail.example.net.",))
CNAME = RecordSet(name="web.fed.test", type="CNAME", ttl=30, values=("lb.example.net.",))


@pytest.mark.parametrize(
    ("before", "after", "present", "said"),
    [
        ((), (ONE,), (), ""),
        ((ONE,), (TWO,), (ONE, MAIL), ""),
        ((ONE,), (CNAME,), (ONE,), ""),
        ((), (ONE,), (TWO,), "web.fed.test has A already"),
        ((ONE,), (), (TWO,), "web.fed.test A is no longer what was last read"),
        ((ONE,), (), (), "web.fed.test A is no longer what was last read"),
        ((ONE,), (CNAME,), (ONE, MAIL), "web.fed.test has MX, and a CNAME stands alone"),
        ((), (ONE,), (CNAME,), "web.fed.test has CNAME, and a CNAME stands alone"),
    ],
)
def test_what_stands_tells_why_a_change_was_refused(
    before: tuple[RecordSet, ...], after: tuple[RecordSet, ...], present: tuple[RecordSet, ...], said: str
) -> None:
    assert conflict(NameChange(name="web.fed.test", before=before, after=after), present) == said


def test_the_order_of_fields_is_that_of_botocores_model() -> None:
    """A field that a newer model has and we do not know would be a reason to look at it again."""
    shapes = botocore.loaders.Loader().load_service_model("route53", "service-2")["shapes"]
    assert tuple(shapes["ResourceRecordSet"]["members"]) == FIELDS
