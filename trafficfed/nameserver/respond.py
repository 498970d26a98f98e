"""One query in, one response out: the hot path, without I/O and without parsing what needs none."""

from trafficfed.model import Form
from trafficfed.nameserver import edns
from trafficfed.nameserver.compile import Service
from trafficfed.nameserver.draw import Draw
from trafficfed.nameserver.edns import Edns, Subnet
from trafficfed.nameserver.index import NO_DATA, NO_SUCH_NAME, Authority, Index, Node
from trafficfed.nameserver.names import name_end
from trafficfed.nameserver.records import (
    ANY,
    AXFR,
    BADVERS,
    CNAME,
    FORMERR,
    IXFR,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    OPT,
    REFUSED,
    SERVFAIL,
    Answers,
    Heads,
    heads,
)
from trafficfed.nameserver.tallies import ANYONE, Tallies
from trafficfed.nameserver.whereabouts import Whereabouts

_ONE_QUESTION = b"\0\1\0\0\0\0"  # the counts of questions, answers and authorities of every query that we answer
_CLASS_IN = b"\0\1"
_PLAIN = {code: heads(code, authoritative=False) for code in (FORMERR, SERVFAIL, NOTIMP, REFUSED)}
_BADVERS = heads(NOERROR, authoritative=False)
_SPECIAL = {AXFR: REFUSED, IXFR: REFUSED, OPT: NOTIMP} | {
    kind.to_bytes(2): NOTIMP
    for kind in (249, 250, 253, 254)  # TKEY, TSIG, MAILB, MAILA: RFC 6895 section 3.1
}


# What follows the question: flags and counts, the records, the scope of a client subnet, and the rcode to count.
Section = tuple[Heads, bytes, int, int]


class Responder:
    """Answers queries from an index. ``index`` may be replaced at any time; ``ready`` False answers SERVFAIL.

    ``rcodes`` counts responses by rcode, ``dropped`` what got none, ``tallies`` what was asked of services.
    ``last_source`` is who was last located by the address that he asks from. ``beside`` answers for zones that this one
    does not have.
    """

    def __init__(self, index: Index, whereabouts: Whereabouts, draw: Draw) -> None:
        self.index = index
        self.ready = False
        self.rcodes = [0] * (BADVERS + 1)
        self.dropped = 0
        self.tallies = Tallies()
        self.last_source = ""
        self.beside: Responder | None = None
        self._whereabouts = whereabouts
        self._draw = draw

    def answer(self, packet: bytes, client: str, stream: bool = False) -> bytes | None:
        """The response to a packet from an address, None where it deserves none (a response, or cut off its header)."""
        if len(packet) < 12 or packet[2] & 0x80:
            self.dropped += 1
            return None
        if packet[2] & 0x78:
            return self._bare(packet, NOTIMP)
        end = packet.find(0, 12) + 1
        name = packet[12:end].lower()
        node = self.index.names.get(name)
        if node is None:  # else the octets are a name that we hold, so they are a name
            end = name_end(packet, 12)
            name = packet[12:end].lower()
        if not end or packet[4:10] != _ONE_QUESTION or len(packet) < end + 4:
            return self._bare(packet, FORMERR)
        asked = edns.NONE
        if len(packet) > end + 4 or packet[10:12] != b"\0\0":
            try:
                asked = edns.read(packet[end + 4 :], packet[10] << 8 | packet[11])
            except edns.Malformed:
                return self._bare(packet, FORMERR)
        section = self._section(packet[end : end + 4], name, node, asked, client)
        return self._compose(packet, end + 4, section, asked, stream)

    def _section(self, kind_class: bytes, name: bytes, node: Node | None, asked: Edns, client: str) -> Section:
        kind = kind_class[:2]
        if asked.version:
            return _BADVERS, b"", 0, BADVERS
        refused = _SPECIAL.get(kind) if kind_class[2:] == _CLASS_IN else REFUSED
        if refused:
            return _PLAIN[refused], b"", 0, refused
        if node is None:
            zone = self.index.zone_of(name)
            if zone is None and self.beside is not None:
                beside = self.beside
                return beside._section(kind_class, name, beside.index.names.get(name), asked, client)
            if zone is None:
                return _PLAIN[REFUSED], b"", 0, REFUSED
            node = self.index.wildcard(name)
            if node is None and self.ready:
                return _negative(NO_SUCH_NAME, zone, name, NXDOMAIN)
        if node is None or not self.ready:
            return _PLAIN[SERVFAIL], b"", 0, SERVFAIL
        static = node.static
        answer = static.get(kind) or static.get(CNAME)
        if answer is not None:
            return answer.heads, answer.bodies[0], 0, NOERROR
        service = node.service
        if kind == ANY and (static or (service and service.form is Form.ADDRESS)):
            return node.zone.everything.heads, node.zone.everything.bodies[0], 0, NOERROR
        if service is None:
            return _negative(NO_DATA, node.zone, name)
        answers, scope = self._steer(service, name, asked.subnet, client)
        answer = answers.get(kind) or answers.get(CNAME)
        if answer is None:
            return _negative(NO_DATA, node.zone, name, scope=scope)
        bodies = answer.bodies
        start = 0 if len(bodies) == 1 else self._draw.rotation(len(bodies))
        return answer.heads, bodies[start], scope, NOERROR

    def _steer(self, service: Service, name: bytes, subnet: Subnet | None, client: str) -> tuple[Answers, int]:
        """What a client may get, and the scope of that: 0 where all get the same, or none may be told apart."""
        located = subnet is not None and subnet.source > 0
        who = subnet.address if subnet is not None and located else client
        pool, scope, continent = service.uniform, 0, ANYONE
        if pool is None and subnet is not None and not located:
            pool = service.default  # source prefix 0 asks not to be located, RFC 7871 section 7.1.2
        elif pool is None:
            place = self._whereabouts.locate(who)
            continent = place.client.continent
            pool, scope = service.pool_for(place)
            if who is client:
                self.last_source = client
        tally = pool.tally
        if tally is None:
            tally = pool.tally = self.tallies.of(*pool.of)
        tally[continent] += 1
        return pool.choose(self._draw, name, who), scope

    def _bare(self, packet: bytes, rcode: int) -> bytes:
        """A header alone: the question could not be read, or is none of this protocol's kind."""
        self.rcodes[rcode] += 1
        return packet[:2] + bytes((0x80 | packet[2] & 0x79, rcode)) + bytes(8)

    def _compose(self, packet: bytes, end: int, section: Section, asked: Edns, stream: bool) -> bytes:
        """Header, the question as it was written (a resolver may check its letters' case), records, EDNS."""
        choice, body, scope, rcode = section
        self.rcodes[rcode] += 1
        head, opt = choice[packet[2] & 1], b""
        if asked.size:
            head, opt = choice[packet[2] & 1 | 2], edns.write(asked, scope)
        if rcode == BADVERS:
            opt = edns.plain_opt(dnssec=False, extended=BADVERS >> 4)
        response = b"".join((packet[:2], head, packet[12:end], body, opt))
        if stream or len(response) <= edns.PLAIN_LIMIT or len(response) <= min(asked.size, edns.PAYLOAD):
            return response
        cut = bytes((head[0] | 2, head[1])) + head[2:4] + b"\0\0\0\0" + head[8:]
        return b"".join((packet[:2], cut, packet[12:end], opt))


def _negative(choice: Heads, zone: Authority, name: bytes, rcode: int = NOERROR, scope: int = 0) -> Section:
    """No data or no such name: the SOA's owner is a pointer to where the zone's name ends the question's."""
    owner = 0xC000 | 12 + len(name) - len(zone.name)
    return choice, owner.to_bytes(2) + zone.soa, scope, rcode
