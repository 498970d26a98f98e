"""Rows that a controller without a leader judges otherwise: which of them may be answered, and until when (pure)."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from trafficfed.feed.messages import Overlay, controls_digest
from trafficfed.model import Endpoint, Row, ServiceKey
from trafficfed.table.table import Table


def objection(own: Row | None, other: Row) -> str:
    """Why a row must not be answered in place of our own, empty where it may.

    Without a leader only the verdicts may differ: which endpoints of the leader's last table serve. The service and
    what each endpoint offers must be the same; how many are ready behind one is no declaration.
    """
    if own is None:
        return "the leader's last table does not have it"
    if own.service != other.service:
        return "its declaration is not the leader's last"
    if _offered(own.endpoints) != _offered(other.endpoints):
        return "its endpoints are not those of the leader's last table"
    if other.decision is None:
        return "it is not decided"
    return ""


def _offered(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    return tuple(replace(each, ready=None) for each in endpoints)


class Overlaid:
    """The rows that are answered otherwise than the table says. The table never changes by them."""

    def __init__(self) -> None:
        self._rows: dict[ServiceKey, Row] = {}

    @property
    def rows(self) -> Mapping[ServiceKey, Row]:
        """What is answered in place of the table's rows."""
        return self._rows

    def take(self, table: Table, overlay: Overlay) -> tuple[list[Row], list[str]]:
        """Take in what a controller judges otherwise: the rows to answer from now on, and why others are not taken.

        Nothing of it is taken where it rests on another term's table, or where its operator controls are not ours.
        """
        gone = set(overlay.dropped)
        if overlay.whole:
            gone |= self._rows.keys()
        if overlay.term != table.term:
            return self.end(table, gone), [f"they rest on a table of term {overlay.term}, ours is of {table.term}"]
        if overlay.controls != controls_digest(table.controls):
            return self.end(table, gone), ["they rest on other operator controls than ours"]
        why = {row.key: objection(table.rows.get(row.key), row) for row in overlay.rows}
        taken = {row.key: row for row in overlay.rows if not why[row.key]}
        back = self.end(table, (gone | why.keys()) - taken.keys())
        changed = [row for key, row in taken.items() if self._rows.get(key) != row]
        self._rows.update(taken)
        return back + changed, [f"{key}: {reason}" for key, reason in why.items() if reason]

    def keep(self, table: Table) -> None:
        """The table is another one of its term, and no leader's: what does not rest on it ends."""
        self._rows = {key: row for key, row in self._rows.items() if not objection(table.rows.get(key), row)}

    def end(self, table: Table, keys: Iterable[ServiceKey]) -> list[Row]:
        """These are overlaid no more: the table's own rows that hold again."""
        ended = [key for key in keys if self._rows.pop(key, None) is not None]
        return [table.rows[key] for key in sorted(ended) if key in table.rows]

    def end_all(self, table: Table) -> list[Row]:
        """A leader is back: the table holds again as it is."""
        return self.end(table, list(self._rows))
