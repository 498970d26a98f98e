"""Every message comes out of a frame as it went in; what is none is refused; equal controls have equal digests."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.errors import Refused
from trafficfed.feed.messages import (
    Answered,
    Beat,
    Change,
    Full,
    Message,
    NotReadable,
    Observations,
    Overlay,
    Propose,
    Resume,
    ServiceTargets,
    Standing,
    Status,
    Suspect,
    Targets,
    controls_digest,
    decode,
    encode,
)
from trafficfed.model import HealthCheck, Observation, OperatorControl, ServiceKey, Target
from trafficfed.testing.sample_zone import EU, anyone, service_row

text = st.text(max_size=10)
keys = st.builds(ServiceKey, text, text, text)
counts = st.integers(0, 2**62)
rows = st.builds(lambda name: service_row(f"{name}.example.org", anyone(EU), name=name), st.sampled_from("abcd"))
controls = st.builds(OperatorControl, kind=st.sampled_from(("drain", "freeze")), cluster=text, who=text, why=text)
targets = st.builds(
    Target, service=keys, cluster=text, address=text, port=st.integers(1, 65535), check=st.just(HealthCheck())
)
observations = st.builds(
    Observation,
    vantage=text,
    service=keys,
    cluster=text,
    address=text,
    at_s=st.floats(0, 2e9),
    passed=st.booleans(),
    rtt_s=st.one_of(st.none(), st.floats(0, 10)),
    error=text,
)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Resume, text, counts, counts, counts, st.booleans()),
    st.builds(Full, text, st.binary(max_size=50)),
    st.builds(Change, st.binary(max_size=50)),
    st.builds(Beat, counts, counts, st.sampled_from(Standing), text, st.booleans(), st.floats(0, 1e6), counts, text),
    st.builds(
        Overlay,
        counts,
        st.binary(max_size=16),
        st.lists(rows, max_size=3).map(tuple),
        st.lists(keys, max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(Propose, text, st.one_of(st.none(), controls), text),
    st.builds(Answered, text, st.booleans(), text),
    st.builds(Status, counts, st.booleans()),
    st.builds(
        Targets,
        st.lists(st.builds(ServiceTargets, keys, st.lists(targets, max_size=2).map(tuple)), max_size=2).map(tuple),
        st.booleans(),
    ),
    st.builds(Suspect, keys, text, text, st.booleans()),
    st.builds(Observations, st.lists(observations, max_size=3).map(tuple)),
)


@given(messages)
def test_every_message_comes_out_as_it_went_in(message: Message) -> None:
    assert decode(encode(message)) == message


@given(st.binary(max_size=60))
def test_whatever_octets_come_they_are_a_message_or_refused(octets: bytes) -> None:
    try:
        message = decode(octets)
    except Refused:
        return
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        msgspec.msgpack.encode({"type": "Dance"}),
        msgspec.msgpack.encode({"type": "Beat", "term": "five", "generation": 1}),
        msgspec.msgpack.encode({"type": "Beat", "term": 5, "generation": 1, "standing": "sits"}),
        msgspec.msgpack.encode(["Beat", 5, 1]),
        encode(Beat(1, 1))[:-1],
    ],
    ids=["empty", "unknown kind", "wrong type", "unknown standing", "a list", "cut short"],
)
def test_what_is_no_message_is_refused(octets: bytes) -> None:
    with pytest.raises(NotReadable, match="a frame does not decode"):
        decode(octets)


def test_what_a_newer_program_adds_is_left() -> None:
    """So followers and controllers can be upgraded one after the other."""
    newer = msgspec.msgpack.encode({"type": "Beat", "term": 5, "generation": 1, "mood": "good"})
    assert decode(newer) == Beat(5, 1)


def test_a_beat_of_few_words_is_a_leaders() -> None:
    assert Beat(1, 2) == Beat(1, 2, Standing.LEADS, "", can_publish=False, heard_s=0.0, heeded=0, objection="")


@given(st.lists(controls, max_size=3), st.lists(controls, max_size=3))
def test_digests_are_equal_exactly_where_the_controls_are(
    ours: list[OperatorControl], theirs: list[OperatorControl]
) -> None:
    assert (controls_digest(tuple(ours)) == controls_digest(tuple(theirs))) == (ours == theirs)
