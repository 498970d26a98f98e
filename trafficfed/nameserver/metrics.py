"""The name server's numbers for Prometheus, read from plain ints when asked: the hot path counts and no more."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from trafficfed.feed.addresses import host_and_port
from trafficfed.feed.messages import Standing
from trafficfed.nameserver.status import Numbers
from trafficfed.nameserver.tallies import ANYONE, Asked
from trafficfed.observe.scraped import scraped

RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}


class Collector:
    """Turns numbers into metrics at each scrape."""

    def __init__(self, numbers: Callable[[], Numbers]) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        now = self._numbers()
        queries = CounterMetricFamily(
            "trafficfed_nameserver_queries", "Queries answered, by response code.", labels=["rcode"]
        )
        for code, name in RCODES.items():
            queries.add_metric([name], now.rcodes[code])
        yield queries
        yield _asked(now.asked)
        yield _located(now.asked)
        for name, text, count in (
            ("dropped", "Packets that deserved no response.", now.dropped),
            ("unsent", "Responses that the kernel did not take.", now.unsent),
            ("refused_connections", "TCP connections beyond the limits.", now.refused_connections),
            ("unreadable_places", "Lookups at which the place database proved damaged.", now.unreadable_places),
        ):
            yield CounterMetricFamily(f"trafficfed_nameserver_{name}", text, value=count)
        for name, text, value in _gauges(now):
            yield GaugeMetricFamily(f"trafficfed_nameserver_{name}", text, value=float(value))
        yield _one_of("followed", "1 at the controller whose table it takes.", "controller", now.feeds, now.followed)
        yield _one_of(
            "standing",
            (
                "1 at what that controller's table is: leads (its own), relays (the leader's as it arrives), "
                "alone (the last that a leader sent)."
            ),
            "standing",
            tuple(Standing),
            now.standing,
        )


def _gauges(now: Numbers) -> Iterator[tuple[str, str, float]]:
    """Name, meaning and value of those that have no labels."""
    yield from (
        ("tcp_connections", "Open TCP connections.", now.connections),
        ("feed_connected", "1 while it follows a controller.", bool(now.followed)),
        (
            "highest_term",
            "Highest term it ever saw; above table_term while a new leader's table has not arrived.",
            now.highest_term,
        ),
        (
            "overlaid_services",
            "Services answered by verdicts that were made without a leader. Alert when it stays above 0.",
            now.overlaid,
        ),
        ("serving", "1 while it answers from the table, 0 while it answers SERVFAIL. Alert on 0.", now.serving),
        (
            "inside_sources_ratio",
            (
                "Share of the clients located by their own address whose address is private, of the newest 100 "
                "samples. Near 1 it sees nodes."
            ),
            now.inside_ratio,
        ),
        ("table_term", "Its term.", now.term),
        ("table_generation", "The table in use; the zones' serial.", now.generation),
        ("table_services", "Services in it.", now.services),
        (
            "table_age_seconds",
            "Since a leader, or who relays it, last confirmed the table. Alert when it grows.",
            now.table_age_s,
        ),
    )
    if now.clusterset is not None:
        live, services = now.clusterset
        yield "clusterset_live", "1 while the imports of its cluster are followed. Alert on 0.", live
        yield "clusterset_imports", "Services that it answers in clusterset.local.", services


def _asked(asked: Iterable[Asked]) -> CounterMetricFamily:
    queries = CounterMetricFamily(
        "trafficfed_nameserver_service_queries",
        (
            "Queries for a service's names by what was given out, as clusters joined by + (nothing, "
            "fallback), and by the client's continent (any where all get the same, so that nobody is "
            "located). The first 2,000 pairs of service and answer are told apart, all others are other."
        ),
        labels=["service", "answer", "continent"],
    )
    for each in asked:
        queries.add_metric([each.service, each.answer, each.continent], each.queries)
    return queries


def _located(asked: Iterable[Asked]) -> CounterMetricFamily:
    continents: Counter[str] = Counter()
    for each in asked:
        if each.continent != ANYONE:
            continents[each.continent] += each.queries
    located = CounterMetricFamily(
        "trafficfed_nameserver_located_queries",
        (
            "Queries whose answer depends on where the client is, by its continent: unknown where neither "
            "places nor the database tell."
        ),
        labels=["continent"],
    )
    for continent, count in sorted(continents.items()):
        located.add_metric([continent], count)
    return located


def _one_of(name: str, text: str, label: str, values: Iterable[str], holds: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"trafficfed_nameserver_{name}", text, labels=[label])
    for value in values:
        gauge.add_metric([value], float(value == holds))
    return gauge


def exposed(address: str, numbers: Callable[[], Numbers]) -> AbstractAsyncContextManager[None]:
    """Serve /metrics, /livez and /readyz until the block ends. Raises ConfigError where the address is taken."""

    def not_ready() -> str:
        return "" if numbers().serving else "no table yet"

    key = "nameserver.metrics"
    return scraped(
        key, host_and_port(address, key), Collector(numbers), lambda: "" if numbers().serving else "no table yet"
    )
