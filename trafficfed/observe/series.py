"""The gauges there is one of for every service or cluster, computed from state when asked."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from trafficfed.model import Freshness, Observation, Row, Source, Verdict
from trafficfed.observe.exposition import Family

Sample = tuple[Sequence[str], float]


def of_rows(rows: Collection[Row]) -> tuple[Family, ...]:
    """Health by service and cluster, and whether each service serves at all."""
    return (
        Family(
            "trafficfed_endpoint_serving_ratio",
            "Share of a cluster's targets that serve.",
            ("service", "cluster"),
            _serving(rows),
        ),
        Family(
            "trafficfed_service_serving",
            "1 where some endpoint serves, 0 where all are down. Alert on 0.",
            ("service",),
            (((str(row.key),), float(row.decision is not None and row.decision.serving)) for row in rows),
        ),
        Family(
            "trafficfed_service_changed_timestamp_seconds",
            "When its answer last changed.",
            ("service",),
            (((str(row.key),), row.changed_s) for row in rows),
        ),
    )


def _serving(rows: Collection[Row]) -> Iterator[Sample]:
    for row in rows:
        service = str(row.key)
        standing: dict[str, list[bool]] = {}
        for verdict in row.verdicts:
            standing.setdefault(verdict.cluster, []).append(verdict.serving)
        for cluster, serving in sorted(standing.items()):
            yield (service, cluster), _share(serving)


def of_sources(sources: Collection[Source]) -> tuple[Family, ...]:
    """Freshness of each cluster's view."""
    return (
        Family(
            "trafficfed_cluster_freshness",
            "1 for the freshness it has now. Alert on Suspect, and on Stale for long.",
            ("cluster", "freshness"),
            (
                ((source.cluster, str(freshness)), float(source.freshness is freshness))
                for source in sources
                for freshness in Freshness
            ),
        ),
        Family(
            "trafficfed_cluster_freshness_since_timestamp_seconds",
            "Since when it has that.",
            ("cluster",),
            (((source.cluster,), source.since_s) for source in sources),
        ),
        Family(
            "trafficfed_cluster_missing_services",
            "Endpoints held until confirmed.",
            ("cluster",),
            (((source.cluster,), float(len(source.missing))) for source in sources),
        ),
    )


def _share(flags: Sequence[bool]) -> float:
    return float(flags[0]) if len(flags) == 1 else sum(flags) / len(flags)


class _Place:
    """What one vantage saw last of a service's targets in one cluster, added up as it comes."""

    __slots__ = ("last", "passing", "slowest_s")

    def __init__(self) -> None:
        self.last: dict[str, tuple[bool, float | None]] = {}
        self.passing = 0.0
        self.slowest_s: float | None = None

    def take(self, address: str, passed: bool, rtt_s: float | None) -> None:
        self.last[address] = passed, rtt_s
        if len(self.last) == 1:
            self.passing, self.slowest_s = float(passed), rtt_s
        else:
            self._add_up()

    def keep(self, addresses: Collection[str]) -> None:
        if not self.last.keys() <= set(addresses):
            self.last = {address: seen for address, seen in self.last.items() if address in addresses}
            self._add_up()

    def _add_up(self) -> None:
        self.passing = _share([passed for passed, _ in self.last.values()]) if self.last else 0.0
        self.slowest_s = max((rtt_s for _, rtt_s in self.last.values() if rtt_s is not None), default=None)


class LastProbes:
    """The newest probe of every target from every vantage, as long as it is one of its service's."""

    def __init__(self) -> None:
        self._places: dict[str, dict[tuple[str, str], _Place]] = {}
        self._judged: dict[str, tuple[Verdict, ...]] = {}

    def take(self, seen: Observation) -> None:
        """One probe came back; the latency of one that failed to connect is not known."""
        places = self._places.setdefault(str(seen.service), {})
        at = seen.cluster, seen.vantage
        if (place := places.get(at)) is None:
            place = places[at] = _Place()
        place.take(seen.address, seen.passed, seen.rtt_s)

    def keep(self, rows: Iterable[Row]) -> Collection[str]:
        """Forget every target that is not judged any more, of these rows; looks at those alone that changed.

        Returns their services.
        """
        services = []
        for row in rows:
            services.append(service := str(row.key))
            if self._judged.get(service) is not row.verdicts:
                self._judged[service] = row.verdicts
                self._keep_targets(self._places.get(service, {}), row.verdicts)
        return services

    def _keep_targets(self, places: dict[tuple[str, str], _Place], verdicts: Iterable[Verdict]) -> None:
        targets: dict[str, set[str]] = {}
        for verdict in verdicts:
            targets.setdefault(verdict.cluster, set()).add(verdict.address)
        for at, place in tuple(places.items()):
            place.keep(targets.get(at[0], ()))
            if not place.last:
                del places[at]

    def keep_services(self, services: Collection[str]) -> None:
        """Forget every service that is not among these."""
        for gone in (self._places.keys() | self._judged.keys()) - set(services):
            self._places.pop(gone, None)
            self._judged.pop(gone, None)

    def rtt_s(self, service: str, cluster: str, address: str) -> float | None:
        """The lowest latency among the vantages' newest probes, None where none connected."""
        places = self._places.get(service, {})
        seen = (place.last[address][1] for (at, _), place in places.items() if at == cluster and address in place.last)
        return min((rtt for rtt in seen if rtt is not None), default=None)

    def families(self) -> tuple[Family, ...]:
        """Passing and latency by service, cluster and vantage."""
        labels = ("service", "cluster", "vantage")
        return (
            Family(
                "trafficfed_probe_passing_ratio",
                "Share of a cluster's targets whose last probe passed.",
                labels,
                (((service, *at), place.passing) for service, at, place in self._all()),
            ),
            Family(
                "trafficfed_probe_last_rtt_seconds",
                "Slowest round trip among the last probes, by the kernel.",
                labels,
                (
                    ((service, *at), place.slowest_s)
                    for service, at, place in self._all()
                    if place.slowest_s is not None
                ),
            ),
        )

    def _all(self) -> Iterator[tuple[str, tuple[str, str], _Place]]:
        for service, places in tuple(self._places.items()):
            for at, place in tuple(places.items()):
                yield service, at, place
