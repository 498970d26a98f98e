"""An index that went through any changes equals one that is built from the rows that are left."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Row, ServiceKey
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.names import to_text
from trafficfed.nameserver.respond import Responder
from trafficfed.table.table import Table
from trafficfed.testing.nameservers import ask, values
from trafficfed.testing.sample_zone import EU, US, ZONE, anyone, responder_for, service_row

# Nested and neighbouring names, a wildcard, the apex and a name with static records, held by few services.
HOSTNAMES = ("a", "b.a", "c.b.a", "*.a", "x.y", "mail", "ns1")
SERVICES = ("one", "two", "three")

steps = st.lists(
    st.tuples(st.sampled_from(SERVICES), st.sampled_from((*HOSTNAMES, "")), st.sampled_from((EU, US))), max_size=12
)


def shape(index: Index) -> dict[str, tuple[int, bool, int]]:
    return {
        to_text(wire): (node.below, node.service is not None, len(node.static)) for wire, node in index.names.items()
    }


def outcome(responder: Responder, name: str) -> tuple[tuple[str, ...], int]:
    response = ask(responder, name)
    return values(response), int(response.rcode())


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(steps=steps)
def test_any_changes_lead_to_what_is_built_anew(steps: list[tuple[str, str, object]]) -> None:
    table, index = Table(), Index((ZONE,))
    for service, hostname, member in steps:
        key = ServiceKey("default", "prod", service)
        holder = table.owner_of(f"{hostname}.example.org")
        rows: list[Row] = []
        if hostname:
            pool = EU if member is EU else US
            rows = [service_row(f"{hostname}.example.org", anyone(pool), name=service)]
        gone = {key, holder} if hostname and holder else {key}
        delta = table.commit(rows, [each for each in gone if each and (not hostname or each != key)])
        if delta is not None:
            index.apply(delta.rows, delta.removed)
    fresh = Index((ZONE,))
    fresh.apply(table.rows.values())
    assert shape(index) == shape(fresh)
    one, other = responder_for(()), responder_for(())
    one.index, other.index = index, fresh
    for hostname in HOSTNAMES:
        name = f"{hostname}.example.org"
        assert outcome(one, name) == outcome(other, name)


def test_nothing_of_a_service_is_left_when_it_goes() -> None:
    index = Index((ZONE,))
    before = shape(index)
    deep = service_row("x.y.z.example.org", anyone(US))
    index.apply((deep,))
    assert shape(index).keys() - before.keys() == {"x.y.z.example.org", "y.z.example.org", "z.example.org"}
    index.apply((), (deep.key,))
    assert shape(index) == before


def test_a_name_changes_hands_within_one_change() -> None:
    index = Index((ZONE,))
    old = service_row("web.example.org", anyone(US), name="old")
    index.apply((old,))
    index.apply((service_row("web.example.org", anyone(EU), name="new"),), (old.key,))
    responder = responder_for(())
    responder.index = index
    assert values(ask(responder, "web.example.org")) == ("192.0.2.1",)


def test_two_services_exchange_their_names_within_one_change() -> None:
    index = Index((ZONE,))
    for first, second in (("a", "b"), ("b", "a")):
        one = service_row(f"{first}.example.org", anyone(US), name="one")
        two = service_row(f"{second}.example.org", anyone(EU), name="two")
        assert index.apply((one, two)) == ()
    responder = responder_for(())
    responder.index = index
    assert values(ask(responder, "a.example.org")) == ("192.0.2.1",)
    assert values(ask(responder, "b.example.org")) == ("192.0.2.2",)
