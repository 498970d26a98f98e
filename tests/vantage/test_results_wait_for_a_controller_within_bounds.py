"""What one controller has not been told yet: bounded, the newest win, failures go at once, passes wait for company."""

import asyncio

import pytest

from trafficfed.testing.vantages import observation, target
from trafficfed.vantage.outbox import BATCH, HOLD_S, Outbox

NOW_S = 1_800_000_000.0


def add(outbox: Outbox, n: int, passed: bool = True, until_s: float = NOW_S + 30) -> None:
    outbox.add(observation(target(n), NOW_S, passed), until_s)


def numbers(outbox: Outbox, now_s: float = NOW_S) -> list[int]:
    return [int(seen.service.name[1:]) for seen in outbox.take(now_s)]


def test_what_was_seen_comes_out_in_its_order() -> None:
    outbox = Outbox()
    for n in range(5):
        add(outbox, n)
    assert numbers(outbox) == [0, 1, 2, 3, 4]
    assert numbers(outbox) == []


def test_the_oldest_makes_room_for_the_newest() -> None:
    outbox = Outbox(limit=3)
    for n in range(5):
        add(outbox, n)
    assert (len(outbox), outbox.dropped) == (3, 2)
    assert numbers(outbox) == [2, 3, 4]


def test_what_nobody_wants_any_more_is_not_sent() -> None:
    outbox = Outbox()
    add(outbox, 1, until_s=NOW_S)
    add(outbox, 2, until_s=NOW_S + 1)
    assert numbers(outbox) == [2]
    assert outbox.dropped == 1


def test_a_message_holds_no_more_than_a_batch() -> None:
    outbox = Outbox()
    for n in range(BATCH + 7):
        add(outbox, n)
    assert len(numbers(outbox)) == BATCH
    assert len(numbers(outbox)) == 7


def test_what_could_not_be_sent_goes_first_the_next_time() -> None:
    outbox = Outbox()
    for n in range(3):
        add(outbox, n)
    numbers(outbox)
    add(outbox, 3)
    outbox.give_back()
    assert numbers(outbox) == [0, 1, 2, 3]
    numbers(outbox)
    outbox.give_back()
    assert numbers(outbox) == [], "and once only"


def test_what_comes_back_takes_no_room_from_what_is_newer() -> None:
    outbox = Outbox(limit=4)
    for n in range(3):
        add(outbox, n)
    numbers(outbox)
    for n in range(3, 6):
        add(outbox, n)
    outbox.give_back()
    assert outbox.dropped == 2
    assert numbers(outbox) == [2, 3, 4, 5]


@pytest.mark.looptime
async def test_a_failure_goes_at_once_and_takes_the_passes_before_it_along() -> None:
    outbox, loop = Outbox(), asyncio.get_running_loop()
    loop.call_later(1.0, add, outbox, 1)
    loop.call_later(1.02, add, outbox, 2, False)
    await outbox.wait(60)
    assert loop.time() == pytest.approx(1.02, abs=1e-3)
    assert numbers(outbox) == [1, 2]


@pytest.mark.looptime
async def test_passes_wait_for_each_other_no_longer_than_a_moment() -> None:
    outbox, loop = Outbox(), asyncio.get_running_loop()
    for nth in range(20):
        loop.call_later(1.0 + nth / 100, add, outbox, nth)
    await outbox.wait(60)
    assert loop.time() == pytest.approx(1.0 + HOLD_S, abs=1e-3)
    assert 5 <= len(numbers(outbox)) <= 7


@pytest.mark.looptime
async def test_without_anything_to_tell_it_waits_as_long_as_it_may() -> None:
    outbox = Outbox()
    await outbox.wait(2.0)
    assert asyncio.get_running_loop().time() == pytest.approx(2.0, abs=1e-3)


@pytest.mark.looptime
async def test_once_all_is_taken_passes_wait_for_company_again() -> None:
    outbox, loop = Outbox(), asyncio.get_running_loop()
    add(outbox, 1, passed=False)
    await outbox.wait(60)
    assert loop.time() == 0
    numbers(outbox)
    add(outbox, 2)
    await outbox.wait(60)
    assert loop.time() == pytest.approx(HOLD_S, abs=1e-3)
