"""What Cloud DNS answers becomes record sets and back without loss; what we have no word for is kept as it is."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.model import NameChange, Outcome, RecordSet, Result, Routing, Where
from trafficfed_providers.google_change import Guarded, guarded, packed
from trafficfed_providers.google_records import record_sets, rrsets

NAME = "web.fed.test"
GEO = {"location": "europe-west3", "rrdatas": ["192.0.2.1"]}


def rrset(rdtype: str = "A", **more: Any) -> dict[str, Any]:
    return {"name": f"{NAME}.", "type": rdtype, "ttl": 30, **more}


def weighted(*items: tuple[float, list[str]]) -> dict[str, Any]:
    return {"wrr": {"items": [{"weight": weight, "rrdatas": rdatas} for weight, rdatas in items]}}


def test_plain_data_is_canonical_and_sorted() -> None:
    read = record_sets(rrset("AAAA", rrdatas=["2001:DB8:0::2", "2001:db8::1"], kind="dns#resourceRecordSet"))
    assert read == (RecordSet(name=NAME, type="AAAA", ttl=30, values=("2001:db8::1", "2001:db8::2")),)
    (alias,) = record_sets(rrset("CNAME", rrdatas=["LB.Example.NET."]))
    assert alias.values == ("lb.example.net.",)


@pytest.mark.parametrize("rdtype", ["SOA", "DNSKEY", "RRSIG"])
def test_what_is_the_servers_own_is_left_out(rdtype: str) -> None:
    assert record_sets(rrset(rdtype, rrdatas=["whatever"])) == ()


def test_a_weighted_policy_is_one_set_for_each_item() -> None:
    policy = weighted((7.0, ["192.0.2.2"]), (3, ["192.0.2.1", "192.0.2.9"]))
    policy["wrr"]["kind"] = "dns#rRSetRoutingPolicyWrrPolicy"
    read = record_sets(rrset(routingPolicy={**policy, "kind": "dns#rRSetRoutingPolicy"}, signatureRrdatas=[]))
    assert [(found.values, found.routing) for found in read] == [
        (("192.0.2.1", "192.0.2.9"), Routing(set_id="192.0.2.1 192.0.2.9", weight=3)),
        (("192.0.2.2",), Routing(set_id="192.0.2.2", weight=7)),
    ]


def test_a_geographic_policy_is_one_set_for_each_region() -> None:
    read = record_sets(rrset(routingPolicy={"geo": {"items": [GEO], "enableFencing": False}}))
    assert [found.routing for found in read] == [Routing(set_id="europe-west3", where=Where("region", "europe-west3"))]


FOREIGN: list[dict[str, Any]] = [
    weighted((0.5, ["192.0.2.1"]), (0.5, ["192.0.2.2"])),
    weighted((1, ["192.0.2.1"]), (2, ["192.0.2.1"])),
    {"geo": {"items": [GEO], "enableFencing": True}},
    {"geo": {"items": [GEO]}, "healthCheck": "https://example.org/check"},
    {"geo": {"items": [{"location": "europe-west3", "healthCheckedTargets": {"externalEndpoints": ["192.0.2.1"]}}]}},
    {
        "primaryBackup": {
            "primaryTargets": {"internalLoadBalancers": [{"ipAddress": "192.0.2.1", "port": "80"}]},
            "backupGeoTargets": {"items": [{"location": "us-east1", "rrdatas": ["192.0.2.2"]}]},
            "trickleTraffic": 0.1,
        }
    },
]


@pytest.mark.parametrize("policy", FOREIGN)
def test_a_policy_we_have_no_word_for_is_told_apart_and_given_back_unchanged(policy: dict[str, Any]) -> None:
    (read,) = record_sets(rrset(routingPolicy=policy))
    assert read.routing is not None
    assert read.routing.extra
    assert "192.0.2.1" in read.values
    assert rrsets((read,)) == [rrset(routingPolicy=policy)]


def test_foreign_policies_that_differ_are_not_taken_for_equal() -> None:
    texts = {record_sets(rrset(routingPolicy=policy)) for policy in FOREIGN}
    assert len(texts) == len(FOREIGN)


addresses = st.integers(0, 255).map(lambda number: f"192.0.2.{number}")
plain_sets = st.lists(addresses, min_size=1, max_size=4, unique=True).map(lambda found: rrset(rrdatas=sorted(found)))
weighted_sets = st.dictionaries(addresses, st.integers(0, 1000), min_size=1, max_size=5).map(
    lambda found: rrset(routingPolicy=weighted(*((weight, [text]) for text, weight in sorted(found.items()))))
)
placed_sets = st.dictionaries(st.sampled_from(["asia-east1", "europe-west3", "us-east1"]), addresses, min_size=1).map(
    lambda found: rrset(
        routingPolicy={"geo": {"items": [{"location": at, "rrdatas": [text]} for at, text in sorted(found.items())]}}
    )
)


@given(st.one_of(plain_sets, weighted_sets, placed_sets))
def test_what_was_written_by_us_comes_back_the_same(written: dict[str, Any]) -> None:
    read = record_sets(json.loads(json.dumps(written)))
    assert rrsets(read) == [written]
    assert rrsets(reversed(read)) == [written]


@pytest.mark.parametrize(
    "wrong",
    [
        (RecordSet(name=NAME, type="A", ttl=0, values=("x.fed.test",), alias=True),),
        (
            RecordSet(
                name=NAME, type="A", ttl=1, values=("192.0.2.1",), routing=Routing(set_id="a", failover="primary")
            ),
        ),
        (RecordSet(name=NAME, type="A", ttl=1, values=("192.0.2.1",), routing=Routing(set_id="a", where=Where())),),
        (
            RecordSet(name=NAME, type="A", ttl=1, values=("192.0.2.1",), routing=Routing(set_id="a", weight=1)),
            RecordSet(name=NAME, type="A", ttl=1, values=("192.0.2.2",)),
        ),
    ],
)
def test_routing_of_other_providers_cannot_be_said(wrong: tuple[RecordSet, ...]) -> None:
    with pytest.raises(ValueError, match=r"web\.fed\.test A"):
        rrsets(wrong)


def sized(name: str, octets: int) -> Guarded:
    return Guarded(
        name=name, before=(), deletions=(), additions=({"name": name, "type": "TXT", "rrdatas": ["x" * octets]},)
    )


@given(st.lists(st.integers(1, 120_000), max_size=30))
def test_packing_keeps_the_order_and_the_limits(octets: list[int]) -> None:
    changes = [sized(str(at), size) for at, size in enumerate(octets)]
    parts = list(packed(changes))
    assert [each for part in parts for each in part] == changes
    assert all(len(part) == 1 or sum(each.octets for each in part) <= 100_000 for part in parts)
    for part, following in itertools.pairwise(parts):
        assert sum(each.octets for each in (*part, following[0])) > 100_000


def test_packing_counts_record_sets() -> None:
    parts = list(packed([sized(str(at), 1) for at in range(2500)]))
    assert [len(part) for part in parts] == [1000, 1000, 500]


def test_what_cannot_be_sent_is_refused_by_name() -> None:
    results: dict[str, Result] = {}
    outside = RecordSet(name="web.example.org", type="A", ttl=30, values=("192.0.2.1",))
    assert guarded("fed.test", NameChange(name="web.example.org", after=(outside,)), results) is None
    assert results["web.example.org"].outcome is Outcome.REFUSED
    assert "outside zone fed.test" in results["web.example.org"].message
