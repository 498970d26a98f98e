"""For any row and any client the server answers what steering says a client gets, no more and no less."""

import ipaddress

import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Client, Form, Member, Row, Rule, Where
from trafficfed.nameserver.draw import KeyedDraw
from trafficfed.nameserver.settings import Place
from trafficfed.nameserver.whereabouts import Whereabouts
from trafficfed.steering.select import answers
from trafficfed.testing.nameservers import ask, scope, values
from trafficfed.testing.sample_zone import responder_for, service_row

# Few places and networks, so that rules and clients meet often; networks nest, and cut across places.
CONTINENTS, COUNTRIES, SUBDIVISIONS = ("EU", "NA"), ("DE", "US"), ("US-CA", "DE-BE")
NETWORKS = ("198.51.100.0/24", "198.51.100.128/25", "198.51.0.0/16", "203.0.113.0/24", "2001:db8:a::/48", "0.0.0.0/0")

members = st.builds(
    Member,
    cluster=st.sampled_from(("eu", "us", "ap")),
    weight=st.sampled_from((0, 1, 5)),
    addresses=st.lists(
        st.sampled_from(("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2")), max_size=3, unique=True
    ).map(tuple),
)
aliases = st.builds(
    Member,
    cluster=st.just("eu"),
    weight=st.sampled_from((0, 1, 5)),
    hostnames=st.sampled_from(((), ("a.example.net",), ("b.example.net",))),
)
wheres = st.one_of(
    st.builds(Where, st.just("network"), st.sampled_from(NETWORKS)),
    st.builds(Where, st.just("subdivision"), st.sampled_from(SUBDIVISIONS)),
    st.builds(Where, st.just("country"), st.sampled_from(COUNTRIES)),
    st.builds(Where, st.just("continent"), st.sampled_from(CONTINENTS)),
)
places = st.lists(
    st.builds(
        Place,
        network=st.sampled_from(NETWORKS),
        continent=st.sampled_from((*CONTINENTS, "")),
        country=st.sampled_from((*COUNTRIES, "")),
        subdivision=st.sampled_from((*SUBDIVISIONS, "")),
    ),
    max_size=4,
    unique_by=lambda place: place.network,
)
clients = st.one_of(
    st.integers(0, 255).map(lambda last: f"198.51.100.{last}"),
    st.sampled_from(("198.51.7.7", "203.0.113.9", "192.0.2.77", "2001:db8:a::5", "2001:db8:b::5")),
)
FORMS = {Form.ADDRESS: (members, ("A", "AAAA")), Form.HOSTNAME: (aliases, ("A", "CNAME"))}


@st.composite
def rows(draw: st.DrawFn) -> Row:
    form = draw(st.sampled_from(Form))
    pools = st.lists(FORMS[form][0], max_size=4).map(tuple)
    found = draw(st.lists(wheres, max_size=5, unique=True))
    shares = st.one_of(st.just(()), pools)
    rules = [Rule(where=where, pool=draw(pools), shares=draw(shares)) for where in found]
    bare = not rules and draw(st.booleans())
    catch_all = [] if bare else [Rule(where=Where(), pool=draw(pools), shares=draw(shares))]
    pick = 1 if form is Form.HOSTNAME else draw(st.sampled_from((0, 1, 2)))
    return service_row("web.example.org", *rules, *catch_all, pick=pick, form=form)


@pytest.mark.slow
@settings(deadline=None)
@given(row=rows(), known=places, client=clients, seed=st.binary(min_size=1, max_size=4), by_subnet=st.booleans())
def test_every_answer_is_one_that_the_decision_allows(
    row: Row, known: list[Place], client: str, seed: bytes, by_subnet: bool
) -> None:
    whereabouts = Whereabouts(known)
    responder = responder_for((row,), draw=KeyedDraw(seed, lambda: 0.0), whereabouts=whereabouts)
    located = whereabouts.locate(client).client
    decision = row.decision
    assert decision is not None
    for kind in FORMS[decision.form][1]:
        asked = {"subnet": client, "client": "192.0.2.250"} if by_subnet else {"client": client}
        response = ask(responder, "web.example.org", kind, **asked)
        wanted = "CNAME" if decision.form is Form.HOSTNAME else kind
        assert response.rcode() == dns.rcode.NOERROR
        assert values(response) in answers(decision, located, wanted)


@pytest.mark.slow
@settings(deadline=None)
@given(row=rows(), known=places, client=clients)
def test_the_families_of_one_answer_come_from_the_same_members(row: Row, known: list[Place], client: str) -> None:
    """The pick is made before the family is looked at: together A and AAAA are one choice of members."""
    decision = row.decision
    assert decision is not None
    responder = responder_for((row,), draw=KeyedDraw(b"k", lambda: 0.0), whereabouts=Whereabouts(known))
    if decision.form is Form.ADDRESS and decision.pick == 1:
        given_out = {
            value for kind in ("A", "AAAA") for value in values(ask(responder, "web.example.org", kind, client=client))
        }
        chosen = [set(member.addresses) for rule in decision.rules for member in rule.members]
        assert given_out in [*chosen, set()]


@pytest.mark.slow
@settings(deadline=None)
@given(row=rows(), known=places, client=clients, other=clients, source=st.integers(0, 32))
def test_within_the_scope_of_an_answer_every_client_gets_the_same_choice(
    row: Row, known: list[Place], client: str, other: str, source: int
) -> None:
    """What a resolver keeps for a block is right for each address in it."""
    whereabouts = Whereabouts(known)
    responder = responder_for((row,), whereabouts=whereabouts)
    address = ipaddress.ip_address(client)
    source = source if address.version == 4 else source * 4
    network = ipaddress.ip_network(f"{client}/{source}", strict=False)
    asked = f"{network.network_address}/{source}"
    response = ask(responder, "web.example.org", "A", subnet=asked)
    told = scope(response)
    assert told is not None
    decision = row.decision
    assert decision is not None
    wanted = "CNAME" if decision.form is Form.HOSTNAME else "A"
    if source == 0:
        assert told == 0
        assert values(response) in answers(decision, Client(), wanted)
        return
    block = ipaddress.ip_network(f"{network.network_address}/{told}", strict=False)
    here = answers(decision, whereabouts.locate(str(network.network_address)).client, wanted)
    if told == 0:
        pools = {(rule.members, decision.pick_of(rule)) for rule in decision.rules}
        assert len(pools) <= 1
    neighbour = ipaddress.ip_address(other)
    if neighbour.version == block.version and neighbour in block:
        assert answers(decision, whereabouts.locate(other).client, wanted) == here
