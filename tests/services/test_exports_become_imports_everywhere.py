"""The life of an export at emulated API servers in virtual time: whatever users do, members have what they should."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.services.wishes import derived_name
from trafficfed.testing.services_world import (
    ServicesWorld,
    make_export,
    make_service,
    make_slice,
    namespace,
)

pytestmark = pytest.mark.looptime
Make = Callable[..., ServicesWorld]
Json = dict[str, Any]
DERIVED = derived_name("shop", "web")
ALL = ("ap", "eu", "us")


def spec(world: ServicesWorld, at: str = "ap", name: str = "web") -> Json:
    found = world.get(at, "ServiceImport", name)
    assert found is not None
    return dict(found["spec"])


async def test_an_export_is_an_import_with_an_address_and_endpoints_in_every_member(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1", "10.1.0.2")
    async with world.running():
        for at in ALL:
            assert world.imported(at) == {"eu": ["10.1.0.1", "10.1.0.2"]}
            service = world.get(at, "Service", DERIVED)
            assert service is not None
            assert spec(world, at)["ips"] == [service["spec"]["clusterIP"]]
            assert spec(world, at)["ports"] == [{"name": "http", "port": 80, "protocol": "TCP"}]
        assert world.condition("eu", "Valid") == ("True", "Valid")
        assert world.condition("eu", "Ready") == ("True", "Exported")
        assert world.condition("eu", "Conflict") == ("False", "NoConflicts")


async def test_the_import_says_who_exports_it_and_that_it_is_ready(make: Make) -> None:
    world = make()
    world.export("eu")
    world.export("us")
    async with world.running():
        found = world.get("ap", "ServiceImport", "web")
        assert found is not None
        assert found["status"]["clusters"] == [{"cluster": "eu"}, {"cluster": "us"}]
        assert [(each["type"], each["status"]) for each in found["status"]["conditions"]] == [("Ready", "True")]
        assert found["metadata"]["annotations"]["multicluster.kubernetes.io/derived-service"] == DERIVED


async def test_copies_carry_the_standards_labels_and_belong_to_the_import(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    async with world.running():
        (copy,) = world.all("ap", "EndpointSlice")
        parent = world.get("ap", "ServiceImport", "web")
        assert parent is not None
        assert copy["metadata"]["labels"] == {
            "multicluster.kubernetes.io/service-name": "web",
            "multicluster.kubernetes.io/source-cluster": "eu",
            "endpointslice.kubernetes.io/managed-by": "trafficfed-services",
            "kubernetes.io/service-name": DERIVED,
            "trafficfed.io/imported-by": "demo",
        }
        (owner,) = copy["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("ServiceImport", "web", parent["metadata"]["uid"])


async def test_one_endpoint_that_changes_is_one_object_written_in_each_member(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    world.write("eu", make_slice("web", "10.1.1.1", suffix="y"))
    async with world.running():
        for at in ALL:
            world.writes(at)
        world.write("eu", make_slice("web", "10.1.1.2", suffix="y"))
        await asyncio.sleep(1)
        assert world.imported("ap") == {"eu": ["10.1.0.1", "10.1.1.2"]}
        assert [len(world.writes(at)) for at in ALL] == [1, 1, 1]


async def test_an_address_that_stands_in_two_slices_is_copied_once(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1", "10.1.0.2")
    world.write("eu", make_slice("web", "10.1.0.2", "10.1.0.3", suffix="y"))
    async with world.running():
        assert world.imported("us") == {"eu": ["10.1.0.1", "10.1.0.2", "10.1.0.3"]}


async def test_more_endpoints_than_a_slice_holds_stand_in_as_many_copies_as_there_are_slices(make: Make) -> None:
    world = make()
    world.export("eu", "web", *(f"10.1.{at // 250}.{at % 250}" for at in range(1000)))
    world.write("eu", make_slice("web", "10.9.0.1", suffix="y"))
    async with world.running():
        assert len(world.imported("us")["eu"]) == 1001
        assert sorted(len(each["endpoints"]) for each in world.all("us", "EndpointSlice")) == [1, 1000]


async def test_ports_without_names_that_clash_leave_the_older_one_and_say_so(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1", ports=[{"port": 80, "protocol": "TCP"}])
    world.write("eu", make_slice("web", "10.1.0.1", ports=[{"port": 8080, "protocol": "TCP"}]))
    async with world.running():
        await asyncio.sleep(3)
        world.export("us", "web", "10.2.0.1", ports=[{"port": 443, "protocol": "TCP"}])
        await asyncio.sleep(2)
        assert [each["port"] for each in spec(world)["ports"]] == [80]
        assert world.condition("us", "Conflict") == ("True", "PortConflict")
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}


async def test_un_exporting_takes_one_clusters_part_and_the_last_one_everything_of_ours(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    world.export("us", "web", "10.2.0.1")
    async with world.running():
        world.remove("eu", "ServiceExport", "web")
        await asyncio.sleep(2)
        assert world.imported("ap") == {"us": ["10.2.0.1"]}
        world.remove("us", "ServiceExport", "web")
        await asyncio.sleep(2)
        for at in ALL:
            assert world.all(at, "ServiceImport") == []
            assert [each["metadata"]["name"] for each in world.all(at, "Service")] in ([], ["web"])
            assert [each["metadata"]["name"] for each in world.all(at, "EndpointSlice")] in ([], ["web-x"])


async def test_conflicts_are_told_on_every_export_and_end_when_they_are_resolved(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    async with world.running():
        await asyncio.sleep(5)
        port = {"name": "http", "port": 81, "protocol": "TCP"}
        world.export("us", "web", "10.2.0.1", ports=[port], sessionAffinity="ClientIP")
        await asyncio.sleep(2)
        for at in ("eu", "us"):
            assert world.condition(at, "Conflict") == (
                "True",
                "PortConflict,SessionAffinityConflict,SessionAffinityConfigConflict",
            )
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}, "another number under this name would be the wrong port"
        assert spec(world)["ports"][0]["port"] == 80
        world.write("us", make_service())
        await asyncio.sleep(2)
        assert [world.condition(at, "Conflict") for at in ("eu", "us")] == [("False", "NoConflicts")] * 2
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}


async def test_different_ports_are_a_union_and_each_endpoint_stands_under_its_own(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    world.export("us", "web", ports=[{"name": "admin", "port": 90, "protocol": "TCP"}])
    world.write("us", make_slice("web", "10.2.0.1", ports=[{"name": "admin", "port": 9090, "protocol": "TCP"}]))
    async with world.running():
        assert [each["name"] for each in spec(world)["ports"]] == ["admin", "http"]
        ports = {
            each["metadata"]["labels"]["multicluster.kubernetes.io/source-cluster"]: each["ports"][0]["name"]
            for each in world.all("ap", "EndpointSlice")
        }
        assert ports == {"eu": "http", "us": "admin"}


async def test_a_namespace_that_comes_brings_the_import_and_one_that_a_member_lacks_has_none(make: Make) -> None:
    world = make()
    for at in ("eu", "us"):
        world.write(at, namespace("blog"))
    service, export, slice = make_service(), make_export(), make_slice("web", "10.1.0.1")
    for each in (service, export, slice):
        each["metadata"]["namespace"] = "blog"
    world.write("eu", service, export, slice)
    async with world.running():
        assert [bool(world.get(at, "ServiceImport", "web", "blog")) for at in ALL] == [False, True, True]
        world.write("ap", namespace("blog"))
        await asyncio.sleep(2)
        assert world.get("ap", "ServiceImport", "web", "blog") is not None
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}


async def test_headless_has_no_address_and_keeps_the_hostnames_of_its_pods(make: Make) -> None:
    world = make()
    ends = [{"addresses": ["10.1.0.1"], "hostname": "db-0", "conditions": {"ready": True}}]
    world.write("eu", make_service(clusterIP="None"), make_export(), make_slice("web", endpoints=ends))
    async with world.running():
        assert spec(world)["type"] == "Headless"
        assert "ips" not in spec(world)
        assert world.get("ap", "Service", DERIVED) is None
        (copy,) = world.all("ap", "EndpointSlice")
        assert copy["endpoints"][0]["hostname"] == "db-0"
        assert "kubernetes.io/service-name" not in copy["metadata"]["labels"]
        found = world.get("ap", "ServiceImport", "web")
        assert found is not None
        assert found["status"]["conditions"][0]["reason"] == "Ready"


async def test_headless_without_ports_is_a_name_for_addresses(make: Make) -> None:
    world = make()
    world.write(
        "eu", make_service(clusterIP="None", ports=None), make_export(), make_slice("web", "10.1.0.1", ports=[])
    )
    async with world.running():
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}


async def test_labels_and_annotations_travel_where_the_export_names_them_and_go_when_it_does_not(make: Make) -> None:
    world = make()
    world.export("eu")
    world.write("eu", make_export(exportedLabels={"team": "a"}, exportedAnnotations={"note": "b"}))
    async with world.running():
        found = world.get("ap", "ServiceImport", "web")
        assert found is not None
        assert found["metadata"]["labels"]["team"] == "a"
        assert found["metadata"]["annotations"]["note"] == "b"
        world.write("eu", make_export(exportedLabels={"tier": "c"}))
        await asyncio.sleep(2)
        found = world.get("ap", "ServiceImport", "web")
        assert found is not None
        assert "team" not in found["metadata"]["labels"]
        assert found["metadata"]["labels"]["tier"] == "c"
        assert "note" not in found["metadata"]["annotations"]


async def test_what_the_service_says_of_its_clients_is_on_import_and_derived_service(make: Make) -> None:
    world = make()
    affinity = {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}}}
    world.export("eu", "web", "10.1.0.1", trafficDistribution="PreferClose", **affinity)
    async with world.running():
        service = world.get("ap", "Service", DERIVED)
        assert service is not None
        for stated in (spec(world), service["spec"]):
            assert stated["trafficDistribution"] == "PreferClose"
            assert stated["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 60}}


@pytest.mark.parametrize(
    ("service", "reason"),
    [(None, "NoService"), ({"type": "ExternalName", "externalName": "a.example.org"}, "InvalidServiceType")],
)
async def test_an_export_that_cannot_be_one_says_why_and_is_one_as_soon_as_it_can(
    make: Make, service: Json | None, reason: str
) -> None:
    world = make()
    world.write("eu", make_export(), make_slice("web", "10.1.0.1"))
    if service is not None:
        world.write("eu", make_service(**service))
    async with world.running():
        assert world.condition("eu", "Valid") == ("False", reason)
        assert world.condition("eu", "Ready") == ("False", "Pending")
        assert world.all("ap", "ServiceImport") == []
        if service is not None:
            world.remove("eu", "Service", "web")
        world.write("eu", make_service())
        await asyncio.sleep(2)
        assert world.condition("eu", "Valid") == ("True", "Valid")
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}


async def test_services_of_other_clustersets_are_others(make: Make) -> None:
    world = make(clustersets={"us": "dev"})
    world.export("eu", "web", "10.1.0.1")
    world.export("us", "web", "10.2.0.1")
    async with world.running():
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}
        assert world.imported("us") == {"us": ["10.2.0.1"]}


async def test_a_member_with_the_older_version_of_the_standard_takes_part(make: Make) -> None:
    world = make(version="v1alpha1")
    world.export("eu", "web", "10.1.0.1")
    async with world.running():
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}
        found = world.get("ap", "ServiceImport", "web")
        assert found is not None
        assert found["apiVersion"] == "multicluster.x-k8s.io/v1alpha1"


async def test_a_member_without_the_definitions_is_named_and_takes_part_once_it_has_them(make: Make) -> None:
    world = make(undefined=("ap",))
    world.export("eu", "web", "10.1.0.1")
    async with world.running() as services:
        assert "install the definitions of multicluster.x-k8s.io" in services.unseen["ap"]
        assert world.imported("us") == {"eu": ["10.1.0.1"]}
        world.define("ap")
        await asyncio.sleep(15)
        assert services.unseen["ap"] == ""
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}
