"""Precompiled answer sections: everything of a response that does not depend on who asks."""

import socket
import struct
from collections.abc import Mapping, Sequence

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from trafficfed.model import RecordSet
from trafficfed.nameserver.names import to_wire

A, NS, CNAME, SOA, AAAA, ANY, AXFR, IXFR, OPT = (kind.to_bytes(2) for kind in (1, 2, 5, 6, 28, 255, 252, 251, 41))
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
ANSWER_LIMIT = 8  # addresses in one answer: eight AAAA, the question and EDNS stay below 512 octets

_QR, _AA, _RD = 0x8000, 0x0400, 0x0100
_IN = b"\0\1"
_OWNER = b"\xc0\x0c"  # a pointer to the question's name, which stands at offset 12 (RFC 1035 section 4.1.4)
_SOA_TIMES = (3600, 600, 604_800)  # refresh, retry, expire: RFC 1912 section 2.2's ranges, for a secondary that asks

Heads = tuple[bytes, bytes, bytes, bytes]


def heads(rcode: int, answers: int = 0, authorities: int = 0, authoritative: bool = True) -> Heads:
    """Flags and counts of a response, indexed by the query's RD bit + 2 where EDNS is answered."""
    flags = _QR | (_AA if authoritative else 0) | (rcode & 15)
    one, two, three, four = (
        struct.pack(">5H", flags | (_RD if rd else 0), 1, answers, authorities, edns)
        for edns, rd in ((0, 0), (0, 1), (1, 0), (1, 1))
    )
    return one, two, three, four


class Answer:
    """The answer section for one question: one body for each place where the rotation may begin."""

    __slots__ = ("bodies", "heads")

    def __init__(self, records: Sequence[bytes]) -> None:
        count = min(len(records), ANSWER_LIMIT)
        doubled = [*records, *records]
        self.heads = heads(NOERROR, count)
        self.bodies = tuple(b"".join(doubled[at : at + count]) for at in range(len(records)))


Answers = Mapping[bytes, Answer]


def record(kind: bytes, ttl: int, data: bytes) -> bytes:
    """One record whose owner is the question's name."""
    return b"".join((_OWNER, kind, _IN, struct.pack(">IH", ttl, len(data)), data))


def addresses(values: Sequence[str], ttl: int) -> dict[bytes, Answer]:
    """Answers by type for IP literals; a family without any has no entry. Raises ValueError for what is none."""
    try:
        six = [record(AAAA, ttl, socket.inet_pton(socket.AF_INET6, value)) for value in values if ":" in value]
        four = [record(A, ttl, socket.inet_pton(socket.AF_INET, value)) for value in values if ":" not in value]
    except OSError as error:
        raise ValueError(f"not an IP address among {', '.join(values)}") from error
    return {kind: Answer(found) for kind, found in ((A, four), (AAAA, six)) if found}


def alias(target: str, ttl: int) -> dict[bytes, Answer]:
    """A CNAME, which answers every type."""
    return {CNAME: Answer([record(CNAME, ttl, to_wire(target))])}


def static(sets: Sequence[RecordSet]) -> dict[bytes, Answer]:
    """Static record sets of one name by type; whole, never rotated. Raises ValueError where a value does not parse."""
    found: dict[bytes, Answer] = {}
    for each in sets:
        try:
            kind = dns.rdatatype.from_text(each.type)
            data = [dns.rdata.from_text(dns.rdataclass.IN, kind, value).to_wire() for value in each.values]
        except (dns.exception.DNSException, ValueError) as error:
            raise ValueError(f"record {each.name} {each.type}: {error}") from error
        octets = int(kind).to_bytes(2)
        found[octets] = whole([record(octets, each.ttl, value or b"") for value in data])
    return found


def whole(records: Sequence[bytes]) -> Answer:
    """A record set that is answered complete and in its order."""
    answer = Answer(())
    answer.heads = heads(NOERROR, len(records))
    answer.bodies = (b"".join(records),)
    return answer


def soa(primary: str, mailbox: str, serial: int, ttl: int) -> bytes:
    """An SOA record without its owner name. ``ttl`` is also the negative TTL (RFC 2308 section 4)."""
    user, _, domain = mailbox.partition("@")
    label = user.encode("ascii")
    contact = bytes((len(label),)) + label + to_wire(domain) if domain else to_wire(mailbox)
    data = to_wire(primary) + contact + struct.pack(">5I", serial % 2**32, *_SOA_TIMES, ttl)
    return b"".join((SOA, _IN, struct.pack(">IH", ttl, len(data)), data))


def rfc8482(ttl: int) -> Answer:
    """What stands for "everything": the HINFO of RFC 8482 section 4.2."""
    hinfo = (13).to_bytes(2)
    return whole([record(hinfo, ttl, b"\x07RFC8482\0")])


def owned(tail: bytes) -> bytes:
    """A record from ``soa``, owned by the question's name itself."""
    return _OWNER + tail
