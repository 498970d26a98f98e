"""When none serves, ``when_all_down`` decides, for every client alike."""

import pytest

from trafficfed.model import Endpoint, Form, GlobalService, Row, Verdict, WhenAllDown
from trafficfed.steering.decide import decide, given_out
from trafficfed.testing.fleets import KEY, address, endpoint, failing, fleet, row

EU, US, AP = address("eu"), address("us"), address("ap")


def all_dead(
    *endpoints: Endpoint,
    mode: WhenAllDown = WhenAllDown.ALL,
    fallback: tuple[str, ...] = (),
    last_good: tuple[str, ...] = (),
) -> Row:
    return row(
        *endpoints,
        down=tuple(each.cluster for each in endpoints),
        when_all_down=mode,
        steering=("geo", "failover", "weighted"),
        fallback=fallback,
        last_good=last_good,
    )


def judged(*verdicts: Verdict, endpoints: tuple[Endpoint, ...]) -> Row:
    return Row(service=row().service, endpoints=endpoints, verdicts=verdicts)


def answer(given_row: Row) -> tuple[str, ...]:
    decision = decide(given_row, fleet("eu", "us", "ap"), (), 0.0)
    assert not decision.serving
    assert len(decision.rules) <= 1, "no order can be told among the dead"
    return given_out(decision)


def test_all_gives_every_endpoint_in_every_tier_and_region() -> None:
    assert answer(all_dead(endpoint("eu"), endpoint("us", tier=1), endpoint("ap"))) == (AP, EU, US)


@pytest.mark.parametrize("aside", [endpoint("eu", drained=True), endpoint("eu", weight=0)])
def test_all_leaves_out_what_is_drained_or_of_weight_zero(aside: Endpoint) -> None:
    assert answer(all_dead(aside, endpoint("us"))) == (US,)


def test_all_gives_those_too_where_there_are_no_others() -> None:
    assert answer(all_dead(endpoint("eu", drained=True), endpoint("us", weight=0))) == (EU, US)


def test_what_never_passed_is_given_only_if_nothing_else_is_there() -> None:
    endpoints = (endpoint("eu"), endpoint("us", drained=True))
    assert answer(judged(failing("eu", passed=False), failing("us"), endpoints=endpoints)) == (US,)
    assert answer(judged(failing("eu", passed=False), failing("us", passed=False), endpoints=endpoints)) == (EU,)


def test_new_endpoints_of_a_new_service_are_given_out_together() -> None:
    assert answer(judged(endpoints=(endpoint("eu"), endpoint("us")))) == (EU, US)


def test_a_quarantined_address_is_the_very_last_as_it_may_be_a_strangers() -> None:
    endpoints = (endpoint("eu"), endpoint("us"))
    assert answer(judged(failing("eu", quarantined=True), failing("us", passed=False), endpoints=endpoints)) == (US,)
    assert answer(judged(failing("eu", quarantined=True), endpoints=endpoints[:1])) == (EU,)


def test_last_good_gives_what_was_given_last() -> None:
    given_row = all_dead(endpoint("eu"), endpoint("us"), mode=WhenAllDown.LAST_GOOD, last_good=(US,))
    assert answer(given_row) == (US,)


def test_last_good_gives_no_address_that_is_no_longer_an_endpoints() -> None:
    given_row = all_dead(endpoint("eu"), endpoint("us"), mode=WhenAllDown.LAST_GOOD, last_good=("192.0.2.99", EU))
    assert answer(given_row) == (EU,)


@pytest.mark.parametrize("last_good", [(), ("192.0.2.99",)])
def test_last_good_without_a_living_memory_gives_all(last_good: tuple[str, ...]) -> None:
    given_row = all_dead(endpoint("eu"), endpoint("us"), mode=WhenAllDown.LAST_GOOD, last_good=last_good)
    assert answer(given_row) == (EU, US)


def test_fallback_gives_the_targets_named() -> None:
    fallback = ("2001:db8::250", "192.0.2.250", "sorry.example.net")
    decision = decide(all_dead(endpoint("eu"), mode=WhenAllDown.FALLBACK, fallback=fallback), {}, (), 0.0)
    assert [member.addresses for member in decision.rules[0].pool] == [("192.0.2.250", "2001:db8::250")]


@pytest.mark.parametrize("fallback", [(), ("sorry.example.net",)])
def test_fallback_that_does_not_fit_the_published_form_gives_all(fallback: tuple[str, ...]) -> None:
    assert answer(all_dead(endpoint("eu"), mode=WhenAllDown.FALLBACK, fallback=fallback)) == (EU,)


def test_fallback_of_a_name_published_as_hostname_is_a_hostname() -> None:
    service = GlobalService(
        key=KEY,
        hostnames=("web.example.org",),
        form=Form.HOSTNAME,
        when_all_down=WhenAllDown.FALLBACK,
        fallback=("192.0.2.250", "sorry.example.net"),
    )
    endpoints = (Endpoint(cluster="eu", hostnames=("lb.example.net",), resolved=(EU,)),)
    assert answer(Row(service=service, endpoints=endpoints, verdicts=(failing("eu"),))) == ("sorry.example.net",)


def test_empty_gives_nothing() -> None:
    assert answer(all_dead(endpoint("eu"), mode=WhenAllDown.EMPTY)) == ()


@pytest.mark.parametrize("mode", [WhenAllDown.ALL, WhenAllDown.LAST_GOOD])
def test_a_service_without_endpoints_gives_nothing(mode: WhenAllDown) -> None:
    assert answer(row(when_all_down=mode, last_good=(EU,))) == ()
