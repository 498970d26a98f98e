"""EDNS(0) and the Client Subnet option, read from a query and written into a response (RFC 6891, RFC 7871)."""

from functools import lru_cache
from typing import NamedTuple

from trafficfed.nameserver.names import name_end

PAYLOAD = 1232  # what we send and accept over UDP: fits every path's MTU (DNS Flag Day 2020)
PLAIN_LIMIT = 512  # UDP without EDNS, RFC 1035 section 4.2.1

_OPT = b"\0\x29"
_SUBNET = b"\0\x08"  # option code 8, RFC 7871 section 6
_DO = 0x80
_FAMILIES = {b"\0\1": 4, b"\0\2": 16}  # octets of an address by IANA address family


class Subnet(NamedTuple):
    """A Client Subnet as asked: family and source prefix, the octets given, and the whole address, zero-filled."""

    family: bytes
    source: int
    given: bytes
    address: bytes


class Edns(NamedTuple):
    """What a query's OPT record says, and the OPT of its response; ``size`` 0 = no OPT at all.

    Without a subnet ``before`` is the whole OPT, else the scope's octet goes between ``before`` and ``after``.
    """

    size: int
    version: int = 0
    before: bytes = b""
    after: bytes = b""
    subnet: Subnet | None = None


NONE = Edns(0)


class Malformed(Exception):
    """The query breaks the format; its answer is FORMERR."""


@lru_cache(maxsize=4096)  # a resolver's queries end alike: reading the same octets again costs a tenth
def read(tail: bytes, count: int) -> Edns:
    """The OPT record among ``count`` additional records, others passed over. Raises Malformed."""
    found = NONE
    at = 0
    for _ in range(count):
        owner_end = _skip_owner(tail, at)
        data = owner_end + 10
        end = data + int.from_bytes(tail[owner_end + 8 : data])
        if end > len(tail) or data > len(tail):
            raise Malformed
        if tail[owner_end : owner_end + 2] == _OPT:
            if found is not NONE or owner_end != at + 1:  # RFC 6891 section 6.1.1: one OPT, owned by the root
                raise Malformed
            found = _opt(tail, owner_end, tail[data:end])
        at = end
    if at != len(tail):
        raise Malformed
    return found


def _skip_owner(packet: bytes, at: int) -> int:
    """End of an owner name, which may be or end in a compression pointer."""
    plain = name_end(packet, at)
    while not plain and at < len(packet):
        if packet[at] >= 0xC0:
            return at + 2
        if packet[at] > 63:
            break
        at += packet[at] + 1
    if not plain:
        raise Malformed
    return plain


def _opt(packet: bytes, at: int, options: bytes) -> Edns:
    """The OPT whose type stands at ``at``; of several Client Subnet options the first counts."""
    size = packet[at + 2] << 8 | packet[at + 3]
    subnet: Subnet | None = None
    start = 0
    while start < len(options):
        end = start + 4 + int.from_bytes(options[start + 2 : start + 4])
        if end > len(options):
            raise Malformed
        if options[start : start + 2] == _SUBNET and subnet is None:
            subnet = _subnet(options[start + 4 : end])
        start = end
    plain = plain_opt(bool(packet[at + 6] & _DO))
    if subnet is None:
        return Edns(max(size, PLAIN_LIMIT), packet[at + 5], plain)
    given = len(subnet.given)
    option = _SUBNET + (4 + given).to_bytes(2) + subnet.family + bytes((subnet.source,))
    before = plain[:-2] + (8 + given).to_bytes(2) + option
    return Edns(max(size, PLAIN_LIMIT), packet[at + 5], before, subnet.given, subnet)


def plain_opt(dnssec: bool, extended: int = 0) -> bytes:
    """The OPT of a response without options: DO as asked (RFC 3225 section 3), the upper bits of the rcode."""
    return b"\0\0\x29" + PAYLOAD.to_bytes(2) + bytes((extended, 0, _DO if dnssec else 0, 0, 0, 0))


def _subnet(option: bytes) -> Subnet:
    """RFC 7871 section 6: as many octets as the source prefix needs, zero beyond it, scope 0 in a query.

    Family 0 with nothing else is what ``dig +subnet=0`` sends: do not locate me.
    """
    if len(option) < 4:
        raise Malformed
    family, source, scope, given = option[:2], option[2], option[3], option[4:]
    octets = _FAMILIES.get(family, 0)
    if scope or source > octets * 8 or len(given) != (source + 7) // 8 or family not in (*_FAMILIES, b"\0\0"):
        raise Malformed
    if source % 8 and given[-1] & (0xFF >> source % 8):
        raise Malformed
    return Subnet(family, source, given, given.ljust(octets, b"\0"))


def write(asked: Edns, scope: int) -> bytes:
    """The OPT of a response, the subnet in it with its scope."""
    return asked.before if asked.subnet is None else b"".join((asked.before, bytes((scope,)), asked.after))
