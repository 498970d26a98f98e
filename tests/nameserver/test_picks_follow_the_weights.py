"""Chance in answers: weights over clients, one pick for both families of a client, lists that rotate and are capped."""

import ipaddress
from collections import Counter
from math import sqrt

import pytest

from trafficfed.model import Form, Member
from trafficfed.nameserver.draw import PICK_WINDOW_S, KeyedDraw
from trafficfed.testing.nameservers import ScriptedDraw, ask, question, values
from trafficfed.testing.sample_zone import AP, EU, US, anyone, responder_for, service_row

NAME = "web.example.org"
CLIENTS = 10_000


def client_number(number: int) -> str:
    return str(ipaddress.ip_address(0x0A000000 + number * 7))


def within_bounds(count: int, share: float, total: int) -> bool:
    """Four standard deviations of a binomial: one honest run in 15,000 fails, and the key is fixed anyhow."""
    return abs(count - share * total) <= 4 * sqrt(total * share * (1 - share))


def test_over_clients_the_shares_are_the_weights() -> None:
    responder = responder_for((service_row(NAME, anyone(EU, US, AP), pick=1),), draw=KeyedDraw(b"k", lambda: 0.0))
    packet = question(NAME, edns=False).to_wire()
    found = Counter((responder.answer(packet, client_number(number)) or b"")[-1] for number in range(CLIENTS))
    assert found.keys() == {1, 2, 3}
    for last, share in ((1, 0.7), (2, 0.2), (3, 0.1)):
        assert within_bounds(found[last], share, CLIENTS), found


def test_over_time_the_shares_of_one_client_are_the_weights() -> None:
    """A resolver that stands for many clients is spread too, window by window; five keys, so that none is lucky."""
    now = [0.0]
    packet = question(NAME, edns=False).to_wire()
    found: Counter[int] = Counter()
    for key in (b"1", b"2", b"3", b"4", b"5"):
        draw = KeyedDraw(key, lambda: now[0])
        responder = responder_for((service_row(NAME, anyone(EU, US, AP), pick=1),), draw=draw)
        for window in range(CLIENTS // 5):
            now[0] = 1_800_000_000.0 + window * PICK_WINDOW_S
            found[(responder.answer(packet, "192.0.2.7") or b"")[-1]] += 1
    for last, share in ((1, 0.7), (2, 0.2), (3, 0.1)):
        assert within_bounds(found[last], share, CLIENTS), found


def test_both_families_of_a_client_get_the_same_member_within_one_window() -> None:
    dual = tuple(
        Member(cluster=str(at), weight=1, addresses=(f"192.0.2.{at}", f"2001:db8::{at}")) for at in range(1, 6)
    )
    now = [100.0]
    servers = [
        responder_for((service_row(NAME, anyone(*dual), pick=1),), draw=KeyedDraw(b"k", lambda: now[0]))
        for _ in range(2)
    ]
    chosen = set()
    for number in range(100):
        now[0] = 100.0
        (four,) = values(ask(servers[0], NAME, "A", client=client_number(number)))
        now[0] = 100.0 + PICK_WINDOW_S - 0.001
        (six,) = values(ask(servers[1], NAME, "AAAA", client=client_number(number)))
        assert four.rpartition(".")[2] == six.rpartition(":")[2]
        chosen.add(four)
    assert len(chosen) == 5


def test_a_member_without_the_family_is_no_data_and_no_other_member_steps_in() -> None:
    """The family only filters; a second choice for IPv6 clients would be a share that nobody asked for."""
    draw = ScriptedDraw(fraction=0.75)
    responder = responder_for((service_row(NAME, anyone(EU, US, AP), pick=1),), draw=draw)
    assert values(ask(responder, NAME, "A")) == ("192.0.2.2",)
    assert values(ask(responder, NAME, "AAAA")) == ()


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.0, 1), (0.6999, 1), (0.7001, 2), (0.8999, 2), (0.9001, 3), (1 - 2**-53, 3)]
)
def test_the_pick_is_by_cumulative_weight(fraction: float, expected: int) -> None:
    responder = responder_for((service_row(NAME, anyone(EU, US, AP), pick=1),), draw=ScriptedDraw(fraction))
    assert values(ask(responder, NAME)) == (f"192.0.2.{expected}",)


def test_weight_zero_gets_nothing_unless_all_are_zero() -> None:
    zero = Member(cluster="zero", weight=0, addresses=("192.0.2.9",))
    other = Member(cluster="other", weight=0, addresses=("192.0.2.8",))
    for fraction in (0.0, 0.5, 1 - 2**-53):
        draw = ScriptedDraw(fraction)
        beside = responder_for((service_row(NAME, anyone(zero, US), pick=1),), draw=draw)
        assert values(ask(beside, NAME)) == ("192.0.2.2",)
        alone = responder_for((service_row(NAME, anyone(zero, other), pick=1),), draw=draw)
        assert values(ask(alone, NAME)) == (("192.0.2.9",) if fraction < 0.5 else ("192.0.2.8",))


def test_a_member_is_answered_with_all_its_addresses() -> None:
    wide = Member(cluster="wide", weight=1, addresses=("192.0.2.1", "192.0.2.2", "2001:db8::1"))
    responder = responder_for((service_row(NAME, anyone(wide, US), pick=1),), draw=ScriptedDraw(0.0))
    assert values(ask(responder, NAME)) == ("192.0.2.1", "192.0.2.2")


def test_several_picks_are_different_members() -> None:
    responder = responder_for((service_row(NAME, anyone(EU, US, AP), pick=2),), draw=KeyedDraw(b"k", lambda: 0.0))
    found = Counter(values(ask(responder, NAME, client=client_number(number))) for number in range(300))
    assert {len(answer) for answer in found} == {2}
    assert found[("192.0.2.1", "192.0.2.2")] > found[("192.0.2.1", "192.0.2.3")] > found[("192.0.2.2", "192.0.2.3")] > 0


POOL = tuple(Member(cluster=str(at), weight=1, addresses=(f"192.0.2.{at}",)) for at in range(11))


def test_an_answer_has_eight_addresses_at_most_and_every_one_gets_its_turn() -> None:
    draw = ScriptedDraw()
    responder = responder_for((service_row(NAME, anyone(*POOL)),), draw=draw)
    turns: Counter[str] = Counter()
    for draw.next_rotation in range(len(POOL)):
        found = values(ask(responder, NAME))
        assert len(found) == 8
        turns.update(found)
    assert turns == {f"192.0.2.{at}": 8 for at in range(11)}


def test_the_first_address_rotates() -> None:
    draw = ScriptedDraw()
    responder = responder_for((service_row(NAME, anyone(*POOL[:3])),), draw=draw)
    firsts = []
    for draw.next_rotation in range(4):
        firsts.append(ask(responder, NAME).answer[0][0].to_text())
    assert firsts == ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.0"]


def test_an_address_that_two_members_share_is_answered_once() -> None:
    responder = responder_for((service_row(NAME, anyone(EU, EU, US)),))
    assert values(ask(responder, NAME)) == ("192.0.2.1", "192.0.2.2")


def test_a_cname_is_one_hostname_by_its_share_of_the_members_weight() -> None:
    pool = (
        Member(cluster="eu", weight=50, hostnames=("a.example.net", "b.example.net")),
        Member(cluster="us", weight=50, hostnames=("c.example.net",)),
    )
    draw = ScriptedDraw()
    responder = responder_for((service_row(NAME, anyone(*pool), form=Form.HOSTNAME),), draw=draw)
    found = {}
    for draw.next_fraction in (0.0, 0.24, 0.26, 0.49, 0.51, 0.99):
        (found[draw.next_fraction],) = values(ask(responder, NAME))
    assert list(found.values()) == [
        "a.example.net", "a.example.net", "b.example.net", "b.example.net", "c.example.net", "c.example.net",
    ]  # fmt: skip


def test_fractions_differ_by_key_name_client_and_window_and_lie_below_one() -> None:
    base = KeyedDraw(b"k", lambda: 0.0).fraction(b"n", "192.0.2.1")
    assert base == KeyedDraw(b"k", lambda: PICK_WINDOW_S - 0.1).fraction(b"n", "192.0.2.1")
    others = {
        KeyedDraw(b"other", lambda: 0.0).fraction(b"n", "192.0.2.1"),
        KeyedDraw(b"k", lambda: float(PICK_WINDOW_S)).fraction(b"n", "192.0.2.1"),
        KeyedDraw(b"k", lambda: 0.0).fraction(b"m", "192.0.2.1"),
        KeyedDraw(b"k", lambda: 0.0).fraction(b"n", "192.0.2.2"),
    }
    assert base not in others
    assert len(others) == 4
    assert all(0 <= each < 1 for each in (base, *others))


def test_rotations_stay_in_range_and_reach_every_place() -> None:
    draw = KeyedDraw(b"k", lambda: 0.0)
    assert {draw.rotation(5) for _ in range(500)} == {0, 1, 2, 3, 4}
