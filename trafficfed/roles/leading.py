"""What a controller does from the moment it is elected until it leads no more."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from trafficfed.controller import Controller
from trafficfed.ports import Clock
from trafficfed.table.table import Snapshot, Table
from trafficfed.zones.publication import Publication
from trafficfed.zones.publisher import ZonePublisher

LOOK_S = 1.0
"""How long a new leader waits for the electors' copies of the table; its own is the newest nearly always."""


class Leadership(Protocol):
    """Who is elected, as ``trafficfed.leadership.leader`` finds out."""

    @property
    def leads(self) -> bool: ...

    @property
    def remaining_s(self) -> float: ...

    def note_term(self, term: int) -> None: ...

    def release(self, stand_down_s: float = 0.0) -> None: ...


Newest = Callable[[float], Awaitable[Snapshot | None]]
"""The newest table that any elector keeps, within so many seconds; None where none is reached or there is none."""

Work = Callable[[], Awaitable[None]]
"""What only a leader does; ends by being cancelled, and may be begun again."""


class Leading:
    """``won`` and ``lost`` are told by the election; ``run`` does the work in between, one leadership after another.

    ``is_current`` tells whether the table here is surely the last leader's, so that no elector need be asked; ``begun``
    is called once the table is this leader's.
    """

    def __init__(
        self,
        controller: Controller,
        leadership: Leadership,
        newest: Newest,
        is_current: Callable[[int], bool],
        work: Sequence[Work],
        clock: Clock,
        begun: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._controller, self._leadership = controller, leadership
        self._newest, self._is_current, self._work = newest, is_current, tuple(work)
        self._clock, self._begun, self._ended = clock, begun, ended
        self._term = 0
        self._changed = asyncio.Event()

    def won(self, term: int) -> None:
        """This controller was elected."""
        self._term = term
        self._changed.set()

    def lost(self, why: str = "") -> None:
        """It leads no more: nothing is committed or published from now on."""
        self._term = 0
        self._controller.follow()
        self._changed.set()
        self._ended()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._changed.clear()
            if not (term := self._term):
                await self._changed.wait()
                continue
            async with asyncio.TaskGroup() as tasks:
                reign = tasks.create_task(self._reign(term), name=f"term {term}")
                await self._changed.wait()
                reign.cancel()

    async def _reign(self, term: int) -> None:
        if not await self._take_over(term):
            return
        self._begun()
        async with asyncio.TaskGroup() as tasks:
            for outlet, publisher in self._controller.publication.publishers:
                publisher.lead(term, lambda: self._leadership.remaining_s)
                tasks.create_task(publisher.run(), name=f"publisher {outlet.provider} {outlet.zone.name}")
            for work in self._work:
                tasks.create_task(done(work), name="work of the leader")

    async def _take_over(self, term: int) -> bool:
        table = self._controller.pipeline.table
        if not self._is_current(term):
            found = await self._newest(LOOK_S)
            if found is not None and (found.term, found.generation) > (table.term, table.generation):
                self._controller.mirror(found)
        if table.term >= term:  # whoever led that term, we do not: the next election is above it
            self._leadership.note_term(table.term)
            self._leadership.release()
            return False
        if not self._leadership.leads or self._term != term:
            return False
        if not table.generation:
            begin(self._controller, self._clock)
        self._controller.lead(term)
        return True


def begin(controller: Controller, clock: Clock) -> None:
    """A new fleet's first table: it counts its generations from the time, so that no serial ever goes back."""
    controller.mirror(Snapshot(generation=int(clock.now_s())))


async def done(work: Work) -> None:
    """A piece of work as a coroutine, for a task."""
    await work()


class Reach:
    """Whether this controller reaches the providers, for leaders that do not and for standbys that could.

    A leader that could publish nowhere for a lease time gives way where a standby says that it can.
    """

    def __init__(self, publication: Publication, clock: Clock, lease_s: float) -> None:
        self._publication, self._clock, self._lease_s = publication, clock, lease_s
        self._reached_s = clock.monotonic_s()
        self.is_good = not publication.publishers

    async def look(self) -> None:
        """As one that does not lead: read each zone's fence."""
        if self._publication.publishers:
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(_reaches(publisher)) for _, publisher in self._publication.publishers]
            self.is_good = any(task.result() for task in asked)

    async def prepare(self) -> None:
        """The leader has fallen silent: read the zones now, so that the first write after an election is soon done."""
        async with asyncio.TaskGroup() as tasks:
            for outlet, publisher in self._publication.publishers:
                tasks.create_task(_prepared(publisher), name=f"prepare {outlet.provider} {outlet.zone.name}")

    def gives_way(self, others_can: bool) -> bool:
        """As the leader: whether another one should lead."""
        publishers = [publisher for _, publisher in self._publication.publishers]
        if not publishers or any(publisher.reaches for publisher in publishers):
            self._reached_s, self.is_good = self._clock.monotonic_s(), True
            return False
        self.is_good = False
        return others_can and self._clock.monotonic_s() - self._reached_s >= self._lease_s

    def begin(self) -> None:
        """A leadership begins: what was before does not count."""
        self._reached_s = self._clock.monotonic_s()


async def _prepared(publisher: ZonePublisher) -> None:
    with contextlib.suppress(Exception):  # what hinders it is told when it hinders a write
        await publisher.prepare()


async def _reaches(publisher: ZonePublisher) -> bool:
    with contextlib.suppress(Exception):  # whatever hinders it: it is not reached
        await publisher.probe()
        return True
    return False


def highest_term(table: Table, publication: Publication, *others: int) -> int:
    """The highest term met: at the table, the zones' fences, and wherever else."""
    return max((table.term, *others, *(publisher.seen_term for _, publisher in publication.publishers)))
