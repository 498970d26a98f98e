"""Addresses of listeners and of what is connected to, as they are written in settings."""

import ipaddress
import re

from trafficfed.errors import ConfigError

HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)


def host_and_port(address: str, key: str, names: bool = False) -> tuple[str, int]:
    """Split ``192.0.2.1:53`` or ``[2001:db8::1]:53``, or ``host:port`` where names are allowed.

    Raises ConfigError naming the key.

    >>> host_and_port("[::1]:5300", "nameserver.listen")
    ('::1', 5300)
    >>> host_and_port("controller.example.org:7400", "nameserver.feeds", names=True)
    ('controller.example.org', 7400)
    """
    host, _, port = address.rpartition(":")
    literal = host.removeprefix("[").removesuffix("]")
    try:
        number = int(port)
        if not (names and HOST.fullmatch(host)):
            literal = str(ipaddress.ip_address(literal))
    except ValueError as error:
        raise ConfigError(
            f"{key} {address!r}: not {'a host' if names else 'an IP address'} and a port;"
            " write 192.0.2.1:53 or [2001:db8::1]:53"
        ) from error
    if not 0 < number < 65536:
        raise ConfigError(f"{key} {address!r}: a port is 1 to 65535")
    return literal, number
