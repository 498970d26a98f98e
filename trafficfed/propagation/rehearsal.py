"""What propagation would do if it began now, found out by letting it decide and keeping what it tells to ourselves."""

import asyncio
from collections.abc import Awaitable, Callable

from trafficfed.model import Freshness, Refusal, Value
from trafficfed.ports import Clock
from trafficfed.propagation.engine import Engine
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Place

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


async def rehearse(
    engine: Engine, clock: Clock, until: Callable[[float], Awaitable[None]], within_s: float = WITHIN_S
) -> Rehearsed:
    """Decide until nothing is left to decide, or the time is over. ``until`` waits for news, at most so many seconds.

    What would be recorded is taken for recorded; no step has an answer, so nothing is decided on what is only planned.
    """
    steps: dict[Place, Deed] = {}
    ends_s = clock.monotonic_s() + within_s
    while (left_s := ends_s - clock.monotonic_s()) > 0 and not _over(engine, clock.now_s()):
        now_s = clock.now_s()
        turn = engine.turn(now_s)
        steps |= {(job.deed.cluster, job.deed.object): job.deed for job in turn.jobs}
        for write in turn.records:
            engine.recorded(write.name, NOT_WRITTEN if write.body else "")
        await asyncio.sleep(0)
        if not (turn.records or turn.jobs or engine.busy):
            wake_s = engine.next_wake_s(now_s)
            await until(left_s if wake_s is None else min(left_s, max(0.0, wake_s - now_s)))
    return _told(engine, steps, clock.now_s())


def _over(engine: Engine, now_s: float) -> bool:
    """Nothing comes of waiting: all is decided, or the hub is seen and not believed."""
    return engine.settled(now_s) or bool(engine.broken) or engine.hub.known.doubted


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
