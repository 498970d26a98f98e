"""Addresses as canonical text, and the blocks that no zone publishes unless it lists them (law 11)."""

import ipaddress
import re

from trafficfed.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
"""The one canonical text of IPv4: four decimal numbers without leading zeros (which some read as octal)."""


def parse_address(text: str) -> Address:
    """An IP literal without scope; an IPv4-mapped one (RFC 4291 section 2.5.5.2) is the IPv4 address it hides.

    Raises ConfigError.

    >>> str(parse_address("2001:DB8:0::1")), str(parse_address("::ffff:192.0.2.1"))
    ('2001:db8::1', '192.0.2.1')
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise ConfigError(f"{text!a} is not an IP address") from error
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id is not None:
        raise ConfigError(f"{text!a} has a scope, which means something on one machine only")
    return address.ipv4_mapped or address


def canonical_literal(text: str) -> str | None:
    """Canonical text of an IP literal, None for what is rather a hostname. Raises ConfigError for one with a scope.

    >>> canonical_literal("2001:DB8::1"), canonical_literal("www.example.org")
    ('2001:db8::1', None)
    """
    if ":" in text:
        return str(parse_address(text))
    return text if _IPV4.fullmatch(text) else None


def parse_network(text: str) -> Network:
    """A CIDR range; host bits are ignored. Raises ConfigError."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigError(f"{text!a} is not a CIDR range such as 192.0.2.0/24") from error


FORBIDDEN: tuple[tuple[str, Network], ...] = tuple(
    (why, ipaddress.ip_network(block))
    for why, block in (
        ("unspecified", "0.0.0.0/8"),  # RFC 1122 section 3.2.1.3
        ("unspecified", "::/128"),  # RFC 4291 section 2.5.2
        ("loopback", "127.0.0.0/8"),
        ("loopback", "::1/128"),
        ("link-local", "169.254.0.0/16"),  # RFC 3927; most clouds' metadata at 169.254.169.254
        ("link-local", "fe80::/10"),
        ("metadata", "fd00:ec2::254/128"),  # AWS, EC2 user guide, IMDS over IPv6
        ("metadata", "fd20:ce::254/128"),  # Google Compute Engine, IPv6 metadata server
        ("metadata", "168.63.129.16/32"),  # Azure, "What is IP address 168.63.129.16"
        ("metadata", "100.100.100.200/32"),  # Alibaba Cloud ECS, instance metadata
        ("metadata", "192.0.0.192/32"),  # Oracle Cloud classic, instance metadata
        ("multicast", "224.0.0.0/4"),
        ("multicast", "ff00::/8"),
        ("reserved", "240.0.0.0/4"),  # RFC 1112 section 4, broadcast included
    )
)


def forbidden_block(address: Address) -> tuple[str, Network] | None:
    """The built-in block an address falls into, also where a transition format carries it in IPv6.

    >>> forbidden_block(parse_address("64:ff9b::7f00:1"))
    ('loopback', IPv4Network('127.0.0.0/8'))
    """
    for candidate in (address, *_carried(address)):
        for why, block in FORBIDDEN:
            if candidate.version == block.version and candidate in block:
                return why, block
    return None


def _carried(address: Address) -> tuple[Address, ...]:
    """IPv4 inside 6to4 (RFC 3056), Teredo (RFC 4380) and the NAT64 prefix 64:ff9b::/96 (RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    packed = address.packed
    if packed.startswith(b"\x00\x64\xff\x9b" + bytes(8)):
        return (ipaddress.IPv4Address(packed[12:]),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()
