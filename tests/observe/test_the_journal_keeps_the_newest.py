"""The ring behind the live view: bounded, oldest first, without single probes."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trafficfed.model import Freshness, Observation, ServiceKey
from trafficfed.observe.journal import Journal
from trafficfed.observe.views import EventView
from trafficfed.reports import ClusterChanged, Decided, Observed, Verified

KEY = ServiceKey("prod", "shop", "web")


class Stopped:
    def now_s(self) -> float:
        return 5.0

    def monotonic_s(self) -> float:
        return 5.0


@given(st.integers(1, 8), st.integers(0, 20), st.integers(0, 12))
def test_it_holds_at_most_its_capacity_of_the_newest(capacity: int, told: int, asked: int) -> None:
    journal = Journal(Stopped(), capacity)
    for number in range(told):
        journal(Decided(KEY, "timer", str(number)))
    shown = [event.text.rpartition("=")[2] for event in journal.recent(asked)]
    count = min(capacity, told, asked)
    assert shown == [str(number) for number in range(told - count, told)]
    assert journal.seen == told


def test_an_event_keeps_its_moment_and_its_words(hand_clock: Any) -> None:
    journal = Journal(hand_clock)
    journal(ClusterChanged("eu", Freshness.SUSPECT, "another server"))
    hand_clock.now += 5
    journal(ClusterChanged("eu", Freshness.FRESH))
    assert journal.recent() == (
        EventView(
            at_s=1_700_000_000.0,
            kind="cluster",
            text="cluster=eu freshness=Suspect reason='another server'",
            level="warning",
            cluster="eu",
        ),
        EventView(at_s=1_700_000_005.0, kind="cluster", text="cluster=eu freshness=Fresh", cluster="eu"),
    )


def test_probes_and_what_went_as_expected_are_no_events(hand_clock: Any, seen: Callable[..., Observation]) -> None:
    journal = Journal(hand_clock)
    journal(Observed(seen(passed=False)))
    journal(Verified("bind", "fed.test", "web.fed.test", True, 0.1))
    assert journal.recent() == ()
    assert journal.seen == 0


@given(st.integers(1, 8), st.lists(st.integers(0, 6), max_size=6))
def test_who_goes_on_from_what_was_seen_misses_nothing_that_is_remembered(capacity: int, bursts: list[int]) -> None:
    journal = Journal(Stopped(), capacity)
    seen, said, told = 0, [], 0
    for burst in bursts:
        for _ in range(burst):
            journal(Decided(KEY, "timer", str(told)))
            told += 1
        said += [event.text.rpartition("=")[2] for event in journal.after(seen)]
        seen = journal.seen
    wanted, at = [], 0
    for burst in bursts:
        at += burst
        wanted += [str(number) for number in range(at - min(burst, capacity), at)]
    assert said == wanted


def test_a_count_of_another_process_is_not_waited_for() -> None:
    journal = Journal(Stopped(), 5)
    journal(Decided(KEY, "timer", "192.0.2.1"))
    assert len(journal.after(4000)) == 1


def test_an_event_says_what_it_is_about(hand_clock: Any) -> None:
    journal = Journal(hand_clock)
    journal(Decided(KEY, "verdict", "192.0.2.1"))
    journal(ClusterChanged("eu", Freshness.FRESH))
    journal(Verified("bind", "fed.test", "web.fed.test", False, 0.1))
    assert [(each.service, each.cluster, each.name) for each in journal.recent()] == [
        ("prod/shop/web", "", ""),
        ("", "eu", ""),
        ("", "", "web.fed.test"),
    ]
