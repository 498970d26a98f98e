"""Whatever order events come in, and whoever fails meanwhile: in the end it is told what a look at everything tells."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from trafficfed.propagation.objects import HUB
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
SPACES = ("shop", "a", "b")


def stars(labelled: bool) -> Json:
    closed = {"namespaces": {"labelSelector": {"matchLabels": {"closed": "yes"}}}} if labelled else {}
    objects = [{"apiVersion": "v1", "kind": "ConfigMap", **closed}]
    return {"name": "plain", "mustHold": {"objects": objects, "expression": "!has(object.data.bad)"}}


def roles() -> Json:
    objects = [{"apiVersion": RBAC, "kind": "ClusterRole"}]
    return {"name": "roles", "mustHold": {"objects": objects, "expression": "!('*' in object.rules[0].verbs)"}}


def forbidden() -> Json:
    return {"name": "gone", "mustNotHave": {"apiVersion": "v1", "kind": "ConfigMap", "name": "one"}}


def needed() -> Json:
    template = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two"}, "data": {"must": "1"}}
    return {"name": "there", "mustHave": {"namespaces": {"exclude": ["kube-system"]}, "template": template}}


class History:
    """A random life of a hub with two members."""

    def __init__(self, world: BaselinesWorld, random: Random) -> None:
        self.world, self.random = world, random

    async def step(self) -> None:
        random, world, at = self.random, self.world, self.random.choice(("eu", "us"))
        action = random.choice(
            (self._config_map, self._config_map, self._role, self._namespace, self._baseline, self._fault)
        )
        await action(world, at)
        await asyncio.sleep(random.choice((0.0, 0.0, 0.05, 1.0)))

    async def _config_map(self, world: BaselinesWorld, at: str) -> None:
        space, name = self.random.choice(SPACES), self.random.choice(("one", "two"))
        if world.get(at, "v1", "Namespace", space) is None:
            return
        if self.random.random() < 0.4 and world.get(at, "v1", "ConfigMap", name, space) is not None:
            world.remove(at, "v1", "ConfigMap", name, space)
        else:
            world.write(
                at, config_map(name, space, **{self.random.choice(("bad", "must", "fine")): self.random.choice("12")})
            )

    async def _role(self, world: BaselinesWorld, at: str) -> None:
        if self.random.random() < 0.4 and world.get(at, RBAC, "ClusterRole", "role") is not None:
            world.remove(at, RBAC, "ClusterRole", "role")
        else:
            world.write(at, cluster_role("role", self.random.choice("*g")))

    async def _namespace(self, world: BaselinesWorld, at: str) -> None:
        world.write(at, namespace(self.random.choice(SPACES), closed=self.random.choice(("yes", "no"))))

    async def _baseline(self, world: BaselinesWorld, at: str) -> None:
        name = self.random.choice(("x", "y"))
        if self.random.random() < 0.3 and world.get(HUB, API, "FleetBaseline", name) is not None:
            world.remove(HUB, API, "FleetBaseline", name)
            return
        rules = [stars(self.random.random() < 0.5), roles(), forbidden(), needed()]
        chosen = self.random.sample(rules, self.random.randint(1, 4))
        where = {"placement": {"clusterAffinity": {"clusterNames": [at]}}} if self.random.random() < 0.3 else {}
        world.baseline(name, *chosen, **where)

    async def _fault(self, world: BaselinesWorld, at: str) -> None:
        server = world.servers[self.random.choice((HUB, at))]
        if self.random.random() < 0.5:
            server.go()
            await asyncio.sleep(self.random.choice((0.5, 12.0)))
            server.come_back()
        else:
            server.cluster.store.compact()


@pytest.mark.parametrize("seed", range(20))
async def test_after_any_history_it_is_what_a_new_process_sees(make: Make, seed: int) -> None:
    world = make()
    world.baseline("x", stars(labelled=True), roles(), forbidden(), needed())
    async with world.running(settle_s=1.0):
        history = History(world, Random(seed))
        for _ in range(40):
            await history.step()
        await asyncio.sleep(60.0)
        told = sorted(world.violations(messages=True))
        audited = [(each.name, each.faults, each.clusters) for each in world.baselines.audited or ()]
        statuses = {name: world.status(name) for name, *_ in audited}
    world.restart()
    async with world.running(settle_s=30.0):
        assert sorted(world.violations(messages=True)) == told
        assert [(each.name, each.faults, each.clusters) for each in world.baselines.audited or ()] == audited
        assert {name: world.status(name) for name, *_ in audited} == statuses
        assert [call for at in ("eu", "us") for call in world.writes(at)] == []
