"""What a controller that does not lead holds of the leader: its table, change by change, as a peer on its feed."""

import asyncio
from collections.abc import Callable

from trafficfed.controller import Controller
from trafficfed.errors import Refused
from trafficfed.feed.messages import Beat, Overlay, Resume
from trafficfed.table.codec import decode_delta, decode_snapshot


class LeadersTable:
    """The controller's table as a copy of the leader's (``trafficfed.feed.client.Copy``).

    ``epoch`` is what the leader's feed calls its history: whoever comes to this controller from there goes on with it.
    ``heard`` is called whenever the leader's word shows that the table here is the leader's.
    """

    def __init__(self, controller: Controller, heard: Callable[[], None] = lambda: None) -> None:
        self._controller, self._heard = controller, heard
        self.epoch = ""

    @property
    def position(self) -> Resume:
        table = self._controller.pipeline.table
        return Resume(self.epoch, table.term, table.generation, len(table.rows))

    def begin(self, beat: Beat) -> Resume:
        return self.position

    async def take_full(self, epoch: str, data: bytes) -> None:
        """Raises Refused where it is damaged, of an older term, or this controller leads that term itself."""
        snapshot = await asyncio.to_thread(decode_snapshot, data)
        former, self.epoch = self.epoch, epoch
        try:
            self._controller.mirror(snapshot)
        except Refused:
            self.epoch = former
            raise
        self._heard()

    async def take_change(self, data: bytes) -> None:
        """Raises Refused where it does not follow."""
        try:
            self._controller.mirror_change(decode_delta(data))
        except Refused:
            self.epoch = ""  # what comes next would not follow either: ask for a snapshot
            raise
        self._heard()

    def take_overlay(self, overlay: Overlay) -> None:
        """Raises Refused: a leader has none, and nobody else's table is taken here."""
        raise Refused("a leader judges nothing otherwise than its own table")

    def take_beat(self, beat: Beat) -> None:
        """Raises Refused where the leader is elsewhere than we are."""
        table = self._controller.pipeline.table
        if (beat.term, beat.generation) != (table.term, table.generation):
            self.epoch = ""
            raise Refused(f"it is at generation {beat.generation}, we at {table.generation}: asking for a snapshot")
        self._heard()
