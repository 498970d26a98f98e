"""A kind that the hub does not have is refused by one reason, looked for again, and propagated once it is there."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.testing.propagation_world import PropagationWorld, config_map, policy

Json = dict[str, Any]
Make = Callable[..., PropagationWorld]
pytestmark = pytest.mark.looptime


WIDGET = ("example.org/v1", "Widget")


def definition() -> Json:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]},
    }


def widget(size: int = 1) -> Json:
    metadata = {"namespace": "shop", "name": "one"}
    return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": metadata, "spec": {"size": size}}


def knowing_widgets(make: Make) -> PropagationWorld:
    world = make(kinds=(("v1", "ConfigMap"), WIDGET))
    world.learn(*WIDGET, "widgets")
    return world


def install(world: PropagationWorld) -> None:
    for server in (world.hub, *world.servers.values()):
        world.write(definition(), at=server)


async def test_it_is_refused_by_one_reason_and_the_others_go_on(make: Make) -> None:
    world = knowing_widgets(make)
    world.write(policy(("v1", "ConfigMap"), WIDGET), config_map())
    async with world.running(120) as propagation:
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}
        assert world.condition("Scheduled") == "KindNotOnHub"
        reasons = {(each.object, each.reason) for each in propagation.refusals}
        assert reasons == {
            ("example.org/v1 Widget", "KindNotOnHub"),
            ("PropagationPolicy shop/all", "KindNotOnHub"),
        }


async def test_it_is_propagated_once_its_definition_is_installed(make: Make) -> None:
    world = knowing_widgets(make)
    world.write(policy(("v1", "ConfigMap"), WIDGET), config_map())
    async with world.running(120) as propagation:
        install(world)
        world.write(widget())
        await asyncio.sleep(60)
        assert world.holders("Widget", "one") == {"ap", "eu", "us"}
        assert propagation.refusals == ()
        assert world.condition() == "Applied"


async def test_what_was_placed_before_stays_untouched_when_it_comes(make: Make) -> None:
    world = knowing_widgets(make)
    world.write(policy(("v1", "ConfigMap"), WIDGET), config_map())
    async with world.running(60):
        for server in world.servers.values():
            world.writes(server)
        install(world)
        await asyncio.sleep(60)
        assert [world.writes(server) for server in world.servers.values()] == [[], [], []]


async def test_a_kind_whose_definition_is_taken_away_holds_up_no_other(make: Make) -> None:
    """Its objects were deleted with it, each by a deletion that is watched; the kind is refused from then on."""
    world = knowing_widgets(make)
    install(world)
    world.write(policy(("v1", "ConfigMap"), WIDGET), config_map(), widget())
    async with world.running(10) as propagation:
        world.remove("CustomResourceDefinition", "widgets.example.org", None)
        await asyncio.sleep(1)
        world.hub.faults.cut_watches()  # as real API servers end the watches of a kind that is no more
        await asyncio.sleep(120)
        assert propagation.reason == ""
        assert ("example.org/v1 Widget", "KindNotOnHub") in {
            (each.object, each.reason) for each in propagation.refusals
        }
        assert world.holders("Widget", "one") == set()
        world.remove("ConfigMap", "one")
        await asyncio.sleep(10)
        assert world.holders("ConfigMap", "one") == set()


async def test_a_member_without_the_kind_is_refused_for_itself(make: Make) -> None:
    world = knowing_widgets(make)
    for server in (world.hub, world.servers["ap"], world.servers["eu"]):
        world.write(definition(), at=server)
    world.write(policy(WIDGET), widget())
    async with world.running(30):
        assert world.get("Widget", "one", at=world.servers["eu"]) is not None
        assert world.condition() == "Unreachable"
        problem = world.status()["problems"][0]
        assert (problem["cluster"], "could not find the requested resource" in problem["message"]) == ("us", True)
