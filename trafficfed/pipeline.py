"""The way from an event to an answer, without any I/O: events come in, one Step goes out.

Events only mark services; ``settle`` then folds, judges and decides each marked service once, however many events
there were, and commits all that changed as one delta. The caller carries the Step out: disk, feed, prober, publishers.

Only a leader commits. Who does not lead holds the leader's last table and decides all the same: what it judges
otherwise lies over that table as an overlay, and what it would declare otherwise is only noted. Both become its own
table's when it takes over, without a list or a probe more.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from trafficfed.aims import Aims, Place
from trafficfed.discovery.declared import HUB
from trafficfed.discovery.endpoints import Resolved
from trafficfed.discovery.fold import Folded, fold, never_resolved
from trafficfed.discovery.inventory import Inventory, Taken
from trafficfed.discovery.leaving import Leaving, leaving
from trafficfed.frozen import Frozen
from trafficfed.health.records import Records
from trafficfed.health.targets import targets
from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import (
    Cluster,
    Observation,
    OperatorControl,
    Refusal,
    Row,
    ServiceKey,
    Source,
    Target,
    Verdict,
)
from trafficfed.overlay import Overlay
from trafficfed.reports import (
    ClusterChanged,
    Controlled,
    Decided,
    RefusalCleared,
    ReportEvent,
    ServiceRefused,
    VerdictChanged,
)
from trafficfed.steering.controls import concerns
from trafficfed.steering.decide import decide, given_out
from trafficfed.step import Step
from trafficfed.table.table import Delta, Snapshot, Table

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
        self._wakes: list[tuple[float, ServiceKey]] = []
        self._wake_of: dict[ServiceKey, float] = {}
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
            self._judging.setdefault(key, "verdict")

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
            self._judging.setdefault(key, cause)

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
                    self._judging.setdefault(row.key, "source")

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
        wakes = (self._next_judgement_s(), self._frozen.until_s)
        return min((at_s for at_s in wakes if at_s is not None), default=None)

    def _next_judgement_s(self) -> float | None:
        while self._wakes and self._wake_of.get(self._wakes[0][1]) != self._wakes[0][0]:
            heapq.heappop(self._wakes)
        return self._wakes[0][0] if self._wakes else None

    # ------------------------------------------------------------------ settling

    def settle(self, now_s: float, overlay: Collection[Row] = ()) -> Step:
        """Fold, judge and decide what is marked, and commit it as one delta; ``overlay`` are rows to commit with it."""
        self._wake(now_s)
        if not self.leads:
            return self._settle_beside(now_s)
        folding = self._folding | self._frozen.due(now_s)
        folds = {key: self._fold(key) for key in sorted(folding)}
        folded = self._frozen.hold(folds, self.table, self.controls, now_s)
        self._folding = {key for each in folded.values() for key in each.again}
        settling = _Settling(self, folded, now_s, overlay)
        reports = [*self._sources_changed(), *self._controls_changed(now_s), *self._refusals_changed(folded)]
        rows, removed = settling.run()
        return Step(
            delta=self._commit(rows, removed),
            uncovered=self._told(self._uncovered),
            decided=tuple(sorted(settling.decided | set(self._told(self._mirrored)))),
            leaving=settling.leaving,
            targets=tuple(settling.targets),
            suspicions=tuple(settling.suspicions),
            reports=(*reports, *settling.reports),
        )

    def _settle_beside(self, now_s: float) -> Step:
        """Judge and decide without committing: what comes of it lies over the leader's table."""
        for key in sorted(self._folding)[:COMPARED_AT_ONCE]:
            self._compare(key)
        settling = _Settling(self, {}, now_s)
        for key in self._mirrored - self.table.rows.keys():
            settling.drop(key)
        rows, _ = settling.run()
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
        same = (folded.service, folded.endpoints) == ((row.service, row.endpoints) if row else (None, ()))
        self._differing.discard(key) if same else self._differing.add(key)

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
        while (at_s := self._next_judgement_s()) is not None and at_s <= now_s:
            key = heapq.heappop(self._wakes)[1]
            del self._wake_of[key]
            if (later_s := self.records.sleeps_until(key, now_s)) is None:
                self._judging.setdefault(key, "timer")
            else:
                self.wake_at(key, later_s)

    def wake_at(self, key: ServiceKey, at_s: float | None) -> None:
        """Judge a service again at this moment, or not before something happens to it."""
        if at_s is None:
            self._wake_of.pop(key, None)
        elif self._wake_of.get(key) != at_s:
            self._wake_of[key] = at_s
            heapq.heappush(self._wakes, (at_s, key))

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


class _Settling:
    """One run over what is marked; may mark further services (a mass event concerns more than one)."""

    def __init__(
        self, pipeline: Pipeline, folded: Mapping[ServiceKey, Folded], now_s: float, overlay: Collection[Row] = ()
    ) -> None:
        self._of, self._now_s = pipeline, now_s
        self._folded = folded
        self._sources = {**pipeline.table.sources, **pipeline._sources}
        for cluster in pipeline._forgotten:
            self._sources.pop(cluster, None)
        self._controls = pipeline.controls
        self._rows: dict[ServiceKey, Row] = {row.key: row for row in overlay}
        self._removed: list[ServiceKey] = []
        self.decided: set[ServiceKey] = set(self._rows)
        self.leaving: dict[ServiceKey, Leaving] = {}
        self.targets: list[tuple[ServiceKey, tuple[Target, ...]]] = []
        self.suspicions: list[tuple[Place, bool]] = []
        self.reports: list[ReportEvent] = []

    def run(self) -> tuple[Collection[Row], Collection[ServiceKey]]:
        marked = self._of._judging
        for key, each in self._folded.items():
            self._take_fold(key, each)
        while marked:
            key = next(iter(marked))
            cause = marked.pop(key)
            row = self._rows.get(key) or self._of._overlay.row(key)
            if row is not None and key not in self._removed:
                self._judge(row, cause)
        return self._rows.values(), self._removed

    def _take_fold(self, key: ServiceKey, folded: Folded) -> None:
        before = self._of.table.rows.get(key)
        if before is not None and (left := leaving(before, folded, self._of.inventory)):
            self.leaving[key] = left
        if folded.service is None:
            if before is not None:
                self._remove(key)
            return
        known = self._rows.get(key) or before or Row(service=folded.service)
        row = replace(known, service=folded.service, endpoints=folded.endpoints)
        if row == known and before is not None:
            return
        self._rows[key] = row
        self._of._mark(self._of.records.follow(row, self._now_s))
        self._of._judging[key] = "object"

    def _remove(self, key: ServiceKey) -> None:
        self._rows.pop(key, None)
        self._removed.append(key)
        self.decided.add(key)
        self._of._mark(self._of.records.forget(key))
        self.drop(key)
        self.reports.append(Decided(key, "object", "gone"))

    def drop(self, key: ServiceKey) -> None:
        """Probe and judge a service no more."""
        self._of._judging.pop(key, None)
        self._of.wake_at(key, None)
        self.targets += self._of._aims.aim(key, ())
        self.suspicions += self._of._aims.suspect(key, frozenset())

    def _judge(self, row: Row, cause: str) -> None:
        judged = self._of.records.judge(row, self._sources, self._controls, self._now_s)
        self._report_verdicts(row, judged.verdicts)
        self._of.wake_at(row.key, judged.wake_at_s)
        self.suspicions += self._of._aims.suspect(row.key, frozenset(judged.suspicious))
        self._decide(replace(row, verdicts=judged.verdicts), cause)

    def _decide(self, row: Row, cause: str) -> None:
        known = self._of.table.rows.get(row.key)
        decision = decide(row, self._of._clusters, self._controls, self._now_s)
        if decision != row.decision:
            row = replace(row, decision=decision, changed_s=self._now_s)
            self.reports.append(Decided(row.key, cause, ", ".join(given_out(decision)) or "nothing"))
        if decision.serving:
            row = replace(row, last_good=given_out(decision))
        if known is None or decision != known.decision or row.endpoints != known.endpoints:
            self.decided.add(row.key)
        self._rows[row.key] = row
        self.targets += self._of._aims.aim(row.key, targets(row))

    def _report_verdicts(self, row: Row, after: tuple[Verdict, ...]) -> None:
        if after is row.verdicts:
            return
        before = {(verdict.cluster, verdict.address): verdict for verdict in row.verdicts}
        for verdict in after:
            was = before.get((verdict.cluster, verdict.address))
            if was is None or (was.state, was.serving, was.reason) != (verdict.state, verdict.serving, verdict.reason):
                self.reports.append(VerdictChanged(row.key, was, verdict))
