"""The status as it changes, for any number of viewers: looked at once for all, bounded for each.

Nothing is looked at while nobody views. A viewer that takes its messages too slowly is dropped; it comes back by itself
and starts from the whole again.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from trafficfed.errors import TrafficfedError, Transient
from trafficfed.observe.deltas import Told
from trafficfed.observe.views import StatusView, View
from trafficfed.ports import Clock
from trafficfed.reports import Observed, ReportEvent

MOST_VIEWERS = 64
"""More than a team with its wall screens has, and few enough that telling all of them costs nothing to notice."""

MOST_WAITING = 32
"""Messages that may wait for one viewer: at one or two a second, this is a viewer that has not read for long."""

SOON_S = 0.25
"""How long after an event the status is looked at: what belongs together is told together."""

REST_S = 5.0
"""How often it is looked at where no event came: latencies and ages of the views of clusters tell no event."""

SHARE = 10
"""A look is followed by a pause of so many times what it took, so that however large the fleet, viewing it stays a
small part of the controller's time."""

BEAT_S = 15.0
"""A comment is sent after so much silence: proxies drop what is silent for 30 to 60 s, and a dead viewer is noticed."""

BEAT = b": still here\n\n"


class Connection(Protocol):
    """What a viewer's messages go through; an asyncio transport is one."""

    def abort(self) -> None: ...

    def is_closing(self) -> bool: ...


class Viewer:
    """One who views: ``next`` gives its messages in turn. Its connection is aborted when it lags too far behind."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._over = False

    async def next(self) -> bytes | None:
        """The next message, or a beat where there is none for long; None when it is over."""
        while not self._waiting and not self._over:
            self._woken.clear()
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._woken.wait()
            except TimeoutError:
                return BEAT
        return None if self._over else self._waiting.popleft()

    def put(self, message: bytes) -> None:
        """Tell it; one that has too many waiting is dropped."""
        if len(self._waiting) >= MOST_WAITING:
            self.drop()
            return
        self._waiting.append(message)
        self._woken.set()

    @property
    def gone(self) -> bool:
        """Whether it has left without a word."""
        return self._connection.is_closing()

    def drop(self) -> None:
        """It does not take what it is told."""
        self.end()
        self._connection.abort()

    def end(self) -> None:
        """No more is told."""
        self._over = True
        self._waiting.clear()
        self._woken.set()


class Stream:
    """Who views, and what they were told. ``report`` may be called with every report of the controller.

    ``idle`` is called when the last viewer has left: what was kept for ``read`` to be quick may go.
    All of it happens on the event loop that ``join`` is called on.
    """

    def __init__(
        self,
        read: Callable[[], StatusView],
        clock: Clock,
        most: int = MOST_VIEWERS,
        idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._read, self._clock, self._most, self._idle = read, clock, most, idle
        self._viewers: set[Viewer] = set()
        self._told = Told()
        self._whole: bytes | None = None
        self._due: asyncio.TimerHandle | None = None
        self._pause_s = SOON_S
        self._looked_s = -REST_S

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def join(self, connection: Connection) -> Viewer:
        """A new viewer, who is told everything first. Raises Transient where there are too many."""
        self._see_off()
        if len(self._viewers) >= self._most:
            raise Transient(f"{self._most} viewers are connected, and no more are taken; try again later")
        viewer = Viewer(connection)
        self._viewers.add(viewer)
        if self._due is None:
            self._look()
        elif (whole := self._all()) is not None:
            viewer.put(whole)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """It views no more. Without viewers nothing is looked at."""
        viewer.end()
        self._viewers.discard(viewer)
        if not self._viewers and self._due is not None:
            self._due.cancel()
            self._due = None
            self._told, self._whole = Told(), None
            self._idle()

    def close(self) -> None:
        """End all of them."""
        for viewer in [*self._viewers]:
            self.leave(viewer)

    def report(self, event: ReportEvent) -> None:
        """Something happened: it is looked at soon. Single probes are too many for that."""
        if not isinstance(event, Observed):
            self.wake()

    def wake(self) -> None:
        """Look soon."""
        if self._due is not None:
            self._look_at(max(self._looked_s + self._pause_s, self._now_s() + SOON_S))

    def _look_at(self, at_s: float) -> None:
        if self._due is not None and self._due.when() <= at_s:
            return
        if self._due is not None:
            self._due.cancel()
        self._due = asyncio.get_running_loop().call_at(at_s, self._look)

    def _look(self) -> None:
        self._see_off()
        if not self._viewers:
            return
        started_s = self._clock.monotonic_s()
        try:
            news = self._told.next(self._read())
            if news is not None:
                self._tell(message("status", news))
        except TrafficfedError as error:
            self._told = Told()
            self._tell(message("trouble", Trouble(error=str(error))))
        finally:
            self._pause_s = max(SOON_S, SHARE * (self._clock.monotonic_s() - started_s))
            self._looked_s = self._now_s()
            self._due = None
            self._look_at(self._looked_s + max(REST_S, self._pause_s))

    def _see_off(self) -> None:
        """Those that left without a word have left."""
        for viewer in [viewer for viewer in self._viewers if viewer.gone]:
            self.leave(viewer)

    def _tell(self, told: bytes) -> None:
        self._whole = None
        for viewer in [*self._viewers]:
            viewer.put(told)

    def _all(self) -> bytes | None:
        """The whole as one message, made once for all who come before the next change."""
        if self._whole is None and (whole := self._told.whole()) is not None:
            self._whole = message("status", whole)
        return self._whole

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


class Trouble(View, frozen=True, kw_only=True):
    """The status cannot be told at the moment."""

    error: str


def message(kind: str, view: View) -> bytes:
    r"""One message as the event stream format has it (HTML Living Standard, section 9.2); JSON has no line ends.

    >>> message("trouble", Trouble(error="later\n"))
    b'event: trouble\ndata: {"error":"later\\n"}\n\n'
    """
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(view))
