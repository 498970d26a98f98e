"""``trafficfed plan`` for propagation: what a start would do now, read from everywhere and written nowhere."""

from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.propagation.plan import Apply, Delete
from trafficfed.propagation.rehearsal import Rehearsed
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.testing.propagation_world import PropagationWorld

Json = dict[str, Any]
Make = Callable[..., PropagationWorld]
pytestmark = pytest.mark.looptime


def policy(*kinds: tuple[str, str], **spec: Any) -> Json:
    chosen = kinds or (("v1", "ConfigMap"),)
    selectors = [{"apiVersion": api_version, "kind": kind} for api_version, kind in chosen]
    metadata = {"namespace": "shop", "name": "all"}
    spec = {"resourceSelectors": selectors, **spec}
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": metadata,
        "spec": spec,
    }


def config_map(name: str, text: str = "1") -> Json:
    metadata = {"namespace": "shop", "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}


def told(found: Rehearsed) -> list[str]:
    return [f"{type(step).__name__} {step.cluster} {step.object.name} {step.reason}" for step in found.steps]


def written(world: PropagationWorld) -> list[str]:
    return [each for server in (world.hub, *world.servers.values()) for each in world.writes(server)]


def reasons(found: Rehearsed) -> dict[tuple[str, str], str]:
    return {(each.cluster, each.object): each.reason for each in found.refusals}


async def test_new_objects_are_to_be_applied_everywhere_and_nothing_is_written(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"))
    found = await world.propagation.rehearse()
    assert told(found) == [f"Apply {name} one Missing" for name in ("ap", "eu", "us")]
    assert (found.held, found.incomplete, found.refusals) == ("", (), ())
    assert written(world) == []
    assert not list(world.state_dir.iterdir())


async def test_more_objects_than_are_ever_under_way_at_once_are_all_told(make: Make) -> None:
    world = make()
    world.write(policy(), *(config_map(f"c{number}") for number in range(150)))
    found = await world.propagation.rehearse()
    assert len(found.steps) == 450
    assert len({(step.cluster, step.object) for step in found.steps}) == 450


async def test_what_is_in_place_is_no_step_and_edits_and_ends_are(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("kept"), config_map("edited"), config_map("gone"))
    async with world.running():
        pass
    world.write(config_map("edited", "2"))
    world.remove("ConfigMap", "gone")
    written(world)
    found = await world.propagation.rehearse()
    assert {(type(step), step.object.name) for step in found.steps} == {(Apply, "edited"), (Delete, "gone")}
    assert written(world) == []
    assert world.holders("ConfigMap", "gone") == {"ap", "eu", "us"}


async def test_a_run_after_a_rehearsal_does_exactly_what_was_told(make: Make) -> None:
    world = make()
    world.write(policy(), *(config_map(f"c{number}") for number in range(7)))
    found = await world.propagation.rehearse()
    async with world.running():
        assert {f"{step.cluster} {step.object.name}" for step in found.steps} == {
            f"{name} c{number}" for number in range(7) for name in world.holders("ConfigMap", f"c{number}")
        }


async def test_refusals_are_told_by_their_reasons(make: Make) -> None:
    world = make(kinds=(("v1", "ConfigMap"), ("example.org/v1", "Widget")))
    world.write(config_map("taken"), at=world.servers["eu"])
    overrides = [{"targetClusters": {"clusterNames": ["us"]}, "patch": [{"op": "remove", "path": "/data/none"}]}]
    world.write(policy(overrides=overrides), config_map("taken"))
    found = await world.propagation.rehearse()
    assert told(found) == ["Apply ap taken Missing"]
    assert reasons(found) == {
        ("hub", "example.org/v1 Widget"): "KindNotOnHub",
        ("eu", "ConfigMap shop/taken"): "AlreadyExists",
        ("us", "ConfigMap shop/taken"): "OverrideFailed",
    }


async def test_a_policy_that_fits_nowhere_and_one_of_another_kind_are_refused(make: Make) -> None:
    world = make()
    world.write(policy(("rbac.authorization.k8s.io/v1", "Role")))
    assert "KindNotListed" in reasons(await world.propagation.rehearse()).values()
    world.restart()
    world.write(policy(placement={"clusterAffinity": {"clusterNames": ["mars"]}}), config_map("one"))
    found = await world.propagation.rehearse()
    assert found.steps == ()
    assert "NoClusterFits" in reasons(found).values()


async def test_a_hub_that_is_not_believed_is_held_and_no_step_is_told(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"))
    async with world.running(15.0):
        pass
    world.hub.restore(Cluster("hub", world.clock, world.schemas))
    world.restart()
    found = await world.propagation.rehearse()
    assert found.steps == ()
    assert "hub" in found.held or "hub" in " ".join(found.incomplete)


async def test_a_member_that_is_not_seen_is_named_and_the_others_are_planned(make: Make) -> None:
    world = make()
    world.servers["us"].go()
    world.write(policy(), config_map("one"))
    found = await world.propagation.rehearse()
    assert told(found) == ["Apply ap one Missing", "Apply eu one Missing"]
    assert [each.partition(":")[0] for each in found.incomplete] == ["member us"]


@pytest.mark.parametrize("fault", ["go", "pause"])
async def test_a_hub_that_does_not_answer_is_named_within_the_time(make: Make, fault: str) -> None:
    world = make()
    world.hub.go() if fault == "go" else world.hub.faults.pause()
    found = await world.propagation.rehearse(within_s=20.0)
    assert (found.steps, len(found.incomplete)) == ((), 1)
    assert found.incomplete[0].startswith("the hub: ")
    assert world.clock.monotonic_s() <= (0.1 if fault == "go" else 20.1)
