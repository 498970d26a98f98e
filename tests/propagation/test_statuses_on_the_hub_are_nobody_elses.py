"""What is said in statuses on the hub: summed up where it is only a hub, left alone where it is a member as well."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.model import Source
from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.testing.propagation_world import PropagationWorld, config_map, policy

Json = dict[str, Any]
Make = Callable[..., PropagationWorld]
pytestmark = pytest.mark.looptime


SERVICES = ("v1", "Service")


def service() -> Json:
    metadata = {"namespace": "shop", "name": "web"}
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "web"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def balancer(address: str) -> Json:
    return {"loadBalancer": {"ingress": [{"ip": address}]}}


def addresses(world: PropagationWorld) -> list[str]:
    """Of the template's load balancers."""
    found = world.get("Service", "web")
    assert found is not None
    return [each["ip"] for each in (found["status"].get("loadBalancer") or {}).get("ingress", ())]


async def test_the_load_balancers_of_the_members_are_shown_on_a_hub_that_is_none(make: Make) -> None:
    world = make()
    world.write(policy(SERVICES), service())
    async with world.running():
        world.report(world.servers["eu"], "Service", "web", balancer("192.0.2.1"))
        world.report(world.servers["us"], "Service", "web", balancer("192.0.2.2"))
        await asyncio.sleep(5)
        assert addresses(world) == ["192.0.2.1", "192.0.2.2"]


async def test_a_clock_that_is_set_back_silences_no_status(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    async with world.running():
        world.clock.set_back_s = 3600.0
        world.write(policy(placement={"clusterAffinity": {"clusterNames": ["eu"]}}))
        await asyncio.sleep(30)
        assert world.status()["copies"] == 1


async def test_a_hub_that_is_a_member_shows_no_address_but_its_own(make: Make) -> None:
    """So that discovery there finds the hub's own load balancer and never another member's."""
    world = make(members=("hub", "eu", "us"))
    world.write(policy(SERVICES), service())
    world.report(world.hub, "Service", "web", balancer("198.51.100.9"))
    async with world.running(15):
        world.report(world.servers["eu"], "Service", "web", balancer("192.0.2.1"))
        await asyncio.sleep(30)
        assert addresses(world) == ["198.51.100.9"]
        assert not [each for each in world.writes(world.hub) if each.endswith("services/web/status")]


async def test_what_was_summed_up_before_the_hub_was_a_member_is_taken_back(make: Make) -> None:
    world = make()
    world.write(policy(SERVICES), service())
    async with world.running():
        world.report(world.servers["eu"], "Service", "web", balancer("192.0.2.1"))
        await asyncio.sleep(5)
        assert addresses(world) == ["192.0.2.1"]
    world.join("hub")
    async with world.running(30):
        assert addresses(world) == []
        world.writes(world.hub)
        await asyncio.sleep(60)
        assert not [each for each in world.writes(world.hub) if each.endswith("services/web/status")]


async def test_a_hub_that_is_known_to_be_a_member_is_one_though_it_cannot_be_reached_as_such(make: Make) -> None:
    world = make(members=("eu", "hub"))
    world.unusable_members["hub"] = "kubeconfig hub: no such file"
    world.sources["hub"] = Source(cluster="hub", uid=world.hub.cluster.uid)
    world.write(policy(SERVICES), service())
    async with world.running(15):
        world.report(world.servers["eu"], "Service", "web", balancer("192.0.2.1"))
        await asyncio.sleep(30)
        assert addresses(world) == []


async def test_a_hub_without_statuses_of_a_kind_is_one_reason_and_asked_again_later(make: Make) -> None:
    world = make()
    missing = "the server could not find the requested resource"
    path = "/propagationpolicies/all/status"
    world.hub.faults.fail(Rule(code=404, reason="NotFound", message=missing, path=path))
    world.write(policy(), config_map())
    async with world.running(60) as propagation:
        assert [(each.object, each.reason) for each in propagation.refusals] == [
            ("PropagationPolicy.trafficfed.io", "NoStatusSubresource")
        ]
        assert world.writes(world.hub).count(f"PATCH /apis/trafficfed.io/v1alpha1/namespaces/shop{path}") == 1
        await asyncio.sleep(600)
        assert propagation.refusals == ()
        assert world.condition() == "Applied"


async def test_a_policy_that_is_gone_when_its_status_is_written_is_no_trouble(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    gone = 'propagationpolicies.trafficfed.io "all" not found'
    world.hub.faults.fail(Rule(code=404, reason="NotFound", message=gone, path="/propagationpolicies/all/status"))
    async with world.running(60) as propagation:
        assert propagation.refusals == ()
