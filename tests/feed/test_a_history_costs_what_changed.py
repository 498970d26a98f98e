"""What a follower is sent: only what is new where it comes from the same history, a complete table elsewhere."""

from trafficfed.feed.messages import Beat, Change, Full, Message, Standing, decode
from trafficfed.feed.source import History, Lone
from trafficfed.model import Row
from trafficfed.table.codec import decode_delta, decode_snapshot
from trafficfed.table.table import Table
from trafficfed.testing.feeding import Played
from trafficfed.testing.sample_zone import EU, anyone, service_row


def row(name: str, ttl: int = 30) -> Row:
    return service_row(f"{name}.example.org", anyone(EU), ttl=ttl)


def history(changes: int = 3) -> History:
    """A table of that many changes, each published."""
    made = History(Lone(Table(), "eu"))
    for number in range(changes):
        commit(made, row(f"n{number}"))
    return made


def commit(made: History, *rows: Row) -> None:
    delta = made.source.table.commit(rows)
    assert delta is not None
    made.add(delta)


def read(frames: list[bytes]) -> list[str]:
    """The frames in words."""
    return [_word(decode(frame)) for frame in frames]


def _word(message: Message) -> str:
    if isinstance(message, Change):
        return f"change {decode_delta(message.data).generation}"
    assert isinstance(message, Full)
    return f"full {decode_snapshot(message.data).generation}"


def test_within_a_history_only_what_is_new_is_sent() -> None:
    made = history()
    assert read(made.leading_on(made.epoch, 1)) == ["change 2", "change 3"]
    assert read(made.leading_on(made.epoch, 3)) == []


def test_from_elsewhere_a_complete_table_is_sent() -> None:
    made = history()
    assert read(made.leading_on("", 1)) == ["full 3"]
    assert read(made.leading_on("another", 3)) == ["full 3"]


def test_one_that_is_ahead_is_sent_nothing() -> None:
    made = history()
    assert made.leading_on(made.epoch, 4) == []


def test_what_is_no_longer_kept_is_made_good_by_a_complete_table() -> None:
    made = history()
    made.source.table.commit([row("unpublished")])
    commit(made, row("last"))
    assert read(made.leading_on(made.epoch, 3)) == ["full 5"]
    assert read(made.leading_on(made.epoch, 4)) == ["change 5"]


def test_a_complete_table_is_encoded_once_for_all_who_ask_at_once() -> None:
    """After a change of leader everybody asks at the same moment."""
    made = history()
    (first,), (second,) = made.leading_on("", 0), made.leading_on("x", 1)
    assert first is second
    commit(made, row("new"))
    assert read(made.leading_on("", 0)) == ["full 4"]


def test_a_new_term_of_the_same_generation_is_another_table() -> None:
    source = Lone(Table())
    made = History(source)
    commit(made, row("a"))
    (before,) = made.leading_on("", 0)
    source.table.begin_term(7)
    made.restart()
    (after,) = made.leading_on("", 0)
    message = decode(after)
    assert isinstance(message, Full)
    assert decode_snapshot(message.data).term == 7
    assert before != after


def test_a_restart_begins_another_history_or_goes_on_with_the_leaders() -> None:
    made = history()
    former = made.epoch
    made.restart()
    assert made.epoch != former
    assert read(made.leading_on(former, 1)) == ["full 3"]
    made.restart("the leader's")
    assert made.leading_on("the leader's", 3) == []
    assert read(made.leading_on("the leader's", 2)) == ["full 3"], "what led there is not known here"


def test_a_lone_controller_leads_and_says_so() -> None:
    assert history().beat() == Beat(0, 3, Standing.LEADS, "eu", can_publish=True)
    assert history().beat(4, "it must wait") == Beat(
        0, 3, Standing.LEADS, "eu", can_publish=True, heeded=4, objection="it must wait"
    )


def test_the_overlay_names_the_table_it_rests_on() -> None:
    source = Played(Table())
    source.overlay = {row("b").key: row("b"), row("a").key: row("a")}
    made = History(source).overlay()
    assert [each.key.name for each in made.rows] == ["a.example.org", "b.example.org"]
    assert (made.term, made.whole, made.dropped) == (0, True, ())
    assert len(made.controls) == 16
