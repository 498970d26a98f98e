"""A stranger knocks every second: the log has one warning for it, and says again later that it goes on."""

import io
import json
from typing import Any

import pytest

from trafficfed.feed.notes import Note
from trafficfed.observe import logs
from trafficfed.observe.feed_notes import AGAIN_S, REMEMBERED, FeedNotes


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now_s(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def notes(stream: io.StringIO, clock: Hand) -> FeedNotes:
    return FeedNotes(logs.logger(stream, clock, "info", "json"), clock)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def refused(port: int, who: str = "vantage/p") -> Note:
    return Note("FollowerRefused", f"{who} at 192.0.2.7:{port}: it does not know the feed key")


def test_one_stranger_on_many_ports_is_one_warning(notes: FeedNotes, stream: io.StringIO) -> None:
    for port in range(40_000, 40_500):
        notes(refused(port))
    (line,) = lines(stream)
    assert line["level"] == "warning"
    assert line["happened"] == "FollowerRefused"
    assert "does not know the feed key" in line["message"]


def test_two_strangers_are_two(notes: FeedNotes, stream: io.StringIO) -> None:
    notes(refused(1, "vantage/p"))
    notes(refused(2, "vantage/q"))
    assert len(lines(stream)) == 2


def test_it_is_told_again_after_a_while(notes: FeedNotes, stream: io.StringIO, clock: Hand) -> None:
    notes(refused(1))
    clock.at_s += AGAIN_S - 1
    notes(refused(2))
    assert len(lines(stream)) == 1
    clock.at_s += 1
    notes(refused(3))
    assert len(lines(stream)) == 2


def test_what_happens_all_day_is_no_warning(notes: FeedNotes, stream: io.StringIO) -> None:
    notes(Note("FollowerLost", "nameserver at 192.0.2.7:4000: the other side closed the connection"))
    notes(Note("FeedConnected", "following the controller at 192.0.2.7:9053"))
    assert lines(stream) == []


def test_many_strangers_cost_no_memory(notes: FeedNotes) -> None:
    for number in range(3 * REMEMBERED):
        notes(refused(1, f"vantage/{number}"))
    assert len(notes._told) == REMEMBERED
