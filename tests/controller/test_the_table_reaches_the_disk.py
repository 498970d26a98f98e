"""Every committed delta is on disk at once; what waits for the disk delays nobody, and a full disk ends nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from trafficfed.disk import SYNC_S, Disk
from trafficfed.errors import Transient
from trafficfed.model import GlobalService, Row, ServiceKey
from trafficfed.reports import ProviderFailed, ReportEvent
from trafficfed.table.disk import DiskLog, load
from trafficfed.table.table import Delta, Snapshot, Table


def commit(table: Table, number: int) -> Delta:
    key = ServiceKey("default", "shop", f"s{number}")
    delta = table.commit([Row(service=GlobalService(key=key, hostnames=(f"s{number}.example.org",)))])
    assert delta is not None
    return delta


class SpiedLog(DiskLog):
    """A real log that can be told to fail, and that tells what was asked of it."""

    def __init__(self, directory: Path, snapshot: Snapshot) -> None:
        self.calls: list[str] = []
        self.full = False
        self.on_compact: list[Delta] = []
        self.disk: Disk | None = None
        super().__init__(directory, snapshot)

    def append(self, delta: Delta) -> None:
        if self.full:
            raise Transient("no space left on device")
        super().append(delta)

    def sync(self) -> None:
        self.calls.append("sync")
        super().sync()

    def compact(self, snapshot: Snapshot) -> None:
        self.calls.append("compact")
        if self.full:
            raise OSError(28, "no space left on device")
        for delta in self.on_compact:
            assert self.disk is not None
            self.disk.append(delta)
        super().compact(snapshot)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def log(tmp_path: Path, table: Table) -> Iterator[SpiedLog]:
    with SpiedLog(tmp_path, table.snapshot()) as opened:
        opened.calls.clear()
        yield opened


@pytest.fixture
def heard() -> list[ReportEvent]:
    return []


@pytest.fixture
def disk(log: SpiedLog, table: Table, heard: list[ReportEvent]) -> Disk:
    log.disk = Disk(log, table, heard.append)
    return log.disk


async def running(disk: Disk, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await disk.run()


def test_an_appended_delta_survives_the_process(disk: Disk, table: Table, tmp_path: Path) -> None:
    disk.append(commit(table, 1))
    assert load(tmp_path).snapshot() == table.snapshot()


@pytest.mark.looptime
async def test_many_deltas_share_one_fsync(disk: Disk, log: SpiedLog, table: Table) -> None:
    for number in range(5):
        disk.append(commit(table, number))
    await running(disk, 3.5 * SYNC_S)
    assert log.calls == ["sync"]


@pytest.mark.looptime
async def test_an_idle_controller_leaves_the_disk_alone(disk: Disk, log: SpiedLog) -> None:
    await running(disk, 10 * SYNC_S)
    assert log.calls == []


@pytest.mark.looptime
async def test_a_full_disk_is_told_and_made_good(
    disk: Disk, log: SpiedLog, table: Table, heard: list[ReportEvent], tmp_path: Path
) -> None:
    log.full = True
    disk.append(commit(table, 1))
    (told,) = heard
    assert isinstance(told, ProviderFailed)
    assert "no space left" in told.message
    log.full, log._behind = False, True
    await running(disk, 1.5 * SYNC_S)
    disk.append(commit(table, 2))
    assert load(tmp_path).snapshot() == table.snapshot()


@pytest.mark.looptime
async def test_a_replacement_that_fails_is_told_and_tried_again(
    disk: Disk, log: SpiedLog, heard: list[ReportEvent]
) -> None:
    log.full, log._behind = True, True
    await running(disk, 2.5 * SYNC_S)
    assert log.calls == ["compact", "compact"]
    assert len(heard) == 2


@pytest.mark.looptime
async def test_what_is_committed_during_a_replacement_follows_it(
    disk: Disk, log: SpiedLog, table: Table, tmp_path: Path
) -> None:
    disk.append(commit(table, 1))
    later = Table(table.snapshot())
    log.on_compact = [commit(later, 2), commit(later, 3)]
    log._behind = True
    await running(disk, 1.5 * SYNC_S)
    assert load(tmp_path).snapshot() == later.snapshot()
