"""What exists is answered, what does not is denied with the zone's SOA, and nothing outside the zones is touched."""

import dns.flags
import dns.message
import dns.rcode
import pytest

from trafficfed.model import Decision, Form, GlobalService, Member, RecordSet, Row, ServiceKey
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.settings import ServedZone
from trafficfed.testing.nameservers import ask, values
from trafficfed.testing.sample_zone import EU, US, ZONE, anyone, responder_for, service_row

RESPONDER = responder_for()


def denied(response: dns.message.Message, rcode: dns.rcode.Rcode) -> bool:
    """An authoritative denial: no answer, and the SOA with the negative TTL (RFC 2308 section 3)."""
    soa = response.authority[0]
    return (
        response.rcode() == rcode
        and bool(response.flags & dns.flags.AA)
        and not response.answer
        and soa.name.to_text() == "example.org."
        and soa.ttl == soa[0].minimum == 30
    )


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("all.example.org", "A", ("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        ("all.example.org", "AAAA", ("2001:db8::1", "2001:db8::3")),
        ("x.apps.example.org", "A", ("192.0.2.2",)),
        ("x.y.apps.example.org", "A", ("192.0.2.2",)),
        ("*.apps.example.org", "A", ("192.0.2.2",)),
        ("deep.below.nothing.example.org", "A", ("192.0.2.2",)),
        ("cdn.example.org", "A", ("lb.example.net",)),
        ("cdn.example.org", "CNAME", ("lb.example.net",)),
        ("cdn.example.org", "MX", ("lb.example.net",)),
        ("cdn.example.org", "ANY", ("lb.example.net",)),
        ("docs.example.org", "AAAA", ("docs.example.net",)),
        ("example.org", "NS", ("ns1.example.org", "ns2.example.org")),
        ("example.org", "CAA", ('0 issue "ca.example"',)),
        ("example.org", "MX", ("10 mail.example.org", "20 mail.example.net")),
        ("ns1.example.org", "A", ("192.0.2.53",)),
        ("all.example.org", "ANY", ('"RFC8482" ""',)),
        ("example.org", "ANY", ('"RFC8482" ""',)),
    ],
)
def test_what_exists_is_answered(name: str, kind: str, expected: tuple[str, ...]) -> None:
    response = ask(RESPONDER, name, kind)
    assert values(response) == expected
    assert response.rcode() == dns.rcode.NOERROR
    assert response.flags & dns.flags.AA
    assert not response.flags & (dns.flags.RA | dns.flags.AD | dns.flags.TC)
    assert not response.authority


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("all.example.org", "TXT"),
        ("geo.example.org", "MX"),
        ("none.example.org", "A"),
        ("nothing.example.org", "A"),
        ("below.nothing.example.org", "ANY"),
        ("apps.example.org", "A"),
        ("x.apps.example.org", "AAAA"),
        ("mail.example.org", "A"),
        ("example.org", "A"),
        ("example.org", "DS"),
    ],
)
def test_a_name_without_that_type_is_no_data(name: str, kind: str) -> None:
    assert denied(ask(RESPONDER, name, kind), dns.rcode.NOERROR)


@pytest.mark.parametrize(
    "name", ["nope.example.org", "x.all.example.org", "a.b.c.example.org", "x.deep.below.nothing.example.org"]
)
def test_a_name_that_is_not_there_is_denied(name: str) -> None:
    assert denied(ask(RESPONDER, name), dns.rcode.NXDOMAIN)


@pytest.mark.parametrize("name", ["example.com", "org", ".", "xexample.org", "example.org.example.net"])
def test_names_outside_the_zones_are_refused(name: str) -> None:
    response = ask(RESPONDER, name)
    assert response.rcode() == dns.rcode.REFUSED
    assert not response.flags & dns.flags.AA
    assert not response.answer
    assert not response.authority


def test_a_wildcard_does_not_reach_past_a_name_that_exists() -> None:
    """RFC 4592 section 3.3.1: the closest encloser decides, even an empty one."""
    rows = (service_row("*.w.example.org", anyone(US)), service_row("a.b.w.example.org", anyone(EU)))
    responder = responder_for(rows)
    assert values(ask(responder, "z.w.example.org")) == ("192.0.2.2",)
    assert denied(ask(responder, "b.w.example.org"), dns.rcode.NOERROR)
    assert denied(ask(responder, "z.b.w.example.org"), dns.rcode.NXDOMAIN)


def test_of_nested_zones_the_closest_answers() -> None:
    inner = ServedZone(name="in.example.org", nameservers=("ns.example.net",), mailbox="in@example.net")
    responder = responder_for((service_row("web.in.example.org", anyone(US)),), (ZONE, inner))
    assert ask(responder, "nope.in.example.org").authority[0].name.to_text() == "in.example.org."
    assert ask(responder, "nope.example.org").authority[0].name.to_text() == "example.org."
    assert values(ask(responder, "web.in.example.org")) == ("192.0.2.2",)


def test_a_nested_zone_exists_for_the_one_above_it() -> None:
    """Were the names between them denied, a resolver would take the inner zone to be gone as well (RFC 8020)."""
    inner = ServedZone(name="a.b.example.org", nameservers=("ns.example.net",), mailbox="in@example.net")
    for zones in ((ZONE, inner), (inner, ZONE)):
        assert denied(ask(responder_for((), zones), "b.example.org"), dns.rcode.NOERROR)


def test_the_serial_is_the_tables_generation() -> None:
    index = Index((ZONE,))
    responder = responder_for(())
    responder.index = index
    index.stamp(4711)
    assert ask(responder, "example.org", "SOA").answer[0][0].serial == 4711
    assert ask(responder, "nope.example.org").authority[0][0].serial == 4711
    index.stamp(2**32 + 5)
    assert ask(responder, "example.org", "SOA").answer[0][0].serial == 5


def test_the_mailbox_may_have_a_dot_before_its_at_sign() -> None:
    soa = ask(RESPONDER, "example.org", "SOA").answer[0][0]
    assert soa.rname.to_text() == r"dns\.admin.example.org."
    assert soa.mname.to_text() == "ns1.example.org."


@pytest.mark.parametrize("kind", ["A", "AAAA"])
def test_a_static_address_is_not_taken_over_by_a_service(kind: str) -> None:
    """Whoever may claim names must not be able to move the zone's own name server."""
    index = Index((ZONE,))
    assert index.apply((service_row("ns1.example.org", anyone(EU)),)) == ("ns1.example.org is held by a static record",)
    responder = responder_for(())
    responder.index = index
    assert values(ask(responder, "ns1.example.org", kind)) == (("192.0.2.53",) if kind == "A" else ())


def test_static_records_stand_beside_a_services_addresses() -> None:
    responder = responder_for((service_row("mail.example.org", anyone(US)),))
    assert values(ask(responder, "mail.example.org")) == ("192.0.2.2",)
    assert values(ask(responder, "mail.example.org", "TXT")) == ('"v=spf1 -all"',)


@pytest.mark.parametrize("name", ["example.org", "mail.example.org"])
def test_a_cname_never_stands_beside_other_records(name: str) -> None:
    target = Member(cluster="eu", weight=1, hostnames=("lb.example.net",))
    index = Index((ZONE,))
    (note,) = index.apply((service_row(name, anyone(target), form=Form.HOSTNAME),))
    assert note == f"{name} has other records beside it and cannot be a CNAME (RFC 1034 section 3.6.2)"
    responder = responder_for(())
    responder.index = index
    assert denied(ask(responder, name, "A"), dns.rcode.NOERROR)


def test_a_service_that_was_never_decided_has_a_name_but_no_data() -> None:
    key = ServiceKey("default", "prod", "new")
    fresh = Row(service=GlobalService(key=key, hostnames=("new.example.org",)))
    assert denied(ask(responder_for((fresh,)), "new.example.org"), dns.rcode.NOERROR)


def test_a_service_outside_every_zone_is_named_and_harms_nobody() -> None:
    index = Index((ZONE,))
    assert index.apply((service_row("web.example.com", anyone(EU)), service_row("b.example.org", anyone(US)))) == (
        "web.example.com lies in no served zone",
    )
    responder = responder_for(())
    responder.index = index
    assert values(ask(responder, "b.example.org")) == ("192.0.2.2",)


def test_a_frozen_decision_does_not_take_a_name_from_its_new_owner() -> None:
    old = ServiceKey("default", "prod", "old")
    frozen = Row(
        service=GlobalService(key=old, hostnames=("other.example.org",)),
        decision=Decision(service=old, hostnames=("web.example.org",), rules=(anyone(EU),)),
    )
    owner = service_row("web.example.org", anyone(US))
    for order in ((frozen, owner), (owner, frozen)):
        index = Index((ZONE,))
        index.apply(order)
        responder = responder_for(())
        responder.index = index
        assert values(ask(responder, "web.example.org")) == ("192.0.2.2",)


@pytest.mark.parametrize("text", ["A 192.0.2.300", "CAA nonsense", "NOSUCHTYPE x", "MX ten mail.example.org."])
def test_a_static_record_that_does_not_parse_is_named(text: str) -> None:
    kind, _, value = text.partition(" ")
    record = RecordSet(name="x.example.org", type=kind, ttl=30, values=(value,))
    bad = ServedZone(name="example.org", nameservers=("ns.example.org",), mailbox="a@example.org", records=(record,))
    with pytest.raises(ValueError, match=f"record x.example.org {kind}: "):
        Index((bad,))


def test_only_the_answer_that_a_resolver_may_keep_carries_the_services_ttl() -> None:
    responder = responder_for((service_row("web.example.org", anyone(US), ttl=17),))
    assert ask(responder, "web.example.org").answer[0].ttl == 17
    assert ask(responder, "web.example.org", "AAAA").authority[0].ttl == 30
