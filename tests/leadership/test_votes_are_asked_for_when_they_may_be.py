"""What one candidate asks of which elector at which moment: every rule of it, by hand and to the second."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from trafficfed.leadership.candidate import (
    LONGEST_PAUSE_S,
    SHORTEST_PAUSE_S,
    UNOPPOSED_SHARE,
    Action,
    Call,
    Candidate,
    Lost,
    Phase,
    Read,
    Won,
    Write,
)
from trafficfed.leadership.elector import Seen
from trafficfed.leadership.record import Record
from trafficfed.leadership.sight import Rules

THREE = ("ap", "eu", "us")
NOBODY = Seen()


class Hand:
    """A candidate with a test's hand on the clock and on every answer; calls wait in ``calls`` until answered."""

    def __init__(self, electorate: Sequence[str] = THREE, holder: str = "eu_1") -> None:
        self.now_s = 1000.0
        self.candidate = Candidate(Rules(owner="prod", holder=holder, electorate=tuple(electorate)))
        self.calls: dict[str, Call] = {}
        self.events: list[Action] = []
        self.ready = True
        self.step()

    def step(self, luck: float = 0.5) -> None:
        for action in self.candidate.step(self.now_s, ready=self.ready, luck=luck):
            if isinstance(action, Read | Write):
                assert action.elector not in self.calls, "two calls at one elector at once"
                self.calls[action.elector] = action
            else:
                self.events.append(action)

    def at(self, now_s: float) -> None:
        self.now_s = now_s
        self.step()

    def after(self, seconds: float) -> None:
        self.at(self.now_s + seconds)

    def answer(self, elector: str, seen: Seen | None = None) -> None:
        """What stands there; for a write without it, that the record was taken."""
        call = self.calls.pop(elector)
        if seen is None:
            assert isinstance(call, Write)
            seen = Seen(call.record, f"{call.record.order}")
        self.candidate.answered(call, seen, self.now_s)
        self.step()

    def conflict(self, elector: str) -> None:
        call = self.calls.pop(elector)
        assert isinstance(call, Write)
        self.candidate.conflicted(call, self.now_s)
        self.step()

    def fail(self, elector: str, error: str = "no answer") -> None:
        self.candidate.failed(self.calls.pop(elector), error, self.now_s)
        self.step()

    def wrote(self, elector: str) -> Record | None:
        """The record it is asked to take, None where it is read or left alone."""
        call = self.calls.get(elector)
        return call.record if isinstance(call, Write) else None

    def watch(self, standing: dict[str, Seen], seconds: float) -> None:
        """See the same at each elector, at every look, for so long."""
        end_s = self.now_s + seconds
        while True:
            for elector in [name for name, call in self.calls.items() if isinstance(call, Read)]:
                self.answer(elector, standing[elector])
            wake_s = self.candidate.wake_s(self.now_s)
            if wake_s > end_s or any(isinstance(call, Write) for call in self.calls.values()):
                break
            self.at(max(wake_s, self.now_s))
        if self.now_s < end_s and not any(isinstance(call, Write) for call in self.calls.values()):
            self.at(end_s)

    def phase(self) -> Phase:
        return self.candidate.phase

    @property
    def reason(self) -> str:
        return self.candidate.reason(self.now_s, self.ready)


def held(holder: str = "us_9", term: int = 3, renewal: int = 8, **other: Any) -> Seen:
    record = Record(owner="prod", holder=holder, term=term, renewal=renewal, lease_s=10.0, electorate=THREE)
    return Seen(replace(record, **other), f"v{term}.{renewal}")


def released(term: int = 3) -> Seen:
    return held(holder="", term=term)


def everywhere(seen: Seen) -> dict[str, Seen]:
    return dict.fromkeys(THREE, seen)


def elected() -> Hand:
    """Leads since 1000 s with all three votes."""
    hand = Hand()
    hand.watch(everywhere(NOBODY), 0.0)
    for elector in THREE:
        hand.answer(elector)
    assert hand.events == [Won(1)]
    return hand


# Standing.


def test_all_electors_are_read_at_once_at_the_start() -> None:
    assert Hand().calls == {elector: Read(elector, 1000.0) for elector in THREE}


def test_a_new_fleet_has_a_leader_as_soon_as_a_majority_took_its_record() -> None:
    hand = Hand()
    hand.answer("ap", NOBODY)
    hand.answer("eu", NOBODY)
    assert hand.wrote("ap") is None, "the third may be one that was not forgotten"
    hand.answer("us", NOBODY)
    record = Record(owner="prod", holder="eu_1", term=1, renewal=1, lease_s=10.0, electorate=THREE)
    assert [hand.wrote(elector) for elector in THREE] == [record] * 3
    hand.answer("us")
    assert hand.events == []
    hand.answer("ap")
    assert hand.events == [Won(1)]
    assert hand.phase() is Phase.LEADING


def test_votes_count_from_the_start_of_the_request_that_brought_them() -> None:
    hand = Hand()
    hand.watch(everywhere(NOBODY), 0.0)
    hand.now_s = 1001.4
    hand.answer("ap")
    hand.answer("eu")
    assert hand.candidate.valid_until_s == 1009.0


def test_released_votes_are_taken_at_once_with_a_higher_term() -> None:
    hand = Hand()
    hand.watch({**everywhere(released(term=3)), "us": released(term=5)}, 0.0)
    assert [found.term for elector in THREE if (found := hand.wrote(elector))] == [6, 6, 6]


def test_a_held_vote_is_asked_for_when_it_was_seen_unchanged_for_its_whole_lease() -> None:
    hand = Hand()
    hand.now_s = 1000.3
    hand.watch(everywhere(held()), 9.9)
    assert not any(hand.wrote(elector) for elector in THREE)
    assert hand.reason == "us leads"
    assert hand.candidate.leader(hand.now_s) == "us"
    assert hand.candidate.wake_s(hand.now_s) == pytest.approx(1010.3), "the answer came 0.3 s after the request"
    hand.at(1010.3)
    assert [found.term for elector in THREE if (found := hand.wrote(elector))]
    assert hand.reason == "the election is under way"


def test_a_renewal_begins_the_wait_anew() -> None:
    hand = Hand()
    hand.watch(everywhere(held(renewal=8)), 9.0)
    hand.watch(everywhere(held(renewal=9)), 9.0)
    assert not any(hand.wrote(elector) for elector in THREE)


def test_a_longer_lease_of_another_is_waited_out_as_it_says() -> None:
    hand = Hand()
    hand.watch(everywhere(held(lease_s=30.0)), 29.9)
    assert not any(hand.wrote(elector) for elector in THREE)
    hand.watch(everywhere(held(lease_s=30.0)), 0.2)
    assert any(hand.wrote(elector) for elector in THREE)


def test_it_wakes_when_the_second_lease_of_three_runs_out() -> None:
    """Two votes make the majority, so the third is waited for by nobody."""
    hand = Hand()
    hand.answer("ap", held())
    hand.now_s = 1000.2
    hand.answer("eu", held())
    hand.now_s = 1000.4
    hand.answer("us", held())
    hand.watch(everywhere(held()), 9.75)
    assert hand.candidate.wake_s(hand.now_s) == pytest.approx(1010.2)
    hand.at(1010.2)
    assert hand.wrote("us") is None
    assert {elector for elector in THREE if hand.wrote(elector)} <= {"ap", "eu"}


def test_who_is_not_ready_looks_and_does_not_stand() -> None:
    hand = Hand()
    hand.ready = False
    hand.watch(everywhere(NOBODY), 20.0)
    assert not any(hand.wrote(elector) for elector in THREE)
    assert hand.reason.startswith("it is not ready")


def test_a_term_known_from_elsewhere_is_exceeded() -> None:
    hand = Hand()
    hand.candidate.note_term(9)
    hand.watch(everywhere(released()), 10.5)
    assert [found.term for elector in THREE if (found := hand.wrote(elector))][:1] == [10]


# Giving up.


def test_a_vote_without_a_majority_is_given_back_at_once() -> None:
    hand = Hand()
    hand.watch(everywhere(released()), 0.0)
    hand.answer("ap")
    hand.conflict("eu")
    hand.conflict("us")
    record = hand.wrote("ap")
    assert record is not None
    assert (record.holder, record.term) == ("", 4)
    assert hand.events == []


@pytest.mark.parametrize(
    ("rival", "luck", "pause_s"),
    [
        (True, 0.0, SHORTEST_PAUSE_S),
        (True, 1.0, LONGEST_PAUSE_S),
        (False, 0.0, SHORTEST_PAUSE_S),
        (False, 1.0, LONGEST_PAUSE_S * UNOPPOSED_SHARE),
    ],
)
def test_it_tries_again_after_a_pause_that_is_short_where_no_rival_was_met(
    rival: bool, luck: float, pause_s: float
) -> None:
    hand = Hand()
    hand.watch(everywhere(released()), 0.0)
    for elector in ("ap", "eu"):
        call = hand.calls.pop(elector)
        assert isinstance(call, Write)
        hand.candidate.conflicted(call, 1000.0) if rival else hand.candidate.failed(call, "no answer", 1000.0)
    hand.step(luck)
    hand.answer("us")
    hand.answer("us")
    assert hand.wrote("us") is None
    for seconds in (0.0, pause_s - 0.001):
        hand.at(1000.0 + seconds)
        for elector in [name for name, made in hand.calls.items() if isinstance(made, Read)]:
            hand.answer(elector, released(term=4))
    assert hand.phase() is Phase.FOLLOWING
    hand.at(1000.0 + pause_s)
    assert all(isinstance(call, Read) for call in hand.calls.values()), "what was seen before the pause is old"
    for elector in THREE:
        hand.answer(elector, released(term=4))
    assert hand.phase() is Phase.STANDING


def test_a_write_of_which_nothing_is_known_is_read_before_the_next_one() -> None:
    hand = elected()
    hand.after(2.0)
    assert hand.wrote("ap")
    hand.fail("ap")
    hand.after(0.5)
    assert isinstance(hand.calls["ap"], Read)


def test_who_goes_gives_everything_back_and_leaves_it_to_others() -> None:
    hand = elected()
    hand.after(0.5)
    hand.candidate.release(hand.now_s, 10.0)
    assert hand.candidate.valid_until_s < hand.now_s
    hand.step()
    assert {found.holder for elector in THREE if (found := hand.wrote(elector))} == {""}
    for elector in THREE:
        hand.answer(elector)
    hand.watch(everywhere(Seen(hand.candidate.rules.released(_own(renewal=1)), "v")), 9.9)
    assert hand.phase() is Phase.FOLLOWING
    hand.after(0.2)
    assert hand.phase() is Phase.STANDING


def _own(renewal: int) -> Record:
    return Record(owner="prod", holder="eu_1", term=1, renewal=renewal, lease_s=10.0, electorate=THREE)


# Leading.


def test_each_vote_is_renewed_every_two_seconds_from_the_last_start() -> None:
    hand = elected()
    assert hand.candidate.wake_s(hand.now_s) == 1002.0
    hand.at(1002.0)
    assert {found.renewal for elector in THREE if (found := hand.wrote(elector))} == {2}
    hand.now_s = 1003.0
    for elector in THREE:
        hand.answer(elector)
    assert hand.candidate.valid_until_s == 1011.0
    assert hand.candidate.wake_s(hand.now_s) == 1004.0


def test_it_leads_until_the_second_newest_renewal_runs_out() -> None:
    hand = elected()
    hand.at(1002.0)
    hand.answer("ap")
    assert hand.candidate.valid_until_s == 1009.0
    hand.answer("us")
    assert hand.candidate.valid_until_s == 1011.0


def test_it_leads_no_more_once_a_majority_cannot_be_renewed() -> None:
    hand = elected()
    hand.at(1002.0)
    hand.answer("ap")
    hand.at(1008.9)
    assert hand.events == [Won(1)]
    hand.at(1009.0)
    assert hand.events[1:] == [Lost("it could not renew its lease at 2 of 3 electors in time")]
    assert hand.candidate.leader(hand.now_s) == ""


def test_a_vote_that_another_took_counts_no_more() -> None:
    hand = elected()
    hand.at(1002.0)
    hand.answer("ap")
    hand.conflict("eu")
    hand.answer("eu", held("us_9", term=2, renewal=2))
    assert hand.candidate.valid_until_s == 1009.0, "us still has the vote of the start"
    hand.conflict("us")
    hand.answer("us", held("us_9", term=2, renewal=2))
    assert hand.events[1:] == [Lost("it could not renew its lease at 2 of 3 electors in time")]


def test_another_process_of_the_same_name_is_another() -> None:
    hand = Hand(holder="eu_2")
    hand.watch(everywhere(held("eu_1")), 9.9)
    assert not any(hand.wrote(elector) for elector in THREE)
    assert hand.reason == "eu leads"


def test_a_leader_takes_back_a_vote_that_became_free() -> None:
    hand = elected()
    hand.at(1002.0)
    hand.answer("ap")
    hand.answer("eu")
    hand.conflict("us")
    hand.answer("us", held("", term=1, renewal=5))
    hand.after(0.5)
    assert hand.wrote("us") == _own(renewal=6)


def test_a_leader_never_lowers_a_term() -> None:
    """A loser stood with a higher one; whoever leads next will exceed it."""
    hand = elected()
    hand.at(1002.0)
    hand.answer("ap")
    hand.answer("eu")
    hand.conflict("us")
    hand.answer("us", held("", term=2, renewal=5))
    hand.after(0.5)
    assert hand.calls["us"] == Read("us", hand.now_s)


def test_a_newer_term_elsewhere_ends_its_own_and_old_votes_do_not_count_for_the_next() -> None:
    hand = elected()
    for _ in range(6):
        hand.after(2.0)
        for elector in THREE:
            hand.answer(elector)
    hand.candidate.note_term(1)
    hand.step()
    assert hand.events == [Won(1)]
    hand.candidate.note_term(5)
    hand.step()
    assert hand.events[1:] == [Lost("term 5 was seen, which is newer than its own")]
    assert [found.term for elector in THREE if (found := hand.wrote(elector))] == [6, 6, 6]
    hand.answer("ap")
    assert len(hand.events) == 2
    hand.answer("us")
    assert hand.events[2:] == [Won(6)]


def test_a_newer_term_seen_while_it_stands_ends_the_stand() -> None:
    hand = Hand()
    hand.watch(everywhere(released()), 0.0)
    hand.answer("ap")
    hand.candidate.note_term(4)
    hand.answer("eu")
    hand.answer("us")
    assert hand.events == []


def test_who_is_ready_no_more_does_not_win() -> None:
    hand = Hand()
    hand.watch(everywhere(released()), 0.0)
    hand.answer("ap")
    hand.ready = False
    hand.answer("eu")
    assert hand.events == []
    assert hand.phase() is Phase.FOLLOWING
    given_back = hand.wrote("eu")
    assert given_back is not None
    assert given_back.holder == ""


# Electors in doubt.


def test_a_restarted_process_leaves_votes_alone_for_a_lease_unless_all_are_seen_to_be_free() -> None:
    hand = Hand()
    hand.answer("ap", released())
    hand.answer("eu", released())
    hand.fail("us", "no route")
    hand.watch({**everywhere(released())}, 0.0)
    assert not any(hand.wrote(elector) for elector in ("ap", "eu"))
    assert "ap: new here or restored, so its votes are left alone for one lease time" in hand.reason
    for _ in range(19):
        hand.after(0.5)
        for elector in [*hand.calls]:
            hand.fail("us", "no route") if elector == "us" else hand.answer(elector, released())
    assert not any(hand.wrote(elector) for elector in ("ap", "eu"))
    hand.at(1010.0)
    assert hand.wrote("ap") or hand.wrote("eu") or hand.calls.keys() >= {"ap", "eu"}
    for elector in [name for name, call in hand.calls.items() if isinstance(call, Read)]:
        hand.fail("us", "no route") if elector == "us" else hand.answer(elector, released())
    assert hand.wrote("ap")
    assert hand.wrote("eu")


def test_a_restarted_process_leaves_free_votes_alone_while_another_has_one() -> None:
    """It may lead by that one and a vote that a restored elector has forgotten."""
    hand = Hand()
    seen = {**everywhere(released()), "ap": held()}
    hand.watch(seen, 9.9)
    assert not any(hand.wrote(elector) for elector in THREE)
    hand.watch(seen, 0.7)
    assert hand.wrote("eu")
    assert hand.wrote("us")


def test_votes_that_were_free_before_a_silence_are_in_doubt_after_it() -> None:
    hand = Hand()
    hand.ready = False
    hand.watch(everywhere(released()), 12.0)
    for _ in range(14):
        for elector in [*hand.calls]:
            hand.fail(elector)
        hand.after(0.5)
    hand.ready = True
    for elector in [*hand.calls]:
        hand.fail("us") if elector == "us" else hand.answer(elector, released())
    hand.after(0.5)
    assert not any(hand.wrote(elector) for elector in THREE), "what stands at us was last seen long ago"


def test_a_leader_leaves_an_elector_alone_that_shows_an_older_record_of_its_own() -> None:
    hand = elected()
    hand.at(1002.0)
    for elector in THREE:
        hand.answer(elector)
    hand.at(1004.0)
    hand.answer("ap")
    hand.answer("eu")
    hand.conflict("us")
    hand.answer("us", Seen(_own(renewal=1), "(1, 1)"))
    assert hand.wrote("us") is None
    hand.after(0.5)
    assert hand.wrote("us") is None


@pytest.mark.parametrize(
    "after",
    [NOBODY, released(term=2), held("ap_3", term=3, renewal=7), held("ap_3", term=3, renewal=8)],
    ids=["gone", "older term", "older renewal", "another of the same age"],
)
def test_an_elector_that_forgot_is_left_alone_for_a_lease(after: Seen) -> None:
    hand = Hand(("eu",))
    before = held(term=3, renewal=8, electorate=("eu",))
    after = replace(after, record=replace(after.record, electorate=("eu",))) if after.record else after
    hand.watch({"eu": before}, 5.0)
    hand.watch({"eu": after}, 9.4)
    assert hand.wrote("eu") is None
    hand.watch({"eu": after}, 1.2)
    assert hand.wrote("eu")


def test_an_elector_that_was_silent_for_half_a_lease_counts_as_new() -> None:
    hand = Hand(("eu",))
    seen = held(electorate=("eu",))
    hand.watch({"eu": seen}, 9.0)
    for _ in range(13):
        hand.after(0.5)
        if "eu" in hand.calls:
            hand.fail("eu")
    hand.watch({"eu": seen}, 9.4)
    assert hand.wrote("eu") is None
    hand.watch({"eu": seen}, 1.2)
    assert hand.wrote("eu")


def test_a_leader_goes_on_at_an_elector_that_was_silent_and_shows_what_it_left_there() -> None:
    hand = elected()
    for elector in THREE:
        hand.after(2.0 if elector == "ap" else 0.0)
    hand.fail("ap")
    for _ in range(12):
        for elector in [*hand.calls]:
            hand.fail("ap") if elector == "ap" else hand.answer(elector)
        hand.after(0.5)
    for elector in [*hand.calls]:
        hand.answer("ap", Seen(_own(renewal=1), "v")) if elector == "ap" else hand.answer(elector)
    assert hand.wrote("ap") == _own(renewal=2)


def test_a_write_that_landed_unheard_of_is_given_back_and_the_vote_left_alone_for_a_lease() -> None:
    """It may have landed long after, over a vote that a restored elector has forgotten."""
    hand = Hand()
    hand.watch(everywhere(released()), 0.0)
    for elector in THREE:
        hand.fail(elector)
    hand.at(1000.6)
    for elector in ("ap", "eu"):
        hand.answer(elector, Seen(replace(_own(renewal=9), term=4), "v"))
        given_back = hand.wrote(elector)
        assert given_back is not None
        assert given_back.holder == ""
        hand.answer(elector)
    standing = {**everywhere(Seen(replace(_own(renewal=10), term=4, holder=""), "w")), "us": NOBODY}
    for _ in range(19):
        hand.after(0.5)
        for elector in [*hand.calls]:
            hand.fail("us") if elector == "us" else hand.answer(elector, standing[elector])
        assert hand.phase() is Phase.FOLLOWING
    hand.at(1010.6)
    assert hand.phase() is Phase.STANDING


# Another fleet.


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            {"electorate": ("eu", "sa", "us")},
            "elector ap has the record of a controller with another electorate (eu, sa, us; here ap, eu, us): give "
            "every controller the same, and delete that record once none of the others runs any more",
        ),
        (
            {"owner": "test"},
            "elector ap has the record of a controller with another owner (test; here prod): give "
            "every controller the same, and delete that record once none of the others runs any more",
        ),
    ],
)
def test_who_meets_another_electorate_or_owner_does_not_lead(other: dict[str, Any], reason: str) -> None:
    hand = Hand()
    seen = {**everywhere(released()), "ap": held("sa_1", **other)}
    hand.watch(seen, 9.5)
    assert not any(hand.wrote(elector) for elector in THREE)
    assert hand.reason == reason
    assert hand.candidate.trouble("ap") == reason
    assert hand.candidate.trouble("eu") == ""


def test_a_leader_that_meets_another_electorate_stops() -> None:
    hand = elected()
    hand.at(1002.0)
    hand.conflict("us")
    hand.answer("us", held("sa_1", term=9, electorate=("sa", "ur", "us")))
    assert isinstance(hand.events[-1], Lost)
    assert "another electorate" in hand.events[-1].reason


def test_what_is_left_of_another_electorate_is_never_written_over_and_takes_only_its_own_vote() -> None:
    hand = Hand()
    seen = {**everywhere(released()), "ap": held("", electorate=("eu", "sa", "us"))}
    hand.watch(seen, 10.6)
    assert hand.wrote("ap") is None
    assert hand.wrote("eu")
    assert hand.wrote("us")


def test_two_leftovers_of_another_electorate_leave_no_majority_and_say_so() -> None:
    hand = Hand()
    seen = {**everywhere(held("", electorate=("eu", "sa", "us"))), "us": released()}
    hand.watch(seen, 30.0)
    assert not any(hand.wrote(elector) for elector in THREE)
    assert hand.reason.startswith(
        "it needs 2 of 3 electors (ap: elector ap has the record of a controller with another"
    )
