"""The way from an event to an answer, without any I/O: events come in, one Step goes out.

Events only mark services; ``settle`` then folds, judges and decides each marked service once, however many events
there were, and commits all that changed as one delta. The caller carries the Step out: disk, feed, prober, publishers.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from trafficfed.discovery.endpoints import Resolved
from trafficfed.discovery.fold import Folded, fold, never_resolved
from trafficfed.discovery.inventory import Inventory, Taken
from trafficfed.discovery.leaving import Leaving, leaving
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
    Value,
    Verdict,
)
from trafficfed.reports import (
    ClusterChanged,
    Decided,
    RefusalCleared,
    ReportEvent,
    ServiceRefused,
    VerdictChanged,
)
from trafficfed.steering.decide import decide, given_out
from trafficfed.table.table import Delta, Table

Place = tuple[ServiceKey, str, str]
"""Service, cluster and address: one target."""


class Step(Value, frozen=True, kw_only=True):
    """What one settling came to. ``targets`` replace those of their service; ``suspicions`` switch fast probing.

    ``decided`` are the services whose row, as publication sees it, changed; ``leaving`` what left them with a cause.
    """

    delta: Delta | None = None
    decided: tuple[ServiceKey, ...] = ()
    leaving: Mapping[ServiceKey, Leaving] = {}
    targets: tuple[tuple[ServiceKey, tuple[Target, ...]], ...] = ()
    suspicions: tuple[tuple[Place, bool], ...] = ()
    reports: tuple[ReportEvent, ...] = ()


class Pipeline:
    """Owns the table for writing. Times are UTC seconds; nothing here looks at a clock."""

    def __init__(
        self,
        table: Table,
        inventory: Inventory,
        records: Records,
        clusters: Mapping[str, Cluster],
        resolved: Resolved = never_resolved,
    ) -> None:
        self.table, self.inventory, self.records = table, inventory, records
        self._clusters, self._resolved = clusters, resolved
        self._folding: set[ServiceKey] = set()
        self._judging: dict[ServiceKey, str] = {}
        self._sources: dict[str, Source] = {}
        self._forgotten: set[str] = set()
        self._controls: tuple[OperatorControl, ...] | None = None
        self._wakes: list[tuple[float, ServiceKey]] = []
        self._wake_of: dict[ServiceKey, float] = {}
        self._suspected: dict[ServiceKey, frozenset[tuple[str, str]]] = {}
        self._probed: dict[ServiceKey, tuple[Target, ...]] = {}
        self._refused: dict[ServiceKey, tuple[Refusal, ...]] = {}

    # ------------------------------------------------------------------ what comes in

    def open(self, now_s: float) -> Step:
        """Begin from the table: every cluster stale until listed, every row probed and judged from what it carries."""
        self._sources.update((source.cluster, source) for source in self.inventory.opening(now_s))
        for row in self.table.rows.values():
            self.records.follow(row, now_s)
            self._judging[row.key] = "start"
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
        """Replace the operator controls."""
        self._controls = controls
        for key in self.table.rows:
            self._judging.setdefault(key, "control")

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

    @property
    def waiting(self) -> int:
        """How many services are marked."""
        return len(self._folding | self._judging.keys())

    @property
    def unseen(self) -> tuple[str, ...]:
        """Configured clusters that nobody has ever listed: what they offer is in no table."""
        sources = ((name, self._source(name)) for name in sorted(self._clusters))
        return tuple(name for name, source in sources if source is None or not source.uid)

    def next_wake_s(self) -> float | None:
        """When time alone may change an answer, None while it cannot. Costs what was superseded since the last call."""
        while self._wakes and self._wake_of.get(self._wakes[0][1]) != self._wakes[0][0]:
            heapq.heappop(self._wakes)
        return self._wakes[0][0] if self._wakes else None

    # ------------------------------------------------------------------ settling

    def settle(self, now_s: float) -> Step:
        """Fold, judge and decide what is marked, and commit it as one delta."""
        self._wake(now_s)
        folded = {key: self._fold(key) for key in sorted(self._folding)}
        self._folding = {key for each in folded.values() for key in each.again}
        settling = _Settling(self, folded, now_s)
        reports = [*self._sources_changed(), *self._refusals_changed(folded)]
        rows, removed = settling.run()
        return Step(
            delta=self._commit(rows, removed),
            decided=tuple(sorted(settling.decided)),
            leaving=settling.leaving,
            targets=tuple(settling.targets),
            suspicions=tuple(settling.suspicions),
            reports=(*reports, *settling.reports),
        )

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
        while (at_s := self.next_wake_s()) is not None and at_s <= now_s:
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

    def _refusals_changed(self, folded: Mapping[ServiceKey, Folded]) -> Iterable[ReportEvent]:
        for key, each in folded.items():
            before = self._refused.pop(key, ())
            if each.refusals:
                self._refused[key] = each.refusals
            yield from (ServiceRefused(refusal) for refusal in each.refusals if refusal not in before)
            yield from (RefusalCleared(refusal) for refusal in before if refusal not in each.refusals)


class _Settling:
    """One run over what is marked; may mark further services (a mass event concerns more than one)."""

    def __init__(self, pipeline: Pipeline, folded: Mapping[ServiceKey, Folded], now_s: float) -> None:
        self._of, self._now_s = pipeline, now_s
        self._folded = folded
        self._sources = {**pipeline.table.sources, **pipeline._sources}
        for cluster in pipeline._forgotten:
            self._sources.pop(cluster, None)
        self._controls = pipeline.table.controls if pipeline._controls is None else pipeline._controls
        self._rows: dict[ServiceKey, Row] = {}
        self._removed: list[ServiceKey] = []
        self.decided: set[ServiceKey] = set()
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
            row = self._rows.get(key) or self._of.table.rows.get(key)
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
        row = replace(before or Row(service=folded.service), service=folded.service, endpoints=folded.endpoints)
        if row == before:
            return
        self._rows[key] = row
        self._mark(self._of.records.follow(row, self._now_s))
        self._of._judging[key] = "object"

    def _remove(self, key: ServiceKey) -> None:
        self._removed.append(key)
        self.decided.add(key)
        self._mark(self._of.records.forget(key))
        self._of._judging.pop(key, None)
        self._of.wake_at(key, None)
        self._set_targets(key, ())
        self._suspect(key, frozenset())
        self.reports.append(Decided(key, "object", "gone"))

    def _mark(self, keys: Iterable[ServiceKey]) -> None:
        for key in keys:
            self._of._judging.setdefault(key, "readiness")

    def _judge(self, row: Row, cause: str) -> None:
        judged = self._of.records.judge(row, self._sources, self._controls, self._now_s)
        self._report_verdicts(row, judged.verdicts)
        self._of.wake_at(row.key, judged.wake_at_s)
        self._suspect(row.key, frozenset(judged.suspicious))
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
        self._set_targets(row.key, targets(row))

    def _set_targets(self, key: ServiceKey, wanted: tuple[Target, ...]) -> None:
        if wanted != self._of._probed.get(key, ()):
            self.targets.append((key, wanted))
            if wanted:
                self._of._probed[key] = wanted
            else:
                del self._of._probed[key]

    def _suspect(self, key: ServiceKey, places: frozenset[tuple[str, str]]) -> None:
        before = self._of._suspected.pop(key, frozenset())
        if places:
            self._of._suspected[key] = places
        self.suspicions += [((key, *place), True) for place in sorted(places - before)]
        self.suspicions += [((key, *place), False) for place in sorted(before - places)]

    def _report_verdicts(self, row: Row, after: tuple[Verdict, ...]) -> None:
        if after is row.verdicts:
            return
        before = {(verdict.cluster, verdict.address): verdict for verdict in row.verdicts}
        for verdict in after:
            was = before.get((verdict.cluster, verdict.address))
            if was is None or (was.state, was.serving, was.reason) != (verdict.state, verdict.serving, verdict.reason):
                self.reports.append(VerdictChanged(row.key, was, verdict))
