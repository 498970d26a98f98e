"""Prometheus metrics of baselines: by baseline and member, never by object."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from trafficfed.propagation.outcome import Ended, Listener


class Shown(Protocol):
    """What is asked of baselines at a scrape."""

    listener: Listener
    evaluated: int

    @property
    def violations(self) -> Mapping[tuple[str, str], int]: ...

    @property
    def refused(self) -> Mapping[str, int]: ...

    @property
    def unseen(self) -> Mapping[str, str]: ...

    @property
    def waiting(self) -> int: ...


class BaselineMetrics:
    """Registers itself and listens from then on."""

    def __init__(self, registry: CollectorRegistry, shown: Shown) -> None:
        self._shown = shown
        self.steps = Counter(
            "trafficfed_baseline_steps",
            "Steps apply, status and delete that keep baselines: Done, Absent, or the reason why not.",
            ("cluster", "step", "outcome"),
            registry=registry,
        )
        registry.register(self)
        shown.listener = self.ended

    def ended(self, ended: Ended) -> None:
        """One step ended."""
        self.steps.labels(ended.cluster, ended.step, ended.outcome).inc()

    def collect(self) -> Iterator[Metric]:
        """What is read at a scrape."""
        violations = GaugeMetricFamily(
            "trafficfed_baseline_violations",
            "Objects that break a rule of a baseline in a member. Alert where they stay.",
            labels=("baseline", "cluster"),
        )
        for place, count in sorted(self._shown.violations.items()):
            violations.add_metric(place, count)
        yield violations
        refused = GaugeMetricFamily(
            "trafficfed_baseline_refused_rules",
            "Rules of a baseline that cannot be used, so that nobody keeps them. Alert above 0.",
            labels=("baseline",),
        )
        for name, count in sorted(self._shown.refused.items()):
            refused.add_metric((name,), count)
        yield refused
        seen = GaugeMetricFamily(
            "trafficfed_baseline_member_seen",
            "1 while everything is followed that rules ask about in a member. Alert on 0.",
            labels=("cluster",),
        )
        for name, reason in sorted(self._shown.unseen.items()):
            seen.add_metric((name,), not reason)
        yield seen
        waiting = GaugeMetricFamily("trafficfed_baseline_queue_depth", "Objects that are still to be looked at.")
        waiting.add_metric((), self._shown.waiting)
        yield waiting
        evaluated = CounterMetricFamily(
            "trafficfed_baseline_evaluations", "Objects of which an expression of a rule was evaluated."
        )
        evaluated.add_metric((), self._shown.evaluated)
        yield evaluated
