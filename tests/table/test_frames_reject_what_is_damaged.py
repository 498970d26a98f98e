"""What was encoded decodes to the same; no damage anywhere in a frame goes unnoticed."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import OperatorControl, Row, Source
from trafficfed.steering.decide import decide
from trafficfed.table.codec import (
    FORMAT,
    CorruptTable,
    Kind,
    UnknownFormat,
    base_in,
    decode_delta,
    decode_snapshot,
    encode_delta,
    encode_snapshot,
    frame,
    read_frame,
)
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing import fleets


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.controls(), st.integers(0, 2**40))
def test_any_table_and_delta_comes_back_equal(row: Row, controls: tuple[OperatorControl, ...], number: int) -> None:
    decided = msgspec.structs.replace(row, decision=decide(row, fleets.fleet("eu", "us"), controls, 0.0))
    sources = (Source(cluster="eu", uid="7f", revision=number, missing=(row.key,)),)
    snapshot = Snapshot(term=number, generation=number, rows=(decided,), sources=sources, controls=controls)
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot
    delta = Delta(
        term=number, generation=number, rows=(decided,), removed=(row.key,), sources=sources, controls=controls
    )
    assert decode_delta(encode_delta(delta)) == delta


def test_no_controls_and_unchanged_controls_are_told_apart() -> None:
    for controls in (None, ()):
        assert decode_delta(encode_delta(Delta(term=0, generation=1, controls=controls))).controls == controls


def test_equal_tables_are_equal_bytes(table: Table) -> None:
    assert encode_snapshot(table.snapshot()) == encode_snapshot(Table(table.snapshot()).snapshot())


def test_every_flipped_bit_is_noticed() -> None:
    data = encode_delta(Delta(term=1, generation=2, forgotten=("eu",)))
    for at in range(len(data)):
        for bit in range(8):
            damaged = data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]
            with pytest.raises(CorruptTable):
                decode_delta(damaged)


def test_every_cut_is_noticed(table: Table) -> None:
    data = encode_snapshot(table.snapshot())
    for length in range(len(data)):
        with pytest.raises(CorruptTable, match=f"cut short after {length} bytes"):
            decode_snapshot(data[:length])


def test_what_follows_a_frame_is_noticed(table: Table) -> None:
    with pytest.raises(CorruptTable, match="1 bytes follow the frame"):
        decode_snapshot(encode_snapshot(table.snapshot()) + b"\0")


def test_another_kind_of_frame_is_named() -> None:
    with pytest.raises(CorruptTable, match="a delta stands where a snapshot should"):
        decode_snapshot(encode_delta(Delta(term=0, generation=1)))
    read = read_frame(encode_delta(Delta(term=0, generation=1)))
    assert read is not None
    with pytest.raises(CorruptTable, match="a delta stands where a base should"):
        base_in(read)


def test_a_whole_frame_around_something_else_is_no_table() -> None:
    with pytest.raises(CorruptTable, match="the snapshot does not decode"):
        decode_snapshot(frame(Kind.SNAPSHOT, msgspec.msgpack.encode(["other"])))


def test_a_kind_that_does_not_exist_is_no_crash() -> None:
    with pytest.raises(CorruptTable, match="unknown kind 9"):
        decode_snapshot(frame(9, b""))


def test_another_format_is_no_damage_and_names_both() -> None:
    newer = frame(Kind.SNAPSHOT, b"", version=FORMAT + 1)
    with pytest.raises(UnknownFormat, match=f"table format {FORMAT + 1} at byte 0: this program reads format {FORMAT}"):
        decode_snapshot(newer)


def test_fields_of_a_newer_program_are_passed_over() -> None:
    payload = msgspec.msgpack.encode({"term": 1, "generation": 2, "invented": {"later": [1, 2]}})
    assert decode_snapshot(frame(Kind.SNAPSHOT, payload)) == Snapshot(term=1, generation=2)
