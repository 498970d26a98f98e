"""docs/operations.md has every metric with its type and labels, every verdict's reason and every kind of log line."""

import re
from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from trafficfed import reports
from trafficfed.health import reasons
from trafficfed.nameserver.metrics import Collector
from trafficfed.nameserver.status import Numbers
from trafficfed.nameserver.tallies import Asked
from trafficfed.observe import series
from trafficfed.observe.certificates import Certificates
from trafficfed.observe.configuration_metrics import ConfigurationMetrics
from trafficfed.observe.leadership_metrics import LeadershipMetrics
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.outlets import of_outlets
from trafficfed.observe.propagation_metrics import PropagationMetrics
from trafficfed.observe.totals import Totals
from trafficfed.observe.views import LeadershipView, VantageView
from trafficfed.testing.idle_propagation import Idle
from trafficfed.testing.pages import ROOT, code, page

PAGE = page("docs/operations.md")
NUMBERS = Numbers(
    rcodes=(0,) * 17,
    dropped=0,
    unsent=0,
    connections=0,
    refused_connections=0,
    feeds=("192.0.2.1:7400",),
    followed="",
    standing="",
    highest_term=0,
    overlaid=0,
    serving=False,
    term=0,
    generation=0,
    services=0,
    table_age_s=0.0,
    unreadable_places=0,
    asked=(Asked("default/shop/web", "eu", "EU", 1),),
)

Described = tuple[str, str, frozenset[str]]


def described() -> set[Described]:
    rows = PAGE.tables("metric", "type", "labels", "meaning")
    return {(code(row[0]), row[1], frozenset(re.findall(r"`(\w+)`", row[2]))) for row in rows}


def counted() -> Iterator[Described]:
    """What the client library keeps for the controller."""
    for collector in Metrics(Gauges).registry._collector_to_names:
        labels = frozenset(getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            if not family.name.startswith("process_"):
                yield as_exposed(family, labels)


def of_the_configuration() -> Iterator[Described]:
    for family in ConfigurationMetrics(CollectorRegistry(), Taken()).collect():
        yield as_exposed(family, frozenset())


class Taken:
    refused = ""
    taken_at_s = 0.0


def of_propagation() -> Iterator[Described]:
    registry = CollectorRegistry()
    metrics = PropagationMetrics(registry, Idle())
    for collector in (metrics.steps, metrics.delay):
        for family in collector.collect():
            yield as_exposed(family, frozenset(collector._labelnames))
    for family in metrics.collect():
        yield as_exposed(family, frozenset(label for sample in family.samples for label in sample.labels))


def of_leadership() -> Iterator[Described]:
    view = LeadershipView(name="eu", standing="leads", leads=True, kept=("cluster/eu",), unkept=("cluster/us: late",))
    registry = CollectorRegistry()
    for family in LeadershipMetrics(registry, lambda: view, lambda: (VantageView(name="probe"),)).collect():
        yield as_exposed(family, frozenset(label for sample in family.samples for label in sample.labels))


def written_by_hand() -> Iterator[Described]:
    certificates = Certificates()
    for family in (
        *series.of_rows(()),
        *series.of_sources(()),
        *series.LastProbes().families(),
        *Totals().families(()),
        *of_outlets(()),
        certificates.of_services(),
        certificates.of_clusters(),
        certificates.of_servers(),
    ):
        yield family.name, family.kind, frozenset(family.labels)


def of_a_name_server() -> Iterator[Described]:
    registry = CollectorRegistry()
    registry.register(Collector(lambda: NUMBERS))
    for family in registry.collect():
        yield as_exposed(family, frozenset(label for sample in family.samples for label in sample.labels))


def as_exposed(family: Metric, labels: frozenset[str]) -> Described:
    """With the suffix that counters have on the wire."""
    return f"{family.name}_total" if family.type == "counter" else family.name, family.type, labels


def test_every_metric_is_described_with_type_and_labels_and_no_other() -> None:
    assert described() == {
        *counted(),
        *of_the_configuration(),
        *of_propagation(),
        *of_leadership(),
        *written_by_hand(),
        *of_a_name_server(),
    }


def test_every_metric_that_any_page_names_exists() -> None:
    known = {name for name, _, _ in described()}
    named = {
        found[1]
        for name in ("README.md", "docs/annotations.md", "docs/operations.md", "docs/how-it-works.md")
        for found in re.finditer(r"`(trafficfed_[a-z_]+)`", page(name).text)
    }
    assert named <= known
    assert len(named) >= len(known)


def test_every_reason_of_a_verdict_is_described_and_no_other() -> None:
    rows = {named for row in PAGE.tables("reason", "meaning") for named in re.findall(r"`(\w+)`", row[0])}
    assert rows == {value for name, value in vars(reasons).items() if name.isupper()}


def test_every_kind_of_log_line_is_named_and_no_other() -> None:
    text = (ROOT / "trafficfed" / "observe" / "lines.py").read_text()
    kinds = set(re.findall(r'Line\([^,]+, "([a-z-]+)"', text))
    assert len(kinds) == len(get_args(reports.ReportEvent))
    sentence = re.search(r"Its kinds: (.*?)\. Single", PAGE.text, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`([a-z-]+)`", sentence[1])) == kinds - {"probe"}
