"""Prometheus metrics of a controller among several, and of the vantages that report to one: read at each scrape.

As many series as there are electors and vantages in the configuration.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from trafficfed.observe.views import LeadershipView, VantageView
from trafficfed.reports import LeadershipChanged, ReportEvent


class LeadershipMetrics:
    """A listener of reports that registers itself."""

    def __init__(
        self,
        registry: CollectorRegistry,
        leadership: Callable[[], LeadershipView | None],
        vantages: Callable[[], tuple[VantageView, ...]],
    ) -> None:
        self._leadership, self._vantages = leadership, vantages
        self._leads = False
        self._taken_over = 0
        registry.register(self)

    def __call__(self, event: ReportEvent) -> None:
        if isinstance(event, LeadershipChanged):
            self._taken_over += event.leads and not self._leads
            self._leads = event.leads

    def collect(self) -> Iterator[Metric]:
        """What is read at a scrape."""
        if (view := self._leadership()) is not None:
            yield from self._shown(view)
        reporting = GaugeMetricFamily(
            "trafficfed_vantage_connected",
            "1 while a prober is connected to this controller; its own vantage always is.",
            labels=("vantage",),
        )
        distrusted = GaugeMetricFamily(
            "trafficfed_vantage_distrusted", "1 while nothing that it sees counts. Alert on 1.", labels=("vantage",)
        )
        for vantage in self._vantages():
            reporting.add_metric((vantage.name,), vantage.connected)
            distrusted.add_metric((vantage.name,), vantage.distrusted)
        yield reporting
        yield distrusted

    def _shown(self, view: LeadershipView) -> Iterator[Metric]:
        leads = GaugeMetricFamily(
            "trafficfed_leading", "1 while this controller leads. Summed over all of them it should be 1."
        )
        leads.add_metric((), view.leads)
        yield leads
        known = GaugeMetricFamily("trafficfed_leader_known", "1 while it knows who leads.")
        known.add_metric((), bool(view.leader))
        yield known
        takeovers = CounterMetricFamily("trafficfed_takeovers", "Times it began to lead.")
        takeovers.add_metric((), self._taken_over)
        yield takeovers
        overlaid = GaugeMetricFamily(
            "trafficfed_overlaid_services", "Services it judges otherwise than the leader whose table it holds."
        )
        overlaid.add_metric((), view.overlaid)
        yield overlaid
        kept = GaugeMetricFamily(
            "trafficfed_mirror_current",
            "At the leader: 1 where an elector keeps its table, 0 where that lags. Alert on 0.",
            labels=("elector",),
        )
        for place in view.kept:
            kept.add_metric((place,), 1)
        for place in view.unkept:
            kept.add_metric((place.partition(": ")[0],), 0)
        yield kept
