"""KEP-5939: an importing cluster gets the endpoints of the first entry that has any, decided by public steering."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.crds.structs import LabelSelector, Requirement
from trafficfed.model import Cluster
from trafficfed.services.exports import Common, ImportType, Preference
from trafficfed.services.preference import SAME, preferred
from trafficfed.testing.services_world import ServicesWorld, make_export, make_slice

Make = Callable[..., ServicesWorld]
REGION = "region.topology.k8s.io"
EU, US, AP = (
    Cluster(name="eu", region="r1", continent="EU"),
    Cluster(name="us", region="r2", continent="NA"),
    Cluster(name="ap", region="r1", continent="AS", labels=(("gpu", "yes"),)),
)
LAB = Cluster(name="lab")


def ranks(importer: Cluster, *selectors: LabelSelector, others: bool = True, **common: Any) -> dict[str, int]:
    preference = Preference(selectors=selectors, others=others)
    return preferred(Common(preference=preference, **common), importer, (AP, EU, US))


def same_region() -> LabelSelector:
    return LabelSelector(match_labels={REGION: SAME})


def test_without_a_preference_all_are_equal() -> None:
    assert ranks(EU) == {"ap": 0, "eu": 0, "us": 0}


def test_the_first_entry_that_chooses_a_cluster_ranks_it_and_others_come_last() -> None:
    gpu = LabelSelector(match_labels={"gpu": "yes"})
    assert ranks(EU, gpu, same_region()) == {"ap": 0, "eu": 1, "us": 2}


def test_the_importers_own_value_is_meant_in_expressions_too() -> None:
    there = LabelSelector(match_expressions=(Requirement(key=REGION, operator="In", values=(SAME,)),))
    assert ranks(US, there) == {"ap": 1, "eu": 1, "us": 0}


def test_an_importer_without_the_property_is_the_same_as_nobody() -> None:
    assert ranks(LAB, same_region()) == {"ap": 1, "eu": 1, "us": 1}
    assert ranks(LAB, same_region(), others=False) == {}


def test_without_fallback_nobody_else_is_ever_given_out() -> None:
    assert ranks(EU, same_region(), others=False) == {"ap": 0, "eu": 0}


def test_headless_gives_out_everything() -> None:
    assert ranks(EU, same_region(), others=False, type=ImportType.HEADLESS) == {"ap": 0, "eu": 0, "us": 0}


@pytest.mark.looptime
async def test_each_importer_gets_its_own_and_the_next_entry_where_that_fails(make: Make) -> None:
    world = make()
    own = {"propertySelector": {"matchLabels": {REGION: SAME}}}
    for number, at in enumerate(world.servers):
        world.export(at, "web", f"10.{number}.0.1")
        world.write(at, make_export(clusterSelectors=[own]))
    async with world.running():
        given = {at: {cluster for cluster, ends in world.imported(at).items() if ends} for at in world.servers}
        assert given == {at: {at} for at in world.servers}
        world.write("eu", make_slice("web", "10.1.0.1", ready=False))
        await asyncio.sleep(1)
        assert {cluster for cluster, ends in world.imported("eu").items() if ends} == {"ap", "us"}
        assert {cluster for cluster, ends in world.imported("us").items() if ends} == {"us"}


@pytest.mark.looptime
async def test_preferences_that_differ_are_a_conflict_and_the_oldest_rules(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    async with world.running():
        await asyncio.sleep(3)
        world.export("us", "web", "10.2.0.1")
        never = {"propertySelector": {"matchLabels": {"no": "such"}}}
        world.write("us", make_export(clusterSelectors=[never], clusterSelectorsFallbackPolicy="None"))
        await asyncio.sleep(2)
        assert world.condition("eu", "Conflict") == ("True", "ClusterSelectorsConflict")
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}
