"""Law 4 and the guardrails of law 11 on real servers: what others wrote stands, what was not granted is refused."""

import pytest

from trafficfed.testing.authorities import Authority
from trafficfed.testing.world import NAMESPACE, ZONE, World

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(params=["bind", "knot"])
def server(request: pytest.FixtureRequest, fleet: World) -> Authority:
    found: Authority = getattr(fleet, request.param)
    return found


def test_a_record_made_by_hand_is_never_touched(fleet: World, server: Authority) -> None:
    assert server.query(f"by-hand.{ZONE}", "A") == ("192.0.2.200",)
    fleet.apply("by-hand")
    fleet.wait_until(lambda: any(r[1] == "ForeignRecord" for r in fleet.refusals("by-hand")), 10, "it is refused")
    assert server.query(f"by-hand.{ZONE}", "A") == ("192.0.2.200",)
    fleet.delete("by-hand")
    fleet.wait_until(lambda: fleet.embedded("by-hand", "eu") == (), 10, "the service is gone")
    assert server.query(f"by-hand.{ZONE}", "A") == ("192.0.2.200",)


def test_a_caa_and_an_mx_beside_ours_are_nobodys_conflict(fleet: World, server: Authority) -> None:
    name = f"mail-{server.__class__.__name__.lower()}"
    server.write(f"{name}.{ZONE}", 300, "MX", f"10 ns.{ZONE}.")
    server.write(f"{name}.{ZONE}", 300, "CAA", '0 issue "ca.example.org"')
    fleet.apply(name)
    fleet.wait_for(name, "eu", "us", "ap")
    fleet.delete(name)
    fleet.wait_for(name, within_s=10)
    assert server.query(f"{name}.{ZONE}", "MX") == (f"10 ns.{ZONE}.",)
    assert server.query(f"{name}.{ZONE}", "CAA") == ('0 issue "ca.example.org"',)


def test_a_name_with_another_owners_marker_is_a_reported_conflict(fleet: World, server: Authority) -> None:
    name = f"theirs-{server.__class__.__name__.lower()}"
    marker = '"trafficfed/1 owner=somebody-else service=default/shop/theirs state=done A=0123456789abcdef"'
    server.write(f"{name}.{ZONE}", 300, "A", "192.0.2.99")
    server.write(f"_trafficfed-owner.{name}.{ZONE}", 300, "TXT", marker)
    fleet.apply(name)
    fleet.wait_until(lambda: bool(fleet.refusals(name)), 10, "it is refused")
    assert any("somebody-else" in message for _, _, message in fleet.refusals(name))
    assert server.query(f"{name}.{ZONE}", "A") == ("192.0.2.99",)
    assert server.query(f"_trafficfed-owner.{name}.{ZONE}", "TXT") == (marker,)


def test_a_second_claim_on_a_held_name_gets_a_conflict_and_changes_nothing(fleet: World) -> None:
    fleet.apply("incumbent", "eu", "us")
    expected = fleet.settled("incumbent", "eu", "us")
    fleet.wait_until(lambda: fleet.answers("incumbent") == expected, 20, "the incumbent serves")
    fleet.apply("claimant", "ap", hostname=f"incumbent.{ZONE}")
    fleet.wait_until(lambda: ("ap", "Conflict") in [r[:2] for r in fleet.refusals("claimant")], 10, "Conflict")
    assert fleet.answers("incumbent") == expected
    events = [event for event in fleet.clusters["ap"].events(NAMESPACE) if event["reason"] == "Conflict"]
    fleet.wait_until(lambda: bool(conflict_events(fleet)), 10, "kubectl describe tells it")
    assert all(event["involvedObject"]["name"] == "claimant" for event in events)


def conflict_events(fleet: World) -> list[object]:
    return [event for event in fleet.clusters["ap"].events(NAMESPACE) if event["reason"] == "Conflict"]


def test_an_address_outside_the_ranges_is_refused_and_never_probed(fleet: World) -> None:
    fleet.apply("metadata")
    fleet.wait_for("metadata", "eu", "us", "ap")
    fleet.clusters["eu"].set_load_balancer(NAMESPACE, "metadata", "169.254.169.254")
    fleet.wait_until(lambda: ("eu", "ForbiddenAddress") in [r[:2] for r in fleet.refusals("metadata")], 10, "refused")
    assert fleet.answers("metadata") == fleet.settled("metadata", "eu", "us", "ap"), "what stood before stays"
    probed = {target["address"] for target in fleet.service("metadata")["targets"]}
    assert "169.254.169.254" not in probed


def test_a_name_outside_every_zone_is_refused(fleet: World) -> None:
    fleet.apply("outside", "eu", hostname="outside.example.net")
    fleet.wait_until(lambda: ("eu", "OutsideZones") in [r[:2] for r in fleet.refusals("outside")], 10, "refused")
