"""A hub with baselines, and members, whole but for sockets and processes: in virtual time, with faults on demand."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cached_property, partial
from random import Random
from types import MappingProxyType
from typing import Any

import orjson

from trafficfed.baseline import expressions
from trafficfed.baseline.judging import Fault, Item, Program, Verdict
from trafficfed.baseline.runner import FleetBaselines
from trafficfed.crds.definitions import DEFINITIONS, manifest
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.model import Cluster as Properties
from trafficfed.model import Freshness, Source
from trafficfed.propagation.objects import HUB
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.routing import parse_target
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.testing.emulated_api import EmulatedApi, EmulatedServer
from trafficfed.testing.scripted_api import LoopClock

Json = dict[str, Any]
OWNER = "demo"
PROPERTIES: Mapping[str, Properties] = MappingProxyType(
    {
        "eu": Properties(name="eu", region="eu-central-1", country="DE", compliance=(("data", "gdpr"),)),
        "us": Properties(name="us", region="us-east-1", labels=(("tier", "prod"),)),
        "ap": Properties(name="ap", region=""),
    }
)


class InProcess:
    """Evaluates here: a process of its own has no place in virtual time."""

    async def compile(self, program: Program) -> tuple[Fault, ...]:
        return expressions.compile(program).faults

    async def judge(self, program: Program, cluster: bytes, items: tuple[Item, ...]) -> tuple[Verdict, ...]:
        await asyncio.sleep(0)
        return expressions.judge(program, cluster, items).verdicts

    async def close(self) -> None:
        """Nothing is open."""


class BaselinesWorld:
    """Make it inside a test with looptime. ``sources`` is what the table would know of members."""

    def __init__(
        self, schemas: Schemas, *, members: Iterable[str] = ("eu", "us"), answer_s: float = 0.01, writes: bool = True
    ) -> None:
        self.clock, self.schemas, self._writes = LoopClock(), schemas, writes
        self.members = tuple(members)
        self.sources: dict[str, Source] = {}
        self.servers = {
            name: EmulatedServer(Cluster(name, self.clock, schemas), answer_s) for name in (HUB, *self.members)
        }
        self.write(HUB, *map(manifest, DEFINITIONS))
        for name in self.members:
            self.write(name, namespace("shop"))
            self.see(name)

    def see(self, name: str, freshness: Freshness = Freshness.FRESH, reason: str = "") -> None:
        """The table sees a member as it is now."""
        uid = self.servers[name].cluster.uid
        self.sources[name] = Source(cluster=name, uid=uid, freshness=freshness, reason=reason)

    @cached_property
    def baselines(self) -> FleetBaselines:
        """One process; ``restart`` makes another."""
        return FleetBaselines(
            OWNER,
            {name: PROPERTIES[name] for name in self.members},
            self.sources,
            partial(self._credentials, HUB),
            {name: partial(self._credentials, name) for name in self.members},
            self.clock,
            writes=self._writes,
            random=Random(1),
            open=self._open,
            evaluates=InProcess,
        )

    def restart(self) -> None:
        """Everything that the process held in memory is gone."""
        del self.baselines

    async def _credentials(self, name: str) -> Credentials:
        return Credentials(name, f"https://{name}.example.org", "token")

    def _open(self, credentials: Credentials) -> EmulatedApi:
        return self.servers[credentials.name].connect()

    @asynccontextmanager
    async def running(self, settle_s: float = 5.0) -> AsyncIterator[FleetBaselines]:
        """It runs for the length of a block, which begins when it has settled; then it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.baselines.run(), name="under test")
            await asyncio.sleep(settle_s)
            yield self.baselines
            task.cancel()

    # ------------------------------------------------------------------ objects

    def write(self, at: str, *objects: Json, manager: str = "kubectl") -> None:
        """As ``kubectl apply``."""
        cluster = self.servers[at].cluster
        for each in objects:
            metadata = each["metadata"]
            target = self._target(at, each["apiVersion"], each["kind"], metadata.get("namespace", ""), metadata["name"])
            cluster.apply(target, each, Intent(manager=manager, force=True))

    def baseline(self, name: str, *rules: Json, **spec: Any) -> None:
        """A baseline on the hub."""
        self.write(HUB, make_baseline(name, *rules, **spec))

    def remove(self, at: str, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """As ``kubectl delete``."""
        self.servers[at].cluster.delete(self._target(at, api_version, kind, namespace, name), {}, Intent())

    def get(self, at: str, api_version: str, kind: str, name: str, namespace: str = "") -> Json | None:
        try:
            found: Json = self.servers[at].cluster.get(self._target(at, api_version, kind, namespace, name))
        except ApiFailure:
            return None
        return found

    def all(self, at: str, kind: str) -> list[Json]:
        """Every object of a kind."""
        cluster = self.servers[at].cluster
        served = next(each for each in cluster.kinds if each.name == kind)
        return [orjson.loads(raw) for raw in cluster.store.objects(served).values()]

    def _target(self, at: str, api_version: str, kind: str, namespace: str, name: str) -> Target:
        cluster = self.servers[at].cluster
        served = next(each for each in cluster.kinds if (each.api_version, each.name) == (api_version, kind))
        middle = f"/namespaces/{namespace}" if namespace else ""
        return parse_target(f"{served.root}{middle}/{served.plural}/{name}", cluster.kinds)

    # ------------------------------------------------------------------ what is told

    def violations(self, *, messages: bool = False) -> list[tuple[str, ...]]:
        """Cluster, rule and object of each, with path and message where they are asked for."""
        found = [each for audited in self.baselines.audited or () for each in audited.violations]
        told: list[tuple[str, ...]] = [(each.cluster, each.rule, each.object) for each in found]
        if not messages:
            return list(told)
        return [(*one, each.path, each.message) for one, each in zip(told, found, strict=True)]

    def status(self, name: str) -> Json:
        """As the hub has it."""
        found = self.get(HUB, "trafficfed.io/v1alpha1", "FleetBaseline", name)
        return (found or {}).get("status") or {}

    def condition(self, name: str, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition."""
        conditions = self.status(name).get("conditions", ())
        return next(
            ((each["status"], each["reason"], each["message"]) for each in conditions if each["type"] == kind),
            ("", "", ""),
        )

    def writes(self, at: str) -> list[str]:
        """What was asked to be written since this was last asked."""
        server = self.servers[at]
        found, server.calls[:] = list(server.calls), []
        return found


def make_baseline(name: str, *rules: Json, **spec: Any) -> Json:
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "FleetBaseline",
        "metadata": {"name": name},
        "spec": {**spec, "rules": list(rules)},
    }


def namespace(name: str, **labels: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def config_map(name: str, namespace: str = "shop", **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def cluster_role(name: str, *verbs: str, **labels: str) -> Json:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}
