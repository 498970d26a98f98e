"""Whom a follower takes the table from: the highest term, then the standing, then the order; and it stays there."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.feed.choice import LED, Choice, Heard, choose
from trafficfed.feed.messages import Beat, Standing

LEADS, RELAYS, ALONE = Standing.LEADS, Standing.RELAYS, Standing.ALONE
ADDRESSES = ("a.example.org:7400", "b.example.org:7400", "c.example.org:7400", "d.example.org:7400")
A, B, C, D = ADDRESSES


def said(standing: Standing, term: int = 5, objection: str = "") -> Beat:
    return Beat(term, 100, standing, objection=objection)


def pick(*beats: Beat, following: str = "", term: int = 5, alone: bool = False) -> str:
    heard = [Heard(address, beat) for address, beat in zip(ADDRESSES, beats, strict=False)]
    return choose(heard, following, term, alone=alone)


@pytest.mark.parametrize(
    ("beats", "best"),
    [
        ((said(LEADS), said(LEADS)), A),
        ((said(RELAYS), said(LEADS)), B),
        ((said(RELAYS), said(RELAYS)), A),
        ((said(ALONE), said(RELAYS)), B),
        ((said(LEADS, term=5), said(RELAYS, term=6)), B),
        ((said(LEADS, term=5), said(LEADS, term=7), said(LEADS, term=6)), B),
        ((said(LEADS, objection="it lost its table"), said(RELAYS)), B),
    ],
    ids=["order", "leads", "order of relays", "relays", "term before standing", "highest term", "objection"],
)
def test_term_goes_before_standing_and_standing_before_order(beats: Sequence[Beat], best: str) -> None:
    assert pick(*beats) == best


def test_who_is_alone_is_followed_only_once_it_is_allowed() -> None:
    assert pick(said(ALONE), said(ALONE)) == ""
    assert pick(said(ALONE), said(ALONE), alone=True) == A
    assert pick(said(ALONE), said(RELAYS), alone=True) == B


def test_a_table_older_than_ours_is_never_asked_for() -> None:
    assert pick(said(LEADS, term=4), said(RELAYS, term=3), said(ALONE, term=4), alone=True) == ""
    assert pick(said(LEADS, term=4), said(ALONE, term=5), alone=True) == B


def test_nobody_is_followed_where_nobody_is_heard() -> None:
    assert pick() == ""


def test_what_is_followed_is_kept_while_it_is_as_good() -> None:
    both = said(RELAYS), said(RELAYS)
    assert pick(*both, following=B) == B
    assert pick(said(RELAYS), said(ALONE), following=B) == A
    assert pick(said(LEADS), said(RELAYS), following=B) == A
    assert pick(said(RELAYS), said(RELAYS, term=4), following=B, term=4) == A


beats = st.builds(
    Beat,
    st.integers(0, 3),
    st.integers(0, 9),
    st.sampled_from(Standing),
    objection=st.sampled_from(("", "", "", "it lost its table")),
)
fleets = st.lists(beats, max_size=4)


@given(fleets, st.sampled_from(("", *ADDRESSES)), st.integers(0, 3), st.booleans())
def test_nothing_better_is_left_out(fleet: list[Beat], following: str, term: int, alone: bool) -> None:
    """Nobody unfit is taken, and who is taken is beaten by nobody fit."""
    best = pick(*fleet, following=following, term=term, alone=alone)
    by_address = dict(zip(ADDRESSES, fleet, strict=False))
    fit = {
        address: (beat.term, [ALONE, RELAYS, LEADS].index(beat.standing))
        for address, beat in by_address.items()
        if beat.term >= term and not beat.objection and (alone or beat.standing is not ALONE)
    }
    assert (best in fit) if fit else (best == "")
    assert all(fit[best] >= rank for rank in fit.values())


@given(fleets, st.integers(0, 3), st.booleans())
def test_a_second_look_changes_nothing(fleet: list[Beat], term: int, alone: bool) -> None:
    """So two controllers that are equally good are not followed in turns."""
    first = pick(*fleet, term=term, alone=alone)
    assert pick(*fleet, following=first, term=term, alone=alone) == first


@given(fleets, st.integers(0, 3), st.data())
def test_only_a_loss_or_something_better_ends_a_choice(fleet: list[Beat], term: int, data: st.DataObject) -> None:
    """Whoever else comes, goes or changes below the one that is followed: it stays."""
    first = pick(*fleet, term=term, alone=True)
    if not first:
        return
    at = ADDRESSES.index(first)
    kept = fleet[at]
    others = data.draw(st.lists(beats, min_size=4, max_size=4))
    worse = [
        Beat(min(each.term, kept.term), each.generation, min(each.standing, kept.standing, key=_worth), each.leader)
        for each in others
    ]
    worse[at] = kept
    assert pick(*worse, following=first, term=term, alone=True) == first


def _worth(standing: Standing) -> int:
    return [ALONE, RELAYS, LEADS].index(standing)


def test_the_lease_time_begins_when_the_last_leader_was_heard() -> None:
    choice = Choice(ADDRESSES, 10.0, 0.0)
    choice.hear(B, said(LEADS), 3.0)
    choice.hear(A, said(ALONE), 4.0)
    assert choice.pick(5, 4.0) == B
    choice.gone(B)
    assert choice.pick(5, 12.9) == ""
    assert choice.alone_from_s == 13.0
    assert choice.pick(5, 13.0) == A


def test_a_relay_counts_as_having_heard_the_leader() -> None:
    choice = Choice(ADDRESSES, 10.0, 0.0)
    choice.hear(A, said(ALONE), 1.0)
    choice.hear(B, said(RELAYS), 8.0)
    choice.gone(B)
    assert choice.pick(5, 17.9) == ""
    assert choice.pick(5, 18.0) == A


def test_a_relay_tells_how_old_the_leaders_word_is() -> None:
    """So that who follows a relay waits for one lease time in all, not for the relay's and then for its own."""
    choice = Choice(ADDRESSES, 10.0, 0.0)
    for second in range(1, 10):
        choice.hear(A, Beat(5, 100, RELAYS, heard_s=float(second - 1)), float(second))
    choice.hear(A, Beat(5, 100, ALONE, heard_s=10.0), 11.0)
    assert choice.alone_from_s == 11.0
    assert choice.pick(5, 11.0) == A
    choice.hear(B, Beat(5, 100, RELAYS, heard_s=float("inf")), 11.0)
    assert choice.alone_from_s == 11.0, "one that never heard a leader says nothing of when there was one"


def test_a_leader_of_a_term_that_others_are_beyond_is_none() -> None:
    """It was cut off while another was elected, and that one is gone: who has its table is nearer to the truth."""
    choice = Choice(ADDRESSES, 10.0, 0.0)
    choice.hear(A, said(ALONE, term=6), 1.0)
    for second in range(2, 12):
        choice.hear(B, said(LEADS, term=5), float(second))
        if second < 10:
            assert choice.pick(5, float(second)) == B, "until then it is the only one who leads"
    assert choice.pick(5, 11.0) == A


def test_a_leader_that_is_back_is_followed_at_once() -> None:
    choice = Choice(ADDRESSES, 10.0, 0.0)
    choice.hear(A, said(ALONE), 11.0)
    assert choice.pick(5, 11.0) == A
    choice.hear(C, said(LEADS), 11.5)
    assert choice.pick(5, 11.5) == C


def test_after_a_restart_nothing_that_was_heard_counts() -> None:
    choice = Choice(ADDRESSES, 10.0, 0.0)
    choice.hear(A, said(LEADS), 1.0)
    assert choice.pick(5, 1.0) == A
    choice.restart(100.0)
    assert (choice.pick(5, 100.0), choice.heard) == ("", ())
    choice.hear(A, said(ALONE), 100.5)
    assert choice.pick(5, 109.9) == ""
    assert choice.pick(5, 110.0) == A


def test_a_peer_takes_no_copy_of_a_copy() -> None:
    """Two that relay each other would believe in a leader that is long gone."""
    choice = Choice(ADDRESSES, 10.0, 0.0, takes=(LEADS,))
    choice.hear(A, said(RELAYS), 1.0)
    choice.hear(B, said(ALONE), 1.0)
    assert choice.pick(5, 50.0) == ""
    choice.hear(B, said(LEADS), 51.0)
    assert choice.pick(5, 51.0) == B


@pytest.mark.parametrize("lease_s", [3.0, 30.0])
def test_the_lease_that_a_controller_tells_is_the_one_that_counts(lease_s: float) -> None:
    choice = Choice(ADDRESSES, 10.0, 0.0)
    choice.hear(B, Beat(5, 100, LEADS, lease_s=lease_s), 1.0)
    choice.hear(A, said(ALONE), 1.5)
    assert choice.pick(5, 1.5) == B
    choice.gone(B)
    assert choice.lease_s == lease_s, "one that tells none takes nothing back"
    assert choice.alone_from_s == 1.0 + lease_s
    assert [choice.pick(5, choice.alone_from_s - 0.1), choice.pick(5, choice.alone_from_s)] == ["", A]


def test_what_was_heard_is_shown_in_order_of_preference() -> None:
    choice = Choice(ADDRESSES, 10.0, 0.0)
    choice.hear(D, said(RELAYS), 1.0)
    choice.hear(B, said(LEADS), 1.0)
    assert [each.address for each in choice.heard] == [B, D]
    assert choice.said(D) == said(RELAYS)
    assert choice.said(A) is None


steps = st.lists(
    st.tuples(st.sampled_from(ADDRESSES), st.one_of(st.none(), beats), st.floats(0, 6)), min_size=1, max_size=30
)


@given(steps)
def test_over_any_history_nobody_alone_is_followed_while_a_leader_is_heard(
    history: list[tuple[str, Beat | None, float]],
) -> None:
    """And whoever is followed is connected and fit, at every moment."""
    choice, now_s, led_s = Choice(ADDRESSES, 10.0, 0.0), 0.0, 0.0
    live: dict[str, Beat] = {}
    for address, beat, pause_s in history:
        now_s += pause_s
        if beat is None:
            live.pop(address, None)
            choice.gone(address)
        else:
            live[address] = beat
            choice.hear(address, beat, now_s)
            if beat.standing in LED and not beat.objection and beat.term == max(each.term for each in live.values()):
                led_s = now_s
        followed = choice.pick(1, now_s)
        if followed:
            assert live[followed].term >= 1
            assert not live[followed].objection
            assert live[followed].standing in LED or now_s - led_s >= 10.0
        elif now_s - led_s >= 10.0:
            assert not [each for each in live.values() if each.term >= 1 and not each.objection]
