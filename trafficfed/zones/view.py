"""What is published in one zone, kept in memory so that one change costs its own names only."""

from collections.abc import Iterable, Iterator

from trafficfed.model import NameChange, RecordSet
from trafficfed.zones.ownership import Marker, marker_name, name_of_marker, name_of_pool, parse_marker, set_id


class ZoneView:
    """Record sets by owner name, and the names that markers of ``owner`` claim, by service."""

    def __init__(self, zone: str, owner: str, record_sets: Iterable[RecordSet] = ()) -> None:
        self._zone = zone
        self._owner = owner
        self._at: dict[str, tuple[RecordSet, ...]] = {}
        self._services: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}
        self._pools: dict[str, set[str]] = {}
        grouped: dict[str, list[RecordSet]] = {}
        for record_set in record_sets:
            grouped.setdefault(record_set.name, []).append(record_set)
        for name, sets in grouped.items():
            self._put(name, tuple(sets))

    def __len__(self) -> int:
        """How many names are ours."""
        return len(self._services)

    def at(self, name: str) -> tuple[RecordSet, ...]:
        """Everything at a name, at the branches of its routing and at its marker."""
        if name not in self._pools:
            return self._at.get(name, ()) + self._at.get(marker_name(name), ())
        return tuple(found for owner_name in self.owner_names(name) for found in self._at.get(owner_name, ()))

    def owner_names(self, name: str) -> tuple[str, ...]:
        """The names at which something of a name stands or may stand: itself, its branches, its marker."""
        return (name, *sorted(self._pools.get(name, ())), marker_name(name))

    def expect(self, change: NameChange) -> None:
        """Remember the branches that a change may have made, so that they are looked at when its end is not known."""
        for record_set in change.after:
            if name_of_pool(record_set.name) == change.name:
                self._pools.setdefault(change.name, set()).add(record_set.name)

    def service_of(self, name: str) -> str | None:
        """Whose name it is by its marker, None where it is not ours."""
        return self._services.get(name)

    def names_of(self, service: str) -> frozenset[str]:
        return frozenset(self._names.get(service, ()))

    def services(self) -> frozenset[str]:
        return frozenset(self._names)

    def values_of(self, service: str) -> int:
        """How many values are published for a service, over all its names; one that is in many branches counts once."""
        return len(
            {
                (name, record_set.type, value)
                for name in self._names.get(service, ())
                for record_set in self.at(name)
                if record_set.type in self._types(name)
                and record_set.name != marker_name(name)
                and not record_set.alias
                for value in record_set.values
            }
        )

    def cut_above(self, name: str) -> str:
        """The delegation that a name lies below, empty where there is none."""
        for ancestor in _ancestors(name, self._zone):
            if any(record_set.type == "NS" for record_set in self._at.get(ancestor, ())):
                return ancestor
        return ""

    def carry_out(self, change: NameChange) -> None:
        """Take in a change that the provider has carried out."""
        self.expect(change)
        gone = {(found.name, found.type, set_id(found)) for found in change.before}
        for name in self.owner_names(change.name):
            rest = [found for found in self._at.get(name, ()) if (found.name, found.type, set_id(found)) not in gone]
            self._put(name, (*rest, *(record_set for record_set in change.after if record_set.name == name)))

    def replace(self, name: str, found: Iterable[RecordSet]) -> bool:
        """Take in what was read anew of a name (see ``owner_names``); tells whether it differs from what was known."""
        before = self.at(name)
        sets = tuple(found)
        for owner_name in {
            *self.owner_names(name),
            *(found.name for found in sets if name_of_pool(found.name) == name),
        }:
            self._put(owner_name, tuple(record_set for record_set in sets if record_set.name == owner_name))
        return before != self.at(name)

    def marked_names(self, other: "ZoneView") -> set[str]:
        """Names (markers counted to theirs) at which the two views may differ: all that either of them has."""
        return {name_of_marker(name) or name_of_pool(name) or name for name in (*self._at, *other._at)}

    def _types(self, name: str) -> frozenset[str]:
        marker = self._marker(name)
        return frozenset(rdtype for rdtype, _ in marker.types) if marker else frozenset()

    def _marker(self, name: str) -> Marker | None:
        for record_set in self._at.get(marker_name(name), ()):
            if record_set.type == "TXT":
                marker = parse_marker(record_set)
                return marker if marker is not None and marker.owner == self._owner else None
        return None

    def _put(self, name: str, sets: tuple[RecordSet, ...]) -> None:
        if sets:
            self._at[name] = tuple(sorted(sets, key=lambda record_set: (record_set.type, set_id(record_set))))
        else:
            self._at.pop(name, None)
        self._branch(name, bool(sets))
        marked = name_of_marker(name)
        if marked is not None:
            self._index(marked)

    def _branch(self, pool: str, stands: bool) -> None:
        name = name_of_pool(pool)
        if name is None:
            return
        if stands:
            self._pools.setdefault(name, set()).add(pool)
        elif name in self._pools:
            self._pools[name].discard(pool)
            if not self._pools[name]:
                del self._pools[name]

    def _index(self, name: str) -> None:
        marker = self._marker(name)
        before = self._services.pop(name, None)
        if before is not None:
            self._names[before].discard(name)
            if not self._names[before]:
                del self._names[before]
        if marker is not None:
            self._services[name] = marker.service
            self._names.setdefault(marker.service, set()).add(name)


def _ancestors(name: str, zone: str) -> Iterator[str]:
    """The names between a name and the zone's apex, both left out."""
    parent = name.partition(".")[2]
    while parent and parent != zone:
        yield parent
        parent = parent.partition(".")[2]
