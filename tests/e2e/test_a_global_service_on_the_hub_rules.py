"""One hand-written object on the hub names a Service everywhere, and goes on to do so whatever becomes of the hub."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from trafficfed.testing.hubs import apply, get, make_hub
from trafficfed.testing.processes import ServerFailed
from trafficfed.testing.real_cluster import RealCluster
from trafficfed.testing.world import BACK_S, NAMESPACE, OUT_S, ZONE, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
WITHIN_S = 15.0
QUICKLY = {"scheme": "http", "intervalSeconds": 1, "timeoutSeconds": 0.5, "rise": 2, "failbackSeconds": 2}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), with_hub=True) as running:
        assert running.hub is not None
        running.hub.ensure_namespace(NAMESPACE)
        yield running


@pytest.fixture
def hub(fleet: World) -> RealCluster:
    assert fleet.hub is not None
    return fleet.hub


def path(name: str) -> str:
    return f"/apis/trafficfed.io/v1alpha1/namespaces/{NAMESPACE}/globalservices/{name}"


def written(name: str, *hostnames: str, **spec: Any) -> Json:
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "GlobalService",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {
            "hostnames": list(hostnames) or [f"{name}.{ZONE}"],
            "steering": ["geo"],
            "healthCheck": QUICKLY,
            **spec,
        },
    }


def plain(fleet: World, name: str, *regions: str) -> None:
    """Services that say nothing to us."""
    for region in regions or tuple(fleet.clusters):
        backend = fleet.backends[region]
        fleet.clusters[region].apply_service(
            NAMESPACE, name, {}, ports=(backend.port,), addresses=(backend.address,), ready=2
        )


def status(hub: RealCluster, name: str) -> Json:
    found: Json = (get(hub, path(name)) or {}).get("status", {})
    return found


def conditions(hub: RealCluster, name: str) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status(hub, name).get("conditions", ())}


def message(hub: RealCluster, name: str, kind: str) -> str:
    return str(next(each["message"] for each in status(hub, name)["conditions"] if each["type"] == kind))


def says(fleet: World, hub: RealCluster, name: str, kind: str, holds: str, reason: str) -> None:
    fleet.wait_until(
        lambda: conditions(hub, name).get(kind) == (holds, reason),
        WITHIN_S,
        f"{kind} of {name} should be {holds} by {reason}: {conditions(hub, name)}",
    )


def serves(fleet: World, hub: RealCluster, name: str) -> None:
    """Wait until all three regions have passed their probes and are answered everywhere."""
    fleet.wait_until(lambda: status(hub, name).get("serving") == "3/3", WITHIN_S, f"the status of {name} says so")
    fleet.wait_for(name, "eu", "us", "ap")


def version(hub: RealCluster, name: str) -> str:
    found = get(hub, path(name))
    assert found is not None
    return str(found["metadata"]["resourceVersion"])


def test_one_object_names_services_that_say_nothing_themselves(fleet: World, hub: RealCluster) -> None:
    plain(fleet, "plain")
    apply(hub, written("plain"))
    says(fleet, hub, "plain", "Ready", "True", "Serving")
    serves(fleet, hub, "plain")
    found = status(hub, "plain")
    assert found["observedGeneration"] == 1
    assert found["hostnames"] == [f"plain.{ZONE}"]
    assert conditions(hub, "plain")["Accepted"] == ("True", "Accepted")
    assert conditions(hub, "plain")["Conflict"] == ("False", "NoConflict")
    assert {each["cluster"]: (each["serving"], each["targets"]) for each in found["endpoints"]} == {
        region: (True, [fleet.address(region)]) for region in fleet.clusters
    }
    assert fleet.service("plain")["origin"] == [f"hub:GlobalService/{NAMESPACE}/plain"]


def test_it_takes_over_from_annotations_and_gives_back(fleet: World, hub: RealCluster) -> None:
    fleet.apply("taken", hostname=f"old.{ZONE}")
    fleet.wait_for("old", "eu", "us", "ap")
    apply(hub, written("taken", f"new.{ZONE}"))
    fleet.wait_for("new", "eu", "us", "ap")
    fleet.wait_until(lambda: not any(fleet.answers("old").values()), WITHIN_S, "the old name is gone")
    told = [(reason, text) for _, reason, text in fleet.refusals("taken")]
    assert {reason for reason, _ in told} == {"Overruled"}
    apply(hub, written("taken", f"new.{ZONE}", f"newer.{ZONE}", ttl=7))
    fleet.wait_for("newer", "eu", "us", "ap")
    fleet.clusters["ap"].kubectl("-n", NAMESPACE, "annotate", "service/taken", "trafficfed.io/drain=true")
    fleet.wait_for("new", "eu", "us")
    hub.kubectl("-n", NAMESPACE, "delete", "globalservice", "taken")
    fleet.wait_for("old", "eu", "us")
    fleet.wait_until(lambda: not any(fleet.answers("new").values()), WITHIN_S, "the new name is gone")


def test_deleting_it_removes_what_nothing_else_names(fleet: World, hub: RealCluster) -> None:
    plain(fleet, "ended")
    apply(hub, written("ended"))
    fleet.wait_for("ended", "eu", "us", "ap")
    hub.kubectl("-n", NAMESPACE, "delete", "globalservice", "ended")
    fleet.wait_until(lambda: not any(fleet.answers("ended").values()), WITHIN_S, "the name is gone")


def test_it_may_come_before_its_services(fleet: World, hub: RealCluster) -> None:
    apply(hub, written("early"))
    says(fleet, hub, "early", "Ready", "False", "NoEndpoints")
    assert conditions(hub, "early")["Accepted"] == ("True", "Accepted")
    plain(fleet, "early", "eu")
    says(fleet, hub, "early", "Ready", "True", "Serving")
    fleet.wait_for("early", "eu")


def test_a_failover_is_told_and_nothing_is_written_meanwhile(fleet: World, hub: RealCluster) -> None:
    plain(fleet, "quiet")
    apply(hub, written("quiet"))
    serves(fleet, hub, "quiet")
    before = version(hub, "quiet")
    fleet.stays("quiet", 4.0)
    assert version(hub, "quiet") == before, "some dozen probes are no reason to write"
    fleet.deployment.restart_controller()
    fleet.stays("quiet", 4.0)
    assert version(hub, "quiet") == before, "a second run writes nothing"
    fleet.backends["us"].stop()
    try:
        fleet.wait_for("quiet", "eu", "ap", within_s=OUT_S + 5)
        fleet.wait_until(lambda: status(hub, "quiet").get("serving") == "2/3", WITHIN_S, "the failover is told")
        gone = next(each for each in status(hub, "quiet")["endpoints"] if each["cluster"] == "us")
        assert not gone.get("serving")
    finally:
        fleet.backends["us"].start()
    fleet.wait_for("quiet", "eu", "us", "ap", within_s=BACK_S + 10)


def test_wrong_input_is_one_named_reason_on_the_object(fleet: World, hub: RealCluster) -> None:
    for name in ("stranger", "mixed", "rival"):
        plain(fleet, name)
    fleet.apply("holder")
    fleet.wait_for("holder", "eu", "us", "ap")
    apply(
        hub,
        written("stranger", "www.example.net"),
        written("mixed", f"mixed.{ZONE}", "mixed.example.net"),
        written("rival", f"holder.{ZONE}"),
        written("spare", whenAllDown="fallback", fallback=["backup.example.net"]),
    )
    plain(fleet, "spare")
    says(fleet, hub, "stranger", "Accepted", "False", "OutsideZones")
    assert message(hub, "stranger", "Accepted").startswith("www.example.net is in no configured zone")
    says(fleet, hub, "mixed", "Accepted", "False", "OutsideZones")
    fleet.wait_for("mixed", "eu", "us", "ap")
    says(fleet, hub, "rival", "Accepted", "False", "Conflict")
    assert conditions(hub, "rival")["Conflict"] == ("True", "HeldByAnother")
    says(fleet, hub, "spare", "Accepted", "False", "InvalidFallback")
    fleet.wait_for("spare", "eu", "us", "ap")
    assert fleet.answers("holder") == fleet.settled("holder", "eu", "us", "ap")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"healthCheck": {"intervalSeconds": 0}}, "intervalSeconds"),
        ({"healthCheck": {"intervalSeconds": 2, "timeoutSeconds": 3}}, "timeoutSeconds must not exceed"),
        ({"whenAllDown": "elsewhere"}, "whenAllDown"),
        ({"whenAllDown": "fallback"}, "fallback and whenAllDown: fallback need each other"),
        ({"hostnames": ["Not A Name"]}, "hostnames"),
    ],
)
def test_what_no_schema_allows_is_refused_at_once(hub: RealCluster, spec: Json, said: str) -> None:
    wrong = written("wrong")
    wrong["spec"] |= spec
    with pytest.raises((ServerFailed, subprocess.CalledProcessError)) as refused:
        apply(hub, wrong)
    assert said in str(refused.value)


def test_names_live_on_while_the_hub_is_down(fleet: World, hub: RealCluster) -> None:
    plain(fleet, "orphaned")
    apply(hub, written("orphaned"))
    serves(fleet, hub, "orphaned")
    hub.kill()
    try:
        fleet.wait_until(lambda: fleet.cluster("hub")["freshness"] == "Stale", WITHIN_S, "it is noticed")
        fleet.deployment.restart_controller()
        fleet.stays("orphaned", 2.0)
        fleet.backends["eu"].stop()
        try:
            fleet.wait_for("orphaned", "us", "ap", within_s=OUT_S + 5)
        finally:
            fleet.backends["eu"].start()
        fleet.wait_for("orphaned", "eu", "us", "ap", within_s=BACK_S + 10)
    finally:
        hub.restart()
    fleet.wait_until(lambda: fleet.cluster("hub")["freshness"] == "Fresh", 60, "it is followed again")
    fleet.wait_until(lambda: status(hub, "orphaned").get("serving") == "3/3", WITHIN_S, "and told")


def test_an_emptied_hub_takes_no_name_away_until_it_is_confirmed(fleet: World, hub: RealCluster) -> None:
    plain(fleet, "kept")
    apply(hub, written("kept"))
    serves(fleet, hub, "kept")
    hub.empty()
    try:
        make_hub(hub)
        fleet.wait_until(lambda: fleet.cluster("hub")["freshness"] == "Suspect", 60, "it is held")
        assert "hub" in {view["confirm_id"] for view in fleet.deployment.status()["held"]}
        fleet.deployment.restart_controller()
        fleet.stays("kept", 3.0)
    finally:
        hub.refill()
    fleet.wait_until(lambda: fleet.cluster("hub")["freshness"] == "Fresh", 60, "it is the old one")
    fleet.stays("kept", 1.0)


def test_without_its_definition_there_is_one_reason_and_it_is_looked_for_again(fleet: World, hub: RealCluster) -> None:
    plain(fleet, "again")
    fleet.apply("bystander")
    fleet.wait_for("bystander", "eu", "us", "ap")
    hub.kubectl("delete", "crd", "globalservices.trafficfed.io")
    fleet.wait_until(lambda: "does not know GlobalServices" in fleet.cluster("hub")["reason"], 60, "it is named")
    reasons = [view for view in fleet.deployment.status()["refusals"] if view["reason"] == "HubNotFollowed"]
    assert len(reasons) == 1
    fleet.stays("bystander", 1.0)
    make_hub(hub)
    apply(hub, written("again"))
    fleet.wait_until(lambda: fleet.cluster("hub")["freshness"] == "Fresh", 60, "it is found")
    fleet.wait_for("again", "eu", "us", "ap", within_s=60)
