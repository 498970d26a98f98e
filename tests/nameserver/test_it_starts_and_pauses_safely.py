"""SERVFAIL until a table is known to be current, for a bounded time; the same after a pause."""

import pytest

from trafficfed.nameserver.start import StartRule

LEASE_S = 10.0


@pytest.fixture
def rule() -> StartRule:
    return StartRule(wait_s=10.0, now_s=100.0)


@pytest.mark.parametrize(("now_s", "serves"), [(100.0, False), (109.9, False), (110.0, True), (500.0, True)])
def test_without_a_controller_the_last_table_is_served_after_the_wait(
    rule: StartRule, now_s: float, serves: bool
) -> None:
    assert rule.serves(now_s, has_table=True) is serves


def test_without_any_table_it_never_serves(rule: StartRule) -> None:
    assert not rule.serves(1_000_000.0, has_table=False)
    rule.confirmed()
    assert not rule.serves(100.0, has_table=False)


def test_a_controllers_word_ends_the_wait(rule: StartRule) -> None:
    rule.confirmed()
    assert rule.serves(100.0, has_table=True)


def test_ticks_that_come_in_time_change_nothing(rule: StartRule) -> None:
    rule.confirmed()
    assert [rule.tick(100.0 + at * 10.0, LEASE_S) for at in range(5)] == [False] * 5
    assert rule.serves(140.0, has_table=True)


def test_a_pause_longer_than_a_lease_starts_the_wait_again(rule: StartRule) -> None:
    rule.confirmed()
    assert rule.tick(110.1, LEASE_S)
    assert not rule.serves(110.1, has_table=True)
    assert not rule.tick(111.0, LEASE_S), "one pause is told once"
    assert not rule.serves(120.0, has_table=True)
    assert rule.serves(120.1, has_table=True)


def test_after_a_pause_a_controllers_word_ends_the_wait_too(rule: StartRule) -> None:
    rule.confirmed()
    rule.tick(200.0, LEASE_S)
    rule.confirmed()
    assert rule.serves(200.0, has_table=True)


def test_a_pause_during_the_first_wait_extends_it(rule: StartRule) -> None:
    rule.tick(150.0, LEASE_S)
    assert not rule.serves(159.0, has_table=True)
    assert rule.serves(160.0, has_table=True)


def test_a_pause_is_long_by_the_lease_that_is_in_force(rule: StartRule) -> None:
    assert not rule.tick(104.0, 5.0)
    assert rule.tick(108.0, 3.0)
    assert not rule.tick(120.0, 20.0)
