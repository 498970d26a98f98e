"""Everything this process has seen that bears on health, kept ready for the judge. Sans-IO: callers have the clock."""

import math
from collections.abc import Collection, Mapping, Sequence, Set

from trafficfed.health.evidence import Evidence, changes_meaning, horizon_s
from trafficfed.health.judge import JudgedRow, judge_row
from trafficfed.health.readiness import ReadinessGuard
from trafficfed.health.subject import NOTHING, Circumstances
from trafficfed.health.targets import check_of
from trafficfed.health.vantages import ANCHORS, Anchors, Comparison, compare, distrusted
from trafficfed.model import Endpoint, HealthCheck, Observation, OperatorControl, Row, ServiceKey, Source

Place = tuple[str, str]
"""Cluster and address: one target of a service."""


class Records:
    """What was seen of every row's targets, and of the vantages that saw it.

    ``homes`` names the cluster each vantage runs in, where it runs in one. Nothing here outlives the process: the
    table's verdicts carry what must.
    """

    def __init__(self, homes: Mapping[str, str], watching_since_s: float) -> None:
        self._homes = homes
        self._watching_since_s = watching_since_s
        self._evidence: dict[ServiceKey, dict[Place, Evidence]] = {}
        self._checks: dict[ServiceKey, dict[Place, HealthCheck]] = {}
        self._certain_at_s: dict[ServiceKey, float | None] = {}
        self._vantages: set[str] = set()
        self._anchors = Anchors()
        self._comparison = Comparison()
        self._guards: dict[str, ReadinessGuard] = {}
        self._counted: dict[ServiceKey, tuple[tuple[str, int | None], ...]] = {}
        self.distrusted: frozenset[str] = frozenset()

    def evidence(self, service: ServiceKey) -> Mapping[Place, Evidence]:
        """What is known of one service's targets from probing, for explanations."""
        return self._evidence.get(service, {})

    def follow(self, row: Row, now_s: float) -> Collection[ServiceKey]:
        """Take in a row's endpoints and their readiness; returns other services that must be judged again with it.

        To be called for each row that is new or whose endpoints changed, before it is judged; at start with the table's
        rows, so that what was lost meanwhile is seen as lost.
        """
        checks = {
            (endpoint.cluster, address): check_of(row.service, endpoint)
            for endpoint in row.endpoints
            for address in endpoint.targets
        }
        for gone in self._checks.get(row.key, {}).keys() - checks.keys():
            self._evidence.get(row.key, {}).pop(gone, None)
            self._comparison.update((row.key, gone), ())
        self._checks[row.key] = checks
        return self._note_readiness(row.key, row.endpoints, now_s) - {row.key}

    def forget(self, service: ServiceKey) -> Collection[ServiceKey]:
        """The row is gone; returns other services that must be judged again."""
        for place in self._checks.pop(service, {}):
            self._comparison.update((service, place), ())
        self._evidence.pop(service, None)
        self._certain_at_s.pop(service, None)
        touched = self._note_readiness(service, (), 0.0) - {service}
        self._counted.pop(service, None)
        return touched

    def observe(self, seen: Observation, now_s: float) -> Collection[ServiceKey]:
        """Take in one probe result; returns the services that must be judged again, none for most results."""
        self._vantages.add(seen.vantage)
        if seen.service == ANCHORS:
            self._anchors.observe(seen)
            return self._trust(now_s) or ()
        check = self._checks.get(seen.service, {}).get((seen.cluster, seen.address))
        if check is None:
            return ()  # It was under way when its target left.
        matters = self._fold(seen, check, now_s)
        return self._trust(now_s) or ((seen.service,) if matters else ())

    def judge(
        self, row: Row, sources: Mapping[str, Source], controls: Sequence[OperatorControl], now_s: float
    ) -> JudgedRow:
        """The verdicts on a row from all that was seen."""
        around = Circumstances(
            sources=sources,
            controls=controls,
            homes=self._homes,
            distrusted=self.distrusted,
            guarded=self._guarded,
            watching_since_s=self._watching_since_s,
        )
        judged = judge_row(row, self._evidence.get(row.key, {}), around, now_s)
        self._certain_at_s[row.key] = judged.certain_at_s
        return judged

    def sleeps_until(self, service: ServiceKey, now_s: float) -> float | None:
        """Asked when a wake-up is due: a later one where nothing has come that it was for, None to judge now.

        Evidence that would have lapsed has usually been renewed long before: that costs a look, not a judgement.
        """
        certain_at_s = self._certain_at_s.get(service)
        if certain_at_s is not None and certain_at_s <= now_s:
            return None
        later_s = math.inf if certain_at_s is None else certain_at_s
        for place, evidence in self._evidence.get(service, {}).items():
            horizon = horizon_s(self._checks[service][place])
            for streak in evidence.streaks:
                if not streak.fresh(horizon, now_s):
                    return None
                later_s = min(later_s, streak.at_s + horizon)
        return None if later_s == math.inf else later_s

    def _fold(self, seen: Observation, check: HealthCheck, now_s: float) -> bool:
        place = (seen.cluster, seen.address)
        known = self._evidence.setdefault(seen.service, {})
        before = known.get(place, NOTHING)
        known[place] = later = before.after(seen, check)
        self._compare(seen.service, place, check, now_s)
        return changes_meaning(before, later, check, now_s)

    def _trust(self, now_s: float) -> Collection[ServiceKey]:
        """Look at the vantages again; where one is trusted or distrusted anew, every row must be judged again."""
        now = distrusted(
            self._vantages, self._comparison.standing, lambda v: self._anchors.cut_off(v, now_s), self.distrusted
        )
        if now == self.distrusted:
            return ()
        if trusted_again := self.distrusted - now:
            self._disregard(trusted_again, now_s)
        self.distrusted = now
        return tuple(self._checks)

    def _disregard(self, vantages: Set[str], now_s: float) -> None:
        """What was seen in a time of distrust counts for nothing afterwards: those vantages begin from nothing."""
        for service, known in self._evidence.items():
            for place, evidence in known.items():
                known[place] = evidence.without(vantages)
                self._compare(service, place, self._checks[service][place], now_s)

    def _compare(self, service: ServiceKey, place: Place, check: HealthCheck, now_s: float) -> None:
        if len(self._vantages) > 1:
            shares = compare(self._evidence[service][place], place[0], check, self._homes, now_s)
            self._comparison.update((service, place), shares)

    def _guarded(self, cluster: str, service: ServiceKey) -> bool:
        guard = self._guards.get(cluster)
        return guard is not None and guard.guards(service)

    def _note_readiness(
        self, service: ServiceKey, endpoints: Sequence[Endpoint], now_s: float
    ) -> frozenset[ServiceKey]:
        touched: frozenset[ServiceKey] = frozenset()
        now = tuple((endpoint.cluster, endpoint.ready) for endpoint in endpoints)
        before = self._counted.get(service, ())
        if now == before:
            return touched
        for cluster in {cluster for cluster, _ in before} - {cluster for cluster, _ in now}:
            touched |= self._guards[cluster].drop(service)
        for cluster, ready in now:
            touched |= self._guards.setdefault(cluster, ReadinessGuard()).note(service, ready, now_s)
        self._counted[service] = now
        return touched
