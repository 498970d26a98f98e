"""Anchors are what a vantage reaches whatever happens to the endpoints; names among them would need the DNS."""

from trafficfed.anchors import AnchorWatch
from trafficfed.clock import SystemClock
from trafficfed.health.prober import Prober
from trafficfed.health.vantages import ANCHORS


def anchors(prober: Prober) -> list[tuple[str, str, int]]:
    return sorted((target.cluster, target.address, target.port) for target in prober.targets())


def watched() -> tuple[Prober, AnchorWatch]:
    prober = Prober({}, SystemClock(), "here", lambda seen: None)
    return prober, AnchorWatch([prober], ["192.0.2.53:53"])


def test_name_servers_and_api_servers_are_anchors() -> None:
    prober, watch = watched()
    watch.add("eu-west-1", "https://192.0.2.1:6443")
    watch.add("us-east-1", "https://[2001:db8::1]")
    assert anchors(prober) == [
        ("eu-west-1", "192.0.2.1", 6443),
        ("name servers", "192.0.2.53", 53),
        ("us-east-1", "2001:db8::1", 443),
    ]
    assert {target.service for target in prober.targets()} == {ANCHORS}


def test_a_name_is_no_anchor() -> None:
    prober, watch = watched()
    watch.add("eu-west-1", "https://api.example.org:6443")
    assert anchors(prober) == [("name servers", "192.0.2.53", 53)]


def test_the_same_anchor_twice_is_one() -> None:
    prober, watch = watched()
    for _ in range(2):
        watch.add("eu-west-1", "https://192.0.2.1:6443")
    assert len(anchors(prober)) == 2
