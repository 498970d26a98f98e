"""Whose it is, when it was seen and how much of it there is: what a controller checks before an observation counts."""

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace

from trafficfed.health.hearing import BACKLOG, ERROR_LENGTH, LATEST_S, Allowance, SenderClock, hear
from trafficfed.model import HealthCheck, Observation, ServiceKey

CHECK = HealthCheck()
NOW_S = 1_800_000_000.0
SEEN = Observation(
    vantage="anybody",
    service=ServiceKey("default", "shop", "web"),
    cluster="eu",
    address="192.0.2.1",
    at_s=NOW_S - 1,
    passed=True,
    rtt_s=0.01,
    total_s=0.02,
)


def test_it_bears_the_name_that_was_proven_whatever_it_says() -> None:
    heard = hear(SEEN, "eu-1", CHECK, 0.0, NOW_S)
    assert heard.observation == replace(SEEN, vantage="eu-1")
    assert heard.odd == ""


def test_it_is_dated_by_the_controllers_clock() -> None:
    heard = hear(replace(SEEN, at_s=NOW_S - 501), "eu-1", CHECK, 500.0, NOW_S)
    assert heard.observation is not None
    assert heard.observation.at_s == NOW_S - 1


def test_of_what_is_no_target_it_says_nothing_and_that_is_not_odd() -> None:
    heard = hear(SEEN, "eu-1", None, 0.0, NOW_S)
    assert (heard.observation, heard.odd) == (None, "")


@pytest.mark.parametrize(
    ("age_s", "is_odd"), [(30.0, False), (30.0 + LATEST_S - 0.1, False), (30.0 + LATEST_S, True), (1e9, True)]
)
def test_what_is_older_than_three_intervals_counts_no_more(age_s: float, is_odd: bool) -> None:
    """A little beyond that it was on its way from before a pause, which is nothing to tell of."""
    heard = hear(replace(SEEN, at_s=NOW_S - age_s), "eu-1", CHECK, 0.0, NOW_S)
    assert heard.observation is None
    assert ("older than three intervals" in heard.odd) == is_odd


def test_what_comes_from_the_future_is_taken_as_of_now() -> None:
    heard = hear(replace(SEEN, at_s=NOW_S + 5), "eu-1", CHECK, 0.0, NOW_S)
    assert heard.observation is not None
    assert heard.observation.at_s == NOW_S
    assert "from the future" in heard.odd


@pytest.mark.parametrize("field", ["at_s", "rtt_s", "total_s", "certificate_ends_s"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_times_that_are_no_numbers_are_not_taken(field: str, value: float) -> None:
    heard = hear(replace(SEEN, **{field: value}), "eu-1", CHECK, 0.0, NOW_S)
    assert heard.observation is None
    assert heard.odd == "a time that is no number"


def test_a_long_error_is_cut() -> None:
    heard = hear(replace(SEEN, passed=False, error="x" * 10_000), "eu-1", CHECK, 0.0, NOW_S)
    assert heard.observation is not None
    assert len(heard.observation.error) == ERROR_LENGTH


@given(
    skew_s=st.floats(-1e6, 1e6),
    delays_s=st.lists(st.floats(0.0, 9.0), min_size=1, max_size=30),
    every_s=st.floats(0.01, 2.0),
)
def test_however_wrong_a_clock_is_ages_are_right_up_to_the_delay_and_never_negative(
    skew_s: float, delays_s: list[float], every_s: float
) -> None:
    """The estimate is too small by no more than the least delay so far and what it leaks."""
    clock, now_s, began_s = SenderClock(), NOW_S, NOW_S
    for nth, delay_s in enumerate(delays_s):
        sent_s = began_s + nth * every_s
        now_s = max(now_s, sent_s + delay_s)
        ahead_s = clock.ahead_s(sent_s + skew_s, now_s)
        assert ahead_s is not None
        assert sent_s + skew_s + ahead_s <= now_s + 1e-3, "nothing is dated after its arrival"
        assert ahead_s >= -skew_s - 1e-3, "nothing is dated before it was sent"
        assert ahead_s <= -skew_s + (now_s - sent_s) + 1e-3


def test_what_a_stalled_connection_delivers_late_is_dated_by_when_it_was_seen() -> None:
    clock = SenderClock()
    clock.ahead_s(NOW_S, NOW_S + 0.1)
    assert clock.ahead_s(NOW_S + 2, NOW_S + 10) == pytest.approx(0.1, abs=0.11)
    assert clock.ahead_s(NOW_S + 11, NOW_S + 11) == 0.0


@pytest.mark.parametrize("step_s", [5.0, 3600.0])
def test_a_clock_that_is_set_forward_is_followed_at_once(step_s: float) -> None:
    clock = SenderClock()
    for n in range(10):
        clock.ahead_s(NOW_S + n, NOW_S + n)
    assert clock.ahead_s(NOW_S + 10 + step_s, NOW_S + 10) == pytest.approx(-step_s)


@pytest.mark.parametrize("late_s", [LATEST_S + 1, 3600.0])
def test_what_is_later_than_any_delay_cannot_be_dated(late_s: float) -> None:
    """Its clock was set back, or the controller stood still and reads what waited for it: old passes are not new."""
    clock = SenderClock()
    for n in range(10):
        clock.ahead_s(NOW_S + n, NOW_S + n)
    assert clock.ahead_s(NOW_S + 10, NOW_S + 10 + late_s) is None


def test_a_clock_that_is_slewed_is_followed_in_time() -> None:
    """chrony and ntpd slew by at most 0.05 %; five seconds of offset take them hours, us no more."""
    clock = SenderClock()
    for n in range(600):
        ahead_s = clock.ahead_s(NOW_S + 5 + n, NOW_S + n)
    for n in range(600, 20_000, 2):
        slewed_s = max(0.0, 5 - (n - 600) * 0.0005)
        ahead_s = clock.ahead_s(NOW_S + slewed_s + n, NOW_S + n)
        assert ahead_s == pytest.approx(-slewed_s, abs=0.03)


@given(counts=st.lists(st.integers(0, 3000), min_size=1, max_size=60), per_s=st.floats(1.0, 1000.0))
def test_over_any_time_no_more_is_allowed_than_a_backlog_and_the_pace(counts: list[int], per_s: float) -> None:
    allowance, taken = Allowance(0.0), 0
    for second, count in enumerate(counts):
        if not allowance.takes(count, per_s, float(second)):
            return
        taken += count
        assert taken <= 2 * BACKLOG + per_s * second + 1e-6


def test_a_vantage_at_its_pace_is_never_turned_away() -> None:
    allowance = Allowance(0.0)
    assert all(allowance.takes(100, 100.0, float(second)) for second in range(10_000))
