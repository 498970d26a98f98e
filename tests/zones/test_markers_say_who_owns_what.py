"""The ownership marker is read back as it was written, and whatever is not exactly one is foreign."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import RecordSet
from trafficfed.zones.ownership import (
    Marker,
    digest,
    done_marker,
    marker_name,
    marker_set,
    name_of_marker,
    parse_marker,
    pending_marker,
)

A = RecordSet(name="a.fed.test", type="A", ttl=30, values=("192.0.2.1",))
B = RecordSet(name="a.fed.test", type="A", ttl=30, values=("192.0.2.2",))
SIX = RecordSet(name="a.fed.test", type="AAAA", ttl=30, values=("2001:db8::1",))

texts = st.text(min_size=1, max_size=90)
digests = st.text("0123456789abcdef", min_size=16, max_size=16) | st.just("-")
types = st.dictionaries(
    st.sampled_from(["A", "AAAA", "CNAME"]), st.tuples(digests) | st.tuples(digests, digests), max_size=3
)
markers = st.builds(
    lambda owner, service, found: Marker(owner=owner, service=service, types=tuple(sorted(found.items()))),
    texts,
    texts,
    types,
)


@settings(max_examples=50)
@given(markers)
def test_a_marker_is_read_back_as_written(marker: Marker) -> None:
    assert parse_marker(marker_set("a.fed.test", marker)) == marker


@settings(max_examples=50)
@given(markers)
def test_its_text_fits_character_strings_and_needs_no_escapes(marker: Marker) -> None:
    (value,) = marker_set("a.fed.test", marker).values
    strings = value[1:-1].split('" "')
    assert all(0 < len(string.encode()) <= 255 and "\\" not in string and '"' not in string for string in strings)


@pytest.mark.parametrize("name", ["a.fed.test", "fed.test", "*.fed.test", "*.a.fed.test"])
def test_names_and_marker_names_belong_together(name: str) -> None:
    assert name_of_marker(marker_name(name)) == name
    assert "*" not in marker_name(name)


def test_no_other_name_is_a_markers() -> None:
    assert name_of_marker("a.fed.test") is None
    assert name_of_marker("_trafficfed.fed.test") is None


@pytest.mark.parametrize(
    "values",
    [
        ('"v=spf1 -all"',),
        ('"heritage=external-dns,external-dns/owner=default"',),
        ('"trafficfed/2 owner=a service=b state=done"',),
        ('"trafficfed/1 service=b owner=a state=done"',),
        ('"trafficfed/1 owner=a service=b"',),
        ('"trafficfed/1 owner=a service=b state=half"',),
        ('"trafficfed/1 owner=a service=b state=done A=1,2"',),
        ('"trafficfed/1 owner=a service=b state=pending A=1"',),
        ('"trafficfed/1 owner=a service=b state=done"', '"another"'),
        ("",),
    ],
)
def test_what_is_not_exactly_a_marker_is_foreign(values: tuple[str, ...]) -> None:
    assert parse_marker(RecordSet(name="_trafficfed-owner.a.fed.test", type="TXT", ttl=60, values=values)) is None


def test_the_digest_follows_the_values_and_not_the_ttl() -> None:
    longer = RecordSet(name=A.name, type="A", ttl=300, values=A.values)
    assert digest(A) == digest(longer) != digest(B)
    assert digest(None) == "-"


def test_a_pending_marker_knows_both_ends_of_the_change() -> None:
    done = done_marker("prod", "default/shop/web", (B, SIX))
    marker = pending_marker(done, {"A": A}, {"A": B, "AAAA": SIX})
    assert marker.pending
    assert marker.digests() == {"A": (digest(A), digest(B)), "AAAA": ("-", digest(SIX))}


def test_a_change_of_ttl_alone_has_nothing_to_be_pending_about() -> None:
    longer = RecordSet(name=A.name, type="A", ttl=300, values=A.values)
    done = done_marker("prod", "default/shop/web", (longer,))
    assert pending_marker(done, {"A": A}, {"A": longer}) == done
