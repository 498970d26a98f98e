"""The name server's table on disk, written off the loop, so that a slow disk delays no answer."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trafficfed.errors import Refused, Transient
from trafficfed.feed.notes import Note, Tell
from trafficfed.table.disk import JOURNAL, SNAPSHOT, DiskLog, load
from trafficfed.table.table import Delta, Snapshot, Table

RETRY_S = 5.0  # after the disk refused a write


def read(directory: Path, tell: Tell) -> tuple[Table, DiskLog | None]:
    """The table kept in a directory, and the right to write there.

    A damaged table is told of and costs nothing but the wait for a controller: then there is no log yet, and
    nothing is written before a whole table has come. Raises Refused where another process uses the directory.
    """
    try:
        table = load(directory)
    except Refused as error:
        tell(Note("TableDamaged", f"{error}; starting without it, a controller's table will replace it"))
        return Table(), None
    before_s = written_s(directory)
    log = DiskLog(directory, table.snapshot())
    if before_s:  # what was written anew is as old as it was: its age must not begin with this process
        for path in _files(directory):
            os.utime(path, (before_s, before_s))
    return table, log


class Keeper:
    """Writes every change, in order; whole tables replace what is there."""

    def __init__(self, directory: Path, log: DiskLog | None, snapshot: Callable[[], Snapshot], tell: Tell) -> None:
        self._directory = directory
        self._log = log
        self._snapshot = snapshot
        self._tell = tell
        self._pending: list[Delta] = []
        self._whole = False
        self._wake = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "table")
        self._failed = ""

    def changed(self, delta: Delta | None) -> None:
        """To be called after every change; None = the whole table is another."""
        if delta is None:
            self._whole = True
            self._pending.clear()
        else:
            self._pending.append(delta)
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled. Where the disk refuses, serving goes on and the whole table is tried again."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            whole = self._snapshot() if self._whole or self._log is None or self._log.due else None
            deltas, self._pending, self._whole = self._pending, [], False
            try:
                await loop.run_in_executor(self._writer, self._write, whole, [] if whole else deltas)
                self._failed = ""
            except asyncio.CancelledError:
                self._whole = True  # how the write ended is not known: ``close`` writes everything
                raise
            except (OSError, Transient, Refused) as error:
                self._complain(str(error))
                self._whole = True
                self._wake.set()
                await asyncio.sleep(RETRY_S)

    def _write(self, whole: Snapshot | None, deltas: list[Delta]) -> None:
        if self._log is None:
            self._log = DiskLog(self._directory, whole or self._snapshot())
        elif whole:
            self._log.compact(whole)
        for delta in deltas:
            self._log.append(delta)

    def _complain(self, message: str) -> None:
        if message != self._failed:
            self._failed = message
            self._tell(Note("StateNotWritten", f"{message}; serving on, a restart would begin with an older table"))

    def close(self) -> None:
        """Write what is left and give the directory up. Waits for the disk."""
        self._writer.shutdown(wait=True)
        try:
            if self._pending or self._whole:
                self._write(self._snapshot(), [])
        except (OSError, Transient, Refused) as error:
            self._complain(str(error))
        if self._log:
            self._log.close()


def written_s(directory: Path) -> float:
    """When the table on disk last changed, in UTC seconds; 0 where there is none."""
    return max((path.stat().st_mtime for path in _files(directory)), default=0.0)


def _files(directory: Path) -> list[Path]:
    return [path for name in (SNAPSHOT, JOURNAL) if (path := directory / name).is_file()]
