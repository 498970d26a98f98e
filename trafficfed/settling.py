"""One settling: what was folded is taken in, and every service that is marked is judged and decided once."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from trafficfed.aims import Aims, Place
from trafficfed.discovery.fold import Folded
from trafficfed.discovery.inventory import Inventory
from trafficfed.discovery.leaving import Leaving, leaving
from trafficfed.health.records import Records
from trafficfed.health.targets import targets
from trafficfed.model import Cluster, OperatorControl, Row, ServiceKey, Source, Target, Value, Verdict
from trafficfed.overlay import Overlay
from trafficfed.reports import Decided, ReportEvent, VerdictChanged
from trafficfed.steering.decide import decide, given_out
from trafficfed.table.table import Table
from trafficfed.wakes import Wakes

EVIDENCE = frozenset({"verdict", "readiness", "source"})
"""Causes that bear on verdicts alone: where those stay as they are, so does the decision."""

URGENT = frozenset({"object", "control", "start"})
"""Causes that are settled in the run that meets them, however many services they concern."""


def mark(marked: dict[ServiceKey, str], key: ServiceKey, cause: str) -> None:
    """Have a service judged. The first cause stands, but one that bears on verdicts alone gives way to any other."""
    if key not in marked or (marked[key] in EVIDENCE and cause not in EVIDENCE):
        marked[key] = cause


class Around(Value, frozen=True, kw_only=True):
    """What a settling works with: the pipeline's own parts, and what holds at this moment.

    ``judging`` are the services that are marked, each with its cause (``mark``).
    """

    table: Table
    overlay: Overlay
    inventory: Inventory
    records: Records
    clusters: Mapping[str, Cluster]
    aims: Aims
    wakes: Wakes
    judging: dict[ServiceKey, str]
    sources: Mapping[str, Source]
    controls: Sequence[OperatorControl]


class Settling:
    """One run over what is marked; may mark further services (a mass event concerns more than one)."""

    def __init__(
        self, around: Around, folded: Mapping[ServiceKey, Folded], now_s: float, overlay: Collection[Row] = ()
    ) -> None:
        """``overlay`` are rows that were judged before and are to be committed with the rest."""
        self._of, self._now_s, self._folded = around, now_s, folded
        self._rows: dict[ServiceKey, Row] = {row.key: row for row in overlay}
        self._removed: list[ServiceKey] = []
        self.decided: set[ServiceKey] = set(self._rows)
        self.leaving: dict[ServiceKey, Leaving] = {}
        self.targets: list[tuple[ServiceKey, tuple[Target, ...]]] = []
        self.suspicions: list[tuple[Place, bool]] = []
        self.reports: list[ReportEvent] = []

    def run(self, at_most: int | None = None) -> tuple[Collection[Row], Collection[ServiceKey]]:
        """Judge what is marked: all that is urgent, and ``at_most`` so many of the rest (None: all); others stay so."""
        marked, judged = self._of.judging, 0
        for key, each in self._folded.items():
            self._take_fold(key, each)
        for key in [key for key, cause in marked.items() if cause in URGENT]:
            self._settle(key)
        while marked and (at_most is None or judged < at_most):
            self._settle(next(iter(marked)))
            judged += 1
        return self._rows.values(), self._removed

    def _settle(self, key: ServiceKey) -> None:
        cause = self._of.judging.pop(key)
        row = self._rows.get(key) or self._of.overlay.row(key)
        if row is not None and key not in self._removed:
            self._judge(row, cause)

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
        self._mark(self._of.records.follow(row, self._now_s))
        self._of.judging[key] = "object"

    def _remove(self, key: ServiceKey) -> None:
        self._rows.pop(key, None)
        self._removed.append(key)
        self.decided.add(key)
        self._mark(self._of.records.forget(key))
        self.drop(key)
        self.reports.append(Decided(key, "object", "gone"))

    def drop(self, key: ServiceKey) -> None:
        """Probe and judge a service no more."""
        self._of.judging.pop(key, None)
        self._of.wakes.set(key, None)
        self.targets += self._of.aims.aim(key, ())
        self.suspicions += self._of.aims.suspect(key, frozenset())

    def _mark(self, keys: Iterable[ServiceKey]) -> None:
        for key in keys:
            mark(self._of.judging, key, "readiness")

    def _judge(self, row: Row, cause: str) -> None:
        judged = self._of.records.judge(row, self._of.sources, self._of.controls, self._now_s)
        self._report_verdicts(row, judged.verdicts)
        self._of.wakes.set(row.key, judged.wake_at_s)
        self.suspicions += self._of.aims.suspect(row.key, frozenset(judged.suspicious))
        if judged.verdicts is row.verdicts and row.decision and cause in EVIDENCE and not self._of.controls:
            return
        self._decide(replace(row, verdicts=judged.verdicts), cause)

    def _decide(self, row: Row, cause: str) -> None:
        known = self._of.table.rows.get(row.key)
        decision = decide(row, self._of.clusters, self._of.controls, self._now_s)
        if decision != row.decision:
            row = replace(row, decision=decision, changed_s=self._now_s)
            self.reports.append(Decided(row.key, cause, ", ".join(given_out(decision)) or "nothing"))
        if decision.serving:
            row = replace(row, last_good=given_out(decision))
        if known is None or decision != known.decision or row.endpoints != known.endpoints:
            self.decided.add(row.key)
        self._rows[row.key] = row
        self.targets += self._of.aims.aim(row.key, targets(row))

    def _report_verdicts(self, row: Row, after: tuple[Verdict, ...]) -> None:
        if after is row.verdicts:
            return
        before = {(verdict.cluster, verdict.address): verdict for verdict in row.verdicts}
        for verdict in after:
            was = before.get((verdict.cluster, verdict.address))
            if was is None or (was.state, was.serving, was.reason) != (verdict.state, verdict.serving, verdict.reason):
                self.reports.append(VerdictChanged(row.key, was, verdict))
