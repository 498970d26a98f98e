"""The main job on real input: kubectl annotates, every authority answers, a death is out in time, and comes back."""

import json

import pytest

from trafficfed.testing.world import BACK_S, NAMESPACE, OUT_S, ZONE, World

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_an_annotation_by_kubectl_makes_every_authority_answer(fleet: World) -> None:
    for region, cluster in fleet.clusters.items():
        cluster.apply_service(
            NAMESPACE, "plain", {}, ports=(fleet.backends[region].port,), addresses=(fleet.address(region),), ready=2
        )
        check = f"health-check=http://:{fleet.backends[region].port}/"
        for annotation in (f"hostname=plain.{ZONE}", "steering=geo", check):
            cluster.kubectl("annotate", "-n", NAMESPACE, "service", "plain", f"trafficfed.io/{annotation}")
    fleet.wait_for("plain", "eu", "us", "ap")


def test_plain_servers_name_the_loss_of_geo(fleet: World) -> None:
    fleet.apply("lossy")
    fleet.wait_for("lossy", "eu", "us", "ap")
    plan = fleet.deployment.get("/api/plan")
    assert plan is not None
    assert "geo" in plan


@pytest.mark.parametrize("fault", ["stop", "hang", "fail"])
def test_a_dead_backend_is_out_everywhere_in_time_and_comes_back_after_the_hold(fleet: World, fault: str) -> None:
    fleet.apply(f"dies-{fault}")
    fleet.wait_for(f"dies-{fault}", "eu", "us", "ap")
    # what never passed a probe is kept in all the same, and comes back without a hold
    fleet.wait_until(lambda: told(fleet, f"dies-{fault}", "now=Serving "), 10.0, "its health check has passed")
    getattr(fleet.backends["eu"], fault)()
    try:
        fleet.wait_for(f"dies-{fault}", "us", "ap", within_s=OUT_S + (1.0 if fault == "hang" else 0.0))
    finally:
        fleet.backends["eu"].start() if fault == "stop" else fleet.backends["eu"].recover()
    fleet.wait_for(f"dies-{fault}", "eu", "us", "ap", within_s=BACK_S)
    assert told(fleet, f"dies-{fault}", "reason=FailbackHold"), "it was held back before it came back"


def told(fleet: World, name: str, what: str) -> bool:
    """Whether a verdict on the endpoint in eu was told that says this."""
    happened = json.loads(fleet.deployment.get("/api/events") or "{}").get("events", ())
    texts = [each["text"] for each in happened if each["kind"] == "verdict"]
    return any(f"/{name} cluster=eu " in text and what in text for text in texts)


def test_weights_and_tiers_are_followed(fleet: World) -> None:
    fleet.apply("tiers", "eu", steering="failover", tier="0")
    fleet.apply("tiers", "us", "ap", steering="failover", tier="1")
    expected = fleet.addresses("eu")
    fleet.wait_until(lambda: set(fleet.answers("tiers").values()) == {expected}, 20, "tier 0 serves alone")
    fleet.clusters["eu"].kubectl("annotate", "-n", NAMESPACE, "service", "tiers", "trafficfed.io/drain=true")
    standby = fleet.addresses("us", "ap")
    fleet.wait_until(lambda: set(fleet.answers("tiers").values()) == {standby}, 5, "a drained tier gives way")


def test_deleting_a_service_takes_its_records_and_only_those(fleet: World) -> None:
    fleet.apply("goes")
    fleet.apply("stays")
    fleet.wait_for("goes", "eu", "us", "ap")
    fleet.wait_for("stays", "eu", "us", "ap")
    before = fleet.bind.records()
    fleet.delete("goes")
    fleet.wait_for("goes", within_s=10)
    fleet.wait_until(
        lambda: not [name for name, _ in fleet.bind.records() if "goes" in name], 5, "record and marker are gone"
    )
    after = fleet.bind.records()
    assert after == {key: values for key, values in before.items() if "goes" not in key[0]}
    assert fleet.answers("stays") == fleet.settled("stays", "eu", "us", "ap")
