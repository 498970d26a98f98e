"""What one name server is told: where it listens, the zones it is the authority for, and whom it follows."""

import ipaddress
from pathlib import Path

import msgspec

from trafficfed.errors import ConfigError
from trafficfed.feed.addresses import host_and_port
from trafficfed.model import RecordSet, Value
from trafficfed.nameserver.names import to_wire
from trafficfed.unreadable import UNREADABLE

NEGATIVE_TTL_S = 30  # how long a resolver may keep "no such name": the fleet's default, like the answers' own TTL
KEY_OCTETS = 16  # the least a feed key may have; RFC 2104 section 3 advises the hash's own length, 32


class Place(Value, frozen=True, kw_only=True):
    """Where the clients of one CIDR range are; it goes before what a MaxMind database says. Empty = unknown."""

    network: str
    continent: str = ""
    country: str = ""
    subdivision: str = ""


class ServedZone(Value, frozen=True, kw_only=True):
    """One zone this server is the authority for.

    ``nameservers`` are the names in its NS record set, the first is the SOA's primary; ``mailbox`` is the SOA's
    contact (``hostmaster@example.org``). ``records`` are static record sets, answered beside and before the
    services' own. Services whose hostnames lie in no served zone are not answered.
    """

    name: str
    nameservers: tuple[str, ...]
    mailbox: str
    records: tuple[RecordSet, ...] = ()
    ttl: int = 3600
    negative_ttl: int = NEGATIVE_TTL_S


class ClusterSetSettings(Value, frozen=True, kw_only=True):
    """The cluster whose imports are answered in ``clusterset.local``, and how its API server is reached.

    ``cluster`` and ``zone`` are where the clients are, ``near`` are other clusters, the nearest first: what is near
    stands first in an answer.
    """

    cluster: str
    zone: str = ""
    near: tuple[str, ...] = ()
    kubeconfig: str = ""
    context: str = ""
    in_cluster: bool = False


class NameServerSettings(Value, frozen=True, kw_only=True):
    """Everything a name server process needs.

    ``listen`` are ``address:port`` (``[::1]:53``), each for UDP and TCP: on a host with several addresses name
    each of them, a wildcard may answer from another than was asked. ``feeds`` are the feeds of all controllers
    (``host:port``), the nearest first; ``key`` is the secret shared with them. ``state`` is the table's directory,
    ``mmdb`` the path of a MaxMind database (GeoLite2 or GeoIP2 Country or City shape; it is read again when
    replaced, which must be done by rename), ``metrics`` an ``address:port`` for Prometheus, empty = none.
    ``wait_s`` is how long it answers SERVFAIL at start, and after a pause longer than a leader's lease, for want of a
    controller's table. ``lease_s`` is that lease until a controller has told its own. ``clusterset``: names inside the
    fleet are answered too.
    """

    listen: tuple[str, ...]
    zones: tuple[ServedZone, ...]
    key: bytes
    state: str
    feeds: tuple[str, ...] = ()
    mmdb: str = ""
    places: tuple[Place, ...] = ()
    metrics: str = ""
    wait_s: float = 10.0
    lease_s: float = 10.0
    clusterset: ClusterSetSettings | None = None

    def __repr__(self) -> str:
        """Everything but the key, which must reach no log.

        >>> "secret" in repr(NameServerSettings(listen=(), zones=(), key=b"secret", state="/tmp"))
        False
        """
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "key")
        return f"NameServerSettings({', '.join(shown)})"


def mistakes(settings: NameServerSettings) -> tuple[str, ...]:
    """Every mistake in the settings, each naming its key and the fix; empty where all is in order."""
    found: list[str] = []
    if not settings.listen:
        found.append("nameserver.listen is empty; give at least one address:port")
    if not settings.state:
        found.append("nameserver.state is empty; name a directory for the table on disk")
    if settings.feeds and len(settings.key) < KEY_OCTETS:
        found.append(f"nameserver.key has {len(settings.key)} octets; a feed needs at least {KEY_OCTETS}")
    for key, addresses in (("listen", settings.listen), ("feeds", settings.feeds), ("metrics", (settings.metrics,))):
        found += _address_mistakes(key, tuple(address for address in addresses if address))
    found += _place_mistakes(settings.places)
    for zone in settings.zones:
        found += _zone_mistakes(zone)
    names = [zone.name for zone in settings.zones]
    found += [f"nameserver.zones {name}: written twice; keep one" for name in sorted({*names}) if names.count(name) > 1]
    return tuple(found)


def _address_mistakes(key: str, addresses: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for address in addresses:
        try:
            host_and_port(address, f"nameserver.{key}", names=key == "feeds")
        except ConfigError as error:
            found.append(str(error))
    return found


def _place_mistakes(places: tuple[Place, ...]) -> list[str]:
    found: list[str] = []
    for place in places:
        try:
            ipaddress.ip_network(place.network)
        except ValueError as error:
            found.append(f"nameserver.places {place.network!r}: {error}")
    return found


def _zone_mistakes(zone: ServedZone) -> list[str]:
    where = f"nameserver.zones {zone.name}"
    found: list[str] = []
    if not zone.nameservers:
        found.append(f"{where}: no nameservers; name at least one for its NS record set")
    for name in (zone.name, *zone.nameservers, *(record.name for record in zone.records)):
        try:
            to_wire(name)
        except ValueError as error:
            found.append(f"{where}: {error}")
    for record in zone.records:
        found += _record_mistakes(where, zone, record)
    return found


def _record_mistakes(where: str, zone: ServedZone, record: RecordSet) -> list[str]:
    here = f"{where} record {record.name} {record.type}"
    if record.name != zone.name and not record.name.endswith(f".{zone.name}"):
        return [f"{here}: lies outside the zone; move it to its own"]
    if record.type == "NS":
        return [f"{here}: the zone's own NS come from nameservers, and delegations are not served; remove it"]
    if record.type == "SOA":
        return [f"{here}: the SOA is made from nameservers and mailbox; remove it"]
    if record.type == "CNAME" and record.name == zone.name:
        return [f"{here}: a zone's apex cannot be a CNAME (RFC 1034 section 3.6.2); use addresses"]
    return []


def check(settings: NameServerSettings) -> None:
    """Raises one ConfigError that lists every mistake."""
    if found := mistakes(settings):
        raise ConfigError("\n".join(found))


def load(path: Path) -> NameServerSettings:
    """Settings from a JSON file in the shape of these values (``key`` in base64). Raises ConfigError."""
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=NameServerSettings)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UNREADABLE as error:
        raise ConfigError(f"{path}: {error}") from error
    check(settings)
    return settings
