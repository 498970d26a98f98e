"""What was seen of a zone at its parent and at its name servers, and what the configuration wants there."""

from trafficfed.model import Value

Glue = tuple[str, str]
"""Name and address of a name server."""


class SoaSeen(Value, frozen=True):
    """The answer to a question for the zone's SOA. ``serial`` 0 where there was none."""

    rcode: str = "NOERROR"
    authoritative: bool = True
    serial: int = 0


class ServerSeen(Value, frozen=True, kw_only=True):
    """One name server of the zone as it was asked. ``name`` is empty where only the configuration names it (a primary
    that clients do not ask); ``udp`` and ``tcp`` are None where nothing came back. ``nameservers`` is the zone's own
    NS record set there."""

    name: str
    address: str
    udp: SoaSeen | None = None
    tcp: SoaSeen | None = None
    nameservers: tuple[str, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether resolvers get the zone's own answers from it."""
        return self.udp is not None and self.udp.authoritative and self.udp.serial > 0


class ParentSeen(Value, frozen=True, kw_only=True):
    """How the parent delegates. ``server`` is who was asked, empty where none was found or none answered."""

    server: str = ""
    nameservers: tuple[str, ...] = ()
    glue: tuple[Glue, ...] = ()
    signed: bool = False


class CaaSeen(Value, frozen=True, kw_only=True):
    """The CAA records in force and at which name they stand; ``known`` is False where not all was answered."""

    at: str = ""
    records: tuple[str, ...] = ()
    known: bool = True


class ZoneSeen(Value, frozen=True, kw_only=True):
    """All of it. ``addresses`` are the name servers' own as they are resolved; ``signed``: the zone has keys."""

    zone: str
    parent: ParentSeen = ParentSeen()
    servers: tuple[ServerSeen, ...] = ()
    addresses: tuple[Glue, ...] = ()
    signed: bool = False
    caa: CaaSeen = CaaSeen()


class Wanted(Value, frozen=True, kw_only=True):
    """What the configuration says of the zone's own name servers; empty where it says nothing."""

    nameservers: tuple[str, ...] = ()
    addresses: tuple[Glue, ...] = ()
