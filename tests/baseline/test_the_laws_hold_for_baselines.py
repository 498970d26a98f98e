"""Silence, doubt and restarts take nothing away; what is not ours stays; nobody is fought without end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.crds.definitions import DEFINITIONS, manifest
from trafficfed.model import Freshness
from trafficfed.propagation.objects import HUB
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.testing.baselines_world import (
    BaselinesWorld,
    cluster_role,
    config_map,
    namespace,
)

pytestmark = pytest.mark.looptime
Make = Callable[..., BaselinesWorld]
Json = dict[str, Any]
API = "trafficfed.io/v1alpha1"
RBAC = "rbac.authorization.k8s.io/v1"
POLICY = "ValidatingAdmissionPolicy"


def no_stars(name: str = "no-stars") -> Json:
    objects = [{"apiVersion": RBAC, "kind": "ClusterRole"}]
    return {"name": name, "mustHold": {"objects": objects, "expression": "object.rules.all(r, !('*' in r.verbs))"}}


def settings(value: str = "1", name: str = "fleet") -> Json:
    return {"name": "settings", "mustHave": {"template": config_map(name, a=value)}}


def no_config_maps(prefix: str = "bad") -> Json:
    labels = {"labelSelector": {"matchLabels": {"bad": "yes"}}}
    return {"name": "none", "mustNotHave": {"apiVersion": "v1", "kind": "ConfigMap", **labels}}


def bad(name: str, **labels: str) -> Json:
    made = config_map(name)
    return {**made, "metadata": {**made["metadata"], "labels": {"bad": "yes", **labels}}}


async def test_a_restart_writes_nothing(make: Make) -> None:
    world = make()
    world.baseline("deny", no_stars(), mode="deny")
    world.baseline("set", settings(), mode="enforce")
    async with world.running(settle_s=30.0):
        before = world.status("deny"), world.status("set")
    for at in (HUB, "eu", "us"):
        world.writes(at)
    world.restart()
    async with world.running(settle_s=30.0):
        assert (world.status("deny"), world.status("set")) == before
        assert [world.writes(at) for at in (HUB, "eu", "us")] == [[], [], []]


async def test_a_silent_hub_takes_no_rule_away(make: Make) -> None:
    world = make()
    world.baseline("deny", no_stars(), mode="deny")
    world.baseline("set", settings(), mode="enforce")
    async with world.running():
        world.servers[HUB].go()
        await asyncio.sleep(120.0)
        world.remove("eu", "v1", "ConfigMap", "fleet", "shop")
        world.write("us", cluster_role("wild", "*"))
        await asyncio.sleep(2.0)
        assert world.get("eu", "v1", "ConfigMap", "fleet", "shop") is not None, "it is kept on"
        assert ("us", "no-stars", "ClusterRole.rbac.authorization.k8s.io wild") in world.violations()
        assert len(world.all("eu", POLICY)) == 1
        assert any(each.reason == "NotFollowed" for each in world.baselines.refusals)
        world.servers[HUB].come_back()
        await asyncio.sleep(30.0)
        assert world.condition("deny", "Compliant")[0] == "False"


async def test_a_member_out_of_reach_is_unknown_and_keeps_what_is_known_of_it(make: Make) -> None:
    world = make()
    world.baseline("roles", no_stars())
    world.write("eu", cluster_role("wild", "*"))
    async with world.running():
        for name in ("eu", "us"):
            world.servers[name].go()
        await asyncio.sleep(60.0)
        states = {each["name"]: each["state"] for each in world.status("roles")["clusters"]}
        assert states == {"eu": "Violating", "us": "Unknown"}
        assert len(world.violations()) == 1


async def test_an_emptied_hub_takes_no_policies_away_until_somebody_says_so(make: Make) -> None:
    world = make(members=("eu",))
    for number in range(8):
        world.baseline(f"deny-{number}", no_stars(), mode="deny")
    async with world.running():
        assert len(world.all("eu", POLICY)) == 8
    world.servers[HUB].go()
    for number in range(8):
        world.remove(HUB, API, "FleetBaseline", f"deny-{number}")
    world.servers[HUB].come_back()
    world.restart()
    async with world.running(settle_s=60.0):
        assert len(world.all("eu", POLICY)) == 8
        (held,) = [each for each in world.baselines.refusals if each.reason == "HeldBack" and each.cluster == "eu"]
        assert "kubectl delete vap" in held.message
        for number in range(8):
            world.baseline(f"deny-{number}", no_stars(), mode="deny")
        await asyncio.sleep(5.0)
        for number in range(8):
            world.remove(HUB, API, "FleetBaseline", f"deny-{number}")
        await asyncio.sleep(5.0)
        assert world.all("eu", POLICY) == [], "what is seen to leave leaves"


async def test_baselines_that_are_missing_at_once_from_a_list_are_kept(make: Make) -> None:
    world = make(members=("eu",))
    for number in range(8):
        world.baseline(f"set-{number}", settings(name=f"fleet-{number}"))
    async with world.running():
        world.servers[HUB].go()
        for number in range(8):
            world.remove(HUB, API, "FleetBaseline", f"set-{number}")
        world.servers[HUB].cluster.store.compact()
        await asyncio.sleep(5.0)
        world.servers[HUB].come_back()
        await asyncio.sleep(60.0)
        audited = world.baselines.audited
        assert audited is not None
        assert len(audited) == 8
        assert any("are missing at once" in each.message for each in world.baselines.refusals)


async def test_nothing_is_written_where_another_api_server_answers(make: Make) -> None:
    world = make()
    world.baseline("set", settings(), mode="enforce")
    async with world.running():
        world.servers["eu"].restore(Cluster("eu", world.clock, world.schemas))
        world.write("eu", namespace("shop"))
        await asyncio.sleep(60.0)
        world.writes("eu")
        world.writes("us")
        world.see("us", Freshness.SUSPECT, "it went back")
        world.remove("us", "v1", "ConfigMap", "fleet", "shop")
        await asyncio.sleep(60.0)
        assert world.writes("eu") == []
        assert world.writes("us") == []
        states = {each["name"]: (each["state"], each["message"]) for each in world.status("set")["clusters"]}
        assert states["eu"][0] == "Violating"
        assert states["us"][0] == "Violating"


async def test_somebody_who_undoes_it_again_and_again_is_named_and_not_fought_without_end(make: Make) -> None:
    world = make(members=("eu",))
    world.baseline("set", settings(), mode="enforce")
    async with world.running():
        world.writes("eu")
        for _ in range(100):
            world.write("eu", config_map("fleet", a="2"), manager="other")
            await asyncio.sleep(0.5)
        assert len(world.writes("eu")) <= 25
        ((*_, message),) = world.violations(messages=True)
        assert "somebody undid it 5 times" in message
        await asyncio.sleep(60.0)
        assert world.violations() == []


async def test_too_many_are_not_deleted_at_once(make: Make) -> None:
    world = make(members=("eu",))
    world.write("eu", *(bad(f"bad-{number}") for number in range(6)))
    world.baseline("none", no_config_maps(), mode="enforce")
    async with world.running():
        assert len(world.violations()) == 6
        assert "too many to be deleted at once" in world.violations(messages=True)[0][-1]
        world.remove("eu", "v1", "ConfigMap", "bad-0", "shop")
        await asyncio.sleep(5.0)
        assert world.violations() == []
        assert world.all("eu", "ConfigMap") == []


async def test_what_we_place_ourselves_is_not_deleted_but_named(make: Make) -> None:
    world = make(members=("eu",))
    world.write("eu", bad("copy", **{"trafficfed.io/propagated-by": "demo"}))
    world.baseline("none", no_config_maps(), mode="enforce")
    async with world.running():
        ((*_, message),) = world.violations(messages=True)
        assert "it is placed there by demo" in message


async def test_a_member_that_forbids_is_named_and_the_others_go_on(make: Make) -> None:
    world = make()
    world.servers["eu"].faults.fail(Rule(code=403, method="PATCH", times=1000))
    world.baseline("set", settings(), mode="enforce")
    async with world.running():
        assert world.get("us", "v1", "ConfigMap", "fleet", "shop") is not None
        ((cluster, *_, message),) = world.violations(messages=True)
        assert cluster == "eu"
        assert "Forbidden" in message or "403" in message


async def test_an_object_without_its_namespace_waits_for_it(make: Make) -> None:
    world = make(members=("eu",))
    rule = settings()
    rule["mustHave"]["template"]["metadata"]["namespace"] = "later"
    world.baseline("set", rule, mode="enforce")
    async with world.running():
        ((*_, message),) = world.violations(messages=True)
        assert "is not there" in message
        world.write("eu", namespace("later"))
        await asyncio.sleep(35.0)
        assert world.violations() == []


async def test_two_rules_about_one_object_do_not_take_each_others_fields(make: Make) -> None:
    world = make(members=("eu",))
    one, other = settings(), settings()
    other["mustHave"]["template"]["data"] = {"b": "2"}
    world.baseline("one", one, mode="enforce")
    world.baseline("other", other, mode="enforce")
    async with world.running():
        found = world.get("eu", "v1", "ConfigMap", "fleet", "shop")
        assert found is not None
        assert found["data"] == {"a": "1", "b": "2"}
        world.writes("eu")
        await asyncio.sleep(60.0)
        assert world.writes("eu") == []


async def test_nothing_is_deleted_while_the_hub_cannot_be_seen(make: Make) -> None:
    world = make(members=("eu",))
    world.baseline("none", no_config_maps(), mode="enforce")
    async with world.running():
        world.servers[HUB].go()
        await asyncio.sleep(5.0)
        world.write("eu", bad("one"))
        await asyncio.sleep(5.0)
        assert "not deleted while the hub cannot be seen" in world.violations(messages=True)[0][-1]
        world.servers[HUB].come_back()
        await asyncio.sleep(60.0)
        assert world.get("eu", "v1", "ConfigMap", "one", "shop") is None
        assert world.violations() == []


async def test_another_hub_at_the_same_address_takes_no_baseline_away(make: Make) -> None:
    world = make(members=("eu",))
    world.baseline("set", settings(), mode="enforce")
    world.baseline("deny", no_stars(), mode="deny")
    async with world.running():
        other = Cluster(HUB, world.clock, world.schemas)
        world.servers[HUB].restore(other)
        world.write(HUB, *map(manifest, DEFINITIONS))
        await asyncio.sleep(60.0)
        world.remove("eu", "v1", "ConfigMap", "fleet", "shop")
        await asyncio.sleep(2.0)
        assert world.get("eu", "v1", "ConfigMap", "fleet", "shop") is not None
        assert len(world.all("eu", POLICY)) == 1
        assert any("another API server answers" in each.message for each in world.baselines.refusals)


async def test_a_hub_that_is_a_member_too_has_a_members_policies(make: Make) -> None:
    world = make(members=("eu", "us"))
    world.servers[HUB] = world.servers["eu"]
    world.write(HUB, *map(manifest, DEFINITIONS))
    rule = no_stars()
    rule["mustHold"]["expression"] = "variables.cluster.region != '' && !('*' in object.rules[0].verbs)"
    world.baseline("deny", rule, mode="deny")
    world.baseline("one", no_stars(), mode="deny", placement={"clusterAffinity": {"clusterNames": ["eu"]}})
    async with world.running():
        assert len(world.all("eu", POLICY)) == 2
        world.writes("eu")
        await asyncio.sleep(60.0)
        assert world.writes("eu") == []
        assert len(world.all("us", POLICY)) == 1


async def test_since_when_a_template_does_not_fit_is_now(make: Make) -> None:
    world = make(members=("ap",))
    rule = settings()
    rule["mustHave"]["template"]["data"] = {"region": "${cluster.region}"}
    world.baseline("set", rule)
    async with world.running():
        (found,) = (world.baselines.audited or ())[0].violations
        assert abs(found.since_s - world.clock.now_s()) < 10.0
