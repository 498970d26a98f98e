"""The whole life of exported Services on three real API servers, through kubectl only (Multi-Cluster Services API)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trafficfed.services.wishes import copy_name, derived_name
from trafficfed.testing import exporting
from trafficfed.testing.hubs import apply, get
from trafficfed.testing.templates import end_namespaces
from trafficfed.testing.world import NAMESPACE, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
ALL = ("ap", "eu", "us")
API = "multicluster.x-k8s.io/v1beta1"
WITHIN_S = 15.0
PORT: Json = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), with_services=True) as running:
        for member in running.clusters.values():
            member.ensure_namespace(NAMESPACE)
        yield running


def made(kind: str, name: str, namespace: str = NAMESPACE, api: str = API, **fields: Any) -> Json:
    return {"apiVersion": api, "kind": kind, "metadata": {"namespace": namespace, "name": name}, **fields}


def service(name: str, namespace: str = NAMESPACE, **spec: Any) -> Json:
    return made("Service", name, namespace, "v1", spec={"ports": [PORT], "selector": {"app": name}, **spec})


def slice(name: str, *addresses: str, namespace: str = NAMESPACE) -> Json:
    found = made("EndpointSlice", f"{name}-x", namespace, "discovery.k8s.io/v1", addressType="IPv4")
    found["metadata"]["labels"] = {"kubernetes.io/service-name": name}
    ends = [{"addresses": [each], "conditions": {"ready": True}} for each in addresses]
    return found | {"ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": ends}


def export(fleet: World, at: str, name: str, *addresses: str, namespace: str = NAMESPACE, **spec: Any) -> None:
    objects = service(name, namespace, **spec), slice(name, *addresses, namespace=namespace)
    apply(fleet.clusters[at], *objects, made("ServiceExport", name, namespace))


def found(fleet: World, at: str, kind: str, name: str, namespace: str = NAMESPACE) -> Json | None:
    root = {"services": "/api/v1", "endpointslices": "/apis/discovery.k8s.io/v1"}.get(kind, f"/apis/{API}")
    return get(fleet.clusters[at], f"{root}/namespaces/{namespace}/{kind}/{name}")


def given(fleet: World, at: str, name: str, namespace: str = NAMESPACE) -> dict[str, list[str]]:
    return exporting.given(fleet.clusters[at], namespace, name)


def everywhere(fleet: World, name: str, expected: dict[str, list[str]]) -> None:
    wait(fleet, lambda: all(given(fleet, at, name) == expected for at in ALL), f"{name} should be {expected}")


def condition(fleet: World, at: str, name: str, kind: str) -> tuple[str, str]:
    conditions = ((found(fleet, at, "serviceexports", name) or {}).get("status") or {}).get("conditions") or ()
    return next(((each["status"], each["reason"]) for each in conditions if each["type"] == kind), ("", ""))


def wait(fleet: World, reached: Callable[[], bool], what: str) -> None:
    fleet.wait_until(reached, WITHIN_S, what)


def test_an_export_is_an_import_with_an_address_in_every_cluster(fleet: World) -> None:
    export(fleet, "eu", "web", "10.1.0.1", "10.1.0.2")
    everywhere(fleet, "web", {"eu": ["10.1.0.1", "10.1.0.2"]})
    wait(fleet, lambda: condition(fleet, "eu", "web", "Ready") == ("True", "Exported"), "the export is Ready")
    for at in ALL:
        stated, derived = found(fleet, at, "serviceimports", "web"), found(fleet, at, "services", WEB)
        assert stated is not None
        assert derived is not None
        assert stated["spec"]["ips"] == derived["spec"]["clusterIPs"]
        assert stated["status"]["clusters"] == [{"cluster": "eu"}]
    shown = fleet.clusters["us"].kubectl("get", "serviceimports", "-n", NAMESPACE, "web")
    assert "ClusterSetIP" in shown
    assert condition(fleet, "eu", "web", "Valid") == ("True", "Valid")


WEB = derived_name(NAMESPACE, "web")


def test_a_second_cluster_joins_a_change_of_its_pods_is_one_write_and_it_leaves_alone(fleet: World) -> None:
    export(fleet, "eu", "join", "10.1.0.1")
    export(fleet, "us", "join", "10.2.0.1")
    everywhere(fleet, "join", {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]})
    before = found(fleet, "ap", "endpointslices", copy_name("join", "eu", "join-x"))
    apply(fleet.clusters["us"], slice("join", "10.2.0.2", "10.2.0.3"))
    everywhere(fleet, "join", {"eu": ["10.1.0.1"], "us": ["10.2.0.2", "10.2.0.3"]})
    assert found(fleet, "ap", "endpointslices", copy_name("join", "eu", "join-x")) == before
    fleet.clusters["us"].kubectl("delete", "serviceexport", "-n", NAMESPACE, "join")
    everywhere(fleet, "join", {"eu": ["10.1.0.1"]})
    fleet.clusters["eu"].kubectl("delete", "serviceexport", "-n", NAMESPACE, "join")
    wait(fleet, lambda: not any(found(fleet, at, "serviceimports", "join") for at in ALL), "the import goes")
    everywhere(fleet, "join", {})
    assert found(fleet, "eu", "services", "join") is not None
    assert not any(found(fleet, at, "services", derived_name(NAMESPACE, "join")) for at in ALL)


CONFLICTS: list[tuple[str, Json, Json]] = [
    ("PortConflict", {"ports": [{**PORT, "port": 81}]}, {}),
    ("SessionAffinityConflict", {"sessionAffinity": "ClientIP"}, {}),
    ("InternalTrafficPolicyConflict", {"internalTrafficPolicy": "Local"}, {}),
    ("TrafficDistributionConflict", {"trafficDistribution": "PreferClose"}, {}),
    ("TypeConflict", {"clusterIP": "None"}, {}),
    ("LabelsConflict", {}, {"exportedLabels": {"a": "b"}}),
    ("AnnotationsConflict", {}, {"exportedAnnotations": {"a": "b"}}),
]


@pytest.mark.parametrize(("reason", "spec", "exported"), CONFLICTS, ids=[each[0] for each in CONFLICTS])
def test_each_conflict_is_told_on_every_export_the_oldest_wins_and_it_ends_when_resolved(
    fleet: World, reason: str, spec: Json, exported: Json
) -> None:
    name = reason.lower()
    export(fleet, "eu", name, "10.1.0.1")
    wait(fleet, lambda: found(fleet, "ap", "serviceimports", name) is not None, "the older one is there")
    before = (found(fleet, "ap", "serviceimports", name) or {})["spec"]
    fleet.wait_until(lambda: _older(fleet, name), 3.0, "creation times have whole seconds")
    younger = made("ServiceExport", name, spec=exported)
    apply(fleet.clusters["us"], service(name, **spec), slice(name, "10.2.0.1"), younger)
    told = lambda: all(reason in condition(fleet, at, name, "Conflict")[1] for at in ("eu", "us"))  # noqa: E731
    wait(fleet, told, f"{reason} stands on both")
    after = (found(fleet, "ap", "serviceimports", name) or {})["spec"]
    assert {key: value for key, value in after.items() if key != "ips"} == {
        key: value for key, value in before.items() if key != "ips"
    }
    fleet.clusters["us"].kubectl("delete", "service", "-n", NAMESPACE, name)
    apply(fleet.clusters["us"], service(name), slice(name, "10.2.0.1"), made("ServiceExport", name, spec={}))
    ended = lambda: all(condition(fleet, at, name, "Conflict") == ("False", "NoConflicts") for at in ("eu", "us"))  # noqa: E731
    wait(fleet, ended, "no conflict is left")
    everywhere(fleet, name, {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]})


def _older(fleet: World, name: str) -> bool:
    """A second has passed since the first export, by the API servers' own clock."""
    probe = made("ConfigMap", f"probe-{name}", api="v1")
    fleet.clusters["us"].kubectl("delete", "configmap", "-n", NAMESPACE, f"probe-{name}", "--ignore-not-found")
    apply(fleet.clusters["us"], probe)
    stamp = get(fleet.clusters["us"], f"/api/v1/namespaces/{NAMESPACE}/configmaps/probe-{name}")
    first = found(fleet, "eu", "serviceexports", name)
    assert stamp is not None
    assert first is not None
    return bool(stamp["metadata"]["creationTimestamp"] > first["metadata"]["creationTimestamp"])


def test_what_cannot_be_exported_says_why(fleet: World) -> None:
    apply(fleet.clusters["eu"], made("ServiceExport", "nothing"))
    external = service("external", type="ExternalName", externalName="www.example.org")
    apply(fleet.clusters["eu"], external, made("ServiceExport", "external"))
    wait(fleet, lambda: condition(fleet, "eu", "nothing", "Valid") == ("False", "NoService"), "NoService")
    wait(
        fleet,
        lambda: condition(fleet, "eu", "external", "Valid") == ("False", "InvalidServiceType"),
        "InvalidServiceType",
    )
    assert found(fleet, "us", "serviceimports", "external") is None


def test_an_import_stands_where_its_namespace_does_and_goes_with_it(fleet: World) -> None:
    for at in ("eu", "us"):
        fleet.clusters[at].ensure_namespace("blog")
    export(fleet, "eu", "posts", "10.1.0.1", namespace="blog")
    wait(fleet, lambda: given(fleet, "us", "posts", "blog") == {"eu": ["10.1.0.1"]}, "where the namespace is")
    assert found(fleet, "ap", "serviceimports", "posts", "blog") is None
    fleet.clusters["ap"].ensure_namespace("blog")
    wait(fleet, lambda: given(fleet, "ap", "posts", "blog") == {"eu": ["10.1.0.1"]}, "and where it comes")
    fleet.clusters["ap"].kubectl("delete", "namespace", "blog", "--wait=false")
    wait(fleet, lambda: found(fleet, "ap", "serviceimports", "posts", "blog") is None, "what is ours goes first")
    end_namespaces(fleet.clusters["ap"])
    wait(fleet, lambda: get(fleet.clusters["ap"], "/api/v1/namespaces/blog") is None, "the namespace is gone")
    assert condition_is_ready(fleet, "posts", "blog")


def condition_is_ready(fleet: World, name: str, namespace: str) -> bool:
    conditions = (found(fleet, "eu", "serviceexports", name, namespace) or {})["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def test_a_cluster_that_is_lost_keeps_its_endpoints_and_is_caught_up_with_when_it_is_back(fleet: World) -> None:
    export(fleet, "eu", "lost", "10.1.0.1")
    export(fleet, "us", "lost", "10.2.0.1")
    everywhere(fleet, "lost", {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]})
    fleet.clusters["us"].kill()
    try:
        apply(fleet.clusters["eu"], slice("lost", "10.1.0.9"))
        wait(fleet, lambda: given(fleet, "ap", "lost") == {"eu": ["10.1.0.9"], "us": ["10.2.0.1"]}, "the rest goes on")
    finally:
        fleet.clusters["us"].restart()
    apply(fleet.clusters["us"], slice("lost", "10.2.0.9"))
    fleet.wait_until(
        lambda: all(given(fleet, at, "lost") == {"eu": ["10.1.0.9"], "us": ["10.2.0.9"]} for at in ALL),
        60.0,
        "it is caught up with",
    )


def test_endpoints_follow_the_verdicts_of_the_public_name(fleet: World) -> None:
    fleet.apply("shop", "eu", "us")
    for at in ("eu", "us"):
        exporting.export(fleet.clusters[at], NAMESPACE, "shop", "10.1.0.1")
    wait(fleet, lambda: serving(fleet, "ap", "shop") == {"eu", "us"}, "both serve")
    fleet.backends["us"].stop()
    try:
        wait(fleet, lambda: all(serving(fleet, at, "shop") == {"eu"} for at in ALL), "the dead one is out everywhere")
    finally:
        fleet.backends["us"].start()
    wait(fleet, lambda: all(serving(fleet, at, "shop") == {"eu", "us"} for at in ALL), "it is back")


def serving(fleet: World, at: str, name: str) -> set[str]:
    return exporting.serving(fleet.clusters[at], NAMESPACE, name)


def test_a_controller_killed_and_started_again_writes_nothing_that_stands(fleet: World) -> None:
    export(fleet, "eu", "again", "10.1.0.1")
    everywhere(fleet, "again", {"eu": ["10.1.0.1"]})
    wait(fleet, lambda: condition(fleet, "eu", "again", "Ready")[0] == "True", "Ready")
    before = {at: revisions(fleet, at) for at in ALL}
    fleet.deployment.kill_controller()
    fleet.deployment.start_controller()
    apply(fleet.clusters["eu"], slice("again", "10.1.0.2"))
    everywhere(fleet, "again", {"eu": ["10.1.0.2"]})
    after = {at: revisions(fleet, at) for at in ALL}
    changed = {name for at in ALL for name in before[at] if after[at].get(name) != before[at][name]}
    assert changed == {copy_name("again", "eu", "again-x"), "again-x"}


def revisions(fleet: World, at: str) -> dict[str, str]:
    listed = json.loads(
        fleet.clusters[at].kubectl("get", "endpointslices,serviceimports,services", "-n", NAMESPACE, "-o", "json")
    )
    return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in listed["items"]}
