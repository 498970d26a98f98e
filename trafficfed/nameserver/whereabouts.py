"""Where a client is: static places first, then a MaxMind database, with the block of addresses that shares it."""

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import maxminddb

from trafficfed.errors import ConfigError
from trafficfed.model import Client
from trafficfed.nameserver.networks import Networks
from trafficfed.nameserver.settings import Place
from trafficfed.steering.geography import CONTINENTS

CACHE_LIMIT = 65_536  # located clients kept; about 20 MB when full, then it starts anew


class Located(NamedTuple):
    """A client with its address as a number of ``bits`` (32, 128), and the prefix within which all share its place."""

    client: Client
    address: int
    bits: int
    prefix: int


class Whereabouts:
    """Locates addresses. The database is optional; without it and without places nobody's place is known.

    ``unreadable`` counts lookups at which the database proved damaged; those clients are of unknown place.
    """

    def __init__(self, places: Iterable[Place] = (), mmdb: str = "") -> None:
        """Raises ConfigError where the database cannot be read."""
        self._places = Networks([(place.network, place) for place in places])
        self._mmdb = mmdb
        self._cache: dict[bytes | str, Located] = {}
        self._reader: maxminddb.Reader | None = None
        self._read_mtime_ns = 0
        self.unreadable = 0
        if mmdb:
            self._open()

    def _open(self) -> None:
        self._read_mtime_ns = self._mtime_ns()
        try:
            self._reader = maxminddb.open_database(self._mmdb)
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            raise ConfigError(f"nameserver.mmdb {self._mmdb}: {error}; give the path of a MaxMind database") from error
        self._cache.clear()

    def refresh(self) -> bool:
        """Read the database again if its file was replaced; tells whether it was.

        Raises ConfigError where it cannot be read; the old one stays in use.
        """
        if not self._mmdb or self._mtime_ns() == self._read_mtime_ns:
            return False
        self._open()
        return True

    def _mtime_ns(self) -> int:
        try:
            return Path(self._mmdb).stat().st_mtime_ns
        except OSError as error:
            raise ConfigError(f"nameserver.mmdb {self._mmdb}: {error.strerror}") from error

    def locate(self, key: str | bytes) -> Located:
        """A client by its address, in text or packed. Raises ValueError for what is no address."""
        found = self._cache.get(key)
        if found is None:
            plain = key.partition("%")[0] if isinstance(key, str) else key  # without an IPv6 zone (RFC 4007)
            found = self._look_up(ipaddress.ip_address(plain))
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            self._cache[key] = found
        return found

    def _look_up(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Located:
        number, bits = int(address), address.max_prefixlen
        place, prefix = self._places.find(number, bits)
        if place is not None:
            client = Client(str(address), place.continent, place.country, place.subdivision)
            return Located(client, number, bits, prefix)
        if self._reader is None or (bits == 128 and self._reader.metadata().ip_version == 4):
            return Located(Client(str(address)), number, bits, prefix)
        try:
            record, shared = self._reader.get_with_prefix_len(address)
        except maxminddb.InvalidDatabaseError:
            self.unreadable += 1
            record, shared = None, bits  # whoever it is; nothing is said of its neighbours
        return Located(client_of(str(address), record), number, bits, max(prefix, shared))


def client_of(address: str, record: object) -> Client:
    """A client from a database record: GeoIP2 shape, or the flat ``country_code`` of free country files.

    A record without a continent gets its country's.

    >>> client_of("192.0.2.1", {"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "CA"}]})
    Client(address='192.0.2.1', continent='NA', country='US', subdivision='US-CA')
    """
    if not isinstance(record, Mapping):
        return Client(address)
    country = _code(record.get("country"), "iso_code") or _code(record, "country_code")
    continent = _code(record.get("continent"), "code") or CONTINENTS.get(country, "")
    subdivisions = record.get("subdivisions")
    first = _code(subdivisions[0], "iso_code") if isinstance(subdivisions, list) and subdivisions else ""
    return Client(address, continent, country, f"{country}-{first}" if country and first else "")


def _code(part: object, key: str) -> str:
    value = part.get(key) if isinstance(part, Mapping) else None
    return value.upper() if isinstance(value, str) else ""
