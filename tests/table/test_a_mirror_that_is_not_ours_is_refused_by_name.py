"""Forged, foreign, older or incomplete chunks: one clear reason that names what is wrong, and nothing of it taken."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Row
from trafficfed.table.codec import UnknownFormat
from trafficfed.table.mirror import HEADER, Incomplete, Names, Shards, image_of, read, snapshot_in, writes
from trafficfed.table.seal import ForeignMirror, NotAuthentic, Seal, Sealed
from trafficfed.table.table import Snapshot
from trafficfed.testing import fleets

KEY = b"k" * 32
OURS = Seal("demo", KEY)
FIRST, SECOND = "trafficfed-table-a-1", "trafficfed-table-a-2"


def row(name: str, weight: int = 100) -> Row:
    return fleets.row(fleets.endpoint("eu", weight=weight), name=name, hostnames=(f"{name}.example.org",))


def kept(seal: Seal = OURS, *, generation: int = 7, weight: int = 100, term: int = 2) -> dict[str, bytes]:
    """A mirror of two chunks, first written."""
    rows = tuple(row(f"w{number}", weight) for number in range(20))
    image = image_of(Shards(rows, generation, 2).cut(term), None, seal)
    return {chunk.name: chunk.data for chunk in writes(image, None, Names("a"), seal)[0]}


def why_not(found: dict[str, bytes], seal: Seal = OURS) -> str:
    with pytest.raises(Incomplete) as caught:
        snapshot_in(read(found, seal))
    return str(caught.value)


def test_the_one_that_is_ours_is_taken() -> None:
    snapshot = snapshot_in(read(kept(), OURS))
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.term, snapshot.generation, len(snapshot.rows)) == (2, 7, 20)
    assert sorted(kept()) == [HEADER, FIRST, SECOND]


def test_a_header_of_another_key_is_refused() -> None:
    assert why_not(kept(Seal("demo", b"x" * 32))) == (
        "trafficfed-table is not authentic: it was altered, or sealed with another key"
    )


def test_a_chunk_of_another_key_is_refused() -> None:
    found = {**kept(), SECOND: kept(Seal("demo", b"x" * 32))[SECOND]}
    assert why_not(found) == (
        "its generation 7 of term 2 cannot be read: "
        "trafficfed-table-a-2 is not authentic: it was altered, or sealed with another key"
    )


def test_another_federations_mirror_is_told_from_a_forged_one() -> None:
    with pytest.raises(ForeignMirror) as caught:
        read(kept(Seal("other", KEY)), OURS)
    assert str(caught.value) == (
        "trafficfed-table belongs to the federation 'other' and this one is 'demo': give each a namespace of its own"
    )


def test_an_older_chunk_put_back_is_refused() -> None:
    found = {**kept(generation=9, weight=5), FIRST: kept()[FIRST]}
    assert why_not(found) == (
        "its generation 9 of term 2 cannot be read: trafficfed-table-a-1 is of generation 7 of term 2: "
        "not what the header of generation 9 of term 2 names"
    )


def test_an_older_header_put_back_finds_no_table() -> None:
    assert "not what the header of generation 7 of term 2 names" in why_not(
        {**kept(generation=9, weight=5), HEADER: kept()[HEADER]}
    )


def test_a_chunk_moved_to_anothers_place_is_refused() -> None:
    found = kept()
    found[FIRST] = found[SECOND]
    assert why_not(found).endswith("trafficfed-table-a-1 is not authentic: what is there was moved from elsewhere (1)")


def test_a_chunk_in_the_headers_place_is_refused() -> None:
    found = kept()
    found[HEADER] = found[FIRST]
    assert why_not(found) == "trafficfed-table is not authentic: what is there was moved from elsewhere (0)"


def test_a_missing_chunk_is_named() -> None:
    found = kept()
    del found[FIRST]
    assert why_not(found) == "its generation 7 of term 2 cannot be read: trafficfed-table-a-1 is missing"


def test_of_several_the_first_is_named_and_the_others_counted() -> None:
    found = {HEADER: kept()[HEADER]}
    assert why_not(found).endswith("trafficfed-table-a-1 is missing (and 1 more like it)")


def test_a_missing_header_is_no_empty_place() -> None:
    """Else a deleted header would let a controller begin with an empty table."""
    found = kept()
    del found[HEADER]
    assert why_not(found) == "trafficfed-table is missing, though there are chunks of it"


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"{}", b"\x80", b"x" * 1000])
def test_what_is_no_chunk_at_all_is_named(garbage: bytes) -> None:
    assert why_not({**kept(), HEADER: garbage}) == "trafficfed-table is no part of a table"
    assert why_not({**kept(), FIRST: garbage}).endswith(": trafficfed-table-a-1 is no part of a table")


def test_a_newer_programs_mirror_is_left_alone() -> None:
    newer = msgspec.structs.replace(msgspec.msgpack.decode(kept()[HEADER], type=Sealed), format=2)
    with pytest.raises(UnknownFormat, match="trafficfed-table is of format 2, this program reads format 1"):
        read({**kept(), HEADER: msgspec.msgpack.encode(newer)}, OURS)


def test_an_authentic_header_of_another_shape_is_another_programs() -> None:
    payload = b"x\x9cc\x00\x00\x00\x01\x00\x01"  # zlib of one octet that is no header
    with pytest.raises(UnknownFormat, match="trafficfed-table does not decode"):
        read({HEADER: OURS.close("header", 1, 1, payload)}, OURS)


def altered(whole: dict[str, bytes]) -> st.SearchStrategy[dict[str, bytes]]:
    """One octet of one chunk is another."""

    def change(name: str, at: int, by: int) -> dict[str, bytes]:
        data = bytearray(whole[name])
        data[at % len(data)] ^= by
        return {**whole, name: bytes(data)}

    return st.builds(change, st.sampled_from(sorted(whole)), st.integers(0, 1 << 20), st.integers(1, 255))


@settings(max_examples=150, deadline=None)
@given(found=altered(kept()))
def test_whatever_is_altered_no_table_is_taken(found: dict[str, bytes]) -> None:
    with pytest.raises((Incomplete, ForeignMirror, UnknownFormat)):
        snapshot_in(read(found, OURS))


fields = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.just("dem0"),
        "name": st.sampled_from(["1", "header"]),
        "term": st.integers(3, 9),
        "generation": st.integers(8, 90),
        "payload": st.binary(max_size=8),
    },
).filter(bool)


@settings(max_examples=50, deadline=None)
@given(fields=fields)
def test_the_seal_covers_everything_a_chunk_says(fields: dict[str, object]) -> None:
    chunk = msgspec.msgpack.decode(kept()[FIRST], type=Sealed)
    forged = msgspec.structs.replace(chunk, **fields)
    with pytest.raises((NotAuthentic, ForeignMirror)):
        OURS.open("0", FIRST, msgspec.msgpack.encode(forged))


def test_the_shared_key_itself_seals_nothing() -> None:
    """What is authenticated with it elsewhere can never pass for a chunk."""
    import hashlib
    import hmac

    chunk = msgspec.msgpack.decode(kept()[FIRST], type=Sealed)
    said = (chunk.format, chunk.owner, chunk.name, chunk.term, chunk.generation, chunk.payload)
    mac = hmac.digest(KEY, msgspec.msgpack.encode(said), hashlib.sha256)
    with pytest.raises(NotAuthentic):
        OURS.open("0", FIRST, msgspec.msgpack.encode(msgspec.structs.replace(chunk, mac=mac)))


@pytest.mark.parametrize("make", [lambda: kept(), lambda: kept(generation=1, weight=3)])
def test_what_is_refused_disturbs_no_other_reading(make: Callable[[], dict[str, bytes]]) -> None:
    found = make()
    why_not({**found, FIRST: b"junk"})
    assert snapshot_in(read(found, OURS)) is not None
