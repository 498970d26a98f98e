"""What a controller that does not lead judges otherwise than the leader's last table has it: rows over that table."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from trafficfed.model import Row, ServiceKey, Verdict


class Overlay:
    """``rows`` are those that differ in meaning, a live view; ``base`` is the table's own live view."""

    def __init__(self, base: Mapping[ServiceKey, Row]) -> None:
        self._base = base
        self._over: dict[ServiceKey, Row] = {}
        self.rows: Mapping[ServiceKey, Row] = MappingProxyType(self._over)

    def row(self, key: ServiceKey) -> Row | None:
        """The row as this controller judges it."""
        return self._over.get(key) or self._base.get(key)

    def lay(self, rows: Iterable[Row]) -> tuple[tuple[Row, ...], tuple[ServiceKey, ...]]:
        """Lay rows over the table; returns those that are new there, and the keys whose own row is as good again."""
        laid: list[Row] = []
        uncovered: list[ServiceKey] = []
        for row in rows:
            base = self._base.get(row.key)
            if base is None or same_meaning(row, base):
                uncovered += self.lift((row.key,))
            elif self._over.get(row.key) != row:
                self._over[row.key] = row
                laid.append(row)
        return tuple(laid), tuple(uncovered)

    def lift(self, keys: Iterable[ServiceKey]) -> tuple[ServiceKey, ...]:
        """Let the table's own rows show again; returns the keys that were covered."""
        return tuple([key for key in keys if self._over.pop(key, None) is not None])

    def take(self) -> tuple[Row, ...]:
        """All rows, for the table of a new leader; nothing lies over it afterwards."""
        rows = tuple(self._over[key] for key in sorted(self._over))
        self._over.clear()
        return rows


def same_meaning(one: Row, other: Row) -> bool:
    """Whether two judgements on one row give the same answers for the same reasons; since when may differ."""
    return (
        one.service == other.service
        and one.endpoints == other.endpoints
        and one.decision == other.decision
        and tuple(map(_timeless, one.verdicts)) == tuple(map(_timeless, other.verdicts))
    )


def _timeless(verdict: Verdict) -> Verdict:
    return replace(verdict, since_s=0.0, hold_until_s=0.0, detail="")
