"""The names of one imported Service in ``clusterset.local`` (KEP-1645, "DNS", and its DNS specification 1.0.0). Pure.

A ClusterSetIP import has its addresses and an SRV record set for each named port. A Headless one has the address of
each endpoint that is ready, a name for each of them below the cluster that it is in, and SRV records that point there;
without a ready endpoint it has no name at all. Those who are near stand first.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator

from trafficfed.model import RecordSet, Value
from trafficfed.services.kinds import CLUSTERSET, host_of

VERSION = RecordSet(name=f"dns-version.{CLUSTERSET}", type="TXT", ttl=5, values=('"1.0.0"',))
TTL_S = 5
"""What CoreDNS gives names of Services: endpoints come and go."""


class Import(Value, frozen=True, kw_only=True):
    """One ServiceImport: ``ports`` are (name, protocol, number)."""

    namespace: str
    name: str
    headless: bool = False
    addresses: tuple[str, ...] = ()
    ports: tuple[tuple[str, str, int], ...] = ()

    @property
    def host(self) -> str:
        return host_of(self.namespace, self.name)


class Standing(Value, frozen=True, kw_only=True):
    """One endpoint that is ready. ``ports`` are (name, protocol, number) where it listens."""

    cluster: str
    address: str
    hostname: str = ""
    zone: str = ""
    ports: tuple[tuple[str, str, int], ...] = ()


class Vicinity(Value, frozen=True, kw_only=True):
    """Where the clients are: ``near`` are other clusters, the nearest first."""

    cluster: str = ""
    zone: str = ""
    near: tuple[str, ...] = ()

    def distance(self, endpoint: Standing) -> tuple[int, bool, str, str]:
        """A smaller one is nearer: the own cluster and in it the own zone, then ``near``, then all others."""
        order = (self.cluster, *self.near)
        far = order.index(endpoint.cluster) if endpoint.cluster in order else len(order)
        return far, bool(self.zone) and endpoint.zone != self.zone, endpoint.cluster, endpoint.address


def names_of(found: Import, endpoints: Iterable[Standing], vicinity: Vicinity) -> dict[str, tuple[RecordSet, ...]]:
    """Record sets by name; none where there is nothing to be reached."""
    if found.headless:
        return _of_headless(found, sorted(set(endpoints), key=vicinity.distance))
    sets = {found.host: _address_sets(found.host, found.addresses)} if found.addresses else {}
    if sets:
        for name, protocol, number in found.ports:
            if name:
                owner = _service_name(name, protocol, found.host)
                sets[owner] = (_srv(owner, [(number, found.host)]),)
    return sets


def _of_headless(found: Import, endpoints: list[Standing]) -> dict[str, tuple[RecordSet, ...]]:
    if not endpoints:
        return {}
    sets = {found.host: _address_sets(found.host, [each.address for each in endpoints])}
    at: dict[str, list[str]] = {}
    targets: dict[str, list[tuple[int, str]]] = {}
    for each in endpoints:
        own = f"{each.hostname or _label(each.address)}.{each.cluster}.{found.host}"
        at.setdefault(own, []).append(each.address)
        for name, protocol, number in each.ports:
            if name:
                targets.setdefault(_service_name(name, protocol, found.host), []).append((number, own))
    sets |= {owner: _address_sets(owner, addresses) for owner, addresses in at.items()}
    return sets | {owner: (_srv(owner, dict.fromkeys(found)),) for owner, found in targets.items()}


def _label(address: str) -> str:
    """What an endpoint without a hostname is called: its address, as one label."""
    return address.replace(".", "-").replace(":", "-")


def _service_name(port: str, protocol: str, host: str) -> str:
    return f"_{port}._{protocol.lower()}.{host}".lower()


def _address_sets(owner: str, addresses: Iterable[str]) -> tuple[RecordSet, ...]:
    by_type: dict[str, dict[str, None]] = {}
    for each in addresses:
        by_type.setdefault("AAAA" if ipaddress.ip_address(each).version == 6 else "A", {})[each] = None
    return tuple(RecordSet(name=owner, type=kind, ttl=TTL_S, values=tuple(found)) for kind, found in by_type.items())


def _srv(owner: str, targets: Iterable[tuple[int, str]]) -> RecordSet:
    """Weight 100 and priority 0, as CoreDNS has them where all are equal."""
    values = tuple(f"0 100 {number} {target}." for number, target in targets)
    return RecordSet(name=owner, type="SRV", ttl=TTL_S, values=values)


class Names:
    """All names, kept by what changes. ``lay`` is told each name with its record sets, none where it is no more."""

    def __init__(self, vicinity: Vicinity, lay: Callable[[str, tuple[RecordSet, ...]], None]) -> None:
        self._vicinity, self._lay = vicinity, lay
        self._imports: dict[tuple[str, str], Import] = {}
        self._endpoints: dict[tuple[str, str], dict[str, tuple[Standing, ...]]] = {}
        self._laid: dict[tuple[str, str], dict[str, tuple[RecordSet, ...]]] = {}

    def __len__(self) -> int:
        return len(self._imports)

    def put_import(self, found: Import) -> None:
        self._imports[found.namespace, found.name] = found
        self._settle((found.namespace, found.name))

    def drop_import(self, namespace: str, name: str) -> None:
        self._imports.pop((namespace, name), None)
        self._settle((namespace, name))

    def put_slice(self, namespace: str, service: str, slice: str, endpoints: tuple[Standing, ...]) -> None:
        self._endpoints.setdefault((namespace, service), {})[slice] = endpoints
        self._settle((namespace, service))

    def drop_slice(self, namespace: str, service: str, slice: str) -> None:
        self._endpoints.get((namespace, service), {}).pop(slice, None)
        self._settle((namespace, service))

    def _settle(self, key: tuple[str, str]) -> None:
        before = self._laid.pop(key, {})
        after = names_of(self._imports[key], self._standing(key), self._vicinity) if key in self._imports else {}
        for name in before.keys() - after.keys():
            self._lay(name, ())
        for name, sets in after.items():
            if before.get(name) != sets:
                self._lay(name, sets)
        if after:
            self._laid[key] = after

    def _standing(self, key: tuple[str, str]) -> Iterator[Standing]:
        for endpoints in self._endpoints.get(key, {}).values():
            yield from endpoints
