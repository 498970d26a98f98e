"""A client gets the most specific rule that covers it, and its record type only filters what that rule gives."""

import pytest

from trafficfed.model import Client, Decision, Form, Member, Rule, Where
from trafficfed.steering.select import answers, rule_for, values_of
from trafficfed.testing.fleets import KEY

WHERES = (
    Where("network", "198.51.100.0/24"),
    Where("network", "198.51.100.128/25"),
    Where("network", "2001:db8::/32"),
    Where("subdivision", "US-CA"),
    Where("country", "US"),
    Where("continent", "NA"),
    Where(),
)


def decision(
    *members: Member, pick: int = 0, form: Form = Form.ADDRESS, wheres: tuple[Where, ...] = WHERES
) -> Decision:
    rules = tuple(Rule(where=where, pool=members) for where in wheres)
    return Decision(service=KEY, hostnames=("web.example.org",), pick=pick, form=form, rules=rules)


@pytest.mark.parametrize(
    ("client", "where"),
    [
        (Client("198.51.100.1", "NA", "US", "US-CA"), WHERES[0]),
        (Client("198.51.100.200", "EU", "IE"), WHERES[1]),
        (Client("2001:db8::7"), WHERES[2]),
        (Client("192.0.2.1", "NA", "US", "US-CA"), WHERES[3]),
        (Client("192.0.2.1", "NA", "US", "US-NY"), WHERES[4]),
        (Client("", "NA", "US"), WHERES[4]),
        (Client("192.0.2.1", "NA", "CA"), WHERES[5]),
        (Client("192.0.2.1", "EU", "IE"), WHERES[6]),
        (Client(), WHERES[6]),
    ],
)
def test_networks_then_subdivision_country_continent_anyone(client: Client, where: Where) -> None:
    for order in (WHERES, tuple(reversed(WHERES))):
        rule = rule_for(decision(wheres=order), client)
        assert rule is not None
        assert rule.where == where


def test_a_decision_without_rules_has_none_for_anyone() -> None:
    assert rule_for(decision(wheres=()), Client()) is None
    assert answers(decision(wheres=()), Client(), "A") == {()}


EU = Member(cluster="eu", weight=1, addresses=("192.0.2.1", "2001:db8::1"))
US = Member(cluster="us", weight=3, addresses=("192.0.2.2",))


def test_all_members_make_one_answer_and_the_type_filters_it() -> None:
    assert answers(decision(EU, US), Client(), "A") == {("192.0.2.1", "192.0.2.2")}
    assert answers(decision(EU, US), Client(), "AAAA") == {("2001:db8::1",)}
    assert answers(decision(EU, US), Client(), "CNAME") == {()}


def test_a_pick_is_made_before_the_type_is_looked_at() -> None:
    assert answers(decision(EU, US, pick=1), Client(), "A") == {("192.0.2.1",), ("192.0.2.2",)}
    assert answers(decision(EU, US, pick=1), Client(), "AAAA") == {("2001:db8::1",), ()}


def test_a_pick_of_more_than_there_are_gives_all() -> None:
    assert answers(decision(EU, US, pick=5), Client(), "A") == answers(decision(EU, US), Client(), "A")


def test_a_member_of_weight_zero_is_picked_only_where_no_other_is_there() -> None:
    idle = Member(cluster="ap", weight=0, addresses=("192.0.2.3",))
    assert answers(decision(idle, US, pick=1), Client(), "A") == {("192.0.2.2",)}
    assert answers(decision(idle, pick=1), Client(), "A") == {("192.0.2.3",)}


def test_of_several_hostnames_any_one_is_an_answer() -> None:
    two = Member(cluster="eu", weight=1, hostnames=("a.example.net", "b.example.net"))
    idle = Member(cluster="us", weight=0, hostnames=("c.example.net",))
    found = answers(decision(two, idle, pick=1, form=Form.HOSTNAME), Client(), "CNAME")
    assert found == {("a.example.net",), ("b.example.net",)}
    assert answers(decision(idle, pick=1, form=Form.HOSTNAME), Client(), "CNAME") == {("c.example.net",)}


def test_hostnames_are_answered_as_cname_only() -> None:
    member = Member(cluster="eu", weight=1, hostnames=("b.example.net", "a.example.net"))
    assert values_of((member, member), "CNAME") == ("a.example.net", "b.example.net")
    assert values_of((member,), "A") == ()
