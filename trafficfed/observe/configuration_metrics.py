"""Prometheus metrics of the configuration file, named as Prometheus names those of its own. Two series."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric


class Standing(Protocol):
    """What became of the file, as ``trafficfed.reloading`` knows it."""

    @property
    def refused(self) -> str: ...

    @property
    def taken_at_s(self) -> float: ...


class ConfigurationMetrics:
    """Registers itself; read at each scrape."""

    def __init__(self, registry: CollectorRegistry, configuration: Standing) -> None:
        self._configuration = configuration
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What is read at a scrape."""
        good = GaugeMetricFamily(
            "trafficfed_config_last_reload_successful", "1 while the configuration file is what is in force."
        )
        good.add_metric((), not self._configuration.refused)
        yield good
        taken = GaugeMetricFamily(
            "trafficfed_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was taken over.",
        )
        taken.add_metric((), self._configuration.taken_at_s)
        yield taken
