"""What an SRE promises: how long after the first failed probe the answer was right, at each provider."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from trafficfed.model import Observation, Outcome, Row, ServiceKey, State, Verdict
from trafficfed.observe.deaths import Deaths
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.reports import Observed, Published, VerdictChanged, Verified

KEY = ServiceKey("prod", "shop", "web")
WEB = str(KEY)
UP = Verdict(cluster="eu", address="192.0.2.1", state=State.SERVING, serving=True, since_s=10.0)
DOWN = replace(UP, state=State.NOT_SERVING, serving=False, since_s=105.0)
DIED = VerdictChanged(KEY, UP, DOWN)
Seen = Callable[..., Observation]


def verified(provider: str = "bind", after_s: float = 0.5, service: str = WEB) -> Verified:
    return Verified(provider, "fed.test", "web.fed.test", True, after_s, service)


def published(provider: str = "bind", after_s: float = 0.1, service: str = WEB) -> Published:
    return Published(provider, "fed.test", "web.fed.test", Outcome.DONE, after_s, service=service)


@pytest.fixture
def dead(seen: Seen) -> Deaths:
    """First failed at 100 s, judged at 105 s."""
    deaths = Deaths()
    for at_s in (100.0, 101.0, 105.0):
        deaths.seen(seen(passed=False, at_s=at_s))
    deaths.judged(DIED)
    return deaths


def test_it_is_the_time_from_the_first_failed_probe(dead: Deaths) -> None:
    assert dead.published(published()) == pytest.approx(5.1)
    assert dead.verified(verified()) == pytest.approx(5.5)


def test_each_provider_is_timed_once_by_its_first_answer(dead: Deaths) -> None:
    assert dead.verified(verified()) is not None
    assert dead.verified(verified(after_s=9.0)) is None
    assert dead.verified(verified("knot", after_s=2.0)) == pytest.approx(7.0)


def test_another_services_answer_is_none_of_it(dead: Deaths) -> None:
    assert dead.verified(verified(service="prod/shop/api")) is None
    assert dead.verified(verified(service="")) is None
    assert dead.verified(verified()) is not None


def test_a_pass_in_between_begins_anew(seen: Seen) -> None:
    deaths = Deaths()
    for at_s, passed in ((50.0, False), (60.0, True), (102.0, False)):
        deaths.seen(seen(passed=passed, at_s=at_s))
    deaths.judged(DIED)
    assert deaths.verified(verified()) == pytest.approx(3.5)


def test_another_targets_failure_is_not_this_ones(seen: Seen) -> None:
    deaths = Deaths()
    deaths.seen(seen(passed=False, at_s=100.0, address="192.0.2.2"))
    deaths.judged(DIED)
    assert deaths.verified(verified()) is None


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(VerdictChanged(KEY, DOWN, replace(UP, since_s=200.0)), id="it returned"),
        pytest.param(VerdictChanged(KEY, None, DOWN), id="it never served"),
        pytest.param(VerdictChanged(KEY, DOWN, replace(DOWN, reason="NotReady")), id="it was down already"),
        pytest.param(VerdictChanged(KEY, UP, replace(DOWN, cluster="us")), id="no probe failed there"),
    ],
)
def test_what_is_no_death_by_probes_is_not_timed(dead: Deaths, event: VerdictChanged) -> None:
    dead.judged(event)
    assert dead.verified(verified()) is None


def test_a_service_that_is_gone_is_forgotten(dead: Deaths) -> None:
    dead.keep({WEB})
    assert dead.published(published()) is not None
    dead.keep(set())
    assert dead.verified(verified()) is None
    dead.judged(DIED)
    assert dead.verified(verified()) is None, "its failed probes are forgotten too"


def test_the_histograms_tell_it(seen: Seen, row: Row) -> None:
    metrics = Metrics(lambda: Gauges(rows=(row,)))
    metrics(Observed(seen(passed=False, at_s=100.0)))
    for event in (DIED, published(), verified(), verified()):
        metrics(event)
    text = metrics.render().decode()
    assert 'trafficfed_failure_to_publication_seconds_sum{provider="bind"} 5.1' in text
    assert 'trafficfed_failure_to_verified_seconds_count{provider="bind"} 1.0' in text


def test_a_wrong_answer_and_a_failed_change_end_nothing(seen: Seen, row: Row) -> None:
    metrics = Metrics(lambda: Gauges(rows=(row,)))
    metrics(Observed(seen(passed=False, at_s=100.0)))
    metrics(DIED)
    metrics(replace(published(), outcome=Outcome.FAILED))
    metrics(replace(verified(), right=False))
    assert "trafficfed_failure_to_verified_seconds_count{" not in metrics.render().decode()
    metrics(verified(after_s=7.0))
    assert 'trafficfed_failure_to_verified_seconds_sum{provider="bind"} 12.0' in metrics.render().decode()
