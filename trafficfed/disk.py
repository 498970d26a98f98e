"""The table's file as the running controller uses it: a full disk is reported and made good later, it ends nothing."""

import asyncio
from collections.abc import Callable

from trafficfed.errors import Refused, Transient
from trafficfed.reports import ProviderFailed, Report
from trafficfed.table.disk import DiskLog
from trafficfed.table.table import Delta, Table

SYNC_S = 1.0
"""How long appended deltas may wait for their fsync: what a power cut may cost is told again by the clusters."""


class Disk:
    """Appends every delta at once. What waits for the disk (fsync, and writing the whole table when the journal has
    outgrown it) happens off the event loop, once a second at most; what is committed meanwhile is appended after it.
    """

    def __init__(self, log: DiskLog, table: Table, report: Report) -> None:
        self._log, self._table, self._report = log, table, report
        self._dirty = self._whole = False
        self._replacing = False
        self._later: list[Delta] = []

    def append(self, delta: Delta) -> None:
        """Take in a delta that the table has committed."""
        if self._replacing:
            self._later.append(delta)
            return
        if self._whole:
            return
        try:
            self._log.append(delta)
            self._dirty = True
        except (Transient, Refused) as error:
            self._failed(error)

    def replace(self) -> None:
        """The table as a whole is another: write it anew at the next opportunity, with all that follows it."""
        self._whole = True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(SYNC_S)
            if self._whole or self._log.due:
                await self._replace()
            elif self._dirty:
                self._dirty = False
                await self._off_loop(self._log.sync)

    async def _replace(self) -> None:
        self._replacing, self._whole = True, False
        snapshot = self._table.snapshot()
        try:
            self._whole = not await self._off_loop(lambda: self._log.compact(snapshot)) or self._whole
        finally:
            self._replacing = False
            later, self._later = self._later, []
            for delta in later:
                self.append(delta)

    async def _off_loop(self, work: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(work)
        except OSError as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        self._report(ProviderFailed("disk", "", f"the table is not safe on disk: {error}", SYNC_S))
