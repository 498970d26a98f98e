"""Declarations that changed under a freeze: they wait until it ends, so that neither names nor endpoints change."""

from collections.abc import Mapping, Sequence

from trafficfed.discovery.fold import Folded
from trafficfed.model import OperatorControl, Row, ServiceKey
from trafficfed.steering.controls import clusters_of, freeze_over, in_force, next_expiry_s
from trafficfed.table.table import Table


class Frozen:
    """Which services wait, and until when at most. An end before its time is told by ``release``."""

    def __init__(self) -> None:
        self._keys: set[ServiceKey] = set()
        self._until_s: float | None = None

    @property
    def until_s(self) -> float | None:
        """When the next freeze ends by itself, None where nothing waits for that."""
        return self._until_s if self._keys else None

    def release(self) -> frozenset[ServiceKey]:
        """All that waits, to be folded again: the controls are others now."""
        released = frozenset(self._keys)
        self._keys.clear()
        self._until_s = None
        return released

    def due(self, now_s: float) -> frozenset[ServiceKey]:
        """All that waits where a freeze has ended by itself."""
        return self.release() if self._until_s is not None and self._until_s <= now_s else frozenset()

    def hold(
        self,
        folded: Mapping[ServiceKey, Folded],
        table: Table,
        controls: Sequence[OperatorControl],
        now_s: float,
    ) -> Mapping[ServiceKey, Folded]:
        """Those folds that may be taken now; the others wait. One that changes nothing may always be.

        What claims a hostname that would be given up by one that waits has to wait with it.
        """
        freezes = in_force(controls, "freeze", now_s)
        if not freezes:
            return folded
        self._until_s = next_expiry_s(freezes, now_s)
        self._keys -= folded.keys()
        free = dict(folded)
        for key, each in folded.items():
            if each.differs(row := table.rows.get(key)) and freeze_over(freezes, key, _clusters(each, row)):
                self._keys.add(key)
                del free[key]
        while claimants := [key for key, each in free.items() if self._claims(each, table)]:
            for key in claimants:
                self._keys.add(key)
                del free[key]
        return free

    def _claims(self, folded: Folded, table: Table) -> bool:
        names = folded.service.hostnames if folded.service else ()
        return any(table.owner_of(name) in self._keys for name in names)


def _clusters(folded: Folded, row: Row | None) -> frozenset[str]:
    return frozenset(each.cluster for each in folded.endpoints) | (clusters_of(row) if row else frozenset())
