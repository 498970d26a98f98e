"""Prometheus metrics of Multi-Cluster Services: by member and reason, never by Service."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from trafficfed.observe.step_metrics import StepMetrics
from trafficfed.propagation.outcome import Listener


class Shown(Protocol):
    """What is asked of Multi-Cluster Services at a scrape."""

    listener: Listener

    @property
    def exports(self) -> Mapping[str, int]: ...

    @property
    def imports(self) -> Mapping[str, int]: ...

    @property
    def troubles(self) -> Mapping[tuple[str, str], int]: ...

    @property
    def unseen(self) -> Mapping[str, str]: ...

    @property
    def waiting(self) -> int: ...


class ServicesMetrics:
    """Registers itself and listens from then on."""

    def __init__(self, registry: CollectorRegistry, shown: Shown) -> None:
        self._shown = shown
        self.ends = StepMetrics(
            registry,
            "services",
            "Steps apply, status and delete in a member: Done, Absent, or the reason why not.",
            "From the event in one member to another member's word that what follows stands there.",
        )
        registry.register(self)
        shown.listener = self.ends.ended

    def collect(self) -> Iterator[Metric]:
        """What is read at a scrape."""
        exports = GaugeMetricFamily(
            "trafficfed_services_exports", "Services that a member exports, as far as it was seen.", labels=("cluster",)
        )
        for name, count in sorted(self._shown.exports.items()):
            exports.add_metric((name,), count)
        yield exports
        imports = GaugeMetricFamily(
            "trafficfed_services_imports", "ServiceImports in a member, whoever made them.", labels=("cluster",)
        )
        for name, count in sorted(self._shown.imports.items()):
            imports.add_metric((name,), count)
        yield imports
        troubles = GaugeMetricFamily(
            "trafficfed_services_troubles",
            "Objects of imports that do not stand in a member as they should, by the reason. Alert where they stay.",
            labels=("cluster", "reason"),
        )
        for place, count in sorted(self._shown.troubles.items()):
            troubles.add_metric(place, count)
        yield troubles
        seen = GaugeMetricFamily(
            "trafficfed_services_member_seen",
            "1 while a member's exports are followed, and what was imported there. Alert on 0.",
            labels=("cluster",),
        )
        for name, reason in sorted(self._shown.unseen.items()):
            seen.add_metric((name,), not reason)
        yield seen
        waiting = GaugeMetricFamily(
            "trafficfed_services_queue_depth", "Services whose imports are still to be looked at."
        )
        waiting.add_metric((), self._shown.waiting)
        yield waiting
