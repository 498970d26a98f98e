"""The tick wheel gives back everything once, in time order, never before its time and at most a tick after."""

import itertools

import hypothesis.strategies as st
from hypothesis import given

from trafficfed.health.wheel import Wheel

TICK_S = 0.01
moments = st.floats(0, 1000, allow_nan=False)


@given(st.lists(moments, max_size=50), moments)
def test_what_is_due_comes_out_once_and_nothing_early(dues: list[float], now_s: float) -> None:
    wheel = Wheel[float](TICK_S)
    for due in dues:
        wheel.add(due, due)
    out = wheel.due(now_s)
    assert wheel.due(now_s) == []
    assert all(due <= now_s + 1e-9 for due in out)
    assert all(due > now_s - TICK_S - 1e-9 for due in dues if due not in out)
    rest = wheel.due(2000.0)
    assert sorted([*out, *rest]) == sorted(dues)
    assert wheel.next_s() is None


@given(st.lists(moments, min_size=1, max_size=50))
def test_items_come_in_the_order_of_their_ticks(dues: list[float]) -> None:
    wheel = Wheel[float](TICK_S)
    for due in dues:
        wheel.add(due, due)
    out = wheel.due(2000.0)
    assert all(earlier <= later + TICK_S for earlier, later in itertools.pairwise(out))


@given(moments)
def test_what_is_due_next_is_due_then(due: float) -> None:
    wheel = Wheel[str](TICK_S)
    wheel.add(due, "it")
    next_s = wheel.next_s()
    assert next_s is not None
    assert due - 1e-9 <= next_s <= due + TICK_S + 1e-9
    assert wheel.due(next_s) == ["it"]
