"""A tree of routed sets has the levels that a decision needs and no others; what it cannot hold is a loss by name."""

import pytest

from trafficfed.model import Capabilities, Decision, Form, Member, RecordSet, Routing, Rule, ServiceKey, Where, Zone
from trafficfed.zones.lowering import Lowered, lower

TREE = Capabilities(weighted=True, geo=("continent", "country", "subdivision:US"), routing="tree")
CHECKED = Capabilities(
    weighted=True, geo=TREE.geo, failover=True, routing="tree", checks=(("ap", "h3"), ("eu", "h1"), ("us", "h2"))
)
ZONE = Zone(name="fed.test")
NAME = "web.fed.test"
EU = Member(cluster="eu", weight=70, addresses=("192.0.2.1",))
US = Member(cluster="us", weight=30, addresses=("192.0.2.2",))
AP = Member(cluster="ap", weight=70, addresses=("192.0.2.3",))
ANY, EUROPE = Where(), Where("continent", "EU")


def decision(*rules: Rule, pick: int = 1, form: Form = Form.ADDRESS, name: str = NAME) -> Decision:
    return Decision(
        service=ServiceKey("default", "shop", "web"), hostnames=(name,), form=form, pick=pick, rules=tuple(rules)
    )


def rule(where: Where, *pool: Member, standby: tuple[Member, ...] = ()) -> Rule:
    return Rule(where=where, pool=pool, standby=(standby,) if standby else ())


def tree(*rules: Rule, capabilities: Capabilities = TREE, zone: Zone = ZONE, pick: int = 1) -> Lowered:
    return lower(decision(*rules, pick=pick), capabilities, zone)


def shown(lowered: Lowered) -> list[str]:
    """Each set as ``name set=values``, with an arrow for an alias."""
    return [
        f"{found.name.removesuffix('.fed.test')} {found.routing.set_id if found.routing else '-'}"
        f"{'->' if found.alias else '='}{' '.join(found.values).replace('.fed.test.', '')}"
        for found in lowered.sets
    ]


def test_a_pool_of_equal_shares_is_a_plain_set() -> None:
    assert tree(rule(ANY, EU, AP)).sets == (RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1", "192.0.2.3")),)


def test_weights_alone_are_sets_at_the_name_itself() -> None:
    assert tree(rule(ANY, EU, US)).sets == (
        RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",), routing=Routing(set_id="eu", weight=70)),
        RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.2",), routing=Routing(set_id="us", weight=30)),
    )


def test_places_alone_are_sets_at_the_name_itself_the_default_last() -> None:
    lowered = tree(rule(EUROPE, EU), rule(ANY, US))
    assert shown(lowered) == ["web continent-eu=192.0.2.1", "web any=192.0.2.2"]
    assert [found.routing.where for found in lowered.sets if found.routing] == [EUROPE, ANY]


def test_weights_within_a_place_stand_below_the_name_and_an_alias_leads_there() -> None:
    assert shown(tree(rule(EUROPE, EU, US), rule(ANY, US))) == [
        "web continent-eu->continent-eu._trafficfed-pool.web",
        "continent-eu._trafficfed-pool.web eu=192.0.2.1",
        "continent-eu._trafficfed-pool.web us=192.0.2.2",
        "web any=192.0.2.2",
    ]


def test_places_that_all_get_the_same_are_no_places() -> None:
    assert tree(rule(EUROPE, EU), rule(Where("country", "US"), EU), rule(ANY, EU)).sets == (
        RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",)),
    )


def test_a_place_whose_answer_is_the_default_stays_where_a_wider_one_differs() -> None:
    lowered = tree(rule(Where("country", "FR"), US), rule(EUROPE, EU), rule(ANY, US))
    assert shown(lowered) == ["web country-fr=192.0.2.2", "web continent-eu=192.0.2.1", "web any=192.0.2.2"]


def test_only_places_that_differ_from_the_wider_one_are_stated() -> None:
    rules = [rule(Where("continent", code), US) for code in ("AF", "AN", "AS", "NA", "OC", "SA")]
    lowered = tree(rule(Where("subdivision", "US-CA"), EU), rule(Where("country", "US"), EU), *rules, rule(ANY, US))
    assert shown(lowered) == ["web country-us=192.0.2.1", "web any=192.0.2.2"]


def test_where_continents_differ_every_country_is_stated() -> None:
    """Turkey is in Asia for one, in Europe for another."""
    lowered = tree(rule(Where("country", "TR"), EU), rule(EUROPE, EU), rule(ANY, US))
    assert shown(lowered) == ["web country-tr=192.0.2.1", "web continent-eu=192.0.2.1", "web any=192.0.2.2"]


def test_an_alias_has_no_ttl_of_its_own() -> None:
    lowered = tree(rule(EUROPE, EU, US), rule(ANY, US))
    assert {found.ttl for found in lowered.sets if found.alias} == {0}
    assert {found.ttl for found in lowered.sets if not found.alias} == {30}


def test_a_wildcard_has_its_branches_beside_it() -> None:
    lowered = lower(decision(rule(EUROPE, EU, US), rule(ANY, US), name="*.fed.test"), TREE, ZONE)
    assert {found.name for found in lowered.sets} == {"*.fed.test", "continent-eu._trafficfed-pool._wildcard.fed.test"}


def test_each_family_has_a_tree_of_its_own() -> None:
    both = Member(cluster="eu", weight=70, addresses=("192.0.2.1", "2001:db8::1"))
    lowered = tree(rule(ANY, both, US))
    assert [(found.type, found.values, found.routing is None) for found in lowered.sets] == [
        ("A", ("192.0.2.1",), False),
        ("A", ("192.0.2.2",), False),
        ("AAAA", ("2001:db8::1",), True),
    ]


def test_a_member_of_several_addresses_shares_its_weight_among_them() -> None:
    """A weighted set holds one value only."""
    two = Member(cluster="us", weight=30, addresses=("192.0.2.2", "192.0.2.22"))
    found = {found.routing.set_id: found.routing.weight for found in tree(rule(ANY, EU, two)).sets if found.routing}
    assert found == {"eu": 70, "us/192.0.2.2": 15, "us/192.0.2.22": 15}


def test_failover_stays_with_the_controller_where_the_provider_checks_nothing() -> None:
    assert shown(tree(rule(ANY, EU, standby=(US,)))) == ["web -=192.0.2.1"]


def test_with_checks_the_provider_fails_over_to_the_next_tier_by_itself() -> None:
    lowered = tree(rule(ANY, EU, standby=(US,)), capabilities=CHECKED)
    assert shown(lowered) == ["web secondary=192.0.2.2", "web primary=192.0.2.1"]
    assert [found.routing.health_check for found in lowered.sets if found.routing] == ["", "h1"]


def test_place_failover_and_weights_are_three_levels() -> None:
    lowered = tree(rule(EUROPE, EU, US, standby=(AP,)), rule(ANY, AP), capabilities=CHECKED)
    assert shown(lowered) == [
        "web continent-eu->continent-eu._trafficfed-pool.web",
        "continent-eu._trafficfed-pool.web secondary=192.0.2.3",
        "continent-eu._trafficfed-pool.web primary->continent-eu-primary._trafficfed-pool.web",
        "continent-eu-primary._trafficfed-pool.web eu=192.0.2.1",
        "continent-eu-primary._trafficfed-pool.web us=192.0.2.2",
        "web any=192.0.2.3",
    ]


def test_a_pool_that_is_not_checked_whole_does_not_fail_over() -> None:
    """A set without a check always counts as healthy: the standby would never be answered."""
    other = Member(cluster="elsewhere", weight=1, addresses=("192.0.2.9",))
    assert shown(tree(rule(ANY, other, standby=(US,)), capabilities=CHECKED)) == ["web -=192.0.2.9"]


def test_a_change_of_one_place_changes_the_sets_of_that_place_only() -> None:
    before = tree(rule(EUROPE, EU, US), rule(ANY, US, AP)).sets
    after = tree(rule(EUROPE, EU), rule(ANY, US, AP)).sets
    assert {found.name for found in {*before} ^ {*after}} == {NAME, f"continent-eu._trafficfed-pool.{NAME}"}
    assert len({*before} & {*after}) == 3


@pytest.mark.parametrize("where", [Where("network", "192.0.2.0/24"), Where("subdivision", "DE-BY")])
def test_places_that_the_provider_does_not_know_are_a_loss(where: Where) -> None:
    refused = tree(rule(where, EU), rule(ANY, US))
    assert "approximate: [geo]" in refused.refusal
    assert refused.losses == (f"geo: clients of {where.kind} {where.value} get the answer of the place around them",)
    accepted = tree(rule(where, EU), rule(ANY, US), zone=Zone(name="fed.test", approximate=("geo",)))
    assert shown(accepted) == ["web -=192.0.2.2"]


def test_an_unknown_place_that_differs_from_nothing_is_no_loss() -> None:
    assert not tree(rule(Where("network", "192.0.2.0/24"), US), rule(ANY, US)).losses


def test_a_place_without_an_address_of_a_family_that_others_have_is_a_loss() -> None:
    """Route 53 gives such clients the wider place's address, where a name server of ours gives them none."""
    six = Member(cluster="us", weight=1, addresses=("192.0.2.2", "2001:db8::2"))
    refused = tree(rule(EUROPE, EU), rule(ANY, six))
    assert refused.refusal
    assert "for whom there is no AAAA" in refused.losses[0]
    assert not tree(rule(EUROPE, six), rule(ANY, EU)).losses


def test_weights_beyond_what_a_set_holds_are_a_loss_where_they_matter() -> None:
    def pool(*weights: int) -> Rule:
        return rule(
            ANY, *(Member(cluster=f"c{n}", weight=w, addresses=(f"192.0.2.{n}",)) for n, w in enumerate(weights))
        )

    assert not tree(pool(1000, 500)).losses
    assert not tree(pool(70_000, 30_000)).losses
    assert not tree(pool(100_000, 1)).losses
    assert "weighted: weights go up to 255 only" in tree(pool(100_000, *[1] * 40)).losses[0]


def test_more_members_than_weighted_sets_share_equally_and_that_is_a_loss() -> None:
    members = [Member(cluster=f"c{n}", weight=1 + n % 2, addresses=(f"192.0.2.{n}",)) for n in range(101)]
    lowered = tree(rule(ANY, *members), zone=Zone(name="fed.test", approximate=("weighted",)))
    assert lowered.losses == ("weighted: every address is answered with the same share",)
    (only,) = lowered.sets
    assert (only.routing, len(only.values)) == (None, 101)


def test_several_hostnames_are_weighted_cnames() -> None:
    pool = tuple(Member(cluster=name, weight=1, hostnames=(f"lb.{name}.example.net",)) for name in ("eu", "us"))
    lowered = lower(decision(rule(ANY, *pool), form=Form.HOSTNAME), TREE, ZONE)
    assert [(found.type, found.values, found.routing) for found in lowered.sets] == [
        ("CNAME", ("lb.eu.example.net.",), Routing(set_id="eu", weight=1)),
        ("CNAME", ("lb.us.example.net.",), Routing(set_id="us", weight=1)),
    ]


def test_two_members_of_one_cluster_are_told_apart() -> None:
    lowered = tree(rule(ANY, EU, Member(cluster="eu", weight=30, addresses=("192.0.2.9",))))
    assert [found.routing.set_id for found in lowered.sets if found.routing] == ["eu/192.0.2.1", "eu/192.0.2.9"]


def test_nothing_to_give_out_is_no_set_at_all() -> None:
    assert tree(rule(ANY)).sets == ()
