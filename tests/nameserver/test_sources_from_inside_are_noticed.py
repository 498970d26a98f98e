"""Where nearly all queries come from nodes or Pods, geo sees no clients: that is told once, not for a few of them."""

import pytest

from trafficfed.nameserver.sources import NEARLY_ALL, SAMPLES, Sources, is_inside
from trafficfed.testing.nameservers import ask
from trafficfed.testing.sample_zone import AP, EU, anyone, only, responder_for, service_row

INSIDE, OUTSIDE = "10.0.0.7", "8.8.8.8"


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        (INSIDE, True),
        ("172.16.3.4", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("169.254.1.1", True),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:10.0.0.7", True),
        (OUTSIDE, False),
        ("2001:4860:4860::8888", False),
        ("::ffff:8.8.8.8", False),
        ("127.0.0.1", None),
        ("::1", None),
    ],
)
def test_what_is_inside(address: str, inside: bool | None) -> None:
    assert is_inside(address) is inside


def test_it_is_told_once_and_again_only_after_it_was_otherwise() -> None:
    sources = Sources()
    assert [sources.take(INSIDE) for _ in range(3 * SAMPLES)].count(True) == 1
    assert sources.inside_ratio == 1.0
    assert not any(sources.take(OUTSIDE) for _ in range(SAMPLES))
    assert sources.inside_ratio == 0.0
    assert [sources.take(INSIDE) for _ in range(SAMPLES)].count(True) == 1


def test_some_from_inside_are_nothing_to_tell() -> None:
    sources = Sources()
    every = round(1 / (1 - NEARLY_ALL)) // 2
    assert not any(sources.take(OUTSIDE if number % every == 0 else INSIDE) for number in range(5 * SAMPLES))


def test_this_machines_own_questions_say_nothing() -> None:
    sources = Sources()
    assert not any(sources.take("127.0.0.1") for _ in range(2 * SAMPLES))
    assert sources.inside_ratio == 0.0


def test_only_who_is_located_by_his_own_address_is_looked_at() -> None:
    responder = responder_for((service_row("web.example.org", only("continent", "EU", EU), anyone(AP)),))
    ask(responder, "web.example.org", client=INSIDE, subnet="198.51.100.0/24")
    ask(responder, "web.example.org", client=INSIDE, subnet="0.0.0.0/0")
    assert responder.last_source == ""
    ask(responder, "web.example.org", client=INSIDE)
    assert responder.last_source == INSIDE
