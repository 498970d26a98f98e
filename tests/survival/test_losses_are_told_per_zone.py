"""For every zone at every provider: which regions may be lost without an end of failover, and why not the others."""

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from trafficfed.survival import Layout, Placed, Survival, Target, survivals

REGIONS = ("ap", "eu", "us")
THREE = (Placed("cluster/ap", "ap"), Placed("cluster/eu", "eu"), Placed("cluster/us", "us"))
BOTH = (Placed("a", "eu"), Placed("b", "us"))
BIND = Target(zone="fed.test", provider="bind", kind="rfc2136", region="ap")
OWN = Target(zone="fed.test", provider="own", kind="embedded")
CLOUD = Target(zone="fed.test", provider="aws", kind="route53")


def told(target: Target, **layout: tuple[Placed, ...]) -> str:
    (survival,) = survivals([target], Layout(regions=REGIONS, **layout))
    return survival.text


def test_a_primary_takes_its_zone_with_it() -> None:
    assert told(BIND, controllers=BOTH, electors=THREE) == (
        "fed.test at bind: survives the loss of eu, us; not of ap (the primary stands there)"
    )


def test_two_clusters_and_the_zone_decide_together() -> None:
    electors = (Placed("cluster/eu", "eu"), Placed("cluster/us", "us"), Placed("zone/fed.test@bind", "ap"))
    assert told(BIND, controllers=BOTH, electors=electors) == (
        "fed.test at bind: survives the loss of eu, us; not of ap (the primary stands there)"
    )


def test_a_region_with_a_majority_of_the_electors_takes_the_decision_with_it() -> None:
    electors = (Placed("cluster/eu", "eu"), Placed("cluster/eu-2", "eu"), Placed("cluster/us", "us"))
    assert told(BIND, controllers=BOTH, electors=electors) == (
        "fed.test at bind: survives the loss of us; not of ap (the primary stands there);"
        " not of eu (a majority of the electors stands there)"
    )


def test_the_only_elector_takes_the_decision_with_it() -> None:
    assert told(CLOUD, controllers=BOTH, electors=(Placed("cluster/us", "us"),)) == (
        "fed.test at aws: survives the loss of ap, eu; not of us (the only elector, cluster/us, stands there);"
        " depends on the provider's API"
    )


def test_without_an_electorate_a_zone_hangs_on_one_controller() -> None:
    assert told(BIND, controllers=(Placed("this controller", "eu"),)) == (
        "fed.test at bind: survives the loss of us; not of ap (the primary stands there);"
        " not of eu (this controller stands there); no electorate: not the loss of this controller"
    )


def test_a_controller_nobody_knows_the_place_of_promises_nothing() -> None:
    assert told(BIND, controllers=(Placed("this controller"),)) == (
        "fed.test at bind: not the loss of ap, eu, us (this controller may stand there:"
        " state the region of this controller); no electorate: not the loss of this controller"
    )


def test_a_primary_nobody_knows_the_place_of_promises_nothing() -> None:
    assert told(replace(BIND, region=""), controllers=BOTH, electors=THREE) == (
        "fed.test at bind: not the loss of ap, eu, us (the primary may stand there: state the region of bind)"
    )


def test_a_vendors_service_stands_in_no_region_but_has_an_api_to_depend_on() -> None:
    assert told(CLOUD, controllers=BOTH, electors=THREE) == (
        "fed.test at aws: survives the loss of ap, eu, us; depends on the provider's API"
    )


def test_the_providers_own_checks_need_nobody() -> None:
    assert told(replace(CLOUD, checks=True), controllers=(Placed("a", "eu"),)) == (
        "fed.test at aws: survives the loss of ap, eu, us; its own health checks fail over, where every cluster has one"
    )


def test_our_name_servers_need_a_controller_and_no_majority() -> None:
    electors = (Placed("cluster/eu", "eu"), Placed("cluster/eu-2", "eu"), Placed("cluster/us", "us"))
    assert told(OWN, controllers=BOTH, electors=electors) == (
        "fed.test at own: survives the loss of ap, eu, us; as far as a name server is left"
    )


def test_our_name_servers_are_told_where_they_are_known() -> None:
    assert told(OWN, controllers=BOTH, electors=THREE, nameservers=(Placed("ns1", "ap"),)) == (
        "fed.test at own: survives the loss of eu, us; not of ap (every name server stands there)"
    )


def test_controllers_in_one_region_are_one_loss() -> None:
    controllers = (Placed("a", "eu"), Placed("b", "eu"))
    assert told(CLOUD, controllers=controllers, electors=THREE) == (
        "fed.test at aws: survives the loss of ap, us; not of eu (every controller stands there);"
        " depends on the provider's API"
    )


def test_every_zone_at_every_provider_is_told_in_order() -> None:
    found = survivals([BIND, OWN, CLOUD], Layout(regions=REGIONS, controllers=BOTH, electors=THREE))
    assert [(each.zone, each.provider) for each in found] == [
        ("fed.test", "bind"),
        ("fed.test", "own"),
        ("fed.test", "aws"),
    ]


@pytest.mark.parametrize("kind", ["rfc2136", "memory", "somebodys"])
def test_a_kind_that_is_no_vendors_service_stands_somewhere(kind: str) -> None:
    assert "state the region" in told(Target(zone="z", provider="p", kind=kind), controllers=BOTH, electors=THREE)


ANYWHERE = st.sampled_from(("", *REGIONS))


def things(kind: str, at_most: int) -> st.SearchStrategy[tuple[Placed, ...]]:
    return st.lists(ANYWHERE, max_size=at_most).map(
        lambda regions: tuple(Placed(f"{kind}{number}", region) for number, region in enumerate(regions))
    )


LAYOUTS = st.builds(
    Layout,
    regions=st.just(REGIONS),
    controllers=things("controller", 3).filter(bool),
    electors=things("elector", 3),
    nameservers=things("ns", 2),
)
TARGETS = st.builds(
    Target,
    zone=st.just("fed.test"),
    provider=st.just("p"),
    kind=st.sampled_from(("rfc2136", "embedded", "route53")),
    region=ANYWHERE,
)


def goes_on(target: Target, layout: Layout, lost: str) -> bool:
    """The rule itself, where everything's place is known: what is left can decide, and can be written to."""
    left = [each for each in layout.controllers if each.region != lost]
    if target.kind == "embedded":
        servers = [each for each in layout.nameservers if each.region != lost]
        return bool(left) and (bool(servers) or not layout.nameservers)
    votes = sum(each.region != lost for each in layout.electors)
    majority = not layout.electors or 2 * votes > len(layout.electors)
    return bool(left) and majority and target.region != lost


def placed_everywhere(things: tuple[Placed, ...]) -> list[tuple[Placed, ...]]:
    """Every way in which the unknown places may turn out."""
    choices = [[each] if each.region else [Placed(each.name, region) for region in REGIONS] for each in things]
    return list(itertools.product(*choices))


def one(target: Target, layout: Layout) -> Survival:
    (found,) = survivals([target], layout)
    return found


@settings(max_examples=60, deadline=None)
@given(TARGETS, LAYOUTS)
def test_what_is_promised_holds_wherever_the_unknown_stands(target: Target, layout: Layout) -> None:
    survival = one(target, layout)
    places = itertools.product(*map(placed_everywhere, (layout.controllers, layout.electors, layout.nameservers)))
    known = target if target.region or target.kind != "rfc2136" else None
    for controllers, electors, nameservers in itertools.islice(places, 200):
        really = replace(layout, controllers=controllers, electors=electors, nameservers=nameservers)
        for region in survival.survives:
            assert known is not None, "a primary of unknown place promises nothing"
            assert goes_on(known, really, region)


@settings(max_examples=100, deadline=None)
@given(TARGETS, LAYOUTS)
def test_where_all_places_are_known_it_is_the_rule_itself(target: Target, layout: Layout) -> None:
    everything = (*layout.controllers, *layout.electors, *layout.nameservers)
    if any(not each.region for each in everything) or (target.kind == "rfc2136" and not target.region):
        return
    expected = tuple(region for region in REGIONS if goes_on(target, layout, region))
    assert one(target, layout).survives == expected


@settings(max_examples=60, deadline=None)
@given(TARGETS, LAYOUTS)
def test_every_region_is_told_once_and_each_that_is_not_survived_has_its_reason(target: Target, layout: Layout) -> None:
    survival = one(target, layout)
    assert sorted((*survival.survives, *(loss.region for loss in survival.losses))) == sorted(REGIONS)
    assert all(loss.why for loss in survival.losses)
    assert all(loss.why in survival.text for loss in survival.losses)
