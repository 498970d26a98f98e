"""The name server's state directory: every change gets there, a damaged one costs only the wait for a controller."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trafficfed.errors import Refused
from trafficfed.feed.notes import Note
from trafficfed.nameserver.keep import Keeper, read, written_s
from trafficfed.table.disk import JOURNAL, SNAPSHOT, DiskLog, load
from trafficfed.table.table import Table
from trafficfed.testing.sample_zone import ROWS, US, anyone, service_row

ROW = service_row("new.example.org", anyone(US))


def ignored(note: Note) -> None:
    """Nobody listens."""


def kept(directory: Path) -> Table:
    table = Table()
    table.commit(ROWS)
    DiskLog(directory, table.snapshot()).close()
    return table


@asynccontextmanager
async def keeping(directory: Path, table: Table, log: DiskLog | None, notes: list[Note]) -> AsyncIterator[Keeper]:
    keeper = Keeper(directory, log, table.snapshot, notes.append)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(keeper.run())
            yield keeper
            task.cancel()
    finally:
        keeper.close()


async def test_deltas_and_whole_tables_are_there_after_the_end(tmp_path: Path) -> None:
    kept(tmp_path)
    notes: list[Note] = []
    table, log = read(tmp_path, notes.append)
    async with keeping(tmp_path, table, log, notes) as keeper:
        for number in range(3):
            keeper.changed(table.commit([service_row("new.example.org", anyone(US), ttl=number + 1)]))
    assert load(tmp_path).snapshot() == table.snapshot()
    table, log = read(tmp_path, notes.append)
    async with keeping(tmp_path, table, log, notes) as keeper:
        table.adopt(Table().snapshot())
        keeper.changed(None)
    assert load(tmp_path).snapshot() == Table().snapshot()
    assert notes == []


async def test_changes_are_written_while_it_runs(tmp_path: Path) -> None:
    kept(tmp_path)
    table, log = read(tmp_path, ignored)
    async with keeping(tmp_path, table, log, []) as keeper, asyncio.timeout(10):
        keeper.changed(table.commit([ROW]))
        while load(tmp_path).generation != table.generation:
            await asyncio.to_thread(os.sync)


def test_an_empty_directory_is_an_empty_table(tmp_path: Path) -> None:
    notes: list[Note] = []
    table, log = read(tmp_path / "new", notes.append)
    assert table.snapshot() == Table().snapshot()
    assert log is not None
    log.close()
    assert notes == []


async def test_a_damaged_table_is_told_of_and_replaced_by_a_controllers(tmp_path: Path) -> None:
    kept(tmp_path)
    data = bytearray((tmp_path / SNAPSHOT).read_bytes())
    data[-1] ^= 1
    (tmp_path / SNAPSHOT).write_bytes(data)
    for _ in range(2):
        notes: list[Note] = []
        table, log = read(tmp_path, notes.append)
        assert (log, len(table.rows)) == (None, 0)
        assert [note.event for note in notes] == ["TableDamaged"]
        assert str(tmp_path) in notes[0].message
    async with keeping(tmp_path, table, None, notes) as keeper:
        table.commit(ROWS)
        keeper.changed(None)
    assert load(tmp_path).snapshot() == table.snapshot()


async def test_a_damaged_table_is_not_overwritten_before_a_controller_came(tmp_path: Path) -> None:
    kept(tmp_path)
    (tmp_path / SNAPSHOT).write_bytes(b"damaged")
    table, log = read(tmp_path, ignored)
    async with keeping(tmp_path, table, log, []):
        pass
    assert set_aside(tmp_path) == [b"damaged"]


def set_aside(directory: Path) -> list[bytes]:
    assert not (directory / SNAPSHOT).exists()
    return [path.read_bytes() for path in directory.glob("table.snapshot.corrupt*")]


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with DiskLog(tmp_path, Table().snapshot()), pytest.raises(Refused, match="in use by another process"):
        read(tmp_path, ignored)


async def test_a_disk_that_refuses_is_told_of_once_and_serving_goes_on(tmp_path: Path) -> None:
    notes: list[Note] = []
    told = asyncio.Event()

    def tell(note: Note) -> None:
        notes.append(note)
        told.set()

    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    table = Table()
    keeper = Keeper(blocked / "state", None, table.snapshot, tell)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keeper.run())
        keeper.changed(table.commit([ROW]))
        async with asyncio.timeout(10):
            await told.wait()
        task.cancel()
    keeper.close()
    assert [note.event for note in notes] == ["StateNotWritten"]
    assert "serving on" in notes[0].message


def test_the_age_of_what_is_there_is_known(tmp_path: Path) -> None:
    assert written_s(tmp_path) == 0.0
    kept(tmp_path)
    for path in tmp_path.glob("table.*"):
        os.utime(path, (1000.0, 1000.0))
    os.utime(tmp_path / SNAPSHOT, (1234.0, 1234.0))
    assert written_s(tmp_path) == 1234.0


def test_what_is_read_stays_as_old_as_it_was(tmp_path: Path) -> None:
    """However often the process is started: to begin with a table is not to hear that it is current."""
    kept(tmp_path)
    for path in tmp_path.glob("table.*"):
        os.utime(path, (1234.0, 1234.0))
    for _ in range(2):
        table, log = read(tmp_path, list[Note]().append)
        assert log is not None
        assert written_s(tmp_path) == 1234.0
        delta = table.commit(removed=[ROW.key])
        if delta is not None:
            log.append(delta)
            assert written_s(tmp_path) > 1234.0
            os.utime(tmp_path / JOURNAL, (1234.0, 1234.0))
        log.close()
