"""Which endpoints are to leave the table, judged against the table itself."""

from collections.abc import Iterable, Mapping, Set

from trafficfed.discovery.absence import Absence, judge_absence
from trafficfed.model import Row, ServiceKey

_PRUNED_FROM = 64


class Departures:
    """Endpoints that leave, by cluster, each with whether that was watched; kept until the table has lost them.

    An endpoint of which nothing stands here stays in the table, whatever else is known or not known of it.
    """

    def __init__(self, rows: Mapping[ServiceKey, Row]) -> None:
        self._rows = rows
        self._left: dict[str, dict[ServiceKey, bool]] = {}

    def of(self, cluster: str) -> Mapping[ServiceKey, bool]:
        """The services that a cluster's endpoint leaves, or has just left: True where that was watched."""
        return self._left.get(cluster, {})

    def has(self, cluster: str, key: ServiceKey) -> bool:
        """Whether the table has an endpoint of this cluster."""
        row = self._rows.get(key)
        return row is not None and any(endpoint.cluster == cluster for endpoint in row.endpoints)

    def in_table(self, cluster: str) -> set[ServiceKey]:
        """All services in which the table has this cluster; looks at every row."""
        return {key for key in self._rows if self.has(cluster, key)}

    def withdraw(self, cluster: str, key: ServiceKey, *, watched: bool = True) -> None:
        """A deletion or withdrawal, watched as a rule; noted only where the table has something to lose."""
        left = self._left.setdefault(cluster, {})
        if self.has(cluster, key):
            left[key] = watched
        if len(left) >= _PRUNED_FROM and len(left).bit_count() == 1:
            self._left[cluster] = {key: watched for key, watched in left.items() if self.has(cluster, key)}

    def stay(self, cluster: str, key: ServiceKey) -> None:
        """The endpoint is offered again."""
        self._left.get(cluster, {}).pop(key, None)

    def order(self, cluster: str, keys: Iterable[ServiceKey]) -> None:
        """An operator's word that these endpoints leave."""
        self._left.setdefault(cluster, {}).update(dict.fromkeys(keys, True))

    def settle(self, cluster: str, offered: Set[ServiceKey], held: Set[ServiceKey]) -> Absence:
        """Judge what the table has and a complete view of the cluster has not. What already leaves does not count."""
        in_table = self.in_table(cluster)
        left = {key: watched for key, watched in self.of(cluster).items() if key in in_table and key not in offered}
        absence = judge_absence(in_table - left.keys(), offered, held)
        self._left[cluster] = left | dict.fromkeys(absence.leaving, False)
        return absence
