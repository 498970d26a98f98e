"""A hub, members and propagation between them, whole but for sockets: in virtual time, with every fault on demand."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any

import orjson

from trafficfed.config.settings import PropagationSettings
from trafficfed.crds.definitions import DEFINITIONS, manifest
from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.model import Cluster as Member
from trafficfed.model import Source
from trafficfed.propagation.objects import DEFAULT_KINDS, TemplateKind
from trafficfed.propagation.runner import Propagation
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.kinds import Kind
from trafficfed.sandbox.apiserver.routing import parse_target
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.testing.emulated_api import EmulatedApi, EmulatedServer
from trafficfed.testing.scripted_api import LoopClock

Json = dict[str, Any]
HUB = "hub"
NAMES = ("ap", "eu", "us")
OWNER = "demo"
CRD = TemplateKind(
    api_version="apiextensions.k8s.io/v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)
NODE = TemplateKind(api_version="v1", kind="Node", plural="nodes", namespaced=False)
PATHS = {
    **{kind.kind: kind for kind in (*DEFAULT_KINDS, CRD, NODE)},
    "PropagationPolicy": TemplateKind(
        api_version="trafficfed.io/v1alpha1", kind="PropagationPolicy", plural="propagationpolicies"
    ),
}


class WallClock(LoopClock):
    """The loop's time, by a wall clock that somebody may set back."""

    def __init__(self) -> None:
        self.set_back_s = 0.0

    def now_s(self) -> float:
        return super().now_s() - self.set_back_s


class PropagationWorld:
    """Make it inside a test with looptime. ``hub`` is among the members where ``members`` names it."""

    def __init__(
        self,
        schemas: Schemas,
        state_dir: Path,
        *,
        members: Iterable[str] = NAMES,
        kinds: tuple[tuple[str, str], ...] = (),
        answer_s: float = 0.01,
        places: Iterable[str] = (),
    ) -> None:
        self.clock, self.schemas, self._answer_s = WallClock(), schemas, answer_s
        self.paths = dict(PATHS)
        self.hub = self._server(HUB)
        self.servers = {name: self.hub if name == HUB else self._server(name) for name in members}
        self.sources: dict[str, Source] = {}
        self.places, self.rtt_s, self.measured = tuple(places), dict[str, float | None](), list[str]()
        self.unusable: dict[str, str] = {}
        self.unusable_members: dict[str, str] = {}
        for definition in DEFINITIONS:
            self.write(manifest(definition))
        for server in {HUB: self.hub, **self.servers}.values():
            self.write({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, at=server)
        self.state_dir, self.settings = state_dir, PropagationSettings(kinds=kinds)

    def _server(self, name: str) -> EmulatedServer:
        return EmulatedServer(Cluster(name, self.clock, self.schemas), self._answer_s)

    @cached_property
    def propagation(self) -> Propagation:
        """One process; ``restart`` makes another."""
        clusters = {name: Member(name=name, region=f"region-{name}") for name in self.servers}
        return Propagation(
            self.settings,
            OWNER,
            clusters,
            self.sources,
            self.state_dir,
            partial(self._credentials, HUB),
            {name: partial(self._member_credentials, name) for name in self.servers},
            self.clock,
            self._rtt,
            self.places,
            random=Random(1),
            open=self._open,
        )

    def restart(self) -> None:
        """Everything that the process held in memory is gone."""
        del self.propagation

    def join(self, name: str) -> None:
        """Another member in the configuration, which takes another process; ``hub``: the hub itself."""
        self.servers[name] = self.hub if name == HUB else self._server(name)
        self.restart()

    def learn(self, api_version: str, kind: str, plural: str) -> None:
        """Where a kind is kept that only a definition brings."""
        self.paths[kind] = TemplateKind(api_version=api_version, kind=kind, plural=plural)

    async def _member_credentials(self, name: str) -> Credentials:
        if why := self.unusable_members.get(name, ""):
            raise ConfigError(why)
        return await self._credentials(name)

    async def _credentials(self, name: str) -> Credentials:
        if why := self.unusable.get(name, ""):
            raise ConfigError(why)
        return Credentials(name, f"https://{name}.example.org", "token")

    def _open(self, credentials: Credentials) -> EmulatedApi:
        return (self.hub if credentials.name == HUB else self.servers[credentials.name]).connect()

    async def _rtt(self, host: str, port: int) -> float | None:
        name = host.partition(".")[0]
        self.measured.append(name)
        return self.rtt_s.get(name, 0.01)

    @asynccontextmanager
    async def running(self, settle_s: float = 5.0) -> AsyncIterator[Propagation]:
        """It runs for the length of a block, which begins when it has settled; then it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.propagation.run(), name="under test")
            await asyncio.sleep(settle_s)
            yield self.propagation
            task.cancel()

    # ------------------------------------------------------------------ objects

    def write(self, *manifests: Json, at: EmulatedServer | None = None) -> None:
        """As ``kubectl apply`` on the hub, or at another server."""
        for each in manifests:
            kinds = (at or self.hub).cluster.kinds
            target = self._target(each["kind"], each["metadata"]["name"], each["metadata"].get("namespace"), kinds)
            (at or self.hub).cluster.apply(target, each, Intent(manager="kubectl", force=True))

    def remove(self, kind: str, name: str, namespace: str | None = "shop", at: EmulatedServer | None = None) -> None:
        """As ``kubectl delete``."""
        cluster = (at or self.hub).cluster
        cluster.delete(self._target(kind, name, namespace, cluster.kinds), {}, Intent())

    def report(self, at: EmulatedServer, kind: str, name: str, status: Json) -> None:
        """A cluster's own controllers write a status."""
        target = self._target(kind, name, "shop", at.cluster.kinds, "status")
        at.cluster.modify(target, lambda found: {**found, "status": status}, Intent(manager="controller"))

    def report_node(self, at: EmulatedServer, status: Json) -> None:
        """A kubelet tells what its node has."""
        target = parse_target("/api/v1/nodes/one/status", at.cluster.kinds)
        at.cluster.modify(target, lambda found: {**found, "status": status}, Intent(manager="kubelet"))

    def get(
        self, kind: str, name: str, namespace: str | None = "shop", at: EmulatedServer | None = None
    ) -> Json | None:
        cluster = (at or self.hub).cluster
        try:
            return cluster.get(self._target(kind, name, namespace, cluster.kinds))
        except ApiFailure:
            return None

    def holders(self, kind: str, name: str) -> set[str]:
        """The members that have an object."""
        return {member for member, server in self.servers.items() if self.get(kind, name, at=server)}

    def status(self, name: str = "all") -> Json:
        """What a policy says of itself."""
        found = self.get("PropagationPolicy", name)
        assert found is not None
        return dict(found.get("status", {}))

    def condition(self, type: str = "Applied", policy: str = "all") -> str:
        """The reason of a policy's condition."""
        return next(str(each["reason"]) for each in self.status(policy)["conditions"] if each["type"] == type)

    def events(self) -> list[tuple[str, str]]:
        """Reason and object of every Event on the hub."""
        return list(self.event_counts())

    def event_counts(self) -> dict[tuple[str, str], int]:
        """How often each was said."""
        kind = next(kind for kind in self.hub.cluster.kinds if kind.name == "Event" and not kind.group)
        found = (orjson.loads(raw) for raw in self.hub.cluster.store.objects(kind).values())
        return {(str(each["reason"]), str(each["involvedObject"]["name"])): int(each["count"]) for each in found}

    def writes(self, at: EmulatedServer) -> list[str]:
        """What was asked to be written since this was last asked."""
        found, at.calls[:] = list(at.calls), []
        return found

    def _target(
        self, kind: str, name: str, namespace: str | None, kinds: Sequence[Kind], subresource: str = ""
    ) -> Target:
        path = self.paths[kind].path(namespace or "", name)
        return parse_target(f"{path}/{subresource}" if subresource else path, kinds)


def policy(*kinds: tuple[str, str], **spec: Any) -> Json:
    """The one policy of the tests' namespace; of ConfigMaps where no kinds are given."""
    selectors = [{"apiVersion": version, "kind": kind} for version, kind in kinds or (("v1", "ConfigMap"),)]
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": {"namespace": "shop", "name": "all"},
        "spec": {"resourceSelectors": selectors, **spec},
    }


def config_map(name: str = "one", text: str = "1") -> Json:
    """An object that such a policy selects."""
    metadata = {"namespace": "shop", "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}
