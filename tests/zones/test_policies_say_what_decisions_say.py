"""Routing policies of Google Cloud DNS answer every client as the decision says, or the loss has a name.

The other side is a small model of Cloud DNS: a weighted policy answers any item in proportion, a geographic one the
item whose region is nearest to the client.
"""

import functools
from collections.abc import Collection
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Capabilities, Client, Decision, Form, Member, RecordSet, Rule, ServiceKey, Where, Zone
from trafficfed.steering.geography import CONTINENTS, REGIONS
from trafficfed.steering.places import direction, distance_km
from trafficfed.steering.select import answers
from trafficfed.zones.google_regions import REGION_NAMES, thinned
from trafficfed.zones.lowering import Lowered, lower

POLICY = Capabilities(routing="policy", weighted=True, geo=("region",))
EU = Member(cluster="eu", weight=70, addresses=("192.0.2.1", "2001:db8::1"))
US = Member(cluster="us", weight=20, addresses=("192.0.2.2", "2001:db8::2"))
AP = Member(cluster="ap", weight=10, addresses=("192.0.2.3", "2001:db8::3"))
OLD = Member(cluster="old", weight=10, addresses=("192.0.2.4",))


def rule(where: str, *pool: Member) -> Rule:
    """``continent EU``, ``country US`` or ``any``."""
    kind, _, value = where.partition(" ")
    return Rule(where=Where(kind, value), pool=pool)


def decision(*rules: Rule, pick: int = 0, form: Form = Form.ADDRESS) -> Decision:
    return Decision(
        service=ServiceKey("default", "shop", "web"),
        hostnames=("web.fed.test",),
        rules=rules,
        pick=pick,
        form=form,
    )


def lowered(found: Decision, *accepted: str) -> Lowered:
    return lower(found, POLICY, Zone(name="fed.test", approximate=accepted))


def items(found: Lowered, rdtype: str) -> dict[str, RecordSet]:
    """Record sets of one type by set identifier, a plain one under the empty one."""
    return {each.routing.set_id if each.routing else "": each for each in found.sets if each.type == rdtype}


def weights(found: Lowered, rdtype: str) -> dict[tuple[str, ...], int | None]:
    return {each.values: each.routing.weight if each.routing else None for each in items(found, rdtype).values()}


@functools.cache
def by_distance(region: str) -> tuple[str, ...]:
    at = {name: direction(REGIONS[name].latitude, REGIONS[name].longitude) for name in REGION_NAMES}
    return tuple(sorted(REGION_NAMES, key=lambda name: (distance_km(at[region], at[name]), name)))


def nearest(region: str, among: Collection[str]) -> str:
    return next(name for name in by_distance(region) if name in among)


def answered(found: Lowered, rdtype: str, region: str) -> set[tuple[str, ...]]:
    """Every answer that Cloud DNS may give to a client who sits at a region."""
    sets = items(found, rdtype)
    if any(each.routing and each.routing.where for each in sets.values()):
        return {sets[nearest(region, sets)].values}
    return {each.values for each in sets.values() if not each.routing or each.routing.weight} or {()}


def test_weights_become_shares_of_one_policy() -> None:
    found = lowered(decision(rule("any", EU, US, AP), pick=1))
    assert weights(found, "A") == {("192.0.2.1",): 7, ("192.0.2.2",): 2, ("192.0.2.3",): 1}
    assert weights(found, "AAAA") == {("2001:db8::1",): 7, ("2001:db8::2",): 2, ("2001:db8::3",): 1}
    assert not found.losses


def test_a_member_with_two_addresses_is_one_item() -> None:
    pair = Member(cluster="pair", weight=30, addresses=("192.0.2.9", "192.0.2.8"))
    found = lowered(decision(rule("any", EU, pair), pick=1))
    assert weights(found, "A") == {("192.0.2.1",): 7, ("192.0.2.8", "192.0.2.9"): 3}


def test_members_with_the_same_addresses_share_one_item() -> None:
    twin = Member(cluster="twin", weight=20, addresses=("192.0.2.1",))
    found = lowered(decision(rule("any", EU, US, twin), pick=1))
    assert weights(found, "A") == {("192.0.2.1",): 9, ("192.0.2.2",): 2}


def test_one_answer_for_everybody_needs_no_policy() -> None:
    assert items(lowered(decision(rule("any", EU), pick=1)), "A").keys() == {""}
    found = lowered(decision(rule("continent EU", EU, US), rule("any", EU, US)))
    assert items(found, "A")[""].values == ("192.0.2.1", "192.0.2.2")


def test_all_members_are_answered_where_nothing_is_picked() -> None:
    found = lowered(decision(rule("any", EU, US, AP)))
    assert weights(found, "A") == {("192.0.2.1", "192.0.2.2", "192.0.2.3"): None}


def test_who_has_no_weight_has_no_item_unless_there_is_nobody_else() -> None:
    idle = Member(cluster="idle", weight=0, addresses=("192.0.2.9",))
    assert weights(lowered(decision(rule("any", EU, US, idle), pick=1)), "A").keys() == {("192.0.2.1",), ("192.0.2.2",)}
    assert weights(lowered(decision(rule("any", idle), pick=1)), "A") == {("192.0.2.9",): None}


def test_hostnames_share_by_weight() -> None:
    """A CNAME in a policy has one hostname for each item: nothing is lost, as it is in a plain one."""
    one = Member(cluster="eu", weight=60, hostnames=("LB1.example.net", "lb2.example.net."))
    two = Member(cluster="us", weight=40, hostnames=("lb3.example.net",))
    found = lowered(decision(rule("any", one, two), pick=1, form=Form.HOSTNAME))
    assert weights(found, "CNAME") == {("lb1.example.net.",): 3, ("lb2.example.net.",): 3, ("lb3.example.net.",): 4}
    assert not found.losses


GEO = (rule("country US", US), rule("continent EU", EU), rule("continent AS", AP), rule("any", EU, US, AP))


def test_every_region_gets_what_its_country_and_continent_get() -> None:
    found = lowered(decision(*GEO))
    assert not found.losses
    for region in REGION_NAMES:
        country = REGIONS[region].country
        right = answers(decision(*GEO), Client(continent=CONTINENTS[country], country=country), "A")
        assert answered(found, "A", region) == right, region


def test_places_are_items_named_after_regions_of_google_cloud() -> None:
    for name, record_set in items(lowered(decision(*GEO)), "AAAA").items():
        assert name in REGION_NAMES
        assert record_set.routing is not None
        assert record_set.routing.where == Where("region", name)


@pytest.mark.parametrize("where", ["network 198.51.100.0/24", "subdivision US-CA", "country IE", "continent AN"])
def test_clients_whom_no_region_stands_for_are_a_loss_with_a_name(where: str) -> None:
    found = decision(rule(where, AP), *GEO)
    refused = lowered(found)
    assert refused.losses == (f"geo: clients of {where} get what is nearest to them",)
    assert "approximate: [geo]" in refused.refusal
    assert not refused.sets
    assert lowered(found, "geo").sets == lowered(decision(*GEO)).sets


def test_a_country_without_a_region_is_no_loss_where_the_nearest_says_the_same() -> None:
    """Dublin is nearest to London, whose clients get what Europe gets."""
    assert not lowered(decision(rule("country IE", EU), *GEO)).losses


BOTH = (rule("continent EU", EU, OLD), rule("any", US, AP))


def test_weights_and_places_together_are_refused_by_name() -> None:
    refused = lowered(decision(*BOTH, pick=1))
    assert "weighted: weights and places cannot be combined" in refused.refusal
    assert "approximate: [weighted]" in refused.refusal


def test_places_stay_where_the_loss_of_weights_is_accepted() -> None:
    for accepted in (("weighted",), ("geo", "weighted")):
        found = lowered(decision(*BOTH, pick=1), *accepted)
        assert [loss.partition(":")[0] for loss in found.losses] == ["weighted"]
        assert answered(found, "A", "europe-west3") == {("192.0.2.1", "192.0.2.4")}
        assert answered(found, "A", "us-west1") == {("192.0.2.2", "192.0.2.3")}


def test_weights_stay_where_only_the_loss_of_places_is_accepted() -> None:
    found = lowered(decision(*BOTH, pick=1), "geo")
    assert found.losses == ("geo: clients of continent EU get the default answer, weighted",)
    assert weights(found, "A") == {("192.0.2.2",): 2, ("192.0.2.3",): 1}


def test_even_weights_near_every_place_lose_nothing() -> None:
    twin = Member(cluster="twin", weight=70, addresses=("192.0.2.8",))
    found = lowered(decision(rule("continent EU", EU, twin), rule("any", US), pick=1))
    assert not found.losses
    assert answered(found, "A", "europe-west3") == {("192.0.2.1", "192.0.2.8")}


def test_hostnames_near_a_place_are_reduced_to_the_heaviest() -> None:
    names = [Member(cluster=str(at), weight=at, hostnames=(f"lb{at}.example.net",)) for at in (1, 2, 3)]
    found = decision(rule("continent EU", *names[:2]), rule("any", names[2]), pick=1, form=Form.HOSTNAME)
    assert "the heaviest hostname alone" in lowered(found).refusal
    assert answered(lowered(found, "weighted"), "CNAME", "europe-west3") == {("lb2.example.net.",)}


def test_a_family_that_is_not_to_be_had_everywhere_is_a_loss_of_place() -> None:
    """The nearest that has some would be answered over IPv6 to somebody who is near another one over IPv4."""
    found = decision(rule("continent EU", EU), rule("any", OLD))
    assert lowered(found).losses == ("geo: AAAA of another place is answered where the nearest has none",)
    assert answered(lowered(found, "geo"), "AAAA", "us-west1") == {("2001:db8::1",)}


def test_nothing_to_give_out_is_no_record() -> None:
    for empty in (decision(rule("any")), decision()):
        assert lowered(empty) == Lowered(names=("web.fed.test",))


members = st.builds(
    Member,
    cluster=st.sampled_from(["a", "b", "c"]),
    weight=st.integers(1, 5),
    addresses=st.sets(st.sampled_from([f"192.0.2.{n}" for n in range(1, 6)]), min_size=1, max_size=2).map(
        lambda found: tuple(sorted(found))
    ),
)
pools = st.lists(members, min_size=1, max_size=3).map(tuple)
special = st.dictionaries(
    st.sampled_from(["country US", "country DE", "continent EU", "continent AS", "continent SA"]), pools, max_size=4
)


@settings(deadline=None, max_examples=60)
@given(special, pools, st.sampled_from([0, 1]))
def test_without_a_loss_no_client_gets_a_wrong_answer(
    others: dict[str, tuple[Member, ...]], default: tuple[Member, ...], pick: int
) -> None:
    rules = [*(rule(where, *pool) for where, pool in sorted(others.items(), reverse=True)), rule("any", *default)]
    wished = decision(*rules, pick=pick)
    found = lowered(wished)
    if found.refusal:
        assert found.losses
        return
    for region in REGION_NAMES:
        country = REGIONS[region].country
        right = answers(wished, Client(continent=CONTINENTS[country], country=country), "A")
        allowed = right | {tuple(sorted(set().union(*right)))}
        assert answered(found, "A", region) <= allowed


@given(st.lists(members, min_size=1, max_size=4))
def test_shares_are_those_of_the_weights(pool: list[Member]) -> None:
    found = lowered(decision(rule("any", *pool), pick=1))
    total = sum(member.weight for member in pool)
    expected: dict[tuple[str, ...], Fraction] = {}
    for member in pool:
        expected[member.addresses] = expected.get(member.addresses, Fraction(0)) + Fraction(member.weight, total)
    shares = {values: weight or 1 for values, weight in weights(found, "A").items()}
    assert {values: Fraction(weight, sum(shares.values())) for values, weight in shares.items()} == expected


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 2), min_size=len(REGION_NAMES), max_size=len(REGION_NAMES)))
def test_regions_left_out_change_nobodys_answer(numbers: list[int]) -> None:
    wanted = dict(zip(REGION_NAMES, numbers, strict=True))
    kept = thinned(wanted)
    assert set(kept) <= set(REGION_NAMES)
    assert len(kept) >= len(set(numbers))
    for region in REGION_NAMES:
        assert wanted[nearest(region, kept)] == wanted[region]


def test_one_region_stands_for_all_that_say_the_same() -> None:
    assert len(thinned(dict.fromkeys(REGION_NAMES, "same"))) == 1
