"""Bindings of the hub in every member: made, put right, revoked; and what was granted beside them is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.propagation.objects import HUB
from trafficfed.testing.baselines_world import BaselinesWorld, cluster_role, namespace

pytestmark = pytest.mark.looptime
Make = Callable[..., BaselinesWorld]
Json = dict[str, Any]
GROUP, RBAC = "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1"
MARK = {"federated": "yes"}
DEVS = {"apiGroup": GROUP, "kind": "Group", "name": "devs"}
ROBOT = {"kind": "ServiceAccount", "namespace": "shop", "name": "robot"}


def access(**more: Any) -> Json:
    return {"name": "bindings", "federatedAccess": {"bindings": {"matchLabels": MARK}, **more}}


def binding(
    name: str, role: str, *subjects: Json, kind: str = "RoleBinding", space: str = "shop", marked: bool = True
) -> Json:
    metadata: Json = {"name": name, "labels": MARK if marked else {}}
    if kind == "RoleBinding":
        metadata["namespace"] = space
    ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}
    return {"apiVersion": RBAC, "kind": kind, "metadata": metadata, "roleRef": ref, "subjects": list(subjects)}


def shop(
    make: Make, *bindings: Json, mode: str = "enforce", members: tuple[str, ...] = ("eu", "us"), **more: Any
) -> BaselinesWorld:
    world = make(members=members)
    for at in members:
        world.write(at, cluster_role("edit", "get"), cluster_role("view", "get"))
    world.write(HUB, namespace("shop"), *bindings)
    world.baseline("access", access(**more), mode=mode)
    return world


def held(world: BaselinesWorld, at: str, name: str, kind: str = "RoleBinding", space: str = "shop") -> Json | None:
    return world.get(at, RBAC, kind, name, space if kind == "RoleBinding" else "")


async def test_a_binding_of_the_hub_stands_in_every_member_that_has_its_namespace(make: Make) -> None:
    world = shop(make, binding("devs", "edit", DEVS), binding("all", "view", DEVS, kind="ClusterRoleBinding"))
    world.write(HUB, namespace("elsewhere"), binding("devs", "edit", DEVS, space="elsewhere"))
    async with world.running():
        for at in ("eu", "us"):
            found = held(world, at, "devs")
            assert found is not None
            assert (found["roleRef"]["name"], found["subjects"]) == ("edit", [DEVS])
            assert held(world, at, "all", "ClusterRoleBinding") is not None
            assert held(world, at, "devs", space="elsewhere") is None, "it does not have the namespace"
        world.write("eu", namespace("elsewhere"))
        await asyncio.sleep(1.0)
        assert held(world, "eu", "devs", space="elsewhere") is not None
        assert world.violations() == []


async def test_what_somebody_adds_to_it_is_taken_off_again(make: Make) -> None:
    world = shop(make, binding("devs", "edit", DEVS))
    async with world.running():
        other = {"apiGroup": GROUP, "kind": "User", "name": "eve"}
        world.write("eu", binding("devs", "edit", DEVS, other, marked=False))
        await asyncio.sleep(1.0)
        found = held(world, "eu", "devs")
        assert found is not None
        assert found["subjects"] == [DEVS]


async def test_what_the_hub_no_longer_grants_is_revoked_and_nothing_else(make: Make) -> None:
    world = shop(make, binding("devs", "edit", DEVS), binding("more", "view", DEVS))
    world.write("eu", binding("own", "view", {"apiGroup": GROUP, "kind": "User", "name": "local"}, marked=False))
    async with world.running():
        world.remove(HUB, RBAC, "RoleBinding", "devs", "shop")
        await asyncio.sleep(1.0)
        assert held(world, "eu", "devs") is None
        assert held(world, "us", "devs") is None
        assert held(world, "eu", "more") is not None
        assert held(world, "eu", "own") is not None
        assert world.violations() == []


async def test_only_informing_tells_what_is_missing_and_what_is_left_over(make: Make) -> None:
    world = shop(make, binding("devs", "edit", DEVS), members=("eu",))
    async with world.running():
        world.baseline("access", access(), mode="inform")
        await asyncio.sleep(1.0)
        world.remove(HUB, RBAC, "RoleBinding", "devs", "shop")
        world.write(HUB, binding("new", "edit", DEVS))
        await asyncio.sleep(1.0)
        found = {each[2]: each[4] for each in world.violations(messages=True)}
        assert found == {
            f"RoleBinding.{GROUP} shop/devs": "the hub no longer grants it",
            f"RoleBinding.{GROUP} shop/new": "is not there",
        }
        assert held(world, "eu", "devs") is not None


async def test_what_was_granted_beside_the_hub_is_told_and_left(make: Make) -> None:
    world = shop(make, binding("devs", "edit", DEVS), members=("eu",))
    world.write("eu", binding("sneaky", "cluster-admin", DEVS, kind="ClusterRoleBinding", marked=False))
    boot = binding("system", "view", DEVS, kind="ClusterRoleBinding", marked=False)
    boot["metadata"]["labels"] = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    world.write("eu", boot)
    async with world.running():
        ((_, _, object, path, message),) = world.violations(messages=True)
        assert (object, path) == (f"ClusterRoleBinding.{GROUP} sneaky", "subjects[0]")
        assert message == "grants ClusterRole cluster-admin to Group devs, which no binding of the hub does"
        assert held(world, "eu", "sneaky", "ClusterRoleBinding") is not None
        world.baseline("access", access(audit=False), mode="enforce")
        await asyncio.sleep(1.0)
        assert world.violations() == []


async def test_what_means_nothing_in_a_member_is_told(make: Make) -> None:
    world = shop(make, binding("robots", "edit", ROBOT), binding("odd", "no-such-role", DEVS), members=("eu",))
    async with world.running():
        found = {each[2]: each[3:] for each in world.violations(messages=True)}
        assert found[f"RoleBinding.{GROUP} shop/odd"] == (
            "roleRef",
            "ClusterRole no-such-role is not there: nothing is granted",
        )
        path, message = found[f"RoleBinding.{GROUP} shop/robots"]
        assert path == "subjects[0]"
        assert message.startswith("ServiceAccount shop/robot of the hub is nobody here")
        assert held(world, "eu", "robots") is None, "nobody is left to grant anything to"


async def test_a_hub_that_suddenly_grants_nothing_revokes_nothing(make: Make) -> None:
    world = shop(make, *(binding(f"team-{number}", "view", DEVS) for number in range(8)), members=("eu",))
    async with world.running():
        for number in range(8):
            world.remove(HUB, RBAC, "RoleBinding", f"team-{number}", "shop")
        await asyncio.sleep(5.0)
        assert len(world.all("eu", "RoleBinding")) >= 3, "at most five at once"
        assert "too many at once to be revoked by itself" in world.violations(messages=True)[0][-1]
