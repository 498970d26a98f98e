"""Questions to one name server at a time, over UDP and TCP, as resolvers put them: nothing is cached or followed."""

import ipaddress
import socket
from collections.abc import Iterator
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

QUERY_S = 2.0
"""How long one answer may take; resolvers give up sooner (unbound: 376 ms at first)."""


_NAMES = ("NS", "CNAME")  # types whose data is a name, which may be spelt in any case


class Server(NamedTuple):
    """Where a name server is asked. ``host`` is an address, or a name where only that is configured."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 53 else f"{host}:{self.port}"


class Given(NamedTuple):
    """What is given out at a name, with the longest TTL; no values where there is nothing."""

    values: frozenset[str]
    ttl: int


def ask(
    server: Server, name: str, rdtype: str, *, tcp: bool = False, recurse: bool = False
) -> dns.message.Message | None:
    """One response, None where none came in time or it is no answer to this question. Truncated ones are asked for
    again over TCP."""
    query = dns.message.make_query(dns.name.from_text(name), rdtype, use_edns=0, payload=1232)
    if not recurse:
        query.flags &= ~dns.flags.RD
    try:
        address = _address(server)
        if tcp:
            return dns.query.tcp(query, address, timeout=QUERY_S, port=server.port)
        return dns.query.udp_with_fallback(query, address, timeout=QUERY_S, port=server.port, ignore_unexpected=True)[0]
    except (OSError, EOFError, dns.exception.DNSException):
        return None


def _address(server: Server) -> str:
    try:
        return str(ipaddress.ip_address(server.host))
    except ValueError:
        return str(socket.getaddrinfo(server.host, server.port, proto=socket.IPPROTO_UDP)[0][4][0])


def values(response: dns.message.Message, name: str, rdtype: str) -> tuple[str, ...]:
    """The answer section's values of one name and type, in presentation form, sorted."""
    return tuple(sorted({rdata for rdata, _ in _records(response.answer, name, rdtype)}))


def _records(section: list[dns.rrset.RRset], name: str, rdtype: str) -> Iterator[tuple[str, int]]:
    owner, kind = dns.name.from_text(name), dns.rdatatype.from_text(rdtype)
    for rrset in section:
        if rrset.rdtype == kind and rrset.name == owner:
            for rdata in rrset:
                text = rdata.to_text()
                yield (text.lower().removesuffix(".") if rdtype in _NAMES else text), rrset.ttl


def given_at(server: Server, name: str) -> Given | None:
    """Addresses, or the name that stands for them, that a server gives out at a name; None where it does not answer."""
    found: list[tuple[str, int]] = []
    for rdtype in ("A", "AAAA"):
        response = ask(server, name, rdtype)
        if response is None or response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return None
        found += [*_records(response.answer, name, rdtype), *_records(response.answer, name, "CNAME")]
    return Given(frozenset(value for value, _ in found), max((ttl for _, ttl in found), default=0))
