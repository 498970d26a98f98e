"""Prometheus metrics of the controller: counters and histograms from reports, gauges from the table at scrape time."""

from collections.abc import Callable, Collection, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from trafficfed.model import Refusal, Row, Source, Value
from trafficfed.observe import exposition, series, totals
from trafficfed.observe.certificates import Certificates
from trafficfed.observe.deaths import Deaths
from trafficfed.observe.outlets import OutletState, of_outlets
from trafficfed.reports import (
    Braked,
    ClusterChanged,
    Decided,
    Observed,
    ProbeImpossible,
    ProviderFailed,
    Published,
    RefusalCleared,
    ReportEvent,
    ServerCertified,
    ServiceRefused,
    VerdictChanged,
    Verified,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS_TYPE = f"{exposition.OPEN_METRICS}; version=1.0.0; charset=utf-8"
# The target is 50 ms from event to answer, so buckets are dense around it; the tail is a provider's rate limits.
PUBLICATION_S = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0)
# With the defaults a death is known 2 to 15 s after it; a test that hurries takes one.
FAILOVER_S = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0, 300.0)
# A region is under 2 ms away, a continent under 50, the far side of the earth about 300; 3 s is the default timeout.
RTT_S = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0, 3.0)
# A probe later than half the suspicion interval (1 s) makes a failover late.
LATENESS_S = (0.005, 0.02, 0.1, 0.5, 2.0)

EXEMPLAR_MAX = 128
"""Characters of an exemplar's labels and values (OpenMetrics 1.0.0, Exemplars)."""

CHUNK = 65_536  # octets, which take about two milliseconds to write


class Gauges(Value, frozen=True, kw_only=True):
    """What is read, not counted: the state of the controller at the moment of a scrape."""

    rows: Collection[Row] = ()
    sources: Collection[Source] = ()
    generation: int = 0
    term: int = 0
    queue_depth: int = 0
    queue_age_s: float = 0.0
    held: int = 0
    outlets: tuple[OutletState, ...] = ()


class Metrics:
    """A listener of reports with a registry of its own.

    Series of services are capped at ``limit`` for each metric, and left out where ``services`` is False. All others are
    as many as there are clusters, vantages, zones at providers and reasons.
    """

    def __init__(self, gauges: Callable[[], Gauges], limit: int = 20_000, *, services: bool = True) -> None:
        self._gauges = gauges
        self._limit = limit
        self._services = services
        self.registry = CollectorRegistry()
        self._probes = series.LastProbes()
        self._certificates = Certificates()
        self._deaths = Deaths()
        self._refused: set[Refusal] = set()
        self._bound: dict[tuple[str, str], tuple[Counter, Counter, Histogram]] = {}
        self._make_counters()
        self._make_histograms()
        self._make_gauges()
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"trafficfed_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"trafficfed_{name}_seconds", text, labels, buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"trafficfed_{name}", text, labels, registry=self.registry)

    def _make_counters(self) -> None:
        self.probes = self._counter(
            "probes", "Probes that came back, passed or failed.", "cluster", "vantage", "result"
        )
        self.impossible = self._counter(
            "probes_impossible",
            "Probes that could not be tried for a reason on our side; nothing is concluded from them.",
            "cluster",
        )
        self.verdicts = self._counter("verdict_changes", "Verdicts that changed, by the new state.", "cluster", "state")
        self.decisions = self._counter("decisions", "Answers that changed, by what came in.", "cause")
        self.changes = self._counter(
            "changes",
            ("Changes of one name, by how they ended: Done, Conflict (read anew and tried again), Refused, Failed."),
            "provider",
            "outcome",
        )
        self.verifications = self._counter(
            "verifications",
            "Published names asked for at the authorities, right or wrong in the end.",
            "provider",
            "result",
        )
        self.brakes = self._counter("brakes", "Changes that a brake began to hold.", "provider")
        self.failures = self._counter(
            "provider_failures", "Reads and writes that failed; disk is the table's own.", "provider"
        )
        self.freshness = self._counter(
            "cluster_changes", "Changes of freshness, by the new one.", "cluster", "freshness"
        )
        self.refusals = self._counter("refusals", "Refusals that began.", "reason")

    def _make_histograms(self) -> None:
        self.published = self._histogram(
            "event_to_publication",
            "From the arrival of an event to the provider's word that it is done.",
            PUBLICATION_S,
            "provider",
        )
        self.verified = self._histogram(
            "event_to_verified",
            "From the arrival of an event to the authorities' right answer.",
            PUBLICATION_S,
            "provider",
        )
        self.death_published = self._histogram(
            "failure_to_publication",
            "From a target's first failed probe to the provider's first answer without it.",
            FAILOVER_S,
            "provider",
        )
        self.death_verified = self._histogram(
            "failure_to_verified",
            "From a target's first failed probe to the authorities' first right answer without it.",
            FAILOVER_S,
            "provider",
        )
        self.rtt = self._histogram("probe_rtt", "Round trips of probes, by the kernel.", RTT_S, "cluster", "vantage")
        self.lateness = self._histogram(
            "probe_lateness", "How late a probe started. Late probes make a failover late.", LATENESS_S
        )

    def _make_gauges(self) -> None:
        self.refused = self._gauge("refused_objects", "Refusals in force.", "reason")
        self.generation = self._gauge(
            "table_generation", "Changes of the table; the serial of zones at our own name servers."
        )
        self.term = self._gauge("table_term", "Leaderships so far; 0 where a controller has no peers.")
        self.services = self._gauge("services", "Services in the table.")
        self.queue = self._gauge("queue_depth", "Services waiting to be decided.")
        self.queue_age = self._gauge(
            "queue_age_seconds",
            "How long there has been a service to be decided, without an end; 0 where there is none.",
        )
        self.held = self._gauge("held_changes", "Changes that brakes hold now, Suspect clusters not counted.")
        self.dropped = self._gauge("dropped_series", "Series left out of this scrape, beyond 20,000 of one metric.")

    def __call__(self, event: ReportEvent) -> None:
        match event:
            case Observed():
                self._observed(event)
            case ProbeImpossible(target):
                self.impossible.labels(target.cluster).inc()
            case Published():
                self._published(event)
            case Verified():
                self._verified(event)
            case VerdictChanged(after=after):
                self.verdicts.labels(after.cluster, after.state).inc()
                self._deaths.judged(event)
            case Decided(cause=cause):
                self.decisions.labels(cause).inc()
            case ClusterChanged():
                self.freshness.labels(event.cluster, event.freshness).inc()
            case Braked():
                self.brakes.labels(event.provider).inc()
            case ServerCertified(cluster, ends_s):
                self._certificates.of_server(cluster, ends_s)
            case ProviderFailed():
                self.failures.labels(event.provider).inc()
            case ServiceRefused() | RefusalCleared():
                self._refusal(event)

    def _observed(self, event: Observed) -> None:
        seen = event.observation
        place = (seen.cluster, seen.vantage)
        passed, failed, rtt = self._bound.get(place) or self._bind(*place)
        (passed if seen.passed else failed).inc()
        self.lateness.observe(event.late_s)
        if seen.rtt_s is not None:
            rtt.observe(seen.rtt_s)
        self._probes.take(seen)
        self._certificates.take(seen)
        self._deaths.seen(seen)

    def _bind(self, cluster: str, vantage: str) -> tuple[Counter, Counter, Histogram]:
        """The series of one place, looked up once: probes are what the controller sees most of."""
        passed, failed = (self.probes.labels(cluster, vantage, result) for result in ("passed", "failed"))
        bound = passed, failed, self.rtt.labels(cluster, vantage)
        self._bound[cluster, vantage] = bound
        return bound

    def _published(self, event: Published) -> None:
        self.changes.labels(event.provider, event.outcome).inc()
        if event.outcome == "Done":
            self.published.labels(event.provider).observe(event.since_event_s, _exemplar(event.name))
            if (took_s := self._deaths.published(event)) is not None:
                self.death_published.labels(event.provider).observe(took_s, _exemplar(event.name))

    def _verified(self, event: Verified) -> None:
        # Both series are there from the first on: a rate sees nothing of a series that begins with its first event.
        right, wrong = (self.verifications.labels(event.provider, result) for result in ("right", "wrong"))
        (right if event.right else wrong).inc()
        if event.right:
            self.verified.labels(event.provider).observe(event.since_event_s, _exemplar(event.name))
            if (took_s := self._deaths.verified(event)) is not None:
                self.death_verified.labels(event.provider).observe(took_s, _exemplar(event.name))

    def _refusal(self, event: ServiceRefused | RefusalCleared) -> None:
        refusal = event.refusal
        new = isinstance(event, ServiceRefused) and refusal not in self._refused
        if new:
            self._refused.add(refusal)
            self.refusals.labels(refusal.reason).inc()
        elif isinstance(event, RefusalCleared):
            self._refused.discard(refusal)
        self.refused.labels(refusal.reason).set(sum(kept.reason == refusal.reason for kept in self._refused))

    def rtt_of(self, service: str, cluster: str, address: str) -> float | None:
        """The newest latency any vantage saw of a target, None where none did."""
        return self._probes.rtt_s(service, cluster, address)

    def render(self, *, open_metrics: bool = False) -> bytes:
        """The whole exposition, in Prometheus text format 0.0.4 or OpenMetrics 1.0.0."""
        return b"".join(self.chunks(open_metrics=open_metrics))

    def chunks(self, *, open_metrics: bool = False) -> Iterator[bytes]:
        """The exposition in pieces of a few milliseconds' work; whoever serves it lets other work in between.

        All pieces show the table of one moment.
        """
        now = self._gauges()
        rows = tuple(now.rows)
        counted = totals.Totals()
        services: set[str] = set()
        for at in range(0, len(rows), totals.BATCH):
            batch = rows[at : at + totals.BATCH]
            counted.take(batch)
            services.update(self._probes.keep(batch))
            yield b""
        self._probes.keep_services(services)
        self._deaths.keep(services)
        dropped = exposition.Dropped()
        families = self._families(rows, now, counted)
        lines = exposition.lines(families, self._limit, dropped, open_metrics=open_metrics)
        yield from exposition.chunks(lines, CHUNK)
        self.generation.set(now.generation)
        self.term.set(now.term)
        self.services.set(len(rows))
        self.queue.set(now.queue_depth)
        self.queue_age.set(now.queue_age_s)
        self.held.set(now.held)
        self.dropped.set(dropped.count)
        encode, _ = choose_encoder(OPEN_METRICS_TYPE if open_metrics else CONTENT_TYPE)
        yield encode(self.registry)

    def _families(self, rows: Collection[Row], now: Gauges, counted: totals.Totals) -> Iterator[exposition.Family]:
        sources = tuple(now.sources)
        self._certificates.keep(rows)
        if self._services:
            yield from (*series.of_rows(rows), *self._probes.families(), self._certificates.of_services())
        yield from counted.families([source.cluster for source in sources])
        yield from series.of_sources(sources)
        yield from of_outlets(now.outlets)
        yield self._certificates.of_clusters()
        yield self._certificates.of_servers()


def _exemplar(name: str) -> dict[str, str] | None:
    """Whose change a measurement was, for whoever asks for OpenMetrics; None for a name that is too long for one."""
    return {"name": name} if len("name") + len(name) <= EXEMPLAR_MAX else None
