"""The way from an event to an answer, without any I/O: events come in, one Step goes out.

Events only mark services; ``settle`` then folds, judges and decides each marked service once, however many events
there were, and commits all that changed as one delta. The caller carries the Step out: disk, feed, prober, publishers.

Only a leader commits. Who does not lead holds the leader's last table and decides all the same: what it judges
otherwise lies over that table as an overlay, and what it would declare otherwise is only noted. Both become its own
table's when it takes over, without a list or a probe more.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from trafficfed.aims import Aims
from trafficfed.discovery.declared import HUB
from trafficfed.discovery.endpoints import Resolved
from trafficfed.discovery.fold import Folded, fold, never_resolved
from trafficfed.discovery.inventory import Inventory, Taken
from trafficfed.frozen import Frozen
from trafficfed.health.records import Records
from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import (
    Cluster,
    Observation,
    OperatorControl,
    Refusal,
    Row,
    ServiceKey,
    Source,
)
from trafficfed.overlay import Overlay
from trafficfed.reports import (
    ClusterChanged,
    Controlled,
    RefusalCleared,
    ReportEvent,
    ServiceRefused,
)
from trafficfed.settling import Around, Settling, mark
from trafficfed.steering.controls import concerns
from trafficfed.step import Step
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.wakes import Wakes

COMPARED_AT_ONCE = 100
"""Services of which a controller that does not lead compares its own view with the leader's at a stretch, some 30 ms:
nobody waits for that, and events and probes come in between."""


class Pipeline:
    """Owns the table for writing. Times are UTC seconds; nothing here looks at a clock.

    ``leads`` tells whether it commits to the table; else the table is what ``mirror`` and ``mirror_change`` make it.
    """

    def __init__(
        self,
        table: Table,
        inventory: Inventory,
        records: Records,
        clusters: Mapping[str, Cluster],
        resolved: Resolved = never_resolved,
        *,
        leads: bool = True,
    ) -> None:
        self.leads = leads
        self._overlay = Overlay(table.rows)
        self._differing: set[ServiceKey] = set()
        self._mirrored: set[ServiceKey] = set()
        self._uncovered: set[ServiceKey] = set()
        self._local: tuple[OperatorControl, ...] | None = None
        self.table, self.inventory, self.records = table, inventory, records
        self._clusters, self._resolved = clusters, resolved
        self._folding: set[ServiceKey] = set()
        self._frozen = Frozen()
        self._judging: dict[ServiceKey, str] = {}
        self._sources: dict[str, Source] = {}
        self._forgotten: set[str] = set()
        self._controls: tuple[OperatorControl, ...] | None = None
        self._wakes = Wakes()
        self._aims = Aims()
        self._refused: dict[ServiceKey, tuple[Refusal, ...]] = {}

    # ------------------------------------------------------------------ what comes in

    def open(self, now_s: float) -> Step:
        """Begin from the table: every cluster stale until listed, every row probed and judged from what it carries."""
        self._sources.update((source.cluster, source) for source in self.inventory.opening(now_s))
        for row in self.table.rows.values():
            self.records.follow(row, now_s)
            self._judging[row.key] = "start"
        self._mirrored.update(() if self.leads else self.table.rows)
        return self.settle(now_s)

    def take(self, cluster: str, event: Event, now_s: float) -> frozenset[ServiceKey]:
        """One event of one cluster; returns the services it marked."""
        return self._took(self.inventory.take(cluster, event, now_s))

    def observe(self, observation: Observation, now_s: float) -> None:
        """One probe result. Most only confirm and mark nothing."""
        for key in self.records.observe(observation, now_s):
            mark(self._judging, key, "verdict")

    def fold_again(self, keys: Iterable[ServiceKey]) -> None:
        """Something that the fold reads beside events has changed for these services (a resolved hostname)."""
        self._folding.update(keys)

    def confirm(self, cluster: str, now_s: float) -> None:
        """An operator takes a Suspect cluster's view as it is."""
        self._took(self.inventory.confirm(cluster, now_s))

    def forget(self, cluster: str) -> None:
        """An operator says that a cluster is no more: its endpoints leave."""
        self._forgotten.add(cluster)
        self._took(self.inventory.forget(cluster))

    def control(self, controls: tuple[OperatorControl, ...]) -> None:
        """Replace the operator controls; what those concern that began or ended is decided anew."""
        changed = {*self.controls} ^ {*controls}
        self._controls = controls
        self._folding |= self._frozen.release()
        rows = self.table.rows.values()
        self._mark((row.key for row in rows if any(concerns(each, row) for each in changed)), "control")

    # ------------------------------------------------------------------ leading and following

    def lead(self, term: int, now_s: float) -> Step:
        """Take over: a new term begins with the table as this controller sees it. Raises Refused unless terms grow."""
        self.table.begin_term(term)
        self.leads = True
        if self._local is not None:
            self._controls, self._local = self._local, None
        self._folding |= self._differing
        self._differing.clear()
        untold, self._refused = self._refused, {}
        self._folding |= untold.keys()
        return self.settle(now_s, self._overlay.take())

    def follow(self) -> None:
        """Commit no more; the table stays the last one that a leader made until another leader tells its own."""
        self.leads = False
        self._folding |= self._frozen.release()
        self._keep_own_sources()

    def mirror(self, snapshot: Snapshot, now_s: float) -> None:
        """Hold the leader's table. Raises Refused for one of an older term; the table is as it was then."""
        before = dict(self.table.rows)
        controls = self.table.controls
        self.table.adopt(snapshot)
        changed = [row for row in self.table.rows.values() if before.get(row.key) != row]
        self._mirror(changed, before.keys() - self.table.rows.keys(), self.table.controls != controls, now_s)

    def mirror_change(self, delta: Delta, now_s: float) -> None:
        """Follow the leader's table by one change. Raises Refused where it does not follow; a snapshot is due then."""
        self.table.apply(delta)
        self._mirror(delta.rows, delta.removed, delta.controls is not None, now_s)

    def _mirror(
        self, changed: Collection[Row], removed: Collection[ServiceKey], new_controls: bool, now_s: float
    ) -> None:
        self._folding |= self.inventory.know(self.table.sources, now_s)
        self._keep_own_sources()
        keys = {*(row.key for row in changed), *removed}
        self._uncovered.update(self._overlay.lift(keys))
        self._mirrored |= keys
        self._folding |= keys
        for row in changed:
            self._mark(self.records.follow(row, now_s))
            self._judging[row.key] = "leader"
        for key in removed:
            self._mark(self.records.forget(key))
        if new_controls:
            self._mark(self.table.rows, "control")

    def control_here(self, controls: tuple[OperatorControl, ...] | None) -> None:
        """Operator controls in place of the table's while no leader could be told of them; they become the table's
        where this controller takes over. None: the table's hold again."""
        if controls != self._local:
            self._local = controls
            self._mark(self.table.rows, "control")

    def _keep_own_sources(self) -> None:
        """What this controller sees of the clusters, for its own judgement and for the table once it leads."""
        clusters = (self.inventory.source(name) for name in (*self._clusters, HUB))
        self._sources.update((source.cluster, source) for source in clusters if source is not None)

    def _mark(self, keys: Iterable[ServiceKey], cause: str = "readiness") -> None:
        for key in keys:
            mark(self._judging, key, cause)

    def _took(self, taken: Taken) -> frozenset[ServiceKey]:
        self._folding |= taken.dirty
        if taken.source is not None:
            self._note_source(taken.source)
        return taken.dirty

    def _note_source(self, source: Source) -> None:
        """A cluster that changed its freshness changes how readiness and addresses of all its endpoints count."""
        self._forgotten.discard(source.cluster)
        before = self._source(source.cluster)
        self._sources[source.cluster] = source
        if before is None or before.freshness is not source.freshness or before.missing != source.missing:
            for row in self.table.rows.values():
                if any(endpoint.cluster == source.cluster for endpoint in row.endpoints):
                    mark(self._judging, row.key, "source")

    def _source(self, cluster: str) -> Source | None:
        return self._sources.get(cluster) or self.table.sources.get(cluster)

    # ------------------------------------------------------------------ what it shows

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Everything that is not taken at the moment, by service."""
        return tuple(refusal for key in sorted(self._refused) for refusal in self._refused[key])

    def refusals_of(self, key: ServiceKey) -> tuple[Refusal, ...]:
        """What is not taken of one service's objects."""
        return self._refused.get(key, ())

    def is_waiting(self, key: ServiceKey) -> bool:
        """Whether what is known of a service may still change by what came in already."""
        return key in self._folding or key in self._judging

    @property
    def overlay(self) -> Mapping[ServiceKey, Row]:
        """What this controller judges otherwise than the leader whose table it holds."""
        return self._overlay.rows

    @property
    def controls(self) -> tuple[OperatorControl, ...]:
        """The operator controls in force here."""
        if self._local is not None:
            return self._local
        return self.table.controls if self._controls is None else self._controls

    @property
    def is_marked(self) -> bool:
        """Whether any service is marked."""
        return bool(self._folding or self._judging)

    @property
    def waiting(self) -> int:
        """How many services are marked."""
        return len(self._folding | self._judging.keys())

    @property
    def unseen(self) -> tuple[str, ...]:
        """Configured clusters that nobody has ever listed, the hub among them: what they offer is in no table."""
        sources = ((name, self._source(name)) for name in sorted(self._clusters))
        clusters = tuple(name for name, source in sources if source is None or not source.uid)
        return (*clusters, HUB) if self.inventory.declarations.is_unseen else clusters

    def next_wake_s(self) -> float | None:
        """When time alone may change an answer, None while it cannot. Costs what was superseded since the last call."""
        wakes = (self._wakes.next_s(), self._frozen.until_s)
        return min((at_s for at_s in wakes if at_s is not None), default=None)

    # ------------------------------------------------------------------ settling

    def settle(self, now_s: float, overlay: Collection[Row] = (), at_most: int | None = None) -> Step:
        """Fold, judge and decide what is marked, and commit it as one delta; ``overlay`` are rows to commit with it.

        Of those that only evidence or time has marked, ``at_most`` so many; the others stay marked.
        """
        self._wake(now_s)
        if not self.leads:
            return self._settle_beside(now_s, at_most)
        folding = self._folding | self._frozen.due(now_s)
        folds = {key: self._fold(key) for key in sorted(folding)}
        folded = self._frozen.hold(folds, self.table, self.controls, now_s)
        self._folding = {key for each in folded.values() for key in each.again}
        settling = Settling(self._around(), folded, now_s, overlay)
        reports = [*self._sources_changed(), *self._controls_changed(now_s), *self._refusals_changed(folded)]
        rows, removed = settling.run(at_most)
        return Step(
            delta=self._commit(rows, removed),
            uncovered=self._told(self._uncovered),
            decided=tuple(sorted(settling.decided | set(self._told(self._mirrored)))),
            leaving=settling.leaving,
            targets=tuple(settling.targets),
            suspicions=tuple(settling.suspicions),
            reports=(*reports, *settling.reports),
        )

    def _settle_beside(self, now_s: float, at_most: int | None) -> Step:
        """Judge and decide without committing: what comes of it lies over the leader's table."""
        for key in sorted(self._folding)[:COMPARED_AT_ONCE]:
            self._compare(key)
        settling = Settling(self._around(), {}, now_s)
        for key in self._mirrored - self.table.rows.keys():
            settling.drop(key)
        rows, _ = settling.run(at_most)
        overlaid, uncovered = self._overlay.lay(rows)
        self._uncovered.update(uncovered)
        self._uncovered.difference_update(row.key for row in overlaid)
        return Step(
            overlaid=overlaid,
            uncovered=self._told(self._uncovered),
            decided=self._told(self._mirrored),
            targets=tuple(settling.targets),
            suspicions=tuple(settling.suspicions),
        )

    def _compare(self, key: ServiceKey) -> None:
        """Whether this controller would declare a service otherwise than the leader did: only noted until it leads."""
        self._folding.discard(key)
        folded, row = self._fold(key), self.table.rows.get(key)
        self._refused.pop(key, None)
        if folded.refusals:
            self._refused[key] = folded.refusals
        if folded.differs(row):
            self._differing.add(key)
        else:
            self._differing.discard(key)

    @staticmethod
    def _told(keys: set[ServiceKey]) -> tuple[ServiceKey, ...]:
        told = tuple(sorted(keys))
        keys.clear()
        return told

    def _commit(self, rows: Collection[Row], removed: Collection[ServiceKey]) -> Delta | None:
        """One delta for all of it. A revision that moved on alone waits for company: a busy cluster whose objects are
        none of ours costs nothing, and an older revision in the table only makes a restart more careful."""
        changed = [row for row in rows if self.table.rows.get(row.key) != row]
        if not (changed or removed or self._forgotten or self._controls is not None or self._sources_tell()):
            return None
        delta = self.table.commit(
            changed, removed, sources=self._sources.values(), forgotten=self._forgotten, controls=self._controls
        )
        self._sources.clear()
        self._forgotten.clear()
        self._controls = None
        return delta

    def _sources_tell(self) -> bool:
        known = self.table.sources
        return any(
            name not in known or replace(known[name], revision=source.revision) != source
            for name, source in self._sources.items()
        )

    def _fold(self, key: ServiceKey) -> Folded:
        return fold(key, self.inventory, self.table.rows.get(key), self.table.owner_of, self._resolved)

    def _wake(self, now_s: float) -> None:
        while (key := self._wakes.due(now_s)) is not None:
            if (later_s := self.records.sleeps_until(key, now_s)) is None:
                mark(self._judging, key, "timer")
            else:
                self._wakes.set(key, later_s)

    def _around(self) -> Around:
        sources = {**self.table.sources, **self._sources}
        return Around(
            table=self.table,
            overlay=self._overlay,
            inventory=self.inventory,
            records=self.records,
            clusters=self._clusters,
            aims=self._aims,
            wakes=self._wakes,
            judging=self._judging,
            sources={name: source for name, source in sources.items() if name not in self._forgotten},
            controls=self.controls,
        )

    def _sources_changed(self) -> Iterable[ReportEvent]:
        for name, source in sorted(self._sources.items()):
            before = self.table.sources.get(name)
            if before is None or (before.freshness, before.reason) != (source.freshness, source.reason):
                yield ClusterChanged(name, source.freshness, source.reason)

    def _controls_changed(self, now_s: float) -> Iterable[ReportEvent]:
        before, now = self.table.controls, self.table.controls if self._controls is None else self._controls
        ended = (each for each in before if each not in now and not (each.until_s and each.until_s <= now_s))
        yield from (Controlled(each, begins=False) for each in ended)
        yield from (Controlled(each, begins=True) for each in now if each not in before)

    def _refusals_changed(self, folded: Mapping[ServiceKey, Folded]) -> Iterable[ReportEvent]:
        for key, each in folded.items():
            before = self._refused.pop(key, ())
            if each.refusals:
                self._refused[key] = each.refusals
            yield from (ServiceRefused(refusal) for refusal in each.refusals if refusal not in before)
            yield from (RefusalCleared(refusal) for refusal in before if refusal not in each.refusals)
