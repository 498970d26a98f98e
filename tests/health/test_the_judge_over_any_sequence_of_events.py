"""Whatever happens, in whatever order: nothing leaves without fresh evidence, nothing returns without it, holds hold.

The machine drives the judge as a controller does and checks every step of every verdict against a log of its own.
"""

import collections

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from trafficfed.health import reasons
from trafficfed.health.judge import judge_row
from trafficfed.health.subject import Circumstances
from trafficfed.health.voting import serving_beneath
from trafficfed.model import Freshness, HealthCheck, Observation, OperatorControl, State, Verdict
from trafficfed.testing.judging import Scene

CHECK = HealthCheck()
CLUSTERS = ("ap", "eu", "us")
VANTAGES = ("a", "b", "inside-eu")
HOMES = {"inside-eu": "eu"}
FRESH_S, HOLD_S, READINESS_S, HOUR_S = 30.0, 60.0, 300.0, 3600.0
OPERATORS = (reasons.FORCED_UP, reasons.FORCED_DOWN)


class WatchedScene(Scene):
    """Checks each judgement against what was observed."""

    def __init__(self, *clusters: str, **more: int | None) -> None:
        self.log: dict[tuple[str, str], list[tuple[float, bool]]] = collections.defaultdict(list)
        self.down_since_s: dict[str, float] = {}
        self.began_s = 0.0
        super().__init__(*clusters, homes=HOMES, ready=more.get("ready"))

    def observe(self, seen: Observation) -> None:
        if seen.cluster in self.sources and seen.service == self.row.key:
            self.log[seen.cluster, seen.vantage].append((seen.at_s, seen.passed))
        super().observe(seen)

    def restart(self, watching_since_s: float | None = None) -> None:
        self.began_s = self.now_s if watching_since_s is None else watching_since_s
        super().restart(watching_since_s)

    def judge(self) -> None:
        before = {verdict.cluster: verdict for verdict in self.row.verdicts}
        super().judge()
        for after in self.row.verdicts:
            self.check_step(before.get(after.cluster), after)

    def check_step(self, before: Verdict | None, after: Verdict) -> None:
        was = before is not None and serving_beneath(before)
        now = serving_beneath(after)
        if after.state is State.UNKNOWN and not (now and after.reason in (reasons.ONLY_ENDPOINT, *OPERATORS)):
            assert now is was, "Unknown keeps the last verdict"
        if was and not now:
            assert after.state is State.NOT_SERVING
            assert self.fails(after.cluster) or self.not_ready(after.cluster)
            self.down_since_s[after.cluster] = self.now_s
        if now and not was and after.state is State.SERVING:
            assert self.passes(after.cluster), "nothing returns unless some vantage sees it pass"
            self.check_hold(before, after)
        if before is not None and before.quarantined and not after.quarantined:
            assert self.sources[after.cluster].freshness is Freshness.FRESH or self.forced_up(after.cluster)
        if after.quarantined:
            assert not now

    def check_hold(self, before: Verdict | None, after: Verdict) -> None:
        if before is None or not before.passed or after.reason == reasons.MASS_READINESS_LOSS:
            return
        nothing_else = not any(v.serving for v in self.row.verdicts if v.cluster != after.cluster)
        together = any(v.cluster != after.cluster and v.since_s == self.now_s for v in self.row.verdicts)
        assert nothing_else or together or self.now_s >= self.down_since_s[after.cluster] + HOLD_S

    def fails(self, cluster: str) -> bool:
        """Whether some vantage that is trusted saw ``fall`` failures in a row, the last of them lately."""
        return any(
            len(results) >= CHECK.fall
            and not any(passed for _, passed in results[-CHECK.fall :])
            and self.now_s < results[-1][0] + FRESH_S
            for (where, vantage), results in self.log.items()
            if where == cluster and vantage not in self.records.distrusted
        )

    def passes(self, cluster: str) -> bool:
        """Whether any trusted vantage has seen a pass more lately than ``fall`` failures, and lately at all.

        A new process takes the table's word for it until it could have seen for itself.
        """
        return self.now_s < self.began_s + FRESH_S or any(
            any(passed for _, passed in results[-CHECK.fall :]) and self.now_s < results[-1][0] + FRESH_S
            for (where, vantage), results in self.log.items()
            if where == cluster and vantage not in self.records.distrusted
        )

    def not_ready(self, cluster: str) -> bool:
        source = self.sources[cluster]
        counts = source.freshness is Freshness.FRESH or self.now_s < source.since_s + READINESS_S
        return counts and next(e.ready for e in self.row.endpoints if e.cluster == cluster) == 0

    def forced_up(self, cluster: str) -> bool:
        return any(c.kind == "force-up" and c.cluster in ("", cluster) for c in self.controls)


class AnyHistory(RuleBasedStateMachine):
    """Probes, readiness, API servers, operators, restarts and time, in any order."""

    @initialize(number=st.integers(1, 3), ready=st.sampled_from([None, 2]))
    def begin(self, number: int, ready: int | None) -> None:
        self.scene = WatchedScene(*CLUSTERS[:number], ready=ready)
        self.clusters = CLUSTERS[:number]

    def pick(self, index: int) -> str:
        return self.clusters[index % len(self.clusters)]

    @rule(
        index=st.integers(0, 2),
        vantages=st.lists(st.sampled_from(VANTAGES), min_size=1, unique=True),
        passed=st.booleans(),
        times=st.integers(1, 4),
        every_s=st.sampled_from([1.0, 10.0]),
    )
    def probe(self, index: int, vantages: list[str], passed: bool, times: int, every_s: float) -> None:
        self.scene.see(self.pick(index), passed, *vantages, times=times, every_s=every_s)

    @rule(seconds=st.sampled_from([0.5, 7.0, 29.0, 31.0, 61.0, 301.0, 3601.0]))
    def time_passes(self, seconds: float) -> None:
        self.scene.wait(seconds)

    @rule(index=st.integers(0, 2), freshness=st.sampled_from(Freshness))
    def api_server(self, index: int, freshness: Freshness) -> None:
        self.scene.api_server(self.pick(index), freshness)

    @rule(index=st.integers(0, 2), ready=st.sampled_from([None, 0, 0, 3]))
    def readiness(self, index: int, ready: int | None) -> None:
        self.scene.ready(self.pick(index), ready)

    @rule(
        index=st.integers(0, 2),
        kind=st.sampled_from(["force-up", "force-down", "drain"]),
        seconds=st.sampled_from([0.0, 20.0, 500.0]),
    )
    def operator(self, index: int, kind: str, seconds: float) -> None:
        until_s = self.scene.now_s + seconds if seconds else 0.0
        self.scene.control(OperatorControl(kind=kind, cluster=self.pick(index), until_s=until_s))

    @rule()
    def operator_leaves(self) -> None:
        self.scene.control()

    @rule(vantage=st.sampled_from(VANTAGES), eu=st.booleans(), us=st.booleans())
    def anchors(self, vantage: str, eu: bool, us: bool) -> None:
        self.scene.anchors(vantage, eu=eu, us=us)

    @rule()
    def restart(self) -> None:
        before = self.scene.serving
        self.scene.restart()
        assert self.scene.serving == before, "a restart changes no answer"

    @invariant()
    def judging_again_changes_nothing(self) -> None:
        before = self.scene.row.verdicts
        self.scene.judge()
        assert self.scene.row.verdicts is before

    @invariant()
    def every_target_has_one_verdict_in_order(self) -> None:
        assert tuple(v.cluster for v in self.scene.row.verdicts) == self.clusters

    @invariant()
    def the_order_of_endpoints_means_nothing(self) -> None:
        scene = self.scene
        around = Circumstances(
            sources=scene.sources, controls=scene.controls, homes=HOMES, distrusted=scene.records.distrusted
        )
        evidence = scene.records.evidence(scene.row.key)
        turned = replace(scene.row, endpoints=scene.row.endpoints[::-1])
        assert judge_row(turned, evidence, around, scene.now_s) == judge_row(scene.row, evidence, around, scene.now_s)

    @invariant()
    def suspicion_is_only_of_what_some_vantage_began_to_see_fail(self) -> None:
        for cluster in self.scene.suspected:
            last = [results[-1][1] for (where, _), results in self.scene.log.items() if where == cluster and results]
            assert not all(last)


AnyHistory.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


TestAnyHistory = pytest.mark.slow(AnyHistory.TestCase)
