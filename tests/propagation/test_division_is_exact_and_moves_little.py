"""Replicas add up to the total whatever happens, and a change elsewhere moves nothing here."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.propagation.divide import by_room, by_weights

NAMES = ("ap", "eu", "sa", "us")
totals = st.integers(0, 500)
weights = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 50), min_size=1)
shares = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 60))
away = st.sets(st.sampled_from(NAMES))


def quotas(total: int, weights: Mapping[str, int]) -> dict[str, float]:
    usable = weights if any(weights.values()) else dict.fromkeys(weights, 1)
    whole = sum(usable.values())
    return {name: total * weight / whole for name, weight in usable.items()}


@settings(max_examples=40)
@given(totals, weights, shares, away)
def test_shares_by_weight_are_exactly_the_total(
    total: int, weights: dict[str, int], before: dict[str, int], away: set[str]
) -> None:
    found = by_weights(total, weights, before, away)
    assert sum(found.values()) == total
    assert found.keys() == weights.keys()
    assert min(found.values()) >= 0


@settings(max_examples=40)
@given(totals, weights, shares, away)
def test_shares_by_room_are_exactly_the_total(
    total: int, room: dict[str, int], before: dict[str, int], away: set[str]
) -> None:
    found = by_room(total, room, before, away)
    assert sum(found.values()) == total
    assert found.keys() == room.keys()
    assert min(found.values()) >= 0


@settings(max_examples=40)
@given(totals, weights, shares)
def test_a_share_is_its_quota_rounded_down_or_up(total: int, weights: dict[str, int], before: dict[str, int]) -> None:
    found = by_weights(total, weights, before)
    assert all(abs(found[name] - quota) < 1 for name, quota in quotas(total, weights).items())


@settings(max_examples=40)
@given(totals, weights)
def test_without_a_past_the_largest_remainders_win(total: int, weights: dict[str, int]) -> None:
    found = by_weights(total, weights)
    exact = quotas(total, weights)
    up = [exact[name] % 1 for name in found if found[name] > exact[name]]
    down = [exact[name] % 1 for name in found if found[name] < exact[name]]
    assert not up or not down or min(up) >= max(down) - 1e-9


@settings(max_examples=40)
@given(totals, weights, shares, away)
def test_the_second_division_changes_nothing(
    total: int, weights: dict[str, int], before: dict[str, int], away: set[str]
) -> None:
    once = by_weights(total, weights, before, away)
    assert by_weights(total, weights, once, away) == once
    by_free = by_room(total, weights, before, away)
    assert by_room(total, weights, by_free, away) == by_free


@settings(max_examples=40)
@given(totals, weights, away)
def test_who_goes_out_of_reach_and_comes_back_moves_nothing(
    total: int, weights: dict[str, int], away: set[str]
) -> None:
    settled = by_weights(total, weights)
    during = by_weights(total, weights, settled, away)
    assert during == settled
    assert by_weights(total, weights, during) == settled


@settings(max_examples=40)
@given(totals, totals, weights, st.sampled_from(NAMES))
def test_a_member_out_of_reach_keeps_its_share_while_the_total_changes(
    total: int, after: int, weights: dict[str, int], gone: str
) -> None:
    settled = by_weights(total, weights)
    others = any(weight for name, weight in weights.items() if name != gone)
    if gone not in weights or not others or settled[gone] > after:
        return
    assert by_weights(after, weights, settled, [gone])[gone] == settled[gone]
    if after >= total:
        assert by_room(after, weights, settled, [gone])[gone] == settled[gone]


@settings(max_examples=40)
@given(weights, weights, totals, totals)
def test_growing_by_room_takes_from_nobody(first: dict[str, int], later: dict[str, int], total: int, more: int) -> None:
    settled = by_room(total, dict.fromkeys(NAMES, 0) | first)
    grown = by_room(total + more, dict.fromkeys(NAMES, 0) | later, settled)
    assert all(grown[name] >= settled[name] for name in NAMES)


@settings(max_examples=40)
@given(weights, weights, totals)
def test_another_measurement_alone_moves_nothing(first: dict[str, int], later: dict[str, int], total: int) -> None:
    settled = by_room(total, dict.fromkeys(NAMES, 0) | first)
    assert by_room(total, dict.fromkeys(NAMES, 0) | later, settled) == settled


@settings(max_examples=40)
@given(st.integers(0, 40), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 50), min_size=1))
def test_no_cluster_gets_more_than_fits_while_all_of_it_fits(total: int, room: dict[str, int]) -> None:
    if total > sum(room.values()):
        return
    assert all(share <= room[name] for name, share in by_room(total, room).items())


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (0, {"eu": 1, "us": 2}, {"eu": 0, "us": 0}),
        (10, {"eu": 1, "us": 1}, {"eu": 5, "us": 5}),
        (10, {"eu": 7, "us": 3}, {"eu": 7, "us": 3}),
        (3, {"eu": 1, "us": 1}, {"eu": 2, "us": 1}),
        (5, {"eu": 1, "us": 0}, {"eu": 5, "us": 0}),
        (4, {"eu": 0, "us": 0}, {"eu": 2, "us": 2}),
        (1, {"ap": 1, "eu": 5, "us": 3}, {"ap": 0, "eu": 1, "us": 0}),
    ],
)
def test_shares_are_what_one_would_work_out_by_hand(
    total: int, weights: dict[str, int], shares: dict[str, int]
) -> None:
    assert by_weights(total, weights) == shares


def test_where_rounding_leaves_a_choice_who_has_a_replica_keeps_it() -> None:
    assert by_weights(10, {"ap": 1, "eu": 1, "us": 1}, before={"ap": 3, "eu": 3, "us": 4}) == {
        "ap": 3,
        "eu": 3,
        "us": 4,
    }
    assert by_weights(11, {"ap": 1, "eu": 1, "us": 1}, before={"ap": 3, "eu": 3, "us": 4}) == {
        "ap": 4,
        "eu": 3,
        "us": 4,
    }


@settings(max_examples=40)
@given(totals, weights, shares)
def test_shares_that_are_right_already_stay(total: int, weights: dict[str, int], wild: dict[str, int]) -> None:
    """However they came about, by whatever history."""
    reached = by_weights(total, weights, wild)
    assert by_weights(total, weights, reached) == reached


def test_edited_weights_apply_at_once() -> None:
    assert by_weights(9, {"eu": 2, "us": 1}, before={"eu": 3, "us": 6}) == {"eu": 6, "us": 3}


def test_who_is_out_of_reach_gives_up_only_what_the_total_no_longer_holds() -> None:
    assert by_weights(4, {"eu": 1, "us": 1}, before={"eu": 5, "us": 5}, unreachable=["us"]) == {"eu": 0, "us": 4}


def test_when_all_are_out_of_reach_the_shares_are_still_the_total() -> None:
    assert by_weights(6, {"eu": 1, "us": 1}, before={"eu": 2, "us": 2}, unreachable=["eu", "us"]) == {"eu": 3, "us": 3}


def test_fewer_replicas_leave_each_cluster_in_proportion() -> None:
    assert by_room(5, {"eu": 100, "us": 0}, before={"eu": 2, "us": 8}) == {"eu": 1, "us": 4}


def test_without_room_anywhere_new_replicas_go_where_others_are() -> None:
    assert by_room(9, {"eu": 0, "us": 0}, before={"eu": 2, "us": 1}) == {"eu": 6, "us": 3}
