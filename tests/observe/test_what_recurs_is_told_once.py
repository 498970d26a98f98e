"""A probe that cannot be tried fails again with every interval: one line tells it, the metric counts it."""

import io
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trafficfed.model import HealthCheck, Observation, ServiceKey, Target
from trafficfed.observe.journal import Journal
from trafficfed.observe.logs import LogReports, logger
from trafficfed.observe.news import News
from trafficfed.reports import Decided, Observed, ProbeImpossible

WEB, API = ServiceKey("prod", "shop", "web"), ServiceKey("prod", "shop", "api")


def impossible(service: ServiceKey, message: str = "no route", address: str = "192.0.2.1") -> ProbeImpossible:
    target = Target(service=service, cluster="eu", address=address, port=80, check=HealthCheck())
    return ProbeImpossible(target, message)


def test_log_and_journal_tell_it_once_for_all_targets_of_a_service(hand_clock: Any) -> None:
    stream = io.StringIO()
    log, journal = LogReports(logger(stream, hand_clock)), Journal(hand_clock)
    for number in range(50):
        event = impossible(WEB, address=f"192.0.2.{number}")
        log(event)
        journal(event)
    assert stream.getvalue().count("probe-impossible") == 1
    assert [event.kind for event in journal.recent()] == ["probe-impossible"]


def test_another_service_or_another_reason_is_news() -> None:
    news = News()
    told = [impossible(WEB), impossible(API), impossible(WEB, "no free socket"), impossible(WEB, "no free socket")]
    assert [news(event) for event in told] == [True, True, True, False]


def test_it_is_news_again_after_a_probe_came_back(seen: Callable[..., Observation]) -> None:
    news = News()
    assert news(impossible(WEB))
    assert news(Observed(seen(service=WEB)))
    assert news(impossible(WEB))


@given(st.lists(st.text(max_size=3), max_size=20))
def test_everything_else_is_always_news(answers: list[str]) -> None:
    news = News()
    assert all(news(Decided(WEB, "timer", answer)) for answer in answers)
