"""RRsets as the core knows them, out of DNS messages: one canonical text for one meaning."""

import ipaddress
from collections.abc import Iterable

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from trafficfed.model import RecordSet

_LEFT_OUT = frozenset(
    dns.rdatatype.from_text(text)
    for text in ("SOA", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "TSIG", "OPT", "TYPE65534")
)
"""The SOA is the server's, DNSSEC's records are the signer's; TYPE65534 is BIND's note about signing in progress."""


class Gathered:
    """Collects the RRsets of any number of messages; a set split over two messages becomes one again."""

    def __init__(self) -> None:
        self._sets: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], tuple[int, set[str]]] = {}

    def add(self, rrset: dns.rrset.RRset) -> None:
        if rrset.rdtype in _LEFT_OUT:
            return
        values = {_canonical(rrset.rdtype, rdata.to_text()) for rdata in rrset}
        known = self._sets.get((rrset.name, rrset.rdtype))
        self._sets[rrset.name, rrset.rdtype] = (rrset.ttl, values | known[1]) if known else (rrset.ttl, values)

    def record_sets(self) -> tuple[RecordSet, ...]:
        """Everything collected, sorted by name and type."""
        return ordered(
            RecordSet(
                name=name.to_text(omit_final_dot=True).lower(),
                type=dns.rdatatype.to_text(rdtype),
                ttl=ttl,
                values=tuple(sorted(values)),
            )
            for (name, rdtype), (ttl, values) in self._sets.items()
        )


def same_values(one: RecordSet | None, other: RecordSet | None) -> bool:
    """Whether two record sets hold the same data, however it is spelt; None is absence."""
    if one is None or other is None:
        return one is other
    return one.values == other.values or _rdatas(one) == _rdatas(other)


def _rdatas(record_set: RecordSet) -> set[dns.rdata.Rdata]:
    return {dns.rdata.from_text(dns.rdataclass.IN, record_set.type, value) for value in record_set.values}


def ordered(record_sets: Iterable[RecordSet]) -> tuple[RecordSet, ...]:
    return tuple(sorted(record_sets, key=lambda record_set: (record_set.name, record_set.type)))


def _canonical(rdtype: dns.rdatatype.RdataType, text: str) -> str:
    if rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
        return str(ipaddress.ip_address(text))
    return text.lower() if rdtype == dns.rdatatype.CNAME else text
