"""The Inventory: what all clusters offer now, folded event by event, never forgetting more than law 1 allows."""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TypeVar, assert_never

from msgspec.structs import replace

from trafficfed.discovery.claim_index import ClaimIndex
from trafficfed.discovery.claims import Claim, service_key
from trafficfed.discovery.cluster_view import ClusterView, Name
from trafficfed.discovery.declarations import Declarations
from trafficfed.discovery.declared import HUB, Declaration
from trafficfed.discovery.departures import Departures
from trafficfed.discovery.guard import Guard
from trafficfed.discovery.overruling import objections, ruled
from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Freshness, HealthCheck, Refusal, Row, ServiceKey, Source, Value, Zone

W = TypeVar("W", bound=wire.Watched)


STANDARD_PACE = HealthCheck()


class Taken(Value, frozen=True):
    """What an event changed: the services to fold again, and the state of its cluster for the table.

    ``source`` is None where the cluster is no more (forgotten, or not configured).
    """

    dirty: frozenset[ServiceKey] = frozenset()
    source: Source | None = None


class Standing(enum.Enum):
    """What is known of a cluster's endpoint where there is no claim of it to go by."""

    HELD = "held: nothing says that it is gone, the table's endpoint stays"
    LEFT = "left: by a list or a change of configuration"
    LEFT_WATCHED = "left: deleted before our eyes, or by an operator's word"


class Inventory:
    """Claims of every configured cluster, over a table that it only reads.

    ``rows`` and ``sources`` are live views of the table: absence is judged against them, never against
    an empty memory. All keys that ``Taken.dirty`` names are to be folded, and their rows committed together.
    """

    def __init__(
        self,
        clusters: Mapping[str, Cluster],
        zones: Sequence[Zone],
        rows: Mapping[ServiceKey, Row],
        sources: Mapping[str, Source],
        pace: HealthCheck = STANDARD_PACE,
        *,
        has_hub: bool = False,
    ) -> None:
        """``pace`` says how often and how patiently all checks are made; its scheme and port are the default check.
        ``has_hub``: events of the cluster called ``hub`` are those of the hub's GlobalServices."""
        self.guard = Guard(clusters, zones)
        self.pace = pace
        self._rows = rows
        self._table_sources = sources
        self._views: dict[str, ClusterView] = {}
        self._sources: dict[str, Source] = {}
        self._departures = Departures(rows)
        self._index = ClaimIndex()
        self._declared: dict[ServiceKey, Claim] = {}
        self.declarations = Declarations(
            rows, sources.get(HUB) if has_hub or HUB not in clusters else None, _sets(clusters), followed=has_hub
        )
        for cluster in clusters.values():
            self._add(cluster)

    # ------------------------------------------------------------------ what the fold asks

    def claims(self, key: ServiceKey) -> tuple[Claim, ...]:
        """What the clusters whose view is trusted say about a service, by cluster; withdrawing objects included."""
        found = [self._claim(cluster, key) for cluster in sorted(self._index.clusters(key))]
        return tuple([claim for claim in found if claim is not None])

    def standing(self, cluster: str, key: ServiceKey) -> Claim | Standing:
        """The claim that stands for a cluster's endpoint, or what else is known of it."""
        left = self._departures.of(cluster)
        if key in left:
            return Standing.LEFT_WATCHED if left[key] else Standing.LEFT
        claim = self._claim(cluster, key)
        return claim if claim is not None and claim.offers else Standing.HELD

    def is_watched(self, cluster: str, key: ServiceKey) -> bool:
        """Whether the claim's last change came by watch, not by a list."""
        view = self._views.get(cluster)
        return view is not None and key in view.watched

    def departures(self, cluster: str) -> frozenset[ServiceKey]:
        """Services that a cluster's endpoint is to leave, or has just left."""
        return frozenset(self._departures.of(cluster))

    def stating(self, hostname: str) -> frozenset[ServiceKey]:
        """Every service that some object claims this hostname for."""
        return self._index.stating(hostname)

    def declaration(self, key: ServiceKey) -> Declaration | None:
        """What rules a service on behalf of the hub. One that may have none of its names rules nothing: a mistake there
        must not take from a service what its annotations say."""
        found = self.declarations.of(key)
        if found is None:
            return None
        permits, names = self.guard.permits, found.service.hostnames
        return found if any(permits(HUB, key.namespace, hostname) for hostname in names) else None

    def declares(self, key: ServiceKey) -> bool:
        """Whether the hub rules a service."""
        return self.declaration(key) is not None

    def objections(self, key: ServiceKey) -> tuple[Refusal, ...]:
        """What stands against the hub's object of a service in itself: what cannot be read, and names not granted."""
        return objections(key, self.declarations.of(key), self.declarations.written(key), self.guard)

    def row(self, key: ServiceKey) -> Row | None:
        """The table's row of any service."""
        return self._rows.get(key)

    # ------------------------------------------------------------------ what changes it

    def source(self, cluster: str) -> Source | None:
        """The present state of one configured cluster's view, or of the hub's."""
        if self._is_hub(cluster):
            return self.declarations.source if self.declarations.followed else None
        return self._sources.get(cluster)

    def opening(self, now_s: float) -> tuple[Source, ...]:
        """The sources at the start of a process: nothing is listed yet, so all that the table has is stale."""
        for cluster, view in self._views.items():
            self._sources[cluster] = self._assessed(view, self._sources[cluster], now_s)
        gone = {endpoint.cluster for row in self._rows.values() for endpoint in row.endpoints} - self._views.keys()
        others = [_orphaned(self._table_sources.get(name) or Source(cluster=name), now_s) for name in gone]
        if (hub := self.declarations.assessed(now_s)) is not None:
            others.append(hub)
        return tuple(sorted([*self._sources.values(), *others], key=lambda source: source.cluster))

    def know(self, sources: Mapping[str, Source], now_s: float) -> frozenset[ServiceKey]:
        """Take over what a leader has learnt of the clusters' API servers, and what an operator told it of them.

        Returns the services to fold again, as their cluster's view is trusted now, or no longer is.
        """
        dirty: set[ServiceKey] = set()
        for name, view in self._views.items():
            known, own = sources.get(name), self._sources[name]
            if known is None or not known.uid:
                continue
            if known.uid != own.uid:
                own = replace(own, uid=known.uid, revision=known.revision, went_back=known.went_back)
            elif known.freshness is Freshness.FRESH:
                own = replace(own, went_back=False)
            self._sources[name] = own  # what is trusted follows from it
            view.missing = {key for key in view.missing if self._departures.has(name, key)}
            if view.trusted != (trusted := self._is_trusted(view)):
                view.trusted = trusted
                dirty |= self._all_of(view)
            self._sources[name] = self._assessed(view, own, now_s)
        if self.declarations.followed:
            dirty |= self._redeclare(self.declarations.know(sources.get(HUB)), now_s).dirty
        return frozenset(dirty)

    def take(self, cluster: str, event: wire.Event, now_s: float) -> Taken:
        """Fold in one event of one cluster, or of the hub; the cost follows the change, save for complete lists."""
        if self._is_hub(cluster):
            return self._redeclare(self.declarations.take(event), now_s)
        view = self._views.get(cluster)
        if view is None:
            return Taken()
        before = view.trusted
        dirty = self._fold(view, event, before)
        after = view.trusted = self._is_trusted(view) if isinstance(event, wire.Listed) else before
        is_service_list = isinstance(event, wire.Listed) and event.kind is wire.Service
        if after and (is_service_list or not before):
            dirty |= self._settle_absence(view)
        if before != after:
            dirty |= self._all_of(view)
        return self._taken(view, dirty if before or after else set(), now_s)

    def confirm(self, cluster: str, now_s: float) -> Taken:
        """An operator's word that what a Suspect cluster shows is true: lifts exactly what is held of it now.

        Held endpoints leave. An unknown API server, or one that went back in time, is taken as it was last listed.
        """
        if self._is_hub(cluster):
            return self._redeclare(self.declarations.confirm(), now_s)
        view = self._views.get(cluster)
        if view is None:
            return Taken()
        dirty = set(view.missing)
        if self._is_suspect_server(view):
            self._adopt(view)
            view.trusted = self._is_trusted(view)
            if view.trusted:
                dirty |= self._all_of(view)
                absence = self._departures.settle(cluster, view.services.offered(self._offers), view.missing)
                view.missing = set(absence.leaving | absence.held)
        self._departures.order(cluster, view.missing)
        view.missing.clear()
        return self._taken(view, dirty, now_s)

    def forget(self, cluster: str) -> Taken:
        """An operator's word that a cluster is no more: its endpoints leave. Still configured, it begins anew."""
        if self._is_hub(cluster):
            return Taken(self._redeclare(self.declarations.forget(), 0.0).dirty)
        in_table = self._departures.in_table(cluster)
        self._departures.order(cluster, in_table)
        dirty = set(in_table)
        if (view := self._views.pop(cluster, None)) is not None:
            dirty |= self._drop(view)
            self._sources.pop(cluster)
            self._add(view.cluster, known=False)
        return Taken(frozenset(dirty))

    def configure(self, clusters: Mapping[str, Cluster], zones: Sequence[Zone]) -> frozenset[ServiceKey]:
        """Take over a new configuration; every service is to be folded again. A cluster that is configured no longer
        leaves nothing behind but the table's endpoints; one that moved to another clusterset is to be listed again."""
        self.guard = Guard(clusters, zones)
        self.declarations.configure(_sets(clusters))
        before = self._rows.keys() | self._index.services()
        for name, view in list(self._views.items()):
            view.watched.clear()  # what leaves now leaves by this change, not by what was watched before
            cluster = clusters.get(name)
            if cluster is not None and cluster.clusterset == view.cluster.clusterset:
                view.cluster = cluster
            else:
                self._drop(self._views.pop(name))
                self._sources.pop(name)
        for cluster in clusters.values():
            if cluster.name not in self._views:
                self._add(cluster)
        return frozenset(before | self._turned(self.declarations.keys()))

    # ------------------------------------------------------------------ events

    def _fold(self, view: ClusterView, event: wire.Event, trusted: bool) -> set[ServiceKey]:
        match event:
            case wire.Listed():
                return self._take_list(view, event)
            case wire.Upserted():
                return self._take_object(view, event.object, event.revision, removed=False, trusted=trusted)
            case wire.Removed():
                return self._take_object(view, event.object, event.revision, removed=True, trusted=trusted)
            case wire.Lost(kind, reason):
                view.kinds[kind].live, view.kinds[kind].reason = False, reason
                return set()
            case wire.Resumed(kind):
                view.kinds[kind].live = view.kinds[kind].listed
                return set()
            case _:
                assert_never(event)

    def _take_list(self, view: ClusterView, event: wire.Listed[wire.Watched]) -> set[ServiceKey]:
        self._recognise(view, event)
        is_first = view.take_list(event.kind, event.server_uid, event.revision)
        if event.kind is wire.Service:
            view.revision = event.revision
            view.services.unreadable = {service_key(view.cluster, *name) for name in _named(event.unreadable)}
            changed = view.services.changes(_only(wire.Service, event.objects), view.cluster, self.declares)
            view.watched.clear()
            return set().union(*(self._store(view, key, claim) for key, claim in changed.items()))
        if event.kind is wire.EndpointSlice:
            unsure, unreadable = view.slices.unsure, frozenset(_named(event.unreadable))
            counted = view.slices.replace(_only(wire.EndpointSlice, event.objects), unreadable)
            return set(view.services.claims) if is_first else self._counted(view, counted, unsure)
        changed_addresses = view.nodes.replace(_only(wire.Node, event.objects), frozenset(event.unreadable))
        view.watched -= view.services.via_nodes
        return set(view.services.via_nodes) if changed_addresses or is_first else set()

    def _recognise(self, view: ClusterView, event: wire.Listed[wire.Watched]) -> None:
        """Whether a list is of the server that is known, and of a state no older than what was known of it."""
        source = self._sources[view.cluster.name]
        kind = view.kinds[event.kind]
        known = kind.revision if kind.uid == source.uid else 0
        if event.kind is wire.Service:
            known = max(known, source.revision)
        went_back = source.went_back or (event.server_uid == source.uid and event.revision < known)
        uid = source.uid or event.server_uid
        self._sources[view.cluster.name] = replace(source, uid=uid, went_back=went_back)

    def _take_object(
        self, view: ClusterView, object_: wire.Watched, revision: int, *, removed: bool, trusted: bool
    ) -> set[ServiceKey]:
        kind = view.kinds[type(object_)]
        if not kind.listed:
            return set()  # without a list there is nothing that this could be a change of
        kind.revision = revision
        match object_:
            case wire.Service():
                return self._take_service(view, object_, revision, removed=removed, trusted=trusted)
            case wire.EndpointSlice():
                unsure = view.slices.unsure
                counted = view.slices.remove(object_) if removed else view.slices.put(object_)
                return self._counted(view, counted, unsure)
            case wire.Node():
                changed = view.nodes.remove(object_) if removed else view.nodes.put(object_)
                dirty = set(view.services.via_nodes) if changed else set()
                view.watched |= dirty
                return dirty
            case wire.Foreign():
                return set()  # propagation's, and not watched for names

    def _take_service(
        self, view: ClusterView, service: wire.Service, revision: int, *, removed: bool, trusted: bool
    ) -> set[ServiceKey]:
        key = service_key(view.cluster, service.metadata.namespace, service.metadata.name)
        before = view.services.claims.get(key)
        view.services.aside.pop(key, None)
        claim = None if removed else view.services.read(service, view.cluster, self.declares)
        unread = key in view.services.unreadable
        if claim == before and not unread and not (removed and key in view.missing):
            return set()
        view.services.unreadable.discard(key)
        view.revision = max(view.revision, revision)
        view.watched.add(key)
        dirty = self._store(view, key, claim)
        if trusted:
            view.missing.discard(key)
            if claim is not None and self._offers(claim):
                self._departures.stay(view.cluster.name, key)
            else:
                self._departures.withdraw(view.cluster.name, key)
        return dirty

    def _store(self, view: ClusterView, key: ServiceKey, claim: Claim | None) -> set[ServiceKey]:
        """Keep a claim (None drops it); returns its key and those that want a hostname it had."""
        before = view.services.put(key, claim)
        return {key} | self._index.replace(key, view.cluster.name, before, claim)

    def _drop(self, view: ClusterView) -> set[ServiceKey]:
        view.services.aside.clear()
        return set().union(*(self._store(view, key, None) for key in list(view.services.claims)))

    # ------------------------------------------------------------------ the hub

    def _is_hub(self, cluster: str) -> bool:
        return cluster == HUB and cluster not in self._views

    def _redeclare(self, keys: Set[ServiceKey], now_s: float) -> Taken:
        """What the hub declares of these services has changed."""
        return Taken(frozenset(self._turned(keys)), self.declarations.assessed(now_s))

    def _turned(self, keys: Set[ServiceKey]) -> set[ServiceKey]:
        """Plain Services come into play, or go out of it; returns these services and those that want a name of them."""
        dirty = set(keys)
        for key in keys:
            declaration, before = self.declaration(key), self._declared.pop(key, None)
            after = None
            if declaration is not None:
                after = self._declared[key] = Claim(key=key, cluster=HUB, hostnames=declaration.service.hostnames)
            dirty |= self._index.replace(key, HUB, before, after)
            for view in self._views.values():
                if view.cluster.clusterset == key.clusterset:
                    dirty |= self._turn(view, key, is_declared=declaration is not None)
        return dirty

    def _turn(self, view: ClusterView, key: ServiceKey, *, is_declared: bool) -> set[ServiceKey]:
        before = view.services.claims.get(key)
        turned, claim = view.services.turn(key, is_declared=is_declared)
        dirty = self._store(view, key, claim) if turned else set()
        if not view.trusted or (before is None and claim is None):
            return dirty
        if claim is not None and self._offers(claim):
            self._departures.stay(view.cluster.name, key)
        else:
            watched = key in self.declarations.watched
            self._departures.withdraw(view.cluster.name, key, watched=watched)
        return dirty

    def _offers(self, claim: Claim) -> bool:
        return claim.offers or (claim.reachable and self.declares(claim.key))

    # ------------------------------------------------------------------ law 1

    def _settle_absence(self, view: ClusterView) -> set[ServiceKey]:
        """Judge what the table has of this cluster and the view, now complete and trusted, has not."""
        absence = self._departures.settle(view.cluster.name, view.services.offered(self._offers), view.missing)
        view.missing = set(absence.held)
        return set(absence.leaving | absence.held)

    def _is_suspect_server(self, view: ClusterView) -> bool:
        source = self._sources[view.cluster.name]
        return source.went_back or any(kind.listed and kind.uid != source.uid for kind in view.kinds.values())

    def _is_trusted(self, view: ClusterView) -> bool:
        return view.kinds[wire.Service].listed and not self._is_suspect_server(view)

    def _adopt(self, view: ClusterView) -> None:
        """Take the API server that listed last as the one we know; views from another one are to be listed again."""
        source = self._sources[view.cluster.name]
        uid = view.latest_uid or source.uid
        for kind in view.kinds.values():
            if kind.listed and kind.uid != uid:
                kind.disown()
        revision = view.revision if view.kinds[wire.Service].listed else 0
        self._sources[view.cluster.name] = replace(source, uid=uid, revision=revision, went_back=False)

    # ------------------------------------------------------------------ the answer

    def _taken(self, view: ClusterView, dirty: set[ServiceKey], now_s: float) -> Taken:
        name = view.cluster.name
        self._sources[name] = self._assessed(view, self._sources[name], now_s)
        return Taken(frozenset(dirty), self._sources[name])

    def _assessed(self, view: ClusterView, source: Source, now_s: float) -> Source:
        freshness, reason = self._freshness(view, source)
        revision = max(source.revision, view.revision) if view.trusted else source.revision
        missing = tuple(sorted(view.missing)) if view.missing else ()
        since_s = source.since_s if source.freshness is freshness and source.since_s else now_s
        return replace(source, freshness=freshness, reason=reason, since_s=since_s, revision=revision, missing=missing)

    def _freshness(self, view: ClusterView, source: Source) -> tuple[Freshness, str]:
        lost = view.lost()
        if self._is_suspect_server(view):
            doubt = (
                f"its state is older than revision {source.revision} that was known; was it restored from a backup?"
                if source.went_back
                else f"another API server answers: kube-system UID {view.other_uid(source.uid)}, known is {source.uid}"
            )
        elif view.missing:
            doubt = f"{len(view.missing)} endpoints are gone from a complete list at once"
        else:
            return (Freshness.STALE, lost) if lost else (Freshness.FRESH, "")
        held = f"{doubt}; all is kept until confirmed"
        return Freshness.SUSPECT, f"{held}; {lost}" if lost else held

    # ------------------------------------------------------------------ small change

    def _add(self, cluster: Cluster, *, known: bool = True) -> None:
        source = self._table_sources.get(cluster.name) if known else None
        source = source or Source(cluster=cluster.name)
        view = self._views[cluster.name] = ClusterView(cluster)
        view.missing = {key for key in source.missing if self._departures.has(cluster.name, key)}
        self._sources[cluster.name] = source

    def _claim(self, cluster: str, key: ServiceKey) -> Claim | None:
        view = self._views.get(cluster)
        claim = view.claim(key) if view is not None and view.trusted else None
        if claim is None or (declaration := self.declaration(key)) is None:
            return claim
        return ruled(claim, declaration.service)

    def _all_of(self, view: ClusterView) -> set[ServiceKey]:
        return view.services.claims.keys() | self._departures.in_table(view.cluster.name)

    def _counted(self, view: ClusterView, services: Iterable[Name], unsure: frozenset[str]) -> set[ServiceKey]:
        """The claims of these Services, and of namespaces in which counts were not certain before, or no longer are."""
        keys = (service_key(view.cluster, namespace, name) for namespace, name in services)
        found = {key for key in keys if key in view.services.claims}
        if turned := unsure ^ view.slices.unsure:
            found.update(key for key in view.services.claims if key.namespace in turned)
        return found


def _sets(clusters: Mapping[str, Cluster]) -> frozenset[str]:
    return frozenset([cluster.clusterset for cluster in clusters.values()])


def _only(kind: type[W], objects: Iterable[wire.Watched]) -> Iterator[W]:
    return (object_ for object_ in objects if isinstance(object_, kind))


def _named(keys: Iterable[str]) -> Iterator[Name]:
    """Namespace and name of each ``namespace/name``."""
    for key in keys:
        namespace, _, name = key.partition("/")
        yield namespace, name


def _orphaned(source: Source, now_s: float) -> Source:
    """What is said of a cluster that the table has and the configuration has not."""
    reason = "not in the configuration; its endpoints stay until it is forgotten"
    since_s = source.since_s if source.freshness is Freshness.STALE and source.since_s else now_s
    return replace(source, freshness=Freshness.STALE, reason=reason, since_s=since_s)
