"""Lowering says the same in plain record sets, or names what is lost and asks whether that is accepted."""

import pytest
from msgspec.structs import replace

from trafficfed.model import (
    Capabilities,
    Decision,
    Form,
    Member,
    RecordSet,
    Rule,
    ServiceKey,
    Where,
    Zone,
)
from trafficfed.zones.lowering import UNSHIFTED, Lowered, lower, zone_of

PLAIN = Capabilities()
POLICY = Capabilities(routing="policy", weighted=True, geo=("region",))
TREE = Capabilities(routing="tree", weighted=True, geo=("continent", "country"))
ZONE = Zone(name="fed.test")
EU = Member(cluster="eu", weight=100, addresses=("192.0.2.1",))
US = Member(cluster="us", weight=100, addresses=("192.0.2.2", "2001:db8::2"))
ANY = Where()


def decision(*pool: Member, pick: int = 0, form: Form = Form.ADDRESS, rules: tuple[Rule, ...] = ()) -> Decision:
    return Decision(
        service=ServiceKey("default", "shop", "web"),
        hostnames=("web.fed.test",),
        form=form,
        pick=pick,
        rules=(*rules, Rule(where=ANY, pool=pool)),
    )


def values(lowered: Lowered) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(found.name, found.type): found.values for found in lowered.sets}


def test_the_default_pool_becomes_one_set_for_each_family() -> None:
    lowered = lower(decision(US, EU), PLAIN, ZONE)
    assert lowered.sets == (
        RecordSet(name="web.fed.test", type="A", ttl=30, values=("192.0.2.1", "192.0.2.2")),
        RecordSet(name="web.fed.test", type="AAAA", ttl=30, values=("2001:db8::2",)),
    )
    assert not lowered.losses
    assert not lowered.refusal


SHIFTED = (replace(EU, weight=90), replace(US, weight=10))


def test_plain_sets_keep_their_answer_while_a_part_is_shifted_and_nothing_has_to_be_accepted() -> None:
    whole = decision(EU)
    lowered = lower(replace(whole, rules=(replace(whole.rules[0], shares=SHIFTED),)), PLAIN, ZONE)
    assert lowered == Lowered(names=lowered.names, sets=lower(whole, PLAIN, ZONE).sets, losses=(UNSHIFTED,))


@pytest.mark.parametrize("routing", ["policy", "tree"])
def test_what_is_shifted_in_part_is_weights_where_there_are_any(routing: str) -> None:
    shifted = replace(decision(EU), rules=(Rule(where=ANY, pool=(EU,), shares=SHIFTED),))
    lowered = lower(shifted, Capabilities(routing=routing, weighted=True), ZONE)
    assert not lowered.losses
    weights = {found.values: found.routing.weight for found in lowered.sets if found.routing and found.type == "A"}
    assert weights == {("192.0.2.1",): 9, ("192.0.2.2",): 1} or weights == {("192.0.2.1",): 90, ("192.0.2.2",): 10}


def test_a_rule_without_a_share_beside_one_with_gives_all_its_addresses_equally() -> None:
    """The lowered decision picks one member: with the same share for every address, as clients have it among all."""
    us = replace(US, addresses=("192.0.2.2",))
    default = Rule(where=ANY, pool=(replace(EU, addresses=("192.0.2.1", "192.0.2.3"), weight=7), us))
    shares = (replace(EU, weight=9), replace(us, weight=1))
    shifted = decision(rules=(Rule(where=Where("continent", "EU"), pool=(EU,), shares=shares),))
    lowered = lower(replace(shifted, rules=(shifted.rules[0], default)), TREE, ZONE)
    assert not lowered.losses
    plain = [found for found in lowered.sets if found.type == "A" and len(found.values) > 1]
    assert [found.values for found in plain] == [("192.0.2.1", "192.0.2.2", "192.0.2.3")]


@pytest.mark.parametrize("accepted", [(), ("geo",), ("weighted",), ("geo", "weighted")])
def test_a_shift_costs_no_loss_that_there_was_not_without_it(accepted: tuple[str, ...]) -> None:
    """Where places and weights cannot be combined the places stay, whatever may be given up for weights."""
    us = replace(US, addresses=("192.0.2.2",))
    near = decision(us, rules=(Rule(where=Where("continent", "EU"), pool=(EU,)),))
    rule = replace(near.rules[0], shares=(replace(EU, weight=90), replace(us, weight=10)))
    zone = replace(ZONE, approximate=accepted)
    found = lower(replace(near, rules=(rule, near.rules[1])), POLICY, zone)
    without = lower(near, POLICY, zone)
    assert found.sets == without.sets
    assert found.losses == (*without.losses, UNSHIFTED)
    assert not found.refusal


def test_only_names_inside_the_zone_are_lowered() -> None:
    both = Decision(
        service=ServiceKey("default", "shop", "web"),
        hostnames=("web.fed.test", "web.other.test", "webfed.test"),
        rules=(Rule(where=ANY, pool=(EU,)),),
    )
    assert lower(both, PLAIN, ZONE).names == ("web.fed.test",)
    assert lower(both, PLAIN, Zone(name="third.test")) == Lowered()


def test_a_name_belongs_to_the_deepest_zone() -> None:
    deep = Zone(name="eu.fed.test")
    assert zone_of("a.eu.fed.test", (ZONE, deep)) == "eu.fed.test"
    inside = Decision(
        service=ServiceKey("default", "shop", "web"),
        hostnames=("a.eu.fed.test", "b.fed.test"),
        rules=(Rule(where=ANY, pool=(EU,)),),
    )
    assert lower(inside, PLAIN, ZONE, (ZONE, deep)).names == ("b.fed.test",)
    assert lower(inside, PLAIN, deep, (ZONE, deep)).names == ("a.eu.fed.test",)


def test_a_name_with_nothing_to_answer_is_kept_without_records() -> None:
    empty = Decision(service=ServiceKey("default", "shop", "web"), hostnames=("web.fed.test",))
    assert lower(empty, PLAIN, ZONE) == Lowered(names=("web.fed.test",))


def test_geography_is_refused_unless_its_loss_is_accepted() -> None:
    asia = Rule(where=Where("continent", "AS"), pool=(US,))
    refused = lower(decision(EU, rules=(asia,)), PLAIN, ZONE)
    assert refused.sets == ()
    assert "approximate: [geo] in zone fed.test" in refused.refusal
    accepted = lower(decision(EU, rules=(asia,)), PLAIN, Zone(name="fed.test", approximate=("geo",)))
    assert values(accepted) == {("web.fed.test", "A"): ("192.0.2.1",)}
    assert accepted.losses == ("geo: clients of continent AS get the default answer",)


def test_rules_that_say_the_same_as_the_default_lose_nothing() -> None:
    same = Rule(where=Where("continent", "EU"), pool=(EU,))
    assert lower(decision(EU, rules=(same,)), PLAIN, ZONE).losses == ()


def test_many_lost_rules_are_counted_rather_than_listed() -> None:
    rules = tuple(Rule(where=Where("country", code), pool=(US,)) for code in ("AT", "BE", "CH", "DE", "ES", "FR", "GB"))
    (loss,) = lower(decision(EU, rules=rules), PLAIN, ZONE).losses
    assert loss.endswith("country ES and 2 more get the default answer")


@pytest.mark.parametrize(
    ("pool", "lost"),
    [
        ((Member(cluster="a", weight=90, addresses=("192.0.2.1",)), EU), True),
        ((Member(cluster="a", weight=100, addresses=("192.0.2.8",)), EU), False),
        ((Member(cluster="a", weight=100, addresses=("192.0.2.8", "192.0.2.9")), EU), True),
        ((Member(cluster="a", weight=200, addresses=("192.0.2.8", "192.0.2.9")), EU), False),
        ((Member(cluster="a", weight=0, addresses=("192.0.2.8",)), EU), False),
        ((EU,), False),
    ],
)
def test_weights_are_lost_where_equal_shares_are_not_what_they_say(pool: tuple[Member, ...], lost: bool) -> None:
    assert bool(lower(decision(*pool, pick=1), PLAIN, Zone(name="fed.test", approximate=("weighted",))).losses) is lost
    assert bool(lower(decision(*pool, pick=1), PLAIN, ZONE).refusal) is lost


def test_weights_mean_nothing_where_all_are_answered() -> None:
    heavy = Member(cluster="a", weight=900, addresses=("192.0.2.8",))
    assert lower(decision(heavy, EU), PLAIN, ZONE).losses == ()


def test_a_member_without_weight_is_answered_only_when_all_have_none() -> None:
    idle = Member(cluster="a", weight=0, addresses=("192.0.2.8",))
    assert values(lower(decision(idle, EU), PLAIN, ZONE)) == {("web.fed.test", "A"): ("192.0.2.1",)}
    assert values(lower(decision(idle), PLAIN, ZONE)) == {("web.fed.test", "A"): ("192.0.2.8",)}


def test_hostnames_become_a_cname_with_a_final_dot() -> None:
    lb = Member(cluster="eu", weight=100, hostnames=("LB.example.net",))
    assert values(lower(decision(lb, form=Form.HOSTNAME), PLAIN, ZONE)) == {
        ("web.fed.test", "CNAME"): ("lb.example.net.",)
    }


def test_a_cname_holds_one_hostname_and_says_so() -> None:
    light = Member(cluster="a", weight=10, hostnames=("a.example.net",))
    heavy = Member(cluster="b", weight=90, hostnames=("b.example.net",))
    zone = Zone(name="fed.test", approximate=("weighted",))
    lowered = lower(decision(light, heavy, form=Form.HOSTNAME), PLAIN, zone)
    assert values(lowered) == {("web.fed.test", "CNAME"): ("b.example.net.",)}
    assert lowered.losses == ("weighted: of 2 hostnames a CNAME holds b.example.net only",)


def test_the_ttl_is_raised_to_what_the_provider_allows() -> None:
    assert {found.ttl for found in lower(decision(EU), Capabilities(ttl_floor=60), ZONE).sets} == {60}


def test_the_order_of_the_pool_does_not_matter() -> None:
    assert lower(decision(EU, US), PLAIN, ZONE) == lower(decision(US, EU), PLAIN, ZONE)
