"""Names and labels as https://prometheus.io/docs/practices/naming/ has them, so that dashboards can rely on them."""

import re
from collections.abc import Iterator

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from trafficfed.model import Observation, Row, Source
from trafficfed.observe import series
from trafficfed.observe.exposition import Dropped, lines
from trafficfed.observe.metrics import Gauges, Metrics

NAME = re.compile(r"trafficfed_[a-z][a-z0-9]*(_[a-z0-9]+)*")
FOREIGN_UNITS = re.compile(r"_(ms|millis\w*|micros\w*|nanos\w*|minutes?|hours?|percent|kb|mb|kilobytes|megabytes)(_|$)")
BOUNDED = {"cluster", "vantage", "result", "state", "cause", "provider", "outcome", "freshness", "reason"}
BY_SERVICE = {"service"}
UNBOUNDED = {"address", "error", "message", "name", "hostname", "client", "pod", "revision"}


def families() -> Iterator[Metric]:
    for family in Metrics(Gauges).registry.collect():
        if not family.name.startswith("process_"):
            yield family


def by_hand(row: Row, seen: Observation) -> Iterator[Metric]:
    probes = series.LastProbes()
    probes.take(seen)
    families = (*series.of_rows([row]), *series.of_sources([Source(cluster="eu")]), *probes.families())
    yield from text_string_to_metric_families("".join(f"{line}\n" for line in lines(families, 10, Dropped())))


@pytest.fixture
def everything(row: Row, seen: object) -> list[Metric]:
    observation = seen()  # type: ignore[operator]
    return [*families(), *by_hand(row, observation)]


def test_every_name_has_the_prefix_and_snake_case(everything: list[Metric]) -> None:
    assert len(everything) > 25
    assert [metric.name for metric in everything if not NAME.fullmatch(metric.name)] == []


def test_no_name_has_a_unit_that_is_no_base_unit(everything: list[Metric]) -> None:
    assert [metric.name for metric in everything if FOREIGN_UNITS.search(metric.name)] == []


def test_every_histogram_is_in_seconds(everything: list[Metric]) -> None:
    histograms = [metric.name for metric in everything if metric.type == "histogram"]
    assert len(histograms) == 6
    assert [name for name in histograms if not name.endswith("_seconds")] == []


def test_what_ends_in_timestamp_or_ratio_is_a_gauge(everything: list[Metric]) -> None:
    for metric in everything:
        if metric.name.endswith(("_timestamp_seconds", "_ratio")):
            assert metric.type == "gauge", metric.name


def test_every_metric_says_what_it_is_in_a_sentence(everything: list[Metric]) -> None:
    assert [metric.name for metric in everything if not re.fullmatch(r"[A-Z0-9].{8,}\.", metric.documentation)] == []


def test_names_are_used_once(everything: list[Metric]) -> None:
    names = [metric.name for metric in everything]
    assert len(names) == len(set(names))


def test_labels_of_counted_series_are_bounded_by_the_configuration() -> None:
    labels = {label for metric in Metrics(Gauges).registry._collector_to_names for label in _labels(metric)}
    assert labels == BOUNDED
    assert not labels & UNBOUNDED


def test_only_what_is_capped_has_a_label_by_service(row: Row, seen: object) -> None:
    observation = seen()  # type: ignore[operator]
    labels = {label for metric in by_hand(row, observation) for sample in metric.samples for label in sample.labels}
    assert labels <= BOUNDED | BY_SERVICE
    assert labels & BY_SERVICE


def _labels(collector: object) -> tuple[str, ...]:
    return tuple(getattr(collector, "_labelnames", ()))
