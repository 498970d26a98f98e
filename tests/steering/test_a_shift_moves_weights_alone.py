"""A shift takes a share of what one cluster would get elsewhere: weights move, and nothing that serves not comes in."""

from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from trafficfed.model import Client, Decision, Form, Member, OperatorControl, Row, Rule, Where
from trafficfed.steering.decide import decide, given_out
from trafficfed.steering.explain import explain
from trafficfed.steering.foresight import foresee
from trafficfed.steering.orders import after, named
from trafficfed.steering.select import answers, rule_for, shares
from trafficfed.steering.shifts import shifted
from trafficfed.steering.standing import candidates
from trafficfed.testing import fleets
from trafficfed.testing.fleets import KEY, address, endpoint, fleet, row

NOW_S = 100.0
FEW = settings(max_examples=40, deadline=None)
CLUSTERS = fleet("eu", "us", "ap")
ANYONE, EUROPE, AMERICA = Client(), Client(continent="EU"), Client(continent="NA")
SHIFTS = st.lists(
    st.builds(
        OperatorControl,
        kind=st.just("shift"),
        cluster=st.sampled_from(("ap", "eu", "us", "de")),
        to=st.sampled_from(("", "ap", "eu", "us")),
        share=st.integers(1, 100),
        service=st.sampled_from(("", str(KEY), "prod/shop/other")),
        until_s=st.sampled_from((0.0, 50.0, 200.0)),
    ).filter(lambda each: each.cluster != each.to),
    max_size=4,
).map(tuple)
MEMBERS = st.lists(
    st.lists(
        st.builds(
            Member,
            cluster=st.sampled_from(("ap", "eu", "us", "de")),
            weight=st.integers(1, 9),
            addresses=st.lists(st.sampled_from(("192.0.2.1", "192.0.2.2", "192.0.2.3")), min_size=1, max_size=2).map(
                tuple
            ),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    min_size=1,
    max_size=3,
).map(tuple)


def shift(share: int, to: str = "us", cluster: str = "eu", **more: object) -> OperatorControl:
    control = OperatorControl(kind="shift", cluster=cluster, to=to, share=share, who="ann", why="warming up")
    return named(replace(control, **more))


def decided(given_row: Row, *controls: OperatorControl) -> Decision:
    return decide(given_row, CLUSTERS, controls, NOW_S)


def parts(decision: Decision, client: Client = ANYONE) -> dict[str, Fraction]:
    return shares(decision, rule_for(decision, client))


def weighted(*weights: int) -> Row:
    there = zip(("eu", "us", "ap"), weights, strict=False)
    return row(*(endpoint(name, weight=weight) for name, weight in there), steering=("weighted",))


@FEW
@given(fleets.rows(), SHIFTS, fleets.controls())
def test_under_any_shifts_just_what_would_serve_without_them_may_be_given_out(
    given_row: Row, shifts: tuple[OperatorControl, ...], others: tuple[OperatorControl, ...]
) -> None:
    """Neither what does not serve nor what is drained comes in, and no client is left without an answer."""
    found = decide(given_row, CLUSTERS, (*shifts, *others), NOW_S)
    without = decide(given_row, CLUSTERS, others, NOW_S)
    reachable = {
        target
        for rule in without.rules
        for tier in (rule.pool, *rule.standby)
        for member in tier
        for target in (*member.addresses, *member.hostnames)
    }
    assert {*given_out(found)} <= reachable
    assert (found.serving, bool(found.rules)) == (without.serving, bool(without.rules))
    for client in fleets.CLIENTS:
        rule = rule_for(found, client)
        assert (rule is None) == (rule_for(without, client) is None)
        assert rule is None or all(member.weight >= 1 for member in rule.members)
    if found.serving:
        assert {*given_out(found)} <= {
            target for each in candidates(given_row, others, NOW_S) for target in each.serving
        }


@FEW
@given(fleets.rows(), SHIFTS)
def test_the_order_in_which_shifts_are_told_does_not_matter(
    given_row: Row, shifts: tuple[OperatorControl, ...]
) -> None:
    assert decide(given_row, CLUSTERS, shifts, NOW_S) == decide(given_row, CLUSTERS, shifts[::-1], NOW_S)


@FEW
@given(MEMBERS, st.sampled_from(("ap", "us")), st.integers(1, 99), st.sampled_from((0, 1)))
def test_exactly_the_share_goes_to_exactly_the_other_cluster(
    tiers: tuple[tuple[Member, ...], ...], to: str, share: int, pick: int
) -> None:
    def of(pool: tuple[Member, ...], cluster: str, *, moved: bool) -> Fraction:
        worth = [member.weight if pick or moved else len(member.addresses) for member in pool]
        mine = [size for member, size in zip(pool, worth, strict=True) if member.cluster == cluster]
        return Fraction(sum(mine), sum(worth))

    eu, taker = (Member(cluster=name, weight=3, addresses=("192.0.2.9",)) for name in ("eu", to))
    tiers = ((eu, *tiers[0]), *tiers[1:-1], (*tiers[-1], taker)) if len(tiers) > 1 else ((eu, *tiers[0], taker),)
    before = {name: of(tiers[0], name, moved=False) for name in ("ap", "eu", "us", "de")}
    stood, pool = shifted(tiers, {"eu": shift(share, to)}, pick)
    assert stood == tiers
    flow = before["eu"] * share / 100
    for name, was in before.items():
        assert of(pool, name, moved=True) == was + {"eu": -flow, to: flow}.get(name, 0)


@pytest.mark.parametrize("share", [1, 10, 50, 99])
def test_a_share_moves_between_those_that_stand_side_by_side(share: int) -> None:
    found = parts(decided(weighted(60, 20, 20), shift(share)))
    moved = Fraction(60 * share, 100 * 100)
    assert found == {"eu": Fraction(60, 100) - moved, "us": Fraction(20, 100) + moved, "ap": Fraction(20, 100)}


def test_what_stands_by_comes_in_with_its_share_alone_and_only_for_the_clients_concerned() -> None:
    near = decided(row(endpoint("eu"), endpoint("us"), endpoint("ap"), steering=("geo", "weighted")), shift(10))
    assert parts(near, EUROPE) == {"eu": Fraction(9, 10), "us": Fraction(1, 10)}
    assert parts(near, AMERICA) == {"us": Fraction(1)}
    rule = rule_for(near, EUROPE)
    assert rule is not None
    assert [member.cluster for member in rule.pool] == ["eu"], "whoever cannot hold weights goes on as without"


def test_a_share_of_an_answer_with_all_addresses_is_given_by_one_member_an_answer() -> None:
    """Clients choose among the addresses: eu's two get two thirds of them without the shift."""
    both = decided(row(endpoint("eu", targets=2), endpoint("us")), shift(30))
    assert parts(both) == {"eu": Fraction(2, 3) * Fraction(7, 10), "us": 1 - Fraction(2, 3) * Fraction(7, 10)}
    eu = tuple(sorted((address("eu"), address("eu", 1))))
    assert answers(both, Client(), "A") == {eu, (address("us"),)}
    assert both.pick == 0, "the rules of others are as ever"


def test_a_whole_shift_makes_its_cluster_stand_by_first_in_line() -> None:
    chain = row(endpoint("eu"), endpoint("us", tier=2), endpoint("ap", tier=1), steering=("failover",))
    (rule,) = decided(chain, shift(100)).rules
    assert [[member.cluster for member in tier] for tier in (rule.pool, *rule.standby)] == [["us"], ["eu"], ["ap"]]
    down = row(endpoint("eu"), endpoint("us", tier=2), endpoint("ap", tier=1), steering=("failover",), down=("us",))
    (rule,) = decided(down, shift(100)).rules
    assert [member.cluster for member in rule.pool] == ["eu"], "as ever, since us serves nothing"


def test_without_a_destination_those_beside_take_it_by_their_weights_else_those_next() -> None:
    assert parts(decided(weighted(60, 10, 30), shift(50, ""))) == {
        "eu": Fraction(30, 100),
        "us": Fraction(10, 100) + Fraction(30, 100) * Fraction(1, 4),
        "ap": Fraction(30, 100) + Fraction(30, 100) * Fraction(3, 4),
    }
    chain = row(endpoint("eu"), endpoint("us", tier=1), endpoint("ap", tier=2), steering=("failover",))
    assert parts(decided(chain, shift(50, ""))) == {"eu": Fraction(1, 2), "us": Fraction(1, 2)}
    assert decided(row(endpoint("eu")), shift(50, "")).rules == decided(row(endpoint("eu"))).rules


def test_two_shifts_are_shares_of_what_each_would_get_without_the_other() -> None:
    found = parts(decided(weighted(50, 50), shift(10), shift(20, "eu", "us")))
    assert found == {"eu": Fraction(55, 100), "us": Fraction(45, 100)}


def test_a_shift_of_one_service_goes_before_one_of_all() -> None:
    found = parts(decided(weighted(50, 50), shift(10), shift(40, service=str(KEY))))
    assert found == {"eu": Fraction(30, 100), "us": Fraction(70, 100)}


def test_a_hostname_is_answered_by_share_too() -> None:
    named_only = row(
        replace(endpoint("eu"), addresses=(), hostnames=("lb.eu.example.net",)),
        replace(endpoint("us", tier=1), addresses=(), hostnames=("lb.us.example.net",)),
        steering=("failover",),
    )
    service = replace(named_only.service, form=Form.HOSTNAME)
    verdicts = tuple(fleets.passing(name, f"lb.{name}.example.net") for name in ("eu", "us"))
    found = decided(replace(named_only, service=service, verdicts=verdicts), shift(25))
    assert parts(found) == {"eu": Fraction(3, 4), "us": Fraction(1, 4)}


@pytest.mark.parametrize(
    ("given_row", "said"),
    [
        (weighted(50, 50), "10 % of eu shifted to us by ann: warming up"),
        (row(endpoint("eu"), endpoint("us"), down=("us",)), "no effect, us serves nothing of it"),
        (row(endpoint("eu"), endpoint("us"), down=("eu",)), "no effect, nothing of eu is given out"),
        (row(endpoint("us"), endpoint("ap")), "no effect, nothing of eu is given out"),
    ],
)
def test_what_becomes_of_a_shift_is_among_the_reasons(given_row: Row, said: str) -> None:
    assert decided(given_row, shift(10)).reasons[-1].endswith(said)


def test_where_none_serves_a_shift_has_no_say() -> None:
    dead = row(endpoint("eu"), endpoint("us"), down=("eu", "us"))
    assert decided(dead, shift(10)) == decided(dead)


def test_a_drained_destination_takes_nothing() -> None:
    drain = named(OperatorControl(kind="drain", cluster="us", why="w"))
    found = decided(weighted(50, 50), shift(10), drain)
    assert parts(found) == {"eu": Fraction(1)}
    assert found.reasons[-1].endswith("no effect, us serves nothing of it")


def test_a_shift_is_explained_with_the_shares_that_follow() -> None:
    near = row(endpoint("eu"), endpoint("us"), steering=("geo", "weighted"))
    moved = replace(near, decision=decided(near, shift(10)))
    told = explain(moved, EUROPE, CLUSTERS, [shift(10)], NOW_S)
    assert "10 % of eu shifted to us by ann: warming up" in told.lines
    assert "while this is shifted one member is picked for each answer: eu 90.0%, us 10.0%" in told.lines
    assert (told.pick, told.answer) == (1, tuple(sorted((address("eu"), address("us")))))
    whole = replace(near, decision=decided(near, shift(100)))
    assert "100 % of eu shifted to us by ann: warming up" in explain(whole, EUROPE, CLUSTERS, [shift(100)], NOW_S).lines
    elsewhere = explain(moved, AMERICA, CLUSTERS, [shift(10)], NOW_S).lines
    assert "10 % of eu shifted to us by ann: warming up: no effect, nothing of eu is given out" in elsewhere


def test_a_shift_is_foreseen_though_it_brings_no_new_address() -> None:
    web = weighted(50, 50)
    web = replace(web, decision=decided(web))
    (change,) = foresee([web], CLUSTERS, shift(10), after((), shift(10), NOW_S), NOW_S, 10).changes
    assert change.where == Where()
    assert change.before == change.after
    assert change.shares == (("eu", 0.45), ("us", 0.55))
    frozen = named(OperatorControl(kind="freeze", why="w"))
    assert not foresee([web], CLUSTERS, shift(10), (shift(10), frozen), NOW_S, 10).changes


def test_shares_are_told_only_where_one_member_is_picked() -> None:
    pool = (Member(cluster="eu", weight=0, addresses=("192.0.2.1",)),)
    assert shares(Decision(service=KEY, hostnames=(), pick=0), Rule(where=Where(), pool=pool)) == {}
    assert shares(Decision(service=KEY, hostnames=(), pick=1), Rule(where=Where(), pool=pool)) == {"eu": Fraction(1)}
    assert shares(Decision(service=KEY, hostnames=()), None) == {}
