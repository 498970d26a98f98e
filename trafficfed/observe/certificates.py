"""When the certificates run out that probes and watches were shown: of a target as long as that is one."""

from collections.abc import Iterable, Iterator

from trafficfed.model import Observation, Row
from trafficfed.observe.exposition import Family

Place = tuple[str, str]
"""Cluster and address."""


class Certificates:
    """A target that shows no good certificate any more keeps its last one here: that it ran out is then the news."""

    def __init__(self) -> None:
        self._ends: dict[str, dict[Place, float]] = {}
        self._servers: dict[str, float] = {}

    def of_server(self, cluster: str, ends_s: float) -> None:
        """What a cluster's API server showed last."""
        self._servers[cluster] = ends_s

    def of_servers(self) -> Family:
        """The end of each API server's."""
        return Family(
            "trafficfed_api_server_certificate_expiry_timestamp_seconds",
            "When the certificate that its API server shows runs out.",
            ("cluster",),
            (((cluster,), ends_s) for cluster, ends_s in sorted(self._servers.items())),
        )

    def take(self, seen: Observation) -> None:
        """One probe came back."""
        if seen.certificate_ends_s is not None:
            self._ends.setdefault(str(seen.service), {})[seen.cluster, seen.address] = seen.certificate_ends_s

    def keep(self, rows: Iterable[Row]) -> None:
        """Forget whatever is no target of these rows."""
        if not self._ends:
            return
        kept: dict[str, dict[Place, float]] = {}
        for row in rows:
            known = self._ends.get(str(row.key))
            if known:
                targets = {(verdict.cluster, verdict.address) for verdict in row.verdicts}
                kept[str(row.key)] = {place: ends_s for place, ends_s in known.items() if place in targets}
        self._ends = kept

    def of_services(self) -> Family:
        """The earliest end by service and cluster."""
        return Family(
            "trafficfed_certificate_expiry_timestamp_seconds",
            "When the first certificate of its targets there runs out, as https probes see it.",
            ("service", "cluster"),
            (((service, cluster), ends_s) for service, cluster, ends_s in tuple(self._earliest())),
        )

    def of_clusters(self) -> Family:
        """The earliest end by cluster."""
        first: dict[str, float] = {}
        for _, cluster, ends_s in self._earliest():
            first[cluster] = min(ends_s, first.get(cluster, ends_s))
        return Family(
            "trafficfed_cluster_certificate_expiry_timestamp_seconds",
            "When the first certificate of any service there runs out.",
            ("cluster",),
            (((cluster,), ends_s) for cluster, ends_s in sorted(first.items())),
        )

    def _earliest(self) -> Iterator[tuple[str, str, float]]:
        for service, known in self._ends.items():
            first: dict[str, float] = {}
            for (cluster, _), ends_s in known.items():
                first[cluster] = min(ends_s, first.get(cluster, ends_s))
            for cluster, ends_s in first.items():
                yield service, cluster, ends_s
