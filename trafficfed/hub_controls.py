"""The operator controls in force, copied to the hub for whoever looks there. The table stays what rules."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Never, Protocol

from trafficfed.crds.control_copies import COPY_OF, PATH, Write, writes
from trafficfed.crds.operatorcontrol import OperatorControlObject
from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.transport import Api
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import OperatorControl
from trafficfed.ports import Clock
from trafficfed.steering.controls import next_expiry_s
from trafficfed.steering.orders import standing
from trafficfed.table.table import Delta

SOON_S, AGAIN_S = 1.0, 30.0
"""After a first failure, and after many: what a server says while it starts passes soon, but a hub may be away for
long, and nobody waits for its copies."""

LOOK_S = 300.0
"""How long an edit of a copy on the hub may stand before it is found."""


class Hub(Api, Protocol):
    """A connection to the hub's API server."""

    async def close(self) -> None: ...


class _Copies(Wire, frozen=True):
    items: list[OperatorControlObject] | None = None


class HubControls:
    """Keeps the copies right while ``run`` runs, which is for the leader only. Holds the table as the disk does: it
    hears of changes by ``append`` and ``replace``. ``reason`` says why the hub has not got them, empty where it has.
    """

    def __init__(
        self, connect: Callable[[], Hub], controls: Callable[[], Sequence[OperatorControl]], owner: str, clock: Clock
    ) -> None:
        self._connect, self._controls, self._owner, self._clock = connect, controls, owner, clock
        self._log = logging.getLogger(__name__)
        self._changed = asyncio.Event()
        self.reason = ""

    def append(self, delta: Delta) -> None:
        """One change of the table."""
        if delta.controls is not None:
            self._changed.set()

    def replace(self) -> None:
        """The table as a whole is another."""
        self._changed.set()

    async def run(self) -> Never:
        """Until cancelled. A hub that is away, or has no such kind, ends nothing."""
        hub = self._connect()
        try:
            await self._follow(hub)
        finally:
            await hub.close()

    async def _follow(self, hub: Hub) -> Never:
        again_s = SOON_S
        while True:
            self._changed.clear()
            try:
                await self._copy(hub)
            except (Transient, Refused) as error:
                self._told(str(error))
                await asyncio.sleep(again_s)
                again_s = min(AGAIN_S, 2 * again_s)
            else:
                again_s = SOON_S
                self._told("")
                await self._nap()

    async def _copy(self, hub: Hub) -> None:
        found = await hub.get_json(PATH, _Copies, {"labelSelector": f"{COPY_OF}={self._owner}"})
        for write in writes(found.items or [], standing(self._controls(), self._clock.now_s()), self._owner):
            await self._write(hub, write)

    async def _write(self, hub: Hub, write: Write) -> None:
        try:
            await hub.request(write.method, write.path, write.body, write.content_type)
        except Rejected as error:
            if write.method != "DELETE" or error.status != HTTPStatus.NOT_FOUND:
                raise

    async def _nap(self) -> None:
        """Until the controls change, one ends by itself, or it is time to look at the hub again."""
        now_s = self._clock.now_s()
        ends_s = next_expiry_s(self._controls(), now_s)
        try:
            async with asyncio.timeout(LOOK_S if ends_s is None else min(LOOK_S, ends_s - now_s)):
                await self._changed.wait()
        except TimeoutError:
            return

    def _told(self, reason: str) -> None:
        if reason and reason != self.reason:
            self._log.warning("operator controls are not copied to the hub: %s", reason)
        self.reason = reason
