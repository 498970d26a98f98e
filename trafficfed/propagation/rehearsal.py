"""What propagation would do if it began now, found out by letting it decide and keeping what it tells to ourselves."""

import asyncio
from collections.abc import Awaitable, Callable

from trafficfed.model import Freshness, Refusal, Value
from trafficfed.ports import Clock
from trafficfed.propagation.engine import Engine, Job
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure, Place

WITHIN_S = 20.0
"""Twice what a first choice waits for members to be seen and measured."""

UNLIMITED = 1_000_000
"""Steps that may be told at once: none of them is carried out, so none ever makes room for another."""

NOT_WRITTEN = "rehearsed"
"""Stands for the version that a record would have."""


class Rehearsed(Value, frozen=True, kw_only=True):
    """``steps`` are what members would be told, ``refusals`` what stays undone and why; ``held`` waits for an
    operator's ``confirm hub``, ``incomplete`` says what could not be seen."""

    steps: tuple[Deed, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    held: str = ""
    incomplete: tuple[str, ...] = ()


class Rehearsal:
    """Members are not written to. They are asked whether something stands where a copy is to be made, as no watch shows
    what is not ours: ``submit`` has them asked, and how that ended is told here.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        submit: Callable[[Job], None],
        until: Callable[[float], Awaitable[None]],
        wake: Callable[[], None],
    ) -> None:
        """``until`` waits for news, at most so many seconds; ``wake`` tells it that there is some."""
        self._engine, self._clock, self._submit, self._until, self._wake = engine, clock, submit, until, wake
        self._steps: dict[Place, Deed] = {}
        self._asked: set[Place] = set()

    async def run(self, within_s: float) -> Rehearsed:
        """Decide until nothing is left to decide, or the time is over.

        What would be recorded is taken for recorded. No step has an outcome, so nothing is decided on what is only
        planned.
        """
        engine, clock = self._engine, self._clock
        ends_s = clock.monotonic_s() + within_s
        while (left_s := ends_s - clock.monotonic_s()) > 0 and not self._over:
            now_s = clock.now_s()
            turn = engine.turn(now_s)
            for job in turn.jobs:
                self._ask(job)
            for write in turn.records:
                engine.recorded(write.name, NOT_WRITTEN if write.body else "")
            await asyncio.sleep(0)
            if not (turn.records or turn.jobs or engine.busy or self._over):
                wake_s = engine.next_wake_s(now_s)
                await self._until(left_s if wake_s is None else min(left_s, max(0.0, wake_s - now_s)))
        return _told(engine, self._steps, clock.now_s())

    @property
    def _over(self) -> bool:
        """Nothing comes of waiting: all is decided, or the hub is seen and not believed."""
        engine = self._engine
        if engine.broken or engine.hub.known.doubted:
            return True
        return not self._asked and engine.settled(self._clock.now_s())

    def _ask(self, job: Job) -> None:
        place = (job.deed.cluster, job.deed.object)
        self._steps[place] = job.deed
        self._asked.add(place)
        self._submit(job)

    def done(self, deed: Deed, answer: bytes) -> None:
        """Nothing is in the way there."""
        self._answered(deed)

    def absent(self, deed: Deed) -> None:
        self._answered(deed)

    def failed(self, deed: Deed, found: Failure) -> None:
        """It could not be asked: the step stays as planned."""
        self._answered(deed)

    def found(self, deed: Deed, body: bytes) -> None:
        """Something that is not ours stands there."""
        self._answered(deed)
        self._steps.pop((deed.cluster, deed.object), None)
        self._engine.found(deed, body)

    def _answered(self, deed: Deed) -> None:
        self._asked.discard((deed.cluster, deed.object))
        self._wake()


def _told(engine: Engine, steps: dict[Place, Deed], now_s: float) -> Rehearsed:
    known = engine.hub.known
    held = known.reason if known.freshness is Freshness.SUSPECT else ""
    unseen = [f"member {name}: {why}" for name, member in engine.members.items() if (why := member.unseen)]
    hub = engine.broken or ("" if held or engine.records is not None else engine.hub.unseen or "was not seen whole")
    return Rehearsed(
        steps=tuple(step for _, step in sorted(steps.items())),
        refusals=engine.refusals(now_s),
        held=held,
        incomplete=(*((f"the hub: {hub}",) if hub else ()), *unseen),
    )
