"""Prometheus metrics of propagation: by member, kind and reason, never by object.

Steps are counted as they end; how copies stand, and how the hub and the members are seen, is read at a scrape.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from trafficfed.model import Freshness
from trafficfed.observe.step_metrics import StepMetrics
from trafficfed.propagation.outcome import Listener


class Shown(Protocol):
    """What is asked of propagation at a scrape."""

    listener: Listener

    @property
    def freshness(self) -> Freshness | None: ...

    @property
    def census(self) -> Mapping[tuple[str, str, str], int]: ...

    @property
    def unseen(self) -> Mapping[str, str]: ...

    @property
    def waiting(self) -> int: ...

    @property
    def hub_writes(self) -> int: ...


class PropagationMetrics:
    """Registers itself and listens from then on."""

    def __init__(self, registry: CollectorRegistry, shown: Shown) -> None:
        self._shown = shown
        self.ends = StepMetrics(
            registry,
            "propagation",
            "Steps apply, delete and release: Done, Absent, or the reason why not.",
            "From the hub's event to the member's word that it is applied, repetitions included.",
        )
        registry.register(self)
        shown.listener = self.ends.ended

    def collect(self) -> Iterator[Metric]:
        """What is read at a scrape."""
        copies = GaugeMetricFamily(
            "trafficfed_propagation_copies",
            "Copies by how they stand; never by object. Alert where others than InPlace stay.",
            labels=("cluster", "kind", "reason"),
        )
        for place, count in sorted(self._shown.census.items()):
            copies.add_metric(place, count)
        yield copies
        yield from self._seen()
        waiting = GaugeMetricFamily("trafficfed_propagation_queue_depth", "Objects waiting to be looked at.")
        waiting.add_metric((), self._shown.waiting)
        yield waiting
        writes = CounterMetricFamily("trafficfed_propagation_hub_writes", "Records and statuses written to the hub.")
        writes.add_metric((), self._shown.hub_writes)
        yield writes

    def _seen(self) -> Iterator[Metric]:
        hub = GaugeMetricFamily(
            "trafficfed_hub_freshness",
            (
                "1 for the freshness that the view of the hub has; all 0 at a controller that does not lead. "
                "Alert on Suspect, and on Stale for long."
            ),
            labels=("freshness",),
        )
        for each in Freshness:
            hub.add_metric((str(each),), self._shown.freshness is each)
        yield hub
        members = GaugeMetricFamily(
            "trafficfed_propagation_member_seen",
            "1 while every kind of copies there is followed. Alert on 0.",
            labels=("cluster",),
        )
        for name, reason in sorted(self._shown.unseen.items()):
            members.add_metric((name,), not reason)
        yield members
