"""The table: the one state that outlives a process, changed only by deltas whose cost follows the change."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from trafficfed.errors import Refused
from trafficfed.model import OperatorControl, Row, ServiceKey, Source, Value


class Snapshot(Value, frozen=True, kw_only=True):
    """The complete table at one position: rows sorted by key, sources by cluster.

    ``term`` counts leaderships, ``generation`` the changes since the table began; together they are its position.
    """

    term: int = 0
    generation: int = 0
    rows: tuple[Row, ...] = ()
    sources: tuple[Source, ...] = ()
    controls: tuple[OperatorControl, ...] = ()


class Delta(Value, frozen=True, kw_only=True):
    """One change: it leads from ``generation`` - 1 to ``generation`` within one term.

    ``controls`` are all that stand after the change, None where they stay as they were.
    """

    term: int
    generation: int
    rows: tuple[Row, ...] = ()
    removed: tuple[ServiceKey, ...] = ()
    sources: tuple[Source, ...] = ()
    forgotten: tuple[str, ...] = ()
    controls: tuple[OperatorControl, ...] | None = None


class Table:
    """Rows by service, sources by cluster, operator controls; readable live, writable by commit, apply and adopt.

    ``rows`` and ``sources`` are read-only views that follow every change. All values are frozen, so two tables
    never share anything that can change.
    """

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        """Start from a snapshot, or empty. Raises Refused where two rows of it hold one hostname."""
        self._rows: dict[ServiceKey, Row] = {}
        self._sources: dict[str, Source] = {}
        self._owners: dict[str, ServiceKey] = {}
        self.rows: Mapping[ServiceKey, Row] = MappingProxyType(self._rows)
        self.sources: Mapping[str, Source] = MappingProxyType(self._sources)
        self._load(snapshot or Snapshot())

    def _load(self, snapshot: Snapshot) -> None:
        owners = _owners(snapshot.rows)
        for kept in (self._rows, self._sources, self._owners):
            kept.clear()
        self._rows.update((row.key, row) for row in snapshot.rows)
        self._sources.update((source.cluster, source) for source in snapshot.sources)
        self._owners.update(owners)
        self._controls = snapshot.controls
        self._term = snapshot.term
        self._generation = snapshot.generation

    @property
    def controls(self) -> tuple[OperatorControl, ...]:
        return self._controls

    @property
    def term(self) -> int:
        return self._term

    @property
    def generation(self) -> int:
        return self._generation

    def owner_of(self, hostname: str) -> ServiceKey | None:
        """The service whose row holds this hostname, None where it is free."""
        return self._owners.get(hostname)

    def snapshot(self) -> Snapshot:
        """The complete table in canonical order."""
        return Snapshot(
            term=self._term,
            generation=self._generation,
            rows=tuple(self._rows[key] for key in sorted(self._rows)),
            sources=tuple(self._sources[cluster] for cluster in sorted(self._sources)),
            controls=self._controls,
        )

    def commit(
        self,
        rows: Iterable[Row] = (),
        removed: Iterable[ServiceKey] = (),
        *,
        sources: Iterable[Source] = (),
        forgotten: Iterable[str] = (),
        controls: tuple[OperatorControl, ...] | None = None,
    ) -> Delta | None:
        """Take in a change and return it as the next delta, or None where it changes nothing.

        What equals the present state is left out of the delta. Of several rows with one key the last counts, and a
        key both given and removed stays. All or nothing: raises Refused, with the table as it was, where a row claims a
        hostname that another row keeps.
        """
        given = {row.key: row for row in rows}
        seen = {source.cluster: source for source in sources}
        delta = Delta(
            term=self._term,
            generation=self._generation + 1,
            rows=tuple(given[key] for key in sorted(given) if self._rows.get(key) != given[key]),
            removed=tuple(sorted(key for key in set(removed) if key in self._rows and key not in given)),
            sources=tuple(seen[name] for name in sorted(seen) if self._sources.get(name) != seen[name]),
            forgotten=tuple(sorted(name for name in set(forgotten) if name in self._sources and name not in seen)),
            controls=None if controls == self._controls else controls,
        )
        if delta == Delta(term=delta.term, generation=delta.generation):
            return None
        self._take(delta)
        return delta

    def apply(self, delta: Delta) -> None:
        """Take in a delta that another table committed.

        Raises Refused, with the table as it was, unless it is the very next change of the same term: after a
        gap, and at the start of a new term (whose leader may not have seen our last changes), only a snapshot leads on.
        """
        if delta.term < self._term:
            raise Refused(f"delta of term {delta.term} refused: term {self._term} has begun, its leader is no more")
        if delta.term > self._term:
            raise Refused(f"delta of term {delta.term} refused: the table is of term {self._term}; ask for a snapshot")
        if delta.generation != self._generation + 1:
            raise Refused(
                f"delta {delta.generation} refused: the table is at generation {self._generation}; ask for a snapshot"
            )
        self._take(delta)

    def adopt(self, snapshot: Snapshot) -> None:
        """Become what the snapshot says, whole; within a term its sender is right.

        Raises Refused, with the table as it was, for an older term's, or where two rows of it hold one hostname.
        """
        if snapshot.term < self._term:
            raise Refused(f"snapshot of term {snapshot.term} refused: term {self._term} has begun")
        self._load(snapshot)

    def begin_term(self, term: int) -> Snapshot:
        """Open a new leadership's term and return the snapshot that it starts from. Raises Refused unless it grows."""
        if term <= self._term:
            raise Refused(f"term {term} refused: a new term must exceed {self._term}")
        self._term = term
        return self.snapshot()

    def _take(self, delta: Delta) -> None:
        replaced = [self._rows[row.key] for row in delta.rows if row.key in self._rows]
        leaving = [self._rows[key] for key in delta.removed if key in self._rows]
        released = {name for row in (*replaced, *leaving) for name in row.service.hostnames}
        claimed = _owners(delta.rows)
        for name, key in claimed.items():
            if name not in released and (holder := self._owners.get(name)) is not None:
                raise Refused(_taken(name, holder, key))
        for name in released - claimed.keys():
            self._owners.pop(name, None)
        self._owners.update(claimed)
        for key in delta.removed:
            self._rows.pop(key, None)
        self._rows.update((row.key, row) for row in delta.rows)
        for cluster in delta.forgotten:
            self._sources.pop(cluster, None)
        self._sources.update((source.cluster, source) for source in delta.sources)
        if delta.controls is not None:
            self._controls = delta.controls
        self._generation = delta.generation


def _owners(rows: Iterable[Row]) -> dict[str, ServiceKey]:
    owners: dict[str, ServiceKey] = {}
    for row in rows:
        for name in row.service.hostnames:
            if (holder := owners.setdefault(name, row.key)) != row.key:
                raise Refused(_taken(name, holder, row.key))
    return owners


def _taken(name: str, holder: ServiceKey, claimant: ServiceKey) -> str:
    return f"hostname {name} is held by {holder}: {claimant} cannot claim it before it is given up"
