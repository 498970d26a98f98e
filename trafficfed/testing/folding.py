"""Clusters' objects in slim form, and a fleet that folds them into a real table: for tests of discovery and beyond."""

from collections.abc import Iterable, Mapping, Sequence

from trafficfed.discovery.annotations import PREFIX
from trafficfed.discovery.cluster_view import SERVICE_NAME
from trafficfed.discovery.fold import Folded, fold
from trafficfed.discovery.inventory import Inventory, Taken
from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Endpoint, Refusal, Row, ServiceKey, Source, Zone
from trafficfed.table.table import Table

NAMESPACE = "shop"


def annotated(hostname: str | None, others: Mapping[str, str] | None = None) -> dict[str, str]:
    """Annotations with our prefix; ``hostname`` None leaves that one out."""
    keys = dict(others or {}) if hostname is None else {"hostname": hostname, **(others or {})}
    return {f"{PREFIX}{key}": text for key, text in keys.items()}


def metadata(name: str, annotations: Mapping[str, str], created: str = "2026-01-01T00:00:00Z") -> wire.Meta:
    """Metadata in the namespace that all objects here share."""
    return wire.Meta(
        name=name, namespace=NAMESPACE, uid=f"uid-{name}", creation_timestamp=created, annotations=dict(annotations)
    )


def balanced(
    name: str,
    hostname: str | None,
    targets: Sequence[str] = ("192.0.2.1",),
    *,
    created: str = "2026-01-01T00:00:00Z",
    ports: Sequence[int] = (443,),
    **others: str,
) -> wire.Service:
    """A LoadBalancer Service. ``others`` are further annotations, ``_`` standing for ``-``."""
    annotations = annotated(hostname, {key.replace("_", "-"): text for key, text in others.items()})
    ingress = [
        wire.LoadBalancerIngress(hostname=target)
        if target[-1].isalpha() and ":" not in target
        else wire.LoadBalancerIngress(ip=target)
        for target in targets
    ]
    return wire.Service(
        metadata(name, annotations, created),
        wire.ServiceSpec(type="LoadBalancer", ports=[wire.ServicePort(port=port) for port in ports]),
        wire.ServiceStatus(wire.LoadBalancer(ingress)),
    )


def sliced(service: str, ready: int, not_ready: int = 0, name: str = "") -> wire.EndpointSlice:
    """One EndpointSlice of a Service."""
    meta = wire.Meta(name=name or f"{service}-1", namespace=NAMESPACE, labels={SERVICE_NAME: service})
    conditions = [True] * ready + [False] * not_ready
    return wire.EndpointSlice(meta, [wire.SliceEndpoint(wire.SliceConditions(ready=state)) for state in conditions])


def node(
    name: str,
    *,
    external: Sequence[str] = (),
    internal: Sequence[str] = (),
    ready: str = "True",
    unschedulable: bool = False,
    labels: Mapping[str, str] | None = None,
) -> wire.Node:
    """A node with its addresses; ``ready`` is the status of its Ready condition."""
    addresses = [wire.NodeAddress("ExternalIP", address) for address in external]
    addresses += [wire.NodeAddress("InternalIP", address) for address in internal]
    return wire.Node(
        wire.Meta(name=name, labels=dict(labels or {})),
        wire.NodeSpec(unschedulable=unschedulable),
        wire.NodeStatus(addresses, [wire.NodeCondition("Ready", ready)]),
    )


class FoldingFleet:
    """An Inventory over a real Table: every event is folded and committed at once, as the controller does it.

    Each cluster's API server is known by ``uid-CLUSTER`` and counts its revisions from 1.
    """

    def __init__(
        self,
        clusters: Iterable[Cluster | str] = ("eu", "us"),
        zones: Sequence[Zone] = (Zone(name="example.org", open=True),),
        *,
        has_hub: bool = False,
    ) -> None:
        known = (Cluster(name=cluster) if isinstance(cluster, str) else cluster for cluster in clusters)
        self.clusters = {cluster.name: cluster for cluster in known}
        self.zones, self.has_hub = zones, has_hub
        self.table = Table()
        self.resolved: dict[str, tuple[str, ...]] = {}
        self.now_s = 1000.0
        self.folded: dict[ServiceKey, Folded] = {}
        self._revision = 0
        self.inventory = self._opened()

    def _opened(self) -> Inventory:
        inventory = Inventory(self.clusters, self.zones, self.table.rows, self.table.sources, has_hub=self.has_hub)
        self.table.commit(sources=inventory.opening(self.now_s))
        return inventory

    def restart(self) -> None:
        """A new process over the same table."""
        self.inventory = self._opened()

    def take(self, cluster: str, event: wire.Event) -> Taken:
        """One event, folded and committed."""
        self.now_s += 1
        return self.settle(self.inventory.take(cluster, event, self.now_s))

    def settle(self, taken: Taken) -> Taken:
        """Fold what an event made dirty and commit it together with the source."""
        self.refold(taken.dirty, () if taken.source is None else (taken.source,))
        return taken

    def refold(self, keys: Iterable[ServiceKey], sources: Sequence[Source] = ()) -> None:
        """Fold these services and commit them in one delta."""
        rows, removed = [], []
        again: set[ServiceKey] = set()
        for key in sorted(keys):
            before = self.table.rows.get(key)
            folded = fold(key, self.inventory, before, self.table.owner_of, self.resolved.get)
            self.folded[key] = folded
            again |= folded.again
            if folded.service is None:
                removed.append(key)
            else:
                rows.append(Row(service=folded.service, endpoints=folded.endpoints))
        self.table.commit(rows, removed, sources=sources)
        if again:
            self.refold(again)

    def relist(
        self,
        cluster: str,
        *services: wire.Service,
        uid: str = "",
        revision: int = 0,
        unreadable: Sequence[str] = (),
    ) -> Taken:
        """A complete list of Services; by default from the known server at its next revision."""
        return self.list_kind(cluster, wire.Service, services, uid=uid, revision=revision, unreadable=unreadable)

    def list_kind(
        self,
        cluster: str,
        kind: type[wire.Watched],
        objects: Sequence[wire.Watched] = (),
        *,
        uid: str = "",
        revision: int = 0,
        unreadable: Sequence[str] = (),
    ) -> Taken:
        """A complete list of any kind; ``unreadable`` are names, in the namespace of all objects but for nodes."""
        keys = tuple(name if kind is wire.Node else f"{NAMESPACE}/{name}" for name in unreadable)
        event = wire.Listed(kind, tuple(objects), revision or self._next(), uid or f"uid-{cluster}", keys)
        return self.take(cluster, event)

    def listed(self, cluster: str, *services: wire.Service, slices: Sequence[wire.EndpointSlice] = ()) -> Taken:
        """Services and slices, both listed: the cluster is fresh."""
        self.list_kind(cluster, wire.EndpointSlice, slices)
        return self.relist(cluster, *services)

    def upsert(self, cluster: str, object_: wire.Watched) -> Taken:
        """An object as watched."""
        return self.take(cluster, wire.Upserted(object_, self._next()))

    def remove(self, cluster: str, object_: wire.Watched) -> Taken:
        """A watched deletion."""
        return self.take(cluster, wire.Removed(object_, self._next()))

    def lose(self, cluster: str, kind: type[wire.Watched] = wire.Service, reason: str = "connection refused") -> Taken:
        return self.take(cluster, wire.Lost(kind, reason))

    def resume(self, cluster: str, kind: type[wire.Watched] = wire.Service) -> Taken:
        return self.take(cluster, wire.Resumed(kind))

    def confirm(self, cluster: str) -> Taken:
        self.now_s += 1
        return self.settle(self.inventory.confirm(cluster, self.now_s))

    def forget(self, cluster: str) -> Taken:
        taken = self.settle(self.inventory.forget(cluster))
        self.table.commit(forgotten=[cluster])
        return taken

    def configure(self, clusters: Iterable[Cluster] | None = None, zones: Sequence[Zone] | None = None) -> None:
        """A new configuration in the running process."""
        if clusters is not None:
            self.clusters = {cluster.name: cluster for cluster in clusters}
        self.zones = self.zones if zones is None else zones
        self.refold(self.inventory.configure(self.clusters, self.zones))

    # ------------------------------------------------------------------ what came of it

    def key(self, name: str, clusterset: str = "default") -> ServiceKey:
        return ServiceKey(clusterset, NAMESPACE, name)

    def row(self, name: str) -> Row:
        return self.table.rows[self.key(name)]

    def names(self, name: str) -> tuple[str, ...]:
        """Hostnames in the table, none where there is no row."""
        row = self.table.rows.get(self.key(name))
        return row.service.hostnames if row is not None else ()

    def endpoints(self, name: str) -> dict[str, Endpoint]:
        """Endpoints in the table by cluster."""
        row = self.table.rows.get(self.key(name))
        return {endpoint.cluster: endpoint for endpoint in row.endpoints} if row is not None else {}

    def refusals(self, name: str) -> tuple[Refusal, ...]:
        """What stands against a service's objects since it was last folded."""
        folded = self.folded.get(self.key(name))
        return folded.refusals if folded is not None else ()

    def reasons(self, name: str) -> list[tuple[str, str]]:
        """Cluster and reason of each refusal."""
        return [(refusal.cluster, refusal.reason) for refusal in self.refusals(name)]

    def source(self, cluster: str) -> Source:
        return self.table.sources[cluster]

    def _next(self) -> int:
        self._revision += 1
        return self._revision
