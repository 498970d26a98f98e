"""A request budget lets a burst through and then no more than its rate."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed_providers.request_budget import RequestBudget


def test_a_burst_goes_at_once_and_then_the_rate_holds() -> None:
    budget = RequestBudget(2.0, burst=3, now_s=lambda: 100.0)
    assert [round(budget.reserve_s(), 6) for _ in range(6)] == [0, 0, 0, 0.5, 1.0, 1.5]


def test_idle_time_fills_the_bucket_to_the_burst_and_no_further() -> None:
    now_s = 0.0
    budget = RequestBudget(2.0, burst=2, now_s=lambda: now_s)
    for _ in range(4):
        budget.reserve_s()
    now_s = 1_000.0
    assert [budget.reserve_s() for _ in range(3)] == [0, 0, pytest.approx(0.5)]


def test_what_is_left_is_what_may_go_at_once_and_below_0_what_waits() -> None:
    now_s = 100.0
    budget = RequestBudget(2.0, burst=3, now_s=lambda: now_s)
    left = [budget.left]
    for _ in range(5):
        budget.reserve_s()
        left.append(budget.left)
    assert left == pytest.approx([3, 2, 1, 0, -1, -2])
    now_s = 101.0
    assert budget.left == pytest.approx(0)
    now_s = 1_000.0
    assert budget.left == 3


@given(st.integers(1, 20), st.integers(0, 40))
def test_what_is_left_tells_who_waits(burst: int, taken: int) -> None:
    budget = RequestBudget(4.0, burst, now_s=lambda: 0.0)
    for _ in range(taken):
        budget.reserve_s()
    left = budget.left
    assert (budget.reserve_s() < 1e-9) == (left > 1 - 1e-6)


def test_a_pause_holds_everything_back() -> None:
    budget = RequestBudget(10.0, burst=5, now_s=lambda: 0.0)
    budget.pause(7.0)
    assert budget.reserve_s() == pytest.approx(7.1)


def test_what_is_given_back_can_be_taken_again() -> None:
    budget = RequestBudget(1.0, burst=1, now_s=lambda: 0.0)
    budget.reserve_s()
    assert budget.reserve_s() == pytest.approx(1.0)
    budget.give_back()
    assert budget.reserve_s() == pytest.approx(1.0)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(1, 10), st.sampled_from([0.5, 2.0, 20.0]))
def test_no_window_ever_holds_more_than_burst_and_rate(gaps_s: list[float], burst: int, rate_per_s: float) -> None:
    now_s = 0.0
    budget = RequestBudget(rate_per_s, burst, now_s=lambda: now_s)
    sent_s = []
    for gap_s in gaps_s:
        now_s += gap_s
        sent_s.append(now_s + budget.reserve_s())
    assert sent_s == sorted(sent_s)
    for first, last in itertools.combinations(range(len(sent_s)), 2):
        assert last - first + 1 <= burst + rate_per_s * (sent_s[last] - sent_s[first]) + 1 + 1e-6


@pytest.mark.looptime
async def test_takers_wait_their_turn() -> None:
    budget = RequestBudget(1.0, burst=1)
    loop = asyncio.get_running_loop()
    start_s, times_s = loop.time(), []

    async def take() -> None:
        await budget.take()
        times_s.append(round(loop.time() - start_s, 3))

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(take(), name=f"taker {number}")
    assert times_s == [0, 1, 2]
