"""Members with exports and imports between them, whole but for sockets: in virtual time, with every fault on demand."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cached_property, partial
from random import Random
from types import MappingProxyType
from typing import Any

import orjson

from trafficfed.kubernetes_api.context import Credentials
from trafficfed.model import Cluster as Properties
from trafficfed.model import Freshness, OperatorControl, Row, ServiceKey, Source
from trafficfed.propagation.objects import TemplateKind
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.routing import parse_target
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.services.definitions import manifests
from trafficfed.services.kinds import (
    EXPORT,
    GROUP,
    IMPORT,
    LOCAL_SERVICE_NAME,
    NAMESPACE,
    SERVICE,
    SLICE,
    SOURCE_CLUSTER,
    exports,
    imports,
)
from trafficfed.services.known import Known
from trafficfed.services.meshes import ISTIO_KINDS
from trafficfed.services.runner import MultiClusterServices
from trafficfed.testing.emulated_api import EmulatedApi, EmulatedServer
from trafficfed.testing.scripted_api import LoopClock

Json = dict[str, Any]
OWNER = "demo"
CRD = TemplateKind(
    api_version="apiextensions.k8s.io/v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)
KINDS = {
    each.kind: each for each in (CRD, NAMESPACE, SERVICE, SLICE, *ISTIO_KINDS, exports("v1beta1"), imports("v1beta1"))
}


class ServicesWorld:
    """Make it inside a test with looptime. ``rows``, ``sources`` and ``controls`` are what the table would have."""

    def __init__(
        self,
        schemas: Schemas,
        *,
        members: Iterable[str] = ("ap", "eu", "us"),
        answer_s: float = 0.01,
        version: str = "v1beta1",
        undefined: Iterable[str] = (),
        clustersets: Mapping[str, str] = MappingProxyType({}),
        meshes: Iterable[str] = (),
        writes: bool = True,
    ) -> None:
        self.clock, self.schemas = LoopClock(), schemas
        self.rows: dict[ServiceKey, Row] = {}
        self.sources: dict[str, Source] = {}
        self.controls: tuple[OperatorControl, ...] = ()
        self.servers = {name: EmulatedServer(Cluster(name, self.clock, schemas), answer_s) for name in members}
        self._meshes, self._writes = tuple(meshes), writes
        self._version, self._clustersets = version, clustersets
        self._kinds = {**KINDS, **{each.kind: each for each in (exports(version), imports(version))}}
        for name in self.servers:
            self.write(name, namespace("shop"))
            if name not in undefined:
                self.define(name)
            self.see(name)

    def define(self, name: str) -> None:
        """An administrator installs the standard's definitions."""
        self.write(name, *manifests((self._version,)))

    def install_istio(self, name: str) -> None:
        """Its kinds, as far as an API server has to know them: what is in them is checked elsewhere."""
        for kind in ISTIO_KINDS:
            group, version = kind.api_version.split("/")
            names = {"kind": kind.kind, "plural": kind.plural}
            spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
            versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
            stated = {"group": group, "names": names, "scope": "Namespaced", "versions": versions}
            metadata = {"name": f"{kind.plural}.{group}"}
            crd = {"apiVersion": CRD.api_version, "kind": CRD.kind, "metadata": metadata, "spec": stated}
            self.write(name, crd)

    def leave(self, name: str) -> EmulatedServer:
        """It is taken out of the configuration, which takes another process."""
        self.restart()
        return self.servers.pop(name)

    def see(self, name: str, freshness: Freshness = Freshness.FRESH, reason: str = "") -> None:
        """The table sees a member as it is now."""
        uid = self.servers[name].cluster.uid
        self.sources[name] = Source(
            cluster=name, uid=uid, freshness=freshness, reason=reason, since_s=self.clock.now_s()
        )

    @cached_property
    def services(self) -> MultiClusterServices:
        """One process; ``restart`` makes another."""
        return MultiClusterServices(
            OWNER,
            {name: self._properties(name) for name in self.servers},
            Known(self.rows, self.sources, lambda: self.controls),
            {name: partial(self._credentials, name) for name in self.servers},
            self.clock,
            self._meshes,
            random=Random(1),
            open=self._open,
            writes=self._writes,
        )

    def _properties(self, name: str) -> Properties:
        return Properties(name=name, clusterset=self._clustersets.get(name, "default"), region=f"region-{name}")

    def restart(self) -> None:
        """Everything that the process held in memory is gone."""
        del self.services

    async def _credentials(self, name: str) -> Credentials:
        return Credentials(name, f"https://{name}.example.org", "token")

    def _open(self, credentials: Credentials) -> EmulatedApi:
        return self.servers[credentials.name].connect()

    @asynccontextmanager
    async def running(self, settle_s: float = 8.0) -> AsyncIterator[MultiClusterServices]:
        """It runs for the length of a block, which begins when it has settled; then it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.services.run(), name="under test")
            await asyncio.sleep(settle_s)
            yield self.services
            task.cancel()

    # ------------------------------------------------------------------ objects

    def write(self, at: str, *objects: Json) -> None:
        """As ``kubectl apply``."""
        cluster = self.servers[at].cluster
        for each in objects:
            if each["kind"] in (EXPORT, IMPORT):
                each["apiVersion"] = f"{GROUP}/{self._version}"
            target = self._target(at, each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
            cluster.apply(target, each, Intent(manager="kubectl", force=True))

    def remove(self, at: str, kind: str, name: str, namespace: str = "shop") -> None:
        """As ``kubectl delete``."""
        self.servers[at].cluster.delete(self._target(at, kind, namespace, name), {}, Intent())

    def get(self, at: str, kind: str, name: str, namespace: str = "shop") -> Json | None:
        try:
            found: Json = self.servers[at].cluster.get(self._target(at, kind, namespace, name))
        except ApiFailure:
            return None
        return found

    def all(self, at: str, kind: str) -> list[Json]:
        """Every object of a kind."""
        cluster, wanted = self.servers[at].cluster, self._kinds[kind]
        served = next(each for each in cluster.kinds if (each.group, each.name) == (wanted.group, kind))
        return [orjson.loads(raw) for raw in cluster.store.objects(served).values()]

    def _target(self, at: str, kind: str, namespace: str, name: str) -> Target:
        return parse_target(self._kinds[kind].path(namespace, name), self.servers[at].cluster.kinds)

    def export(self, at: str, name: str = "web", *addresses: str, **service: Any) -> None:
        """A Service with its endpoints, and the export of it."""
        self.write(at, make_service(name, **service), make_export(name), make_slice(name, *addresses))

    # ------------------------------------------------------------------ what stands there

    def imported(self, at: str, name: str = "web") -> dict[str, list[str]]:
        """Addresses that are given out, by the cluster they are of."""
        found: dict[str, list[str]] = {}
        for each in self.all(at, "EndpointSlice"):
            labels = each["metadata"].get("labels") or {}
            if labels.get("multicluster.kubernetes.io/service-name") == name:
                ready = [end["addresses"][0] for end in each.get("endpoints") or () if end["conditions"]["ready"]]
                found.setdefault(labels[SOURCE_CLUSTER], []).extend(ready)
        return {cluster: sorted(addresses) for cluster, addresses in found.items()}

    def condition(self, at: str, kind: str, name: str = "web") -> tuple[str, str]:
        """Status and reason of a condition of an export."""
        found = self.get(at, "ServiceExport", name)
        conditions = (found or {}).get("status", {}).get("conditions", ())
        return next(((each["status"], each["reason"]) for each in conditions if each["type"] == kind), ("", ""))

    def writes(self, at: str) -> list[str]:
        """What was asked to be written since this was last asked."""
        server = self.servers[at]
        found, server.calls[:] = list(server.calls), []
        return found


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def make_export(name: str = "web", **spec: Any) -> Json:
    return {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceExport",
        "metadata": {"namespace": "shop", "name": name},
        "spec": spec,
    }


def make_service(name: str = "web", **spec: Any) -> Json:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def make_slice(name: str, *addresses: str, suffix: str = "x", ready: bool = True, **more: Any) -> Json:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"namespace": "shop", "name": f"{name}-{suffix}", "labels": {LOCAL_SERVICE_NAME: name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {"addresses": [each], "conditions": {"ready": ready, "serving": ready, "terminating": False}}
            for each in addresses
        ],
        **more,
    }
