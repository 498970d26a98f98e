"""The prober's numbers for Prometheus, read from plain ints when asked."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from trafficfed.feed.addresses import host_and_port
from trafficfed.observe.scraped import scraped
from trafficfed.vantage.status import Numbers

_PROBES = (
    "Probes that came back, passed or failed; impossible for reasons on this side, from which nothing is concluded."
)


class Collector:
    """Turns numbers into metrics at each scrape."""

    def __init__(self, numbers: Callable[[], Numbers]) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        now = self._numbers()
        probes = CounterMetricFamily("trafficfed_prober_probes", _PROBES, labels=["result"])
        for result, count in (("passed", now.passed), ("failed", now.failed), ("impossible", now.impossible)):
            probes.add_metric([result], count)
        yield probes
        dropped = "Results that some controller was never told: too old, or too many, before it could be reached."
        yield CounterMetricFamily("trafficfed_prober_dropped_results", dropped, value=now.dropped)
        for name, text, value in (
            ("services", "Services whose endpoints are probed, the anchors as one of them.", now.services),
            ("targets", "Addresses that are probed.", now.targets),
            ("in_flight", "Probes under way.", now.in_flight),
            ("waiting", "Probes that are due but wait for the bounds. Alert when it stays above 0.", now.waiting),
            ("targets_followed", "1 while a connected controller says what to probe.", now.followed),
        ):
            yield GaugeMetricFamily(f"trafficfed_prober_{name}", text, value=float(value))
        yield from _of_controllers(now)


def _of_controllers(now: Numbers) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        "trafficfed_prober_controller_connected", "1 while it is connected. Alert on 0.", labels=["controller"]
    )
    unsent = GaugeMetricFamily(
        "trafficfed_prober_unsent_results", "Results it was not told yet.", labels=["controller"]
    )
    for address, stands, waiting in now.controllers:
        connected.add_metric([address], float(stands))
        unsent.add_metric([address], float(waiting))
    yield connected
    yield unsent


def exposed(address: str, numbers: Callable[[], Numbers]) -> AbstractAsyncContextManager[None]:
    """Serve /metrics, /livez and /readyz until the block ends. Raises ConfigError where the address is taken."""

    key = "prober.metrics"
    return scraped(
        key,
        host_and_port(address, key),
        Collector(numbers),
        lambda: "" if numbers().services > 0 else "nothing to probe yet",
    )
