"""The table's file as the running controller uses it: a full disk is reported and made good later, it ends nothing."""

import asyncio

from trafficfed.errors import Refused, Transient
from trafficfed.reports import ProviderFailed, Report
from trafficfed.table.disk import DiskLog
from trafficfed.table.table import Delta, Table

SYNC_S = 1.0
"""How long appended deltas may wait for their fsync: what a power cut may cost is told again by the clusters."""


class Disk:
    """Appends every delta at once, and makes it durable once a second at most, off the event loop."""

    def __init__(self, log: DiskLog, table: Table, report: Report) -> None:
        self._log, self._table, self._report = log, table, report
        self._dirty = False

    def append(self, delta: Delta) -> None:
        """Take in a delta that the table has committed."""
        try:
            if self._log.due:
                self._log.compact(self._table.snapshot())
            else:
                self._log.append(delta)
        except (Transient, Refused, OSError) as error:
            self._report(ProviderFailed("disk", "", f"the table is not on disk: {error}", SYNC_S))
        else:
            self._dirty = True

    async def run(self) -> None:
        """Until cancelled. A failure shows again with the next append, which then writes the whole table."""
        while True:
            await asyncio.sleep(SYNC_S)
            if self._dirty and not self._log.due:
                self._dirty = False
                await asyncio.to_thread(self._sync)

    def _sync(self) -> None:
        try:
            self._log.sync()
        except OSError as error:
            self._report(ProviderFailed("disk", "", f"the table may be lost by a power cut: {error}", SYNC_S))
