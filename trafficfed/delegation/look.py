"""Looks a zone up as resolvers do, from the parent down, and asks each of its name servers."""

from collections.abc import Iterable, Iterator, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver

from trafficfed.delegation.asking import Server, ask, values
from trafficfed.delegation.seen import CaaSeen, Glue, ParentSeen, ServerSeen, SoaSeen, Wanted, ZoneSeen

_ADDRESSES = ("A", "AAAA")


class Looker:
    """``resolvers`` are asked for what lies outside the zone; ``parents``, where given, instead of finding the parent;
    ``port`` is where name servers of NS record sets are asked."""

    def __init__(self, resolvers: Sequence[Server], parents: Sequence[Server] = (), port: int = 53) -> None:
        self._resolvers, self._parents, self._port = tuple(resolvers), tuple(parents), port

    def look(self, zone: str, wanted: Wanted, configured: Iterable[Server] = ()) -> ZoneSeen:
        """Everything there is to see. What does not answer is seen as such, nothing is raised."""
        parent = self._parent(zone)
        names = sorted({*parent.nameservers, *wanted.nameservers})
        known = self._known(names, (*wanted.addresses, *parent.glue))
        asked = [(name, Server(address, self._port)) for name, address in known]
        asked += [("", each) for each in configured if each not in {server for _, server in asked}]
        servers = [self._server(zone, name, server) for name, server in asked]
        at = next((server for (_, server), seen in zip(asked, servers, strict=True) if seen.serves), None)
        named = sorted({*names, *(name for each in servers for name in each.nameservers)})
        addresses = tuple(self._own_addresses(at, named, zone))
        others = self._known(sorted({*named} - {*names}), addresses)
        servers += [self._server(zone, name, Server(address, self._port)) for name, address in others]
        return ZoneSeen(
            zone=zone,
            parent=parent,
            servers=tuple(servers),
            addresses=addresses,
            signed=at is not None and bool(_found(ask(at, zone, "DNSKEY"), zone, "DNSKEY")),
            caa=self._caa(zone, at),
        )

    # ------------------------------------------------------------------ above the zone

    def _parent(self, zone: str) -> ParentSeen:
        for server in self._parents or self._found_parents(zone):
            response = ask(server, zone, "NS")
            if response is None or response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                continue
            names = tuple(sorted({*_ns(response, "answer", zone), *_ns(response, "authority", zone)}))
            return ParentSeen(
                server=str(server),
                nameservers=names,
                glue=tuple(sorted(_glue(response, names))),
                signed=bool(_found(ask(server, zone, "DS"), zone, "DS")),
            )
        return ParentSeen()

    def _found_parents(self, zone: str) -> Iterator[Server]:
        for name in _above(zone):
            if names := _found(self._resolve(name, "NS"), name, "NS"):
                for each in names:
                    yield from (Server(address, self._port) for address in self._resolved(each))
                return

    def _resolve(self, name: str, rdtype: str) -> dns.message.Message | None:
        for server in self._resolvers:
            response = ask(server, name, rdtype, recurse=True)
            if response is not None and response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return response
        return None

    def _resolved(self, name: str) -> tuple[str, ...]:
        return tuple(value for rdtype in _ADDRESSES for value in _found(self._resolve(name, rdtype), name, rdtype))

    # ------------------------------------------------------------------ its name servers

    def _known(self, names: Iterable[str], told: Iterable[Glue]) -> Iterator[Glue]:
        """Each name server with its addresses: as the parent and the configuration say, else as they resolve."""
        told = sorted(set(told))
        for name in names:
            stated = tuple(address for owner, address in told if owner == name)
            yield from ((name, address) for address in stated or self._resolved(name))

    def _server(self, zone: str, name: str, server: Server) -> ServerSeen:
        return ServerSeen(
            name=name,
            address=str(server),
            udp=_soa(ask(server, zone, "SOA"), zone),
            tcp=_soa(ask(server, zone, "SOA", tcp=True), zone),
            nameservers=_found(ask(server, zone, "NS"), zone, "NS"),
        )

    def _own_addresses(self, at: Server | None, names: Iterable[str], zone: str) -> Iterator[Glue]:
        """What the zone itself says of its name servers' addresses."""
        for name in names:
            if at is not None and name.endswith(f".{zone}"):
                for rdtype in _ADDRESSES:
                    yield from ((name, value) for value in _found(ask(at, name, rdtype), name, rdtype))

    def _caa(self, zone: str, at: Server | None) -> CaaSeen:
        """The records at the zone, else at the nearest name above it (RFC 8659 section 3)."""
        response = ask(at, zone, "CAA") if at is not None else None
        known = response is not None
        for name, answer in ((zone, response), *((name, self._resolve(name, "CAA")) for name in _above(zone))):
            if records := _found(answer, name, "CAA"):
                return CaaSeen(at=name, records=records, known=known)
            known = known and answer is not None
        return CaaSeen(known=known)


def system_resolvers() -> tuple[Server, ...]:
    """Those of this machine, none where it has none."""
    try:
        return tuple(Server(str(each)) for each in dns.resolver.Resolver().nameservers)
    except dns.resolver.NoResolverConfiguration:
        return ()


def _above(zone: str) -> Iterator[str]:
    """The names above one, the nearest first; the root's are nobody's business.

    >>> list(_above("fed.example.org"))
    ['example.org', 'org']
    """
    while "." in zone:
        zone = zone.partition(".")[2]
        yield zone


def _found(response: dns.message.Message | None, name: str, rdtype: str) -> tuple[str, ...]:
    return values(response, name, rdtype) if response is not None else ()


def _ns(response: dns.message.Message, section: str, zone: str) -> set[str]:
    records = response.answer if section == "answer" else response.authority
    there = (each for each in records if each.rdtype == dns.rdatatype.NS)
    return {
        rdata.to_text().lower().removesuffix(".")
        for each in there
        if each.name.to_text(omit_final_dot=True).lower() == zone
        for rdata in each
    }


def _glue(response: dns.message.Message, names: Sequence[str]) -> Iterator[Glue]:
    for each in response.additional:
        name = each.name.to_text(omit_final_dot=True).lower()
        if name in names and dns.rdatatype.to_text(each.rdtype) in _ADDRESSES:
            yield from ((name, rdata.to_text()) for rdata in each)


def _soa(response: dns.message.Message | None, zone: str) -> SoaSeen | None:
    if response is None:
        return None
    found = values(response, zone, "SOA")
    return SoaSeen(
        dns.rcode.to_text(response.rcode()),
        bool(response.flags & dns.flags.AA),
        int(found[0].split()[2]) if found else 0,
    )
