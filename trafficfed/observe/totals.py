"""Health of the whole fleet in as many series as there are clusters: what alerts rest on, however many services."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from trafficfed.model import Row
from trafficfed.observe.exposition import Family

BATCH = 500
"""Rows that are counted at a stretch, within a few milliseconds."""


class Totals:
    """Counts rows one after another.

    A cluster of a service is up while any of its targets there counts as serving. ``unserved``: services where none
    is. ``out``: by cluster, services that are down there. ``sole``: by cluster, services with endpoints in several
    clusters of which only this one is up.
    """

    def __init__(self) -> None:
        self.services = 0
        self.unserved = 0
        self.out: Counter[str] = Counter()
        self.sole: Counter[str] = Counter()

    def take(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._take(row)

    def _take(self, row: Row) -> None:
        self.services += 1
        if row.decision is None or not row.decision.serving:
            self.unserved += 1
        up: dict[str, bool] = {}
        for verdict in row.verdicts:
            up[verdict.cluster] = verdict.serving or up.get(verdict.cluster, False)
        serving = [cluster for cluster, serves in up.items() if serves]
        if len(serving) < len(up):
            self.out.update(up.keys() - serving)
            self.sole.update(serving if len(serving) == 1 else ())

    def families(self, clusters: Collection[str]) -> tuple[Family, ...]:
        """With a series for each of these clusters, and for any other that rows name."""
        return (
            Family(
                "trafficfed_unserved_services",
                "Services none of whose endpoints serves.",
                (),
                (((), float(self.unserved)),),
            ),
            _by_cluster(
                "trafficfed_cluster_out_services", "Services none of whose targets there serves.",
                self.out, clusters,
            ),
            _by_cluster(
                "trafficfed_cluster_sole_services",
                "Services in several clusters that only this one serves.",
                self.sole, clusters,
            ),
        )  # fmt: skip


def _by_cluster(name: str, text: str, counts: Mapping[str, int], clusters: Collection[str]) -> Family:
    samples = (((cluster,), float(counts.get(cluster, 0))) for cluster in sorted({*clusters, *counts}))
    return Family(name, text, ("cluster",), samples)
