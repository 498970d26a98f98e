"""All names of a server: zones, static records and services, changed a row at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from trafficfed.model import Form, RecordSet, Row, ServiceKey
from trafficfed.nameserver.compile import Service
from trafficfed.nameserver.names import ASTERISK, parent, to_text, to_wire
from trafficfed.nameserver.records import (
    AAAA,
    CNAME,
    NOERROR,
    NS,
    NXDOMAIN,
    SOA,
    A,
    Answer,
    heads,
    owned,
    record,
    rfc8482,
    soa,
    static,
    whole,
)
from trafficfed.nameserver.settings import ServedZone

NO_SUCH_NAME = heads(NXDOMAIN, authorities=1)
NO_DATA = heads(NOERROR, authorities=1)


class Authority:
    """One served zone. ``soa`` is its SOA record without the owner's name, ``everything`` the answer to ANY."""

    __slots__ = ("_settings", "everything", "name", "soa")

    def __init__(self, settings: ServedZone) -> None:
        self._settings = settings
        self.name = to_wire(settings.name)
        self.everything = rfc8482(settings.ttl)
        self.stamp(0)

    def stamp(self, serial: int) -> None:
        """Set the SOA's serial."""
        zone = self._settings
        self.soa = soa(zone.nameservers[0], zone.mailbox, serial, zone.negative_ttl)


class Node:
    """One name. It exists, perhaps empty, as long as anything stands at or below it (RFC 4592 section 2.2)."""

    __slots__ = ("below", "service", "static", "zone")

    def __init__(self, zone: Authority) -> None:
        self.zone = zone
        self.static: dict[bytes, Answer] = {}
        self.service: Service | None = None
        self.below = 0


class Index:
    """Names to nodes. The cost of ``apply`` follows the change, not the table."""

    def __init__(self, zones: Sequence[ServedZone]) -> None:
        """Raises ValueError where a static record does not parse."""
        self.names: dict[bytes, Node] = {}
        self.zones = {zone.name: zone for zone in map(Authority, zones)}
        self._services: dict[ServiceKey, Service] = {}
        for settings in zones:
            self._lay(settings)

    def _lay(self, settings: ServedZone) -> None:
        zone = self.zones[to_wire(settings.name)]
        apex = self._reach(zone.name, zone)
        servers = [record(NS, settings.ttl, to_wire(name)) for name in settings.nameservers]
        apex.static[NS] = whole(servers)
        apex.static[SOA] = whole([owned(zone.soa)])
        sets: defaultdict[str, list[RecordSet]] = defaultdict(list)
        for each in settings.records:
            sets[each.name].append(each)
        for name, records in sets.items():
            self._reach(to_wire(name), zone).static.update(static(records))

    def lay(self, name: str, sets: Sequence[RecordSet]) -> None:
        """Static record sets at a name in place of those that it has; none takes them away.

        Raises ValueError where a value does not parse, or the name is in no served zone.
        """
        wire = to_wire(name)
        if sets:
            zone = self.zone_of(wire)
            if zone is None:
                raise ValueError(f"{name} lies in no served zone")
            laid = static(sets)
            self._reach(wire, zone).static = laid
        elif (node := self.names.get(wire)) is not None:
            node.static = {}
            self._prune(wire)

    def stamp(self, serial: int) -> None:
        """Give every zone this serial."""
        for zone in self.zones.values():
            zone.stamp(serial)
            self.names[zone.name].static[SOA] = whole([owned(zone.soa)])

    def apply(self, rows: Iterable[Row], removed: Iterable[ServiceKey] = ()) -> tuple[str, ...]:
        """Take in a change. Returns what of it is not answered and why; a row that does not compile stays as it was."""
        notes: list[str] = []
        compiled: list[tuple[ServiceKey, Service]] = []
        for row in rows:
            try:
                compiled.append((row.key, Service(row)))
            except ValueError as error:
                notes.append(f"{row.key} stays as it was: {error}")
        for key in (*removed, *(key for key, _ in compiled)):
            self._drop(key)
        for key, service in compiled:
            self._services[key] = service
            notes += [note for wire in service.names if (note := self._serve(wire, service))]
        return tuple(notes)

    def _serve(self, wire: bytes, service: Service) -> str:
        zone = self.zone_of(wire)
        if zone is None:
            return f"{to_text(wire)} lies in no served zone"
        node = self._reach(wire, zone)
        if node.static.keys() & {A, AAAA, CNAME}:
            return f"{to_text(wire)} is held by a static record"
        if node.service is not None and wire not in service.owned:
            return f"{to_text(wire)} is held by another service"
        if service.form is Form.HOSTNAME and node.static:
            return f"{to_text(wire)} has other records beside it and cannot be a CNAME (RFC 1034 section 3.6.2)"
        node.service = service
        return ""

    def _drop(self, key: ServiceKey) -> None:
        service = self._services.pop(key, None)
        for wire in service.names if service else ():
            node = self.names.get(wire)
            if node is not None and node.service is service:
                node.service = None
            self._prune(wire)

    def _reach(self, wire: bytes, zone: Authority) -> Node:
        """The node of a name, made together with the empty ones above it."""
        node = self.names.get(wire)
        if node is None:
            node = self.names[wire] = Node(zone)
            above = zone if wire != zone.name else self.zone_of(parent(wire))
            if above:
                self._reach(parent(wire), above).below += 1
        return node

    def _prune(self, wire: bytes) -> None:
        """Take away a name that holds nothing, and those above it that stood only for it."""
        node = self.names.get(wire)
        while node and not node.static and node.service is None and not node.below:
            del self.names[wire]
            wire = parent(wire)
            node = self.names.get(wire)
            if node:
                node.below -= 1

    def zone_of(self, wire: bytes) -> Authority | None:
        """The closest served zone at or above a name; the empty name, above the root, is in none."""
        return next((zone for name in _upwards(wire) if (zone := self.zones.get(name))), None)

    def wildcard(self, wire: bytes) -> Node | None:
        """The wildcard that covers a name which does not exist: its closest encloser's (RFC 4592 section 3.3.1)."""
        for name in _upwards(wire):
            if name in self.names:
                return self.names.get(ASTERISK + name)
        return None


def _upwards(wire: bytes) -> Iterator[bytes]:
    while wire:
        yield wire
        wire = parent(wire)
