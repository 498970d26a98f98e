"""What stands in a member and is not ours stays as it is; what is ours comes right again, and is written only once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.services.wishes import copy_name, derived_name
from trafficfed.testing.services_world import ServicesWorld, make_service, make_slice

pytestmark = pytest.mark.looptime
Make = Callable[..., ServicesWorld]
Json = dict[str, Any]
DERIVED = derived_name("shop", "web")


def fleet(make: Make) -> ServicesWorld:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    world.export("us", "web", "10.2.0.1")
    return world


def foreign_import() -> Json:
    return {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceImport",
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"type": "ClusterSetIP", "ports": [{"port": 1}]},
    }


async def test_the_second_run_writes_nothing(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        pass
    world.restart()
    for at in world.servers:
        world.writes(at)
    async with world.running(60):
        assert [world.writes(at) for at in world.servers] == [[], [], []]


@pytest.mark.parametrize("slow", ["ap", "eu", "us"])
async def test_the_second_run_writes_nothing_whoever_is_seen_last(make: Make, slow: str) -> None:
    """While a cluster is not seen yet its copies are what is known of it."""
    world = fleet(make)
    async with world.running():
        pass
    world.restart()
    world.servers[slow].faults.latency_s = 1.0
    for at in world.servers:
        world.writes(at)
    async with world.running(60):
        assert [world.writes(at) for at in world.servers] == [[], [], []]


@pytest.mark.parametrize("moment_s", [0.005, 0.02, 0.035, 0.05, 0.065, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3])
async def test_killed_between_any_two_writes_the_next_process_finishes_it(make: Make, moment_s: float) -> None:
    world = fleet(make)
    async with world.running(moment_s):
        pass
    world.restart()
    async with world.running():
        for at in world.servers:
            assert world.imported(at) == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
        assert world.condition("us", "Ready") == ("True", "Exported")
    world.restart()
    world.remove("eu", "ServiceExport", "web")
    async with world.running(moment_s):
        pass
    world.restart()
    async with world.running():
        assert world.imported("ap") == {"us": ["10.2.0.1"]}


async def test_anothers_import_is_left_alone_and_named_on_the_exports(make: Make) -> None:
    world = fleet(make)
    world.write("ap", foreign_import())
    before = world.get("ap", "ServiceImport", "web")
    async with world.running() as services:
        assert world.get("ap", "ServiceImport", "web") == before
        assert world.imported("ap") == {}
        assert world.imported("us") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
        assert world.condition("eu", "Ready") == ("False", "Failed")
        assert [(each.cluster, each.reason) for each in services.refusals] == [("ap", "ForeignImport")]
        world.remove("ap", "ServiceImport", "web")
        await asyncio.sleep(2)
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
        assert world.condition("eu", "Ready") == ("True", "Exported")
        assert services.refusals == ()


async def test_slices_of_others_with_the_same_labels_are_never_touched(make: Make) -> None:
    world = fleet(make)
    labels = {
        "multicluster.kubernetes.io/service-name": "web",
        "multicluster.kubernetes.io/source-cluster": "mars",
        "endpointslice.kubernetes.io/managed-by": "somebody-else",
    }
    strange = make_slice("web", "10.9.0.1", suffix="strange")
    strange["metadata"]["labels"] = labels
    world.write("ap", strange)
    before = world.get("ap", "EndpointSlice", "web-strange")
    async with world.running():
        world.remove("eu", "ServiceExport", "web")
        world.remove("us", "ServiceExport", "web")
        await asyncio.sleep(5)
        assert world.get("ap", "EndpointSlice", "web-strange") == before
        assert world.all("ap", "ServiceImport") == []


@pytest.mark.parametrize("kind", ["Service", "EndpointSlice"])
async def test_an_object_that_has_our_name_and_is_not_ours_is_named_and_kept(make: Make, kind: str) -> None:
    world = fleet(make)
    copy = copy_name("web", "eu", "web-x")
    strange = make_service(DERIVED) if kind == "Service" else make_slice("x", "10.9.0.1")
    strange["metadata"] = {"namespace": "shop", "name": DERIVED if kind == "Service" else copy}
    world.write("ap", strange)
    before = world.get("ap", kind, strange["metadata"]["name"])
    async with world.running() as services:
        assert world.get("ap", kind, strange["metadata"]["name"]) == before
        assert [(each.cluster, each.reason) for each in services.refusals] == [("ap", "AlreadyExists")]
        assert world.imported("ap")["us"] == ["10.2.0.1"]
        world.remove("ap", kind, strange["metadata"]["name"])
        await asyncio.sleep(40)
        assert services.refusals == ()
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}


async def test_what_somebody_changed_in_ours_is_put_right(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        copy = copy_name("web", "eu", "web-x")
        found = world.get("ap", "EndpointSlice", copy)
        assert found is not None
        found["endpoints"][0]["addresses"] = ["10.66.0.1"]
        del found["metadata"]["managedFields"]
        world.write("ap", found)
        world.remove("ap", "Service", DERIVED)
        await asyncio.sleep(2)
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
        service, stated = world.get("ap", "Service", DERIVED), world.get("ap", "ServiceImport", "web")
        assert service is not None
        assert stated is not None
        assert stated["spec"]["ips"] == [service["spec"]["clusterIP"]]


async def test_a_member_that_forbids_slices_is_a_named_reason_and_the_rest_goes_on(make: Make) -> None:
    world = fleet(make)
    rule = Rule(method="PATCH", path="/endpointslices/", code=403, reason="Forbidden", times=10_000)
    world.servers["ap"].faults.fail(rule)
    async with world.running() as services:
        assert world.imported("us") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
        assert {(each.cluster, each.reason) for each in services.refusals} == {("ap", "Forbidden")}
        assert world.condition("eu", "Ready") == ("False", "Failed")
        world.servers["ap"].faults.clear()
        await asyncio.sleep(60)
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
        assert world.condition("eu", "Ready") == ("True", "Exported")


async def test_a_cluster_that_is_no_member_any_more_keeps_its_part_until_it_is_forgotten(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        pass
    gone = world.leave("us")
    async with world.running():
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
    world.restart()
    del world.sources["us"]
    async with world.running():
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}
        found = world.get("ap", "ServiceImport", "web")
        assert found is not None
        assert found["status"]["clusters"] == [{"cluster": "eu"}]
    assert gone.calls, "what stands in the cluster that left was written while it was a member"


async def test_members_are_written_to_only_by_who_runs(make: Make) -> None:
    world = fleet(make)
    before = len(asyncio.all_tasks())
    async with world.running() as services:
        pass
    assert len(asyncio.all_tasks()) == before
    assert (services.unseen, services.refusals, services.waiting, services.exports) == ({}, (), 0, {})
    for at in world.servers:
        world.writes(at)
    world.remove("eu", "ServiceExport", "web")
    await asyncio.sleep(60)
    assert [world.writes(at) for at in world.servers] == [[], [], []]
