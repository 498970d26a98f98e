"""Every metric of every process, as it is exposed: name, type, labels and what its HELP line says."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from scripts.reference.tables import drawn
from trafficfed.nameserver import metrics as nameserver_metrics
from trafficfed.nameserver.status import Numbers
from trafficfed.nameserver.tallies import Asked
from trafficfed.observe import series
from trafficfed.observe.baseline_metrics import BaselineMetrics
from trafficfed.observe.certificates import Certificates
from trafficfed.observe.configuration_metrics import ConfigurationMetrics
from trafficfed.observe.exposition import Family
from trafficfed.observe.leadership_metrics import LeadershipMetrics
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.outlets import of_outlets
from trafficfed.observe.propagation_metrics import PropagationMetrics
from trafficfed.observe.services_metrics import ServicesMetrics
from trafficfed.observe.step_metrics import StepMetrics
from trafficfed.observe.totals import Totals
from trafficfed.observe.views import LeadershipView, VantageView
from trafficfed.testing.idle_baselines import IdleBaselines
from trafficfed.testing.idle_propagation import Idle
from trafficfed.testing.idle_services import IdleServices
from trafficfed.vantage import metrics as prober_metrics
from trafficfed.vantage import status as prober_status

TITLES = ("metric", "type", "labels", "meaning")


class Described(NamedTuple):
    """One metric, its name with the suffix that counters have on the wire."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str


def table(of: Callable[[], Iterator[Described]]) -> str:
    return drawn(TITLES, (_row(each) for each in of()))


def _row(each: Described) -> tuple[str, ...]:
    return f"`{each.name}`", each.type, ", ".join(f"`{label}`" for label in each.labels), meaning(each.meaning)


def meaning(help_line: str) -> str:
    """A HELP line as a cell: without its final dot, as other cells are, and small where it begins with a word.

    >>> meaning("Services in the table."), meaning("OCSP answers. Alert on 0.")
    ('services in the table', 'OCSP answers. Alert on 0')
    """
    text = help_line.removesuffix(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def of_a_controller() -> Iterator[Described]:
    yield from _written_by_hand()
    for collector in Metrics(Gauges).registry._collector_to_names:
        labels = tuple(getattr(collector, "_labelnames", ()))
        yield from (_exposed(each, labels) for each in collector.collect() if not each.name.startswith("process_"))
    yield from map(_exposed, ConfigurationMetrics(CollectorRegistry(), _Taken()).collect())


class _Taken:
    refused = ""
    taken_at_s = 0.0


def _written_by_hand() -> Iterator[Described]:
    """Those of which there is one for each service or cluster: they are not the client library's to keep."""
    certificates = Certificates()
    families: tuple[Family, ...] = (
        *series.of_rows(()),
        *series.LastProbes().families(),
        certificates.of_services(),
        *Totals().families(()),
        certificates.of_clusters(),
        certificates.of_servers(),
        *series.of_sources(()),
        *of_outlets(()),
    )
    yield from (Described(each.name, each.kind, tuple(each.labels), each.help) for each in families)


def of_several_controllers() -> Iterator[Described]:
    view = LeadershipView(name="eu", standing="leads", leads=True, kept=("cluster/eu",), unkept=("cluster/us: late",))
    metrics = LeadershipMetrics(CollectorRegistry(), lambda: view, lambda: (VantageView(name="probe"),))
    yield from map(_exposed, metrics.collect())


def _of_steps(ends: StepMetrics) -> Iterator[Described]:
    for collector in (ends.steps, ends.delay):
        yield from (_exposed(each, tuple(collector._labelnames)) for each in collector.collect())


def of_propagation() -> Iterator[Described]:
    metrics = PropagationMetrics(CollectorRegistry(), Idle())
    yield from _of_steps(metrics.ends)
    yield from map(_exposed, metrics.collect())


def of_services() -> Iterator[Described]:
    metrics = ServicesMetrics(CollectorRegistry(), IdleServices())
    yield from _of_steps(metrics.ends)
    yield from map(_exposed, metrics.collect())


def of_baselines() -> Iterator[Described]:
    metrics = BaselineMetrics(CollectorRegistry(), IdleBaselines())
    yield from (_exposed(each, tuple(metrics.steps._labelnames)) for each in metrics.steps.collect())
    yield from map(_exposed, metrics.collect())


def of_a_name_server() -> Iterator[Described]:
    numbers = Numbers(
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
        clusterset=(True, 1),
    )
    yield from map(_exposed, nameserver_metrics.Collector(lambda: numbers).collect())


def of_a_prober() -> Iterator[Described]:
    numbers = prober_status.Numbers(
        passed=0,
        failed=0,
        impossible=0,
        services=0,
        targets=0,
        in_flight=0,
        waiting=0,
        followed=False,
        dropped=0,
        controllers=(("192.0.2.1:7400", True, 0),),
    )
    yield from map(_exposed, prober_metrics.Collector(lambda: numbers).collect())


def _exposed(family: Metric, labels: tuple[str, ...] | None = None) -> Described:
    """``labels`` where no sample tells them."""
    found = labels if labels is not None else tuple({label: None for each in family.samples for label in each.labels})
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Described(name, family.type, found, family.documentation)
