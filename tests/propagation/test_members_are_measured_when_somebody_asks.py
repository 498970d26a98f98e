"""What placement asks of members is measured from where the controller runs, and only what costs nothing unasked."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.testing.propagating import deployment
from trafficfed.testing.propagation_world import PropagationWorld, policy

Json = dict[str, Any]
Make = Callable[..., PropagationWorld]
pytestmark = pytest.mark.looptime


DEPLOYMENTS = ("apps/v1", "Deployment")
BY_ROOM: Json = {"type": "Divided", "divideBy": "FreeCapacity"}
NODES, PODS = "/api/v1/nodes", "/api/v1/pods"


def node(cpu: str) -> Json:
    metadata = {"name": "one"}
    allocatable = {"cpu": cpu, "memory": "64Gi", "pods": "110"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"allocatable": allocatable}}


def replicas(world: PropagationWorld) -> dict[str, int]:
    found = {name: world.get("Deployment", "web", at=server) for name, server in world.servers.items()}
    return {name: each["spec"]["replicas"] for name, each in found.items() if each}


def reasons(world: PropagationWorld) -> dict[str, str]:
    return {each["name"]: each["reason"] for each in world.status()["clusters"]}


async def test_nearness_chooses_by_what_was_measured(make: Make) -> None:
    world = make(places=("eu", "region-eu"))
    world.rtt_s |= {"ap": 0.2, "us": 0.02, "eu": 0.001}
    latency = {"cluster": "eu", "belowMilliseconds": 50}
    world.write(policy(DEPLOYMENTS, placement={"latency": latency}), deployment())
    async with world.running(15):
        assert world.holders("Deployment", "web") == {"eu", "us"}
        assert reasons(world)["ap"] == "TooFar"


async def test_a_measurement_that_fails_is_tried_again_soon_and_a_good_one_is_kept_for_long(make: Make) -> None:
    world = make()
    world.rtt_s["us"] = None
    async with world.running(100):
        assert world.measured.count("eu") == 1
        assert world.measured.count("us") == 10


async def test_what_cannot_be_measured_is_not_chosen_and_said(make: Make) -> None:
    world = make(places=("eu",))
    world.rtt_s |= {"ap": None, "us": 0.02}
    latency = {"cluster": "eu", "belowMilliseconds": 50}
    world.write(policy(DEPLOYMENTS, placement={"latency": latency}), deployment())
    async with world.running(20):
        assert world.holders("Deployment", "web") == {"eu", "us"}
        assert reasons(world)["ap"] == "LatencyUnknown"


async def test_nodes_and_pods_are_read_only_while_a_policy_asks_for_room(make: Make) -> None:
    world = make()
    world.write(policy(DEPLOYMENTS), deployment())
    async with world.running(300):
        assert not [path for server in world.servers.values() for path in server.reads if path in (NODES, PODS)]


async def test_replicas_go_where_there_is_room(make: Make) -> None:
    world = make()
    for name, cpu in (("ap", "1"), ("eu", "8"), ("us", "2")):
        world.write(node(cpu), at=world.servers[name])
        world.report_node(world.servers[name], node(cpu)["status"])
    world.write(policy(DEPLOYMENTS, replicaScheduling=BY_ROOM), deployment(replicas=11))
    async with world.running(15):
        assert replicas(world) == {"ap": 1, "eu": 8, "us": 2}
        await asyncio.sleep(120)
        assert [world.servers["eu"].reads.count(path) for path in (NODES, PODS)] == [3, 3]


async def test_a_member_that_lets_nobody_read_its_nodes_holds_nothing_up_for_long(make: Make) -> None:
    world = make()
    world.servers["us"].faults.fail(Rule(code=403, reason="Forbidden", path=NODES, times=10_000))
    world.write(policy(DEPLOYMENTS, replicaScheduling=BY_ROOM), deployment(replicas=6))
    async with world.running(8):
        assert replicas(world) == {}
        await asyncio.sleep(10)
        assert sum(replicas(world).values()) == 6
