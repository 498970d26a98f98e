"""Brakes: half of a service and two targets, three tenths of a zone's names and ten; each with a stable id."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.zones.brakes import Braked, Leaving, brake


def leave(name: str, *values: str, service: str = "") -> Leaving:
    return Leaving(name=name, service=service or f"s/{name}", values=values or ("192.0.2.1",))


def judge(*leaving: Leaving, published: int = 100, owned: int = 1000, **more: object) -> Braked:
    counts = {item.service: published for item in leaving}
    return brake(leaving, counts, zone="fed.test", owned_names=owned, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gone", "published", "held"),
    [(1, 1, False), (2, 2, True), (2, 4, True), (2, 5, False), (3, 6, True), (4, 9, False)],
)
def test_half_of_a_service_and_at_least_two_targets(gone: int, published: int, held: bool) -> None:
    braked = judge(leave("a", *(f"192.0.2.{number}" for number in range(gone))), published=published)
    assert bool(braked.held) is held
    assert braked.allowed == (() if held else ("a",))


def test_the_names_of_one_service_count_together() -> None:
    one, two = leave("a", service="s"), leave("b", service="s")
    braked = judge(one, two, published=4)
    assert [held.names for held in braked.held] == [("a", "b")]


@pytest.mark.parametrize(("names", "owned", "held"), [(9, 9, False), (10, 33, True), (10, 34, False), (30, 100, True)])
def test_three_tenths_of_a_zone_and_at_least_ten_names(names: int, owned: int, held: bool) -> None:
    braked = judge(*(leave(f"n{number}") for number in range(names)), owned=owned)
    assert bool(braked.held) is held
    assert len(braked.allowed) == (0 if held else names)


def test_a_large_removal_in_small_pieces_is_a_large_removal() -> None:
    pieces = [leave(f"n{number}") for number in range(4)]
    assert not judge(*pieces, owned=30).held
    assert judge(*pieces, owned=24, recent_names=6).held


def test_a_brake_holds_its_service_and_lets_the_others_go() -> None:
    big = leave("big", "192.0.2.1", "192.0.2.2", service="s/big")
    small = leave("small", service="s/small")
    braked = brake((big, small), {"s/big": 2, "s/small": 9}, zone="fed.test", owned_names=100)
    assert braked.allowed == ("small",)
    assert [held.names for held in braked.held] == [("big",)]


def test_the_id_stays_while_the_same_would_leave_and_changes_with_it() -> None:
    two, three = leave("a", "1", "2"), leave("a", "1", "2", "3")
    (first,), (again,), (other,) = (judge(item, published=4).held for item in (two, two, three))
    assert first.confirm_id == again.confirm_id != other.confirm_id
    assert len(first.confirm_id) == 8


def test_confirming_lifts_exactly_what_was_held() -> None:
    item, more = leave("a", "1", "2"), leave("a", "1", "2", "3")
    (held,) = judge(item, published=4).held
    assert judge(item, published=4, confirmed=held.pairs).allowed == ("a",)
    assert judge(more, published=4, confirmed=held.pairs).held


def test_the_message_says_how_much_of_what() -> None:
    (held,) = judge(leave("a", "1", "2", "3", "4", "5", service="default/shop/web"), published=6).held
    assert held.message == (
        "5 of 6 published values of default/shop/web would leave without a verdict or a deletion that was seen "
        "(a: 1, a: 2, a: 3, a: 4 and 1 more)"
    )


leavings = st.lists(
    st.builds(
        lambda name, service, values: Leaving(name=f"n{name}", service=f"s{service}", values=tuple(sorted(values))),
        st.integers(0, 30),
        st.integers(0, 5),
        st.sets(st.sampled_from("12345"), min_size=1),
    ),
    max_size=25,
    unique_by=lambda item: item.name,
)


@settings(max_examples=50)
@given(leavings, st.integers(1, 40), st.integers(1, 60))
def test_each_name_is_let_go_or_held_whatever_the_order(items: list[Leaving], published: int, owned: int) -> None:
    braked = judge(*items, published=published, owned=owned)
    held = [name for hold in braked.held for name in hold.names]
    assert sorted([*braked.allowed, *held]) == sorted(item.name for item in items)
    assert judge(*reversed(items), published=published, owned=owned) == braked


@settings(max_examples=50)
@given(leavings, st.integers(1, 40), st.integers(1, 60))
def test_confirming_all_that_is_held_lets_it_go(items: list[Leaving], published: int, owned: int) -> None:
    held = judge(*items, published=published, owned=owned).held
    confirmed = frozenset().union(*(hold.pairs for hold in held))
    again = judge(*items, published=published, owned=owned, confirmed=confirmed)
    assert not {name for hold in again.held for name in hold.names} & {name for hold in held for name in hold.names}
