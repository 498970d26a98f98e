"""One command line on the hub, and the Service runs and is named wherever its policy says; on real API servers."""

from collections.abc import Iterator
from typing import Any

import pytest

from trafficfed.testing.hubs import apply, get, play_deployment, policy
from trafficfed.testing.objects import service
from trafficfed.testing.propagating import deployment
from trafficfed.testing.real_cluster import RealCluster
from trafficfed.testing.world import NAMESPACE, ZONE, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
WITHIN_S = 15.0


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


def selected(name: str) -> tuple[Json, Json]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, {
        "apiVersion": "v1",
        "kind": "Service",
        "name": name,
    }


def annotated(fleet: World, name: str) -> Json:
    port = fleet.backends["eu"].port
    keys = {"hostname": f"{name}.{ZONE}", "steering": "geo", "health-check": f"http://:{port}/"}
    made = service(NAMESPACE, name, {f"trafficfed.io/{key}": value for key, value in keys.items()}, (port,))
    return dict(made)


def path(name: str, plural: str = "deployments") -> str:
    root = "/api/v1" if plural in ("services", "configmaps") else "/apis/apps/v1"
    return f"{root}/namespaces/{NAMESPACE}/{plural}/{name}"


def holders(fleet: World, name: str, plural: str = "deployments") -> set[str]:
    return {region for region, member in fleet.clusters.items() if get(member, path(name, plural))}


def condition(hub: RealCluster, name: str, kind: str = "Applied") -> tuple[str, str, str]:
    found = get(hub, f"/apis/trafficfed.io/v1alpha1/namespaces/{NAMESPACE}/propagationpolicies/{name}") or {}
    stated = {each["type"]: each for each in found.get("status", {}).get("conditions", ())}
    each = stated.get(kind, {})
    return each.get("status", ""), each.get("reason", ""), each.get("message", "")


def own_ports(fleet: World) -> list[Json]:
    """The backends of the tests listen at a port of their own in each region."""
    return [
        {
            "targetClusters": {"clusterNames": [region]},
            "kind": "Service",
            "annotations": {"trafficfed.io/health-check": f"http://:{backend.port}/"},
        }
        for region, backend in fleet.backends.items()
    ]


def place(fleet: World, hub: RealCluster, name: str, *, replicas: int = 3, **spec: Any) -> None:
    """One command line: workload, Service, policy."""
    spec["overrides"] = [*own_ports(fleet), *spec.get("overrides", ())]
    apply(hub, deployment(name, replicas), annotated(fleet, name), policy(NAMESPACE, name, *selected(name), **spec))


def stands_in(fleet: World, name: str, *regions: str) -> float:
    return fleet.wait_until(
        lambda: holders(fleet, name) == set(regions) == holders(fleet, name, "services"),
        WITHIN_S,
        f"{name} should stand in {regions}, it stands in {holders(fleet, name)}",
    )


def serve(fleet: World, name: str, *regions: str) -> None:
    """What kubelets and clouds would do."""
    for region in regions:
        member = fleet.clusters[region]
        play_deployment(member, NAMESPACE, name)
        member.set_load_balancer(NAMESPACE, name, fleet.address(region))
        member.set_ready(NAMESPACE, name, 2)


def test_one_command_line_brings_a_service_everywhere_and_names_it(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "story")
    stands_in(fleet, "story", "eu", "us", "ap")
    serve(fleet, "story", "eu", "us", "ap")
    fleet.wait_for("story", "eu", "us", "ap")
    fleet.wait_until(lambda: condition(hub, "story")[0] == "True", WITHIN_S, "the policy says so")
    fleet.wait_until(
        lambda: (get(hub, path("story")) or {}).get("status", {}).get("readyReplicas") == 9, WITHIN_S, "status adds up"
    )
