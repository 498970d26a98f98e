"""What this process has seen of one cluster, reduced: claims of annotated Services, ready counts, node addresses."""

from collections.abc import Callable, Iterable, Iterator, Set

from msgspec.structs import replace

from trafficfed.discovery.addresses import parse_address
from trafficfed.discovery.annotations import Targets
from trafficfed.discovery.claims import Claim, plain_claim, read_claim
from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, ServiceKey

SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice that names its Service (Kubernetes API, EndpointSlice)."""

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
"""Label of a node that takes no traffic from outside (Kubernetes well-known labels)."""

Name = tuple[str, str]

_ALWAYS_NEEDED: tuple[type[wire.Watched], ...] = (wire.Service, wire.EndpointSlice)


class Services:
    """The claims of one cluster by key; tells which keys an event changed. ``unreadable`` are there but cannot be read:
    what was known of them stands. ``aside`` are plain Services that no GlobalService on the hub is written for: they
    cost nothing until one is."""

    def __init__(self) -> None:
        self.claims: dict[ServiceKey, Claim] = {}
        self.aside: dict[ServiceKey, Claim] = {}
        self.unreadable: set[ServiceKey] = set()
        self.via_nodes: set[ServiceKey] = set()

    def put(self, key: ServiceKey, claim: Claim | None) -> Claim | None:
        """Store a claim, or drop it where None, and return what stood there before."""
        before = self.claims.pop(key, None)
        self.via_nodes.discard(key)
        if claim is not None:
            self.claims[key] = claim
            if claim.via_nodes:
                self.via_nodes.add(key)
        return before

    def offered(self, offers: Callable[[Claim], bool]) -> set[ServiceKey]:
        """The services that the cluster offers an endpoint for, and those that it may offer one for."""
        unknown = self.unreadable - self.claims.keys()
        return {key for key, claim in self.claims.items() if offers(claim)} | unknown

    def read(self, service: wire.Service, cluster: Cluster, is_declared: Callable[[ServiceKey], bool]) -> Claim | None:
        """What one object claims; a plain one claims something only where the hub declares its service, else it is put
        aside."""
        if (claim := read_claim(service, cluster)) is None and (plain := plain_claim(service, cluster)) is not None:
            if is_declared(plain.key):
                return plain
            self.aside[plain.key] = plain
        return claim

    def turn(self, key: ServiceKey, *, is_declared: bool) -> tuple[bool, Claim | None]:
        """The hub declares a service, or no longer: whether a plain Service comes into play by that, or goes out of it,
        and the claim that stands then."""
        claim = self.claims.get(key)
        if is_declared and key in self.aside:
            return True, self.aside.pop(key)
        if not is_declared and claim is not None and claim.is_plain:
            self.aside[key] = claim
            return True, None
        return False, claim

    def changes(
        self, services: Iterable[wire.Service], cluster: Cluster, is_declared: Callable[[ServiceKey], bool]
    ) -> dict[ServiceKey, Claim | None]:
        """What a complete list changes, not yet stored: new claim by key, None for what it no longer has."""
        self.aside = {key: claim for key, claim in self.aside.items() if key in self.unreadable}
        read = (self.read(service, cluster, is_declared) for service in services)
        listed = {claim.key: claim for claim in read if claim is not None}
        gone = self.claims.keys() - listed.keys() - self.unreadable
        changed: dict[ServiceKey, Claim | None] = dict.fromkeys(gone)
        changed.update((key, claim) for key, claim in listed.items() if self.claims.get(key) != claim)
        return changed


class Slices:
    """Ready counts: one number per slice, summed per Service. Slices may come before their Service.

    A slice that cannot be read keeps its last number. One that never could may be of any Service of its namespace.
    """

    def __init__(self) -> None:
        self._slices: dict[Name, tuple[Name, int]] = {}
        self._ready: dict[Name, tuple[int, int]] = {}
        self._unread: set[Name] = set()

    @property
    def unsure(self) -> frozenset[str]:
        """Namespaces in which no count is certain."""
        return frozenset([namespace for namespace, _ in self._unread])

    def ready(self, service: Name) -> int | None:
        """Ready endpoints of a Service, None where it has no slice (no selector, or nothing made one yet)."""
        counted = self._ready.get(service)
        return counted[1] if counted else None

    def put(self, endpoint_slice: wire.EndpointSlice) -> set[Name]:
        """Take in one slice; returns the Services whose count changed."""
        meta = endpoint_slice.metadata
        slice_name = (meta.namespace, meta.name)
        self._unread.discard(slice_name)
        owner = (meta.labels or {}).get(SERVICE_NAME, "")
        if not owner:
            return self._swap(slice_name, None)
        # an absent condition means ready (Kubernetes API, EndpointConditions)
        ready = sum(endpoint.conditions.ready is not False for endpoint in endpoint_slice.endpoints or ())
        return self._swap(slice_name, ((meta.namespace, owner), ready))

    def remove(self, endpoint_slice: wire.EndpointSlice) -> set[Name]:
        slice_name = (endpoint_slice.metadata.namespace, endpoint_slice.metadata.name)
        self._unread.discard(slice_name)
        return self._swap(slice_name, None)

    def replace(self, slices: Iterable[wire.EndpointSlice], unreadable: Set[Name] = frozenset()) -> set[Name]:
        """Take in a complete list; returns the Services whose count changed."""
        before = self._ready
        kept = {name: self._slices[name] for name in unreadable if name in self._slices}
        self._unread = {*unreadable} - kept.keys()
        self._slices, self._ready = {}, {}
        for name, counted in kept.items():
            self._swap(name, counted)
        for endpoint_slice in slices:
            self.put(endpoint_slice)
        return {name for name in before.keys() | self._ready.keys() if before.get(name) != self._ready.get(name)}

    def _swap(self, slice_name: Name, now: tuple[Name, int] | None) -> set[Name]:
        before = self._slices.pop(slice_name, None)
        if now is not None:
            self._slices[slice_name] = now
        if before == now:
            return set()
        changed = set()
        for counted, sign in ((before, -1), (now, 1)):
            if counted is not None:
                changed.add(counted[0])
                self._add(counted[0], sign, sign * counted[1])
        return changed

    def _add(self, service: Name, slices: int, ready: int) -> None:
        had_slices, had_ready = self._ready.get(service, (0, 0))
        if had_slices + slices:
            self._ready[service] = (had_slices + slices, had_ready + ready)
        else:
            del self._ready[service]


class Nodes:
    """Addresses of the nodes that take traffic: ready, schedulable, not excluded."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.targets = Targets()

    def put(self, node: wire.Node) -> bool:
        """Take in one node; tells whether the addresses changed. A heartbeat changes none."""
        return self._settle([(node.metadata.name, _usable(node))])

    def remove(self, node: wire.Node) -> bool:
        return self._settle([(node.metadata.name, None)])

    def replace(self, nodes: Iterable[wire.Node], unreadable: Set[str] = frozenset()) -> bool:
        """Take in a complete list; tells whether the addresses changed. What cannot be read keeps those it had."""
        now = {node.metadata.name: _usable(node) for node in nodes}
        gone = self._nodes.keys() - now.keys() - unreadable
        return self._settle([*dict.fromkeys(gone).items(), *now.items()])

    def _settle(self, changes: list[tuple[str, tuple[tuple[str, ...], tuple[str, ...]] | None]]) -> bool:
        """Where any node has an external address only those count: a mix would answer clients with inner ones."""
        if all(self._nodes.get(name) == now for name, now in changes):
            return False
        for name, now in changes:
            self._nodes.pop(name, None)
            if now is not None:
                self._nodes[name] = now
        external = {address for outside, _ in self._nodes.values() for address in outside}
        internal = {address for _, inside in self._nodes.values() for address in inside}
        before, self.targets = self.targets, Targets(tuple(sorted(external or internal)))
        return before != self.targets


def _usable(node: wire.Node) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """External and internal addresses of a node, None where it should get no traffic."""
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions or ())
    if not ready or node.spec.unschedulable or EXCLUDED in (node.metadata.labels or {}):
        return None
    return tuple(_addresses(node, "ExternalIP")), tuple(_addresses(node, "InternalIP"))


def _addresses(node: wire.Node, type_: str) -> Iterator[str]:
    for address in node.status.addresses or ():
        if address.type == type_:
            try:
                yield str(parse_address(address.address))
            except ConfigError:
                continue  # a node whose kubelet reports a name here is reached by its other addresses


class Kind:
    """How far the view of one watched kind goes: ever listed, from which API server and up to which revision, still
    kept up to date."""

    def __init__(self) -> None:
        self.listed = False
        self.live = False
        self.uid = ""
        self.revision = 0
        self.reason = "not listed yet"

    def disown(self) -> None:
        """What was listed came from an API server that is not the cluster's."""
        self.listed = self.live = False
        self.uid, self.revision, self.reason = "", 0, "to be listed again, from the API server that is known now"


class ClusterView:
    """Everything kept of one cluster. ``missing`` are the endpoints held until an operator's word, ``watched`` the keys
    whose last change came by watch, ``revision`` that of the newest change of Services taken in."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.services, self.slices, self.nodes = Services(), Slices(), Nodes()
        self.kinds: dict[type[wire.Watched], Kind] = {
            kind: Kind() for kind in (wire.Service, wire.EndpointSlice, wire.Node)
        }
        self.latest_uid = ""
        self.revision = 0
        self.trusted = False
        self.missing: set[ServiceKey] = set()
        self.watched: set[ServiceKey] = set()

    def take_list(self, kind: type[wire.Watched], uid: str, revision: int) -> bool:
        """Note a complete list; tells whether it is the first of its kind."""
        known = self.kinds[kind]
        is_first = not known.listed
        known.listed = known.live = True
        known.uid, known.revision, known.reason = uid, revision, ""
        self.latest_uid = uid
        return is_first

    def lost(self) -> str:
        """Why this view is not kept up to date, each reason once; empty where it is.

        Nodes count only where addresses come from them.
        """
        needed = (wire.Service, wire.EndpointSlice, wire.Node) if self.services.via_nodes else _ALWAYS_NEEDED
        lost: dict[str, list[str]] = {}
        for kind in needed:
            if not self.kinds[kind].live:
                lost.setdefault(self.kinds[kind].reason, []).append(f"{kind.__name__}s")
        return "; ".join([f"{', '.join(kinds)}: {reason}" for reason, kinds in lost.items()]) if lost else ""

    def other_uid(self, known: str) -> str:
        """The kube-system UID of an API server that is not the known one."""
        return next((kind.uid for kind in self.kinds.values() if kind.listed and kind.uid != known), "")

    def claim(self, key: ServiceKey) -> Claim | None:
        """The claim with what other kinds add to it: node addresses and the ready count."""
        claim = self.services.claims.get(key)
        if claim is None:
            return None
        if claim.via_nodes:
            known = self.kinds[wire.Node].listed
            claim = replace(claim, targets=self.nodes.targets, targets_known=known)
        if not self.kinds[wire.EndpointSlice].listed or key.namespace in self.slices.unsure:
            return replace(claim, ready_known=False)
        return replace(claim, ready=self.slices.ready((key.namespace, key.name)))
