"""A small zone with services of every kind, and builders for more: what tests of the name server ask about."""

from collections.abc import Iterable

from trafficfed.model import Decision, Form, GlobalService, Member, RecordSet, Row, Rule, ServiceKey, Where
from trafficfed.nameserver.draw import Draw
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.respond import Responder
from trafficfed.nameserver.settings import Place, ServedZone
from trafficfed.nameserver.whereabouts import Whereabouts
from trafficfed.testing.nameservers import ScriptedDraw

EU = Member(cluster="eu", weight=70, addresses=("192.0.2.1", "2001:db8::1"))
US = Member(cluster="us", weight=20, addresses=("192.0.2.2",))
AP = Member(cluster="ap", weight=10, addresses=("192.0.2.3", "2001:db8::3"))
PLACES = (
    Place(network="198.51.100.0/24", continent="EU", country="DE"),
    Place(network="203.0.113.0/24", continent="NA", country="US", subdivision="US-CA"),
    Place(network="2001:db8:a::/48", continent="EU", country="FR"),
)
ZONE = ServedZone(
    name="example.org",
    nameservers=("ns1.example.org", "ns2.example.org"),
    mailbox="dns.admin@example.org",
    records=(
        RecordSet(name="ns1.example.org", type="A", ttl=300, values=("192.0.2.53",)),
        RecordSet(name="example.org", type="CAA", ttl=300, values=('0 issue "ca.example"',)),
        RecordSet(name="example.org", type="MX", ttl=300, values=("10 mail.example.org.", "20 mail.example.net.")),
        RecordSet(name="mail.example.org", type="TXT", ttl=300, values=('"v=spf1 -all"',)),
        RecordSet(name="docs.example.org", type="CNAME", ttl=300, values=("docs.example.net.",)),
    ),
)


def service_row(
    hostname: str, *rules: Rule, pick: int = 0, form: Form = Form.ADDRESS, ttl: int = 30, name: str = ""
) -> Row:
    """A row with a decision; the service is named after its hostname unless told otherwise."""
    key = ServiceKey("default", "prod", name or hostname.replace("*", "any"))
    service = GlobalService(key=key, hostnames=(hostname,), form=form, ttl=ttl)
    decision = Decision(service=key, hostnames=(hostname,), rules=rules, pick=pick, form=form, ttl=ttl)
    return Row(service=service, decision=decision)


def anyone(*pool: Member) -> Rule:
    """The catch-all rule."""
    return Rule(where=Where(), pool=pool)


def only(kind: str, value: str, *pool: Member) -> Rule:
    """A rule for some clients."""
    return Rule(where=Where(kind, value), pool=pool)


ROWS = (
    service_row("web.example.org", anyone(EU, US, AP), pick=1),
    service_row("all.example.org", anyone(EU, US, AP)),
    service_row("geo.example.org", only("continent", "EU", EU), only("country", "US", US), anyone(AP)),
    service_row("*.apps.example.org", anyone(US)),
    service_row("deep.below.nothing.example.org", anyone(US)),
    service_row(
        "cdn.example.org", anyone(Member(cluster="eu", weight=1, hostnames=("lb.example.net",))), form=Form.HOSTNAME
    ),
    service_row("none.example.org", anyone()),
)


def responder_for(
    rows: Iterable[Row] = ROWS,
    zones: tuple[ServedZone, ...] = (ZONE,),
    draw: Draw | None = None,
    whereabouts: Whereabouts | None = None,
) -> Responder:
    """A responder that serves rows."""
    index = Index(zones)
    notes = index.apply(rows)
    if notes:
        raise ValueError("; ".join(notes))
    responder = Responder(index, whereabouts or Whereabouts(PLACES), draw or ScriptedDraw())
    responder.ready = True
    return responder
