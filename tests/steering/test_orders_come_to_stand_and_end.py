"""What operators order becomes the controls in force: one of a scope, none expired, the same from whoever is told."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.model import OperatorControl, Row
from trafficfed.steering.decide import decide, given_out
from trafficfed.steering.orders import (
    LONGEST_WHY,
    BadOrder,
    Order,
    Undo,
    after,
    checked,
    named,
    of_scope,
    scope,
    standing,
    stranded,
)
from trafficfed.testing import fleets
from trafficfed.testing.fleets import KEY, endpoint, row

NOW_S = 100.0
FEW = settings(max_examples=30, deadline=None)
DRAIN = OperatorControl(kind="drain", cluster="eu", who="ann", why="kernel upgrade", since_s=NOW_S)

SHIFT = replace(DRAIN, kind="shift", to="us", share=10)

CONTROLS = st.builds(
    OperatorControl,
    kind=st.sampled_from(("drain", "freeze")),
    cluster=st.sampled_from(("", "eu", "us")),
    service=st.sampled_from(("", str(KEY))),
    who=st.sampled_from(("ann", "bob")),
    why=st.sampled_from(("upgrade", "move")),
    since_s=st.sampled_from((90.0, 95.0)),
    until_s=st.sampled_from((0.0, 99.0, 100.0, 200.0)),
).map(named)
ORDERS = st.one_of(CONTROLS, CONTROLS.map(lambda control: Undo(control.id)))


def carried_out(orders: list[Order], now_s: float = NOW_S) -> tuple[OperatorControl, ...]:
    controls: tuple[OperatorControl, ...] = ()
    for order in orders:
        controls = after(controls, order, now_s)
    return controls


@FEW
@given(st.lists(ORDERS, max_size=12))
def test_one_control_of_a_scope_stands_and_none_that_is_over(orders: list[Order]) -> None:
    controls = carried_out(orders)
    assert len({scope(each) for each in controls}) == len(controls)
    assert all(not each.until_s or each.until_s > NOW_S for each in controls)
    assert controls == standing(reversed(controls), NOW_S), "in canonical order"


@FEW
@given(st.lists(ORDERS, max_size=8), ORDERS)
def test_an_order_told_again_changes_nothing(orders: list[Order], order: Order) -> None:
    once = after(carried_out(orders), order, NOW_S)
    assert after(once, order, NOW_S) == once


@FEW
@given(st.lists(ORDERS, max_size=8), CONTROLS)
def test_undo_ends_exactly_the_one_that_it_names(orders: list[Order], control: OperatorControl) -> None:
    before = after(carried_out(orders), control, NOW_S)
    undone = after(before, Undo(control.id), NOW_S)
    assert {*before} - {*undone} <= {control}
    assert control not in undone


@FEW
@given(CONTROLS, CONTROLS)
def test_orders_about_different_things_may_be_told_in_any_order(one: OperatorControl, other: OperatorControl) -> None:
    if scope(one) != scope(other):
        assert carried_out([one, other]) == carried_out([other, one])


def test_a_newer_control_of_the_same_extent_replaces_reason_and_time() -> None:
    later = named(replace(DRAIN, why="it takes longer", until_s=500.0))
    assert carried_out([named(DRAIN), later]) == (later,)


def test_what_has_expired_goes_with_the_next_order() -> None:
    ended = named(replace(DRAIN, cluster="us", until_s=50.0))
    assert after((ended,), named(DRAIN), NOW_S) == (named(DRAIN),)


@FEW
@given(CONTROLS, CONTROLS)
def test_ids_tell_controls_apart_and_follow_from_what_they_say(one: OperatorControl, other: OperatorControl) -> None:
    assert (one.id == other.id) == (one == other)
    assert named(replace(one, id="")) == one


@pytest.mark.parametrize(
    ("control", "said"),
    [
        (replace(DRAIN, kind="move"), "'move' is no kind of control; there are drain, shift, freeze"),
        (replace(DRAIN, share=10), "a drain has no share and no other cluster"),
        (replace(DRAIN, kind="freeze", to="us"), "a freeze has no share and no other cluster"),
        (replace(SHIFT, cluster=""), "a shift needs the cluster"),
        (replace(SHIFT, to="eu"), "a shift needs another cluster"),
        (replace(SHIFT, share=0), "1 to 100 per cent"),
        (replace(SHIFT, share=101), "1 to 100 per cent"),
        (replace(DRAIN, kind="force-up"), "'force-up' is no kind"),
        (replace(DRAIN, cluster=""), "a drain needs the cluster"),
        (replace(DRAIN, why=""), "say why"),
        (replace(DRAIN, why="  "), "say why"),
        (replace(DRAIN, why="a\nb"), "one line"),
        (replace(DRAIN, why="\x1b[31m"), "one line"),
        (replace(DRAIN, why="x" * (LONGEST_WHY + 1)), f"at most {LONGEST_WHY} characters"),
        (replace(DRAIN, until_s=NOW_S), "over before it begins"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(control: OperatorControl, said: str) -> None:
    with pytest.raises(BadOrder) as told:
        checked(control, NOW_S)
    assert said in str(told.value)


def test_what_makes_sense_gets_its_id() -> None:
    assert checked(DRAIN, NOW_S) == named(DRAIN)
    assert checked(SHIFT, NOW_S) == named(SHIFT)
    assert checked(replace(SHIFT, to="", share=100), NOW_S).id


def test_the_id_of_a_shift_follows_from_its_share_and_where_it_goes_too() -> None:
    shifts = [SHIFT, replace(SHIFT, share=20), replace(SHIFT, to="ap"), replace(SHIFT, to="")]
    assert len({named(each).id for each in shifts}) == len(shifts)
    assert len({scope(each) for each in shifts}) == 1, "the newest stands"


def test_a_freeze_of_everything_makes_sense() -> None:
    assert checked(OperatorControl(kind="freeze", why="w"), NOW_S).id


def test_what_is_to_end_is_found_by_its_exact_extent() -> None:
    of_one = named(replace(DRAIN, service=str(KEY)))
    there = (named(DRAIN), of_one)
    assert of_scope(there, ("drain", "eu", ""), NOW_S) == named(DRAIN)
    assert of_scope(there, ("drain", "eu", str(KEY)), NOW_S) == of_one


def test_where_there_is_nothing_to_end_what_there_is_is_told() -> None:
    with pytest.raises(ConfigError) as told:
        of_scope((named(DRAIN),), ("drain", "us", ""), NOW_S)
    assert str(told.value) == (f"cluster us has no drain to end; in force: drain of cluster eu ({named(DRAIN).id})")
    with pytest.raises(ConfigError, match="everything has no freeze to end; in force: no freeze at all"):
        of_scope((named(DRAIN),), ("freeze", "", ""), NOW_S)
    with pytest.raises(ConfigError, match="no drain at all"):
        of_scope((named(replace(DRAIN, until_s=50.0)),), ("drain", "eu", ""), NOW_S)


@FEW
@given(fleets.rows(), st.sampled_from(("eu", "us", "ap")))
def test_stranded_are_just_those_that_a_drain_does_not_move(given_row: Row, cluster: str) -> None:
    drain = OperatorControl(kind="drain", cluster=cluster)
    decision = decide(given_row, {}, (drain,), NOW_S)
    in_pools = {member.cluster for rule in decision.rules for member in rule.pool}
    drained = {each.cluster for each in given_row.endpoints if each.drained} | {cluster}
    here = any(each.cluster == cluster for each in given_row.endpoints)
    expected = [given_row.key] if here and decision.serving and in_pools <= drained else []
    assert list(stranded([given_row], (drain,), drain, NOW_S)) == expected


def test_a_service_with_another_endpoint_that_serves_is_not_stranded() -> None:
    drain = OperatorControl(kind="drain", cluster="eu")
    both = row(endpoint("eu"), endpoint("us"))
    alone = row(endpoint("eu"), endpoint("us"), down=("us",))
    assert list(stranded([both, alone], (drain,), drain, NOW_S)) == [alone.key]
    assert given_out(decide(alone, {}, (drain,), NOW_S)) == endpoint("eu").addresses
