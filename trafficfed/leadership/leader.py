"""One controller process in the election: carries out what ``candidate`` decides, and tells who leads."""

import asyncio
import random
from collections.abc import Callable, Sequence

from trafficfed.errors import ConfigError, TrafficfedError, Transient
from trafficfed.leadership.candidate import Call, Candidate, Lost, Phase, Read, Won, Write
from trafficfed.leadership.elector import Conflict, Elector, Seen
from trafficfed.leadership.record import holder_of
from trafficfed.leadership.sight import DRIFT, Rules
from trafficfed.ports import Clock
from trafficfed.reports import LeadershipChanged, ProviderFailed, Report

LEASE_S = 10.0
"""A death of the leader is acted on after this; client-go's default is 15 s (leaderelection.LeaseDuration)."""

RENEW_S = 2.0
"""Four renewals may fail before a lease ends."""

GIVE_BACK_S = 1.0
"""An ending process waits so long for its votes to be given back; what is not, lapses by itself."""

TICK_S = 0.001
"""Timers of event loops are no finer than this: what is due within it is done together."""

_SIZES = (1, 3)
_TOKENS = 1 << 32


class Leadership:
    """``run`` it for ever; ``won`` is told the term, ``lost`` the reason, each at once and on the event loop.

    ``ready`` says whether it could lead: it is asked whenever it might stand. ``electors`` have the same names at every
    controller, in any order. ``owner`` is the fleet's, ``name`` this controller's. ``clock`` must go on while the
    machine sleeps. ``luck`` is between 0 and 1. Raises ConfigError for what cannot work.
    """

    def __init__(
        self,
        name: str,
        owner: str,
        electors: Sequence[Elector],
        clock: Clock,
        won: Callable[[int], None],
        lost: Callable[[str], None],
        report: Report,
        *,
        lease_s: float = LEASE_S,
        renew_s: float = RENEW_S,
        ready: Callable[[], bool],
        luck: Callable[[], float] = random.random,
    ) -> None:
        _require(electors, lease_s, renew_s)
        token = f"{int(luck() * _TOKENS):08x}"
        rules = Rules(
            owner=owner,
            holder=holder_of(name, token),
            electorate=tuple(sorted(elector.name for elector in electors)),
            lease_s=lease_s,
            renew_s=renew_s,
            poll_s=min(0.5, renew_s / 4),
        )
        self._candidate = Candidate(rules)
        self._electors = {elector.name: elector for elector in electors}
        self._clock, self._won, self._lost, self._report = clock, won, lost, report
        self._ready, self._luck = ready, luck
        self._wake = asyncio.Event()
        self._told: LeadershipChanged | None = None
        self._troubles: dict[str, str] = {}

    @property
    def leads(self) -> bool:
        """Whether this controller leads at this moment; False from the deadline on, even if the loop stood still."""
        return self.remaining_s > 0

    @property
    def remaining_s(self) -> float:
        """For how long it leads without a further renewal; 0 where it does not."""
        return max(0.0, self._candidate.valid_until_s - self._clock.monotonic_s())

    @property
    def term(self) -> int:
        """Of its own leadership, while it leads; 0 else."""
        return self._candidate.term if self.leads else 0

    @property
    def leader(self) -> str:
        """The controller that holds a majority of the votes, as seen from here; empty where none is known to."""
        return self._candidate.leader(self._clock.monotonic_s())

    @property
    def reason(self) -> str:
        """Why this controller does not lead, in a sentence; empty where it does."""
        return self._candidate.reason(self._clock.monotonic_s(), self._ready())

    def note_term(self, term: int) -> None:
        """A term was seen in a table, at a name server, or in a fence: the next one exceeds it."""
        self._candidate.note_term(term)
        self._wake.set()

    def release(self, stand_down_s: float = 0.0, reason: str = "it gave up the leadership") -> None:
        """Stop leading at once, give the votes back, and leave the leadership to others for ``stand_down_s``."""
        led = self._candidate.phase is Phase.LEADING
        self._candidate.release(self._clock.monotonic_s(), stand_down_s)
        self._wake.set()
        if led:
            self._lost(reason)

    async def run(self) -> None:
        """Until cancelled: then it leads no more, and gives its votes back within a second."""
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    while True:
                        self._step(group)
                        await self._rest()
                finally:
                    self.release(reason="this controller ends")
        finally:
            await self._give_back()

    def _step(self, group: asyncio.TaskGroup) -> None:
        now_s = self._clock.monotonic_s()
        for action in self._candidate.step(now_s, ready=self._ready(), luck=self._luck()):
            match action:
                case Won(term):
                    self._won(term)
                case Lost(reason):
                    self._lost(reason)
                case Read() | Write():
                    group.create_task(self._carry_out(action), name=f"elector {action.elector}")
        self._tell(now_s)

    async def _rest(self) -> None:
        now_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(max(TICK_S, self._candidate.wake_s(now_s) - now_s)):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _carry_out(self, call: Call) -> None:
        """One call at one elector; whatever it does, the candidate is told of exactly one outcome."""
        outcome = await self._outcome(call, self._candidate.rules.call_s)
        now_s = self._clock.monotonic_s()
        if isinstance(outcome, Seen):
            self._candidate.answered(call, outcome, now_s)
        elif isinstance(outcome, Conflict) and isinstance(call, Write):
            self._candidate.conflicted(call, now_s)
        else:
            self._candidate.failed(call, str(outcome), now_s)
        self._wake.set()

    async def _outcome(self, call: Call, deadline_s: float) -> Seen | Exception:
        elector = self._electors[call.elector]
        try:
            async with asyncio.timeout(deadline_s):
                if isinstance(call, Read):
                    return await elector.read(deadline_s)
                return await elector.write(call.record, call.over, deadline_s)
        except TimeoutError:
            return Transient(f"no answer within {deadline_s:g} s")
        except TrafficfedError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the supervisor: an adapter's bug must cost no other elector's vote
            return Transient(f"{type(error).__name__}: {error}")

    async def _give_back(self) -> None:
        """Every vote that this process holds, or may hold as its last write was cut off."""
        try:
            async with asyncio.timeout(GIVE_BACK_S), asyncio.TaskGroup() as group:
                for name in self._electors:
                    group.create_task(self._give_back_one(name), name=f"give back {name}")
        except TimeoutError:
            return

    async def _give_back_one(self, name: str) -> None:
        rules, now_s = self._candidate.rules, self._clock.monotonic_s()
        outcome = await self._outcome(Read(name, now_s), GIVE_BACK_S)
        if isinstance(outcome, Seen) and outcome.record is not None and outcome.record.holder == rules.holder:
            outcome = await self._outcome(Write(name, rules.released(outcome.record), outcome, now_s), GIVE_BACK_S)
        if isinstance(outcome, Exception):
            self._report(ProviderFailed(name, "", f"its vote could not be given back and lapses: {outcome}", 0.0))

    def _tell(self, now_s: float) -> None:
        """Report what changed since it was last told."""
        candidate = self._candidate
        leads = now_s < candidate.valid_until_s
        reason = candidate.reason(now_s, self._ready())
        standing = LeadershipChanged(leads, candidate.term if leads else 0, candidate.leader(now_s), reason)
        if standing != self._told:
            self._told = standing
            self._report(standing)
        for name in self._electors:
            trouble = candidate.trouble(name)
            if trouble and trouble != self._troubles.get(name):
                self._report(ProviderFailed(name, "", trouble, candidate.rules.poll_s))
            self._troubles[name] = trouble


def _require(electors: Sequence[Elector], lease_s: float, renew_s: float) -> None:
    names = [elector.name for elector in electors]
    if len(names) not in _SIZES:
        raise ConfigError(f"electorate: {len(names)} electors are given; name one or three, as two outlive no loss")
    if len(set(names)) < len(names):
        raise ConfigError(f"electorate: {', '.join(sorted(names))} are not all different; name each place once")
    if not 0 < 3 * renew_s <= (1 - DRIFT) * lease_s:
        raise ConfigError(
            f"electorate: a lease of {lease_s:g} s renewed every {renew_s:g} s leaves no room for failures; "
            f"renew at least every {(1 - DRIFT) * lease_s / 3:.2g} s"
        )
