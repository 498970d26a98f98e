"""Istio, Linkerd and Cilium get what they need of the same endpoints and verdicts, where they are wanted and there."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.model import Endpoint, GlobalService, OperatorControl, Row, ServiceKey
from trafficfed.reports import Controlled
from trafficfed.services.wishes import derived_name
from trafficfed.testing.services_world import ServicesWorld, make_service, make_slice

pytestmark = pytest.mark.looptime
Make = Callable[..., ServicesWorld]
Json = dict[str, Any]
KEY = ServiceKey("default", "shop", "web")
OURS = "web-clusterset"


def istio(make: Make, without: str = "") -> ServicesWorld:
    world = make(meshes=("istio",))
    for at in world.servers:
        if at != without:
            world.install_istio(at)
    world.export("eu", "web", "10.1.0.1")
    world.export("us", "web", "10.2.0.1")
    return world


def entry(world: ServicesWorld, at: str = "ap") -> Json:
    found = world.get(at, "ServiceEntry", OURS)
    assert found is not None
    return dict(found["spec"])


def endpoints(world: ServicesWorld, at: str = "ap") -> dict[str, Json]:
    return {each["address"]: each for each in entry(world, at)["endpoints"]}


async def test_istio_has_the_host_its_address_and_every_clusters_endpoints_with_their_locality(make: Make) -> None:
    world = istio(make)
    async with world.running():
        service = world.get("ap", "Service", derived_name("shop", "web"))
        assert service is not None
        spec = entry(world)
        assert spec["hosts"] == ["web.shop.svc.clusterset.local"]
        assert spec["addresses"] == [service["spec"]["clusterIP"]]
        assert spec["ports"] == [{"number": 80, "name": "http", "protocol": "TCP"}]
        assert (spec["location"], spec["resolution"]) == ("MESH_INTERNAL", "STATIC")
        assert endpoints(world) == {
            "10.1.0.1": {"address": "10.1.0.1", "ports": {"http": 8080}, "locality": "region-eu"},
            "10.2.0.1": {"address": "10.2.0.1", "ports": {"http": 8080}, "locality": "region-us"},
        }
        rule = world.get("ap", "DestinationRule", OURS)
        assert rule is not None
        assert rule["spec"]["host"] == "web.shop.svc.clusterset.local"
        assert rule["spec"]["trafficPolicy"]["outlierDetection"]["consecutive5xxErrors"] == 5
        assert rule["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"]["enabled"] is True


async def test_weights_zones_and_protocols_travel(make: Make) -> None:
    world = istio(make)
    port = {"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "http"}
    for at in ("eu", "us"):
        world.write(at, make_service(ports=[port, {"name": "dns", "port": 53, "protocol": "UDP"}]))
    zoned = {"addresses": ["10.1.0.1"], "conditions": {"ready": True}, "zone": "a"}
    world.write("eu", make_slice("web", endpoints=[zoned]))
    offered = Endpoint(cluster="eu", weight=30), Endpoint(cluster="us", weight=70)
    world.rows[KEY] = Row(service=GlobalService(key=KEY, hostnames=("web.example.org",)), endpoints=offered)
    async with world.running():
        assert entry(world)["ports"] == [{"number": 80, "name": "http", "protocol": "HTTP"}]
        assert (endpoints(world)["10.1.0.1"]["locality"], endpoints(world)["10.1.0.1"]["weight"]) == ("region-eu/a", 30)
        assert endpoints(world)["10.2.0.1"]["weight"] == 70


async def test_who_is_not_given_out_is_no_endpoint_of_a_mesh_unless_nobody_is(make: Make) -> None:
    world = istio(make)
    async with world.running():
        drain = OperatorControl(kind="drain", cluster="us")
        world.controls = (drain,)
        world.services.report(Controlled(drain, begins=True))
        await asyncio.sleep(1)
        assert set(endpoints(world)) == {"10.1.0.1"}
        for at, address in (("eu", "10.1.0.1"), ("us", "10.2.0.1")):
            world.write(at, make_slice("web", address, ready=False))
        await asyncio.sleep(1)
        assert set(endpoints(world)) == {"10.1.0.1", "10.2.0.1"}


async def test_what_was_written_for_istio_goes_with_the_import_and_with_the_last_endpoint(make: Make) -> None:
    world = istio(make)
    async with world.running():
        for at in ("eu", "us"):
            world.write(at, make_slice("web"))
        await asyncio.sleep(1)
        assert world.all("ap", "ServiceEntry") == world.all("ap", "DestinationRule") == []
        world.write("eu", make_slice("web", "10.1.0.1"))
        await asyncio.sleep(1)
        assert set(endpoints(world)) == {"10.1.0.1"}
        for at in ("eu", "us"):
            world.remove(at, "ServiceExport", "web")
        await asyncio.sleep(2)
        assert world.all("ap", "ServiceEntry") == world.all("ap", "DestinationRule") == []


async def test_a_member_without_istio_is_named_the_rest_goes_on_and_it_is_told_once_it_has_it(make: Make) -> None:
    world = istio(make, without="ap")
    async with world.running() as services:
        assert [(each.cluster, each.reason) for each in services.refusals] == [("ap", "MeshNotInstalled")]
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
        assert set(endpoints(world, "us")) == {"10.1.0.1", "10.2.0.1"}
        world.install_istio("ap")
        await asyncio.sleep(60)
        assert services.refusals == ()
        assert set(endpoints(world)) == {"10.1.0.1", "10.2.0.1"}


async def test_another_object_of_that_name_is_left_alone_and_named(make: Make) -> None:
    world = istio(make)
    theirs = {"kind": "ServiceEntry", "metadata": {"namespace": "shop", "name": OURS}, "spec": {"hosts": ["a.b"]}}
    world.write("ap", {"apiVersion": "networking.istio.io/v1", **theirs})
    before = world.get("ap", "ServiceEntry", OURS)
    async with world.running() as services:
        assert world.get("ap", "ServiceEntry", OURS) == before
        assert [(each.cluster, each.reason) for each in services.refusals] == [("ap", "AlreadyExists")]


async def test_exported_services_carry_the_words_of_linkerd_and_cilium_and_lose_them(make: Make) -> None:
    world = make(meshes=("linkerd", "cilium"))
    world.export("eu", "web", "10.1.0.1")
    world.write("us", make_service())
    mine = make_service()
    mine["metadata"]["labels"] = {"team": "a"}
    world.write("eu", mine)
    async with world.running():
        found = world.get("eu", "Service", "web")
        assert found is not None
        assert found["metadata"]["labels"] == {"team": "a", "mirror.linkerd.io/federated": "member"}
        assert found["metadata"]["annotations"]["service.cilium.io/global"] == "true"
        other = world.get("us", "Service", "web")
        assert other is not None
        assert "annotations" not in other["metadata"], "it is not exported"
        world.remove("eu", "ServiceExport", "web")
        await asyncio.sleep(2)
        found = world.get("eu", "Service", "web")
        assert found is not None
        assert found["metadata"]["labels"] == {"team": "a"}
        assert not found["metadata"].get("annotations")
    world.restart()
    world.writes("eu")
    async with world.running():
        assert world.writes("eu") == []


async def test_nobodys_word_on_his_own_service_is_overruled(make: Make) -> None:
    world = make(meshes=("linkerd",))
    world.export("eu", "web", "10.1.0.1")
    mine = make_service()
    mine["metadata"]["labels"] = {"mirror.linkerd.io/federated": "no"}
    world.write("eu", mine)
    async with world.running() as services:
        found = world.get("eu", "Service", "web")
        assert found is not None
        assert found["metadata"]["labels"] == {"mirror.linkerd.io/federated": "no"}
        assert [(each.cluster, each.reason) for each in services.refusals] == [("eu", "FieldConflict")]
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}


async def test_the_second_run_writes_nothing(make: Make) -> None:
    world = istio(make)
    async with world.running():
        pass
    world.restart()
    for at in world.servers:
        world.writes(at)
    async with world.running(60):
        assert [world.writes(at) for at in world.servers] == [[], [], []]
