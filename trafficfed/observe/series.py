"""The gauges there is one of for every service or cluster, computed from state when asked."""

from collections.abc import Collection, Iterator, Sequence

from trafficfed.model import Freshness, Observation, Row, Source
from trafficfed.observe.exposition import Family

Sample = tuple[Sequence[str], float]


def of_rows(rows: Collection[Row]) -> tuple[Family, ...]:
    """Health by service and cluster, and whether each service serves at all."""
    return (
        Family(
            "trafficfed_endpoint_serving_ratio",
            "Share of a cluster's targets that steering counts as serving.",
            ("service", "cluster"),
            _serving(rows),
        ),
        Family(
            "trafficfed_service_serving",
            "1 where some endpoint serves, 0 where when-all-down decides the answer.",
            ("service",),
            (((str(row.key),), float(row.decision is not None and row.decision.serving)) for row in rows),
        ),
        Family(
            "trafficfed_service_changed_timestamp_seconds",
            "When the answer last changed.",
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
            "1 for the freshness a cluster's view has now, 0 for the others.",
            ("cluster", "freshness"),
            (
                ((source.cluster, str(freshness)), float(source.freshness is freshness))
                for source in sources
                for freshness in Freshness
            ),
        ),
        Family(
            "trafficfed_cluster_freshness_since_timestamp_seconds",
            "Since when the view has this freshness.",
            ("cluster",),
            (((source.cluster,), source.since_s) for source in sources),
        ),
        Family(
            "trafficfed_cluster_missing_services",
            "Services held although a list no longer had them, waiting for confirm.",
            ("cluster",),
            (((source.cluster,), float(len(source.missing))) for source in sources),
        ),
    )


def _share(flags: Sequence[bool]) -> float:
    return float(flags[0]) if len(flags) == 1 else sum(flags) / len(flags)


class LastProbes:
    """The newest probe of every target from every vantage, as long as its service lives."""

    def __init__(self) -> None:
        self._last: dict[str, dict[tuple[str, str], dict[str, tuple[bool, float | None]]]] = {}

    def take(self, seen: Observation) -> None:
        """One probe came back; the latency of one that failed to connect is not known."""
        by_place = self._last.setdefault(str(seen.service), {})
        by_place.setdefault((seen.cluster, seen.vantage), {})[seen.address] = (seen.passed, seen.rtt_s)

    def keep(self, services: Collection[str]) -> None:
        """Forget every service that is not among these."""
        for gone in self._last.keys() - set(services):
            del self._last[gone]

    def rtt_s(self, service: str, cluster: str, address: str) -> float | None:
        """The lowest latency among the vantages' newest probes, None where none connected."""
        places = self._last.get(service, {})
        seen = (last[address][1] for (at, _), last in places.items() if at == cluster and address in last)
        return min((rtt for rtt in seen if rtt is not None), default=None)

    def families(self) -> tuple[Family, ...]:
        """Passing and latency by service, cluster and vantage."""
        labels = ("service", "cluster", "vantage")
        return (
            Family(
                "trafficfed_probe_passing_ratio",
                "Share of a cluster's targets whose last probe passed.",
                labels,
                (
                    ((service, *place), _share([passed for passed, _ in last.values()]))
                    for service, places in tuple(self._last.items())
                    for place, last in tuple(places.items())
                ),
            ),
            Family(
                "trafficfed_probe_last_rtt_seconds",
                "Slowest round-trip time among the last probes of a cluster's targets.",
                labels,
                self._slowest(),
            ),
        )

    def _slowest(self) -> Iterator[Sample]:
        for service, places in tuple(self._last.items()):
            for place, last in tuple(places.items()):
                rtts = [rtt for _, rtt in last.values() if rtt is not None]
                if rtts:
                    yield (service, *place), max(rtts)
