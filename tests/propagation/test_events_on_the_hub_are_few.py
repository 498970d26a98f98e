"""Refusals, conflicts and holds are told beside the object they concern, once for each change of their meaning."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.testing.propagation_world import PropagationWorld, config_map, policy

Json = dict[str, Any]
Make = Callable[..., PropagationWorld]
pytestmark = pytest.mark.looptime


async def test_nothing_is_said_where_all_is_well(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    async with world.running(60):
        world.write(config_map(text="2"))
        await asyncio.sleep(60)
    assert world.events() == []


async def test_an_object_that_is_in_the_way_is_told_beside_the_template_and_its_policy(make: Make) -> None:
    world = make()
    world.write(config_map(), at=world.servers["eu"])
    world.write(policy(), config_map())
    async with world.running(10):
        assert sorted(world.events()) == [("AlreadyExists", "all"), ("AlreadyExists", "one")]


async def test_while_it_stays_so_it_is_not_said_again_and_a_restart_says_nothing_new(make: Make) -> None:
    world = make()
    world.write(config_map(), at=world.servers["eu"])
    world.write(policy(), config_map())
    async with world.running(300):
        pass
    world.restart()
    async with world.running(300):
        counts = world.event_counts()
    assert counts == {("AlreadyExists", "all"): 1, ("AlreadyExists", "one"): 1}


async def test_that_it_is_over_is_said_once_too(make: Make) -> None:
    world = make()
    world.write(config_map(), at=world.servers["eu"])
    world.write(policy(), config_map())
    async with world.running(10):
        world.remove("ConfigMap", "one", at=world.servers["eu"])
        await asyncio.sleep(120)
        assert sorted(world.events()) == [
            ("AlreadyExists", "all"),
            ("AlreadyExists", "one"),
            ("Resolved", "all"),
            ("Resolved", "one"),
        ]


async def test_a_member_that_is_away_is_told_of_the_policy_and_of_none_of_its_objects(make: Make) -> None:
    world = make()
    world.write(policy(), *(config_map(f"c{number}") for number in range(30)))
    async with world.running(10):
        world.servers["us"].go()
        world.write(*(config_map(f"c{number}", "2") for number in range(30)))
        await asyncio.sleep(120)
        assert {name for _, name in world.events()} == {"all"}
        assert ("Unreachable", "all") in world.events()


async def test_an_override_that_cannot_be_carried_out_is_told(make: Make) -> None:
    world = make()
    overrides = [{"targetClusters": {"clusterNames": ["us"]}, "patch": [{"op": "remove", "path": "/data/none"}]}]
    world.write(policy(overrides=overrides), config_map())
    async with world.running(10):
        assert set(world.events()) == {("OverrideFailed", "all"), ("OverrideFailed", "one")}


async def test_a_policy_that_fits_nowhere_is_told_and_so_is_one_that_cannot_be_read(make: Make) -> None:
    world = make()
    world.write(policy(placement={"clusterAffinity": {"clusterNames": ["mars"]}}), config_map())
    async with world.running(20):
        assert ("NoClusterFits", "all") in world.events()


async def test_a_hub_that_is_not_believed_is_written_to_in_no_way(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    async with world.running(15):
        world.hub.restore(Cluster("hub", world.clock, world.schemas))
        world.writes(world.hub)
        await asyncio.sleep(120)
        assert world.writes(world.hub) == []
