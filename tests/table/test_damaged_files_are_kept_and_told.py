"""A damaged file is set aside and named; an empty or older table never takes its place unasked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trafficfed.errors import Refused
from trafficfed.model import Row
from trafficfed.table.codec import FORMAT, CorruptTable, Kind, UnknownFormat, encode_delta, frame
from trafficfed.table.disk import JOURNAL, SNAPSHOT, DiskLog, load
from trafficfed.table.table import Delta, Snapshot, Table

MakeRow = Callable[..., Row]


@pytest.fixture
def kept(tmp_path: Path, table: Table, new_row: MakeRow) -> Path:
    """A directory with a snapshot and a journal of two deltas."""
    with DiskLog(tmp_path, table.snapshot()) as log:
        for name in "ab":
            delta = table.commit([new_row(name)])
            assert delta is not None
            log.append(delta)
    return tmp_path


def flip(path: Path, at: int) -> bytes:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
    return bytes(data)


def test_a_damaged_snapshot_is_told_and_kept_aside(kept: Path) -> None:
    damaged = flip(kept / SNAPSHOT, 100)
    with pytest.raises(CorruptTable, match=r"table\.snapshot: .* fail their checksum\. Kept aside as .*\.corrupt"):
        load(kept)
    assert (kept / f"{SNAPSHOT}.corrupt").read_bytes() == damaged
    assert not (kept / SNAPSHOT).exists()


def test_every_later_start_says_so_too_instead_of_starting_empty(kept: Path) -> None:
    flip(kept / SNAPSHOT, 100)
    with pytest.raises(CorruptTable):
        load(kept)
    for _ in range(2):
        with pytest.raises(Refused, match="no table but a damaged one set aside"):
            load(kept)


def test_removing_what_was_set_aside_starts_empty(kept: Path) -> None:
    flip(kept / SNAPSHOT, 100)
    with pytest.raises(CorruptTable):
        load(kept)
    for path in kept.glob("*.corrupt"):
        path.unlink()
    assert load(kept).snapshot() == Snapshot()


def test_a_good_table_written_again_counts_and_the_damaged_one_stays_as_evidence(kept: Path, table: Table) -> None:
    flip(kept / SNAPSHOT, 100)
    with pytest.raises(CorruptTable):
        load(kept)
    DiskLog(kept, table.snapshot()).close()
    assert load(kept).snapshot() == table.snapshot()
    assert (kept / f"{SNAPSHOT}.corrupt").exists()


def test_a_second_damaged_table_does_not_overwrite_the_first(kept: Path, table: Table) -> None:
    for _ in range(2):
        DiskLog(kept, table.snapshot()).close()
        flip(kept / SNAPSHOT, 100)
        with pytest.raises(CorruptTable):
            load(kept)
    assert {path.name for path in kept.glob("*.snapshot.corrupt*")} == {
        f"{SNAPSHOT}.corrupt",
        f"{SNAPSHOT}.corrupt-1",
    }


@pytest.mark.parametrize("at", [0, 20, 33, 60, 100, -1])
def test_damage_anywhere_in_the_journal_sets_both_aside(kept: Path, at: int) -> None:
    """Without the journal the snapshot is an older state: it must not load as if nothing had been."""
    flip(kept / JOURNAL, at)
    with pytest.raises(CorruptTable, match=r"table\.journal"):
        load(kept)
    assert {path.name for path in kept.glob("*.corrupt")} == {f"{SNAPSHOT}.corrupt", f"{JOURNAL}.corrupt"}
    with pytest.raises(Refused):
        load(kept)


def test_a_record_missing_from_the_middle_is_damage(kept: Path, table: Table) -> None:
    with (kept / JOURNAL).open("ab") as journal:
        journal.write(encode_delta(Delta(term=0, generation=table.generation + 2)))
    with pytest.raises(CorruptTable, match=r"delta 7 refused: the table is at generation 5"):
        load(kept)


def test_a_journal_without_its_snapshot_is_damage(kept: Path) -> None:
    (kept / SNAPSHOT).unlink()
    with pytest.raises(CorruptTable, match=r"has no table\.snapshot beside it"):
        load(kept)


def test_a_snapshot_whose_rows_contradict_each_other_is_damage(tmp_path: Path, new_row: MakeRow) -> None:
    rows = (new_row("a", "x.example.org"), new_row("b", "x.example.org"))
    DiskLog(tmp_path, Snapshot(rows=rows)).close()
    with pytest.raises(CorruptTable, match=r"x\.example\.org is held by"):
        load(tmp_path)


@pytest.mark.parametrize("name", [SNAPSHOT, JOURNAL])
def test_a_newer_format_is_told_and_left_as_it_is(kept: Path, name: str) -> None:
    newer = frame(Kind.SNAPSHOT, b"", version=FORMAT + 1)
    (kept / name).write_bytes(newer)
    with pytest.raises(UnknownFormat, match=rf"{name}: table format {FORMAT + 1}"):
        load(kept)
    assert (kept / name).read_bytes() == newer
    assert not list(kept.glob("*.corrupt*"))
