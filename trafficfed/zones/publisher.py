"""Brings the wishes of all services into one zone at one provider: the only writer of that zone in this process."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import cast

from trafficfed.errors import Fenced, Refused, TrafficfedError, Transient
from trafficfed.model import NameChange, Outcome, RecordSet, Refusal, Result, Zone
from trafficfed.ports import Clock, Provider, Tracking
from trafficfed.reports import ProviderFailed, Published, Report
from trafficfed.zones.backoff import Backoff
from trafficfed.zones.brakes import Held
from trafficfed.zones.counted import CountedProvider
from trafficfed.zones.desk import Pending, ZoneDesk
from trafficfed.zones.fence import fence_name, read_fence, term_in
from trafficfed.zones.plan import Planned
from trafficfed.zones.tenure import Tenure
from trafficfed.zones.verify import Checked, Verifier
from trafficfed.zones.view import ZoneView
from trafficfed.zones.wish import Wish

APPLY_S = 10.0
PROBE_S = 5.0
READ_S = 60.0
REFUSED_RETRY_S = 60.0
"""A provider that said no is asked again only after so long: somebody has to act first."""

PREPARED_S = 60.0
"""How long a reading made before the fence was raised is good to begin with."""

SCAN_S = 900.0
SCAN_SLICE = 500
REREAD_NAMES = 50


class PublisherState(StrEnum):
    """Loading: the zone was never read whole. Failing: the last attempt at the provider did not succeed."""

    LOADING = "Loading"
    READY = "Ready"
    FAILING = "Failing"


class ZonePublisher:
    """``want`` and ``view_complete`` may be called at any time and return at once; ``run`` does the work for ever.

    A provider that fails or refuses is reported and tried again; nothing that it does ends ``run``. ``luck``
    spreads the retries and scans of many publishers, and is between 0 and 1.

    Where several controllers elect a leader, ``lead`` comes before every ``run``: then the zone's fence is raised
    before it is read, and guards every write. ``fenced`` is told the term that was met where another leadership has
    begun; ``run`` writes nothing from then on, and waits to be cancelled. Without ``lead`` there is no fence.
    """

    def __init__(
        self,
        provider: Provider,
        zone: Zone,
        provider_name: str,
        owner: str,
        clock: Clock,
        report: Report,
        *,
        luck: Callable[[], float] = random.random,
        fenced: Callable[[int], None] | None = None,
    ) -> None:
        self._provider = CountedProvider(provider)
        self._zone = zone
        self._name = provider_name
        self._owner = owner
        self._clock = clock
        self._report = report
        self._luck = luck
        self._fenced = fenced
        self._tenure: Tenure | None = None
        self._seen_term = 0
        self._reaches = False
        self._prepared: tuple[float, ZoneView] | None = None
        self._scan_due = asyncio.Event()
        self._desk = ZoneDesk(provider_name, zone, owner, report)
        self._wake = asyncio.Event()
        self._backoff = Backoff()
        self._written_while_scanning: set[str] | None = None
        self._verifier = Verifier(
            provider_name, zone.name, provider.capabilities.authorities, clock, report, in_sync=_in_sync(provider)
        )
        self._written: list[tuple[NameChange, float, str]] = []
        self._state = PublisherState.LOADING
        self._message = ""

    @property
    def state(self) -> PublisherState:
        return self._state

    @property
    def message(self) -> str:
        """Why it is failing, empty where it is not."""
        return self._message

    @property
    def names(self) -> int:
        """How many names are ours."""
        return len(self._desk.view)

    @property
    def waiting(self) -> int:
        """How many services wait to be planned or written."""
        return self._desk.waiting

    @property
    def waiting_since_s(self) -> float | None:
        """UTC seconds of the event behind the oldest change that still has to be made, None where none has."""
        return self._desk.waiting_since_s

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """How often the provider was asked, by call and outcome."""
        return self._provider.calls

    @property
    def requests_left(self) -> float | None:
        """What is left of the provider's budget of requests, None where it has none."""
        return self._provider.requests_left

    @property
    def held(self) -> tuple[Held, ...]:
        """What brakes hold until it is confirmed."""
        return self._desk.held

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return self._desk.refusals

    @property
    def reaches(self) -> bool:
        """Whether the provider did what this run last asked of it: a large zone may still be read for a while then."""
        return self._reaches

    @property
    def seen_term(self) -> int:
        """The term that the zone's fence had when it was last seen, 0 where it has none of ours."""
        return self._seen_term

    def lead(self, term: int, remaining_s: Callable[[], float]) -> None:
        """Let the next ``run`` write as the leader of this term, while ``remaining_s`` is above 0.

        What was read of the zone is forgotten: others may have written meanwhile. Wishes stay.
        """
        self._tenure = Tenure(self._provider, self._zone.name, self._owner, term, remaining_s, APPLY_S)
        self._forget()

    async def probe(self) -> None:
        """Learn whether the provider can be reached, by reading the fence alone. Raises Transient or Refused."""
        standing = await read_fence(self._provider, self._zone.name, PROBE_S)
        self._seen_term = self._term_in(() if standing is None else (standing,))

    async def prepare(self) -> None:
        """Read the zone while another controller leads, for a takeover that is to be expected soon.

        Of use where every write is an atomic compare-and-set and nowhere else: then the next leadership begins with
        what was read here, finds out at each name that it touches whether that still stands, and reads the whole zone
        after it has written what is urgent. Raises Transient or Refused.
        """
        tenure = self._tenure
        if self._provider.capabilities.fence == "atomic":
            view = await self._read()
            if self._tenure is tenure:
                self._prepared = self._clock.monotonic_s(), view

    def want(self, wish: Wish) -> None:
        """Take in the newest wish of a service; wishes that come faster than they can be written coalesce."""
        self._desk.want(wish)
        self._wake.set()

    def view_complete(self, complete: bool) -> None:
        """Tell whether every cluster has been seen and every row wished: only then does what nobody wishes go."""
        self._desk.set_complete(complete)
        self._wake.set()

    def confirm(self, confirm_id: str) -> bool:
        """Lift exactly one brake; False where nothing of that id is held here."""
        confirmed = self._desk.confirm(confirm_id)
        self._wake.set()
        return confirmed

    def published(self, name: str) -> tuple[RecordSet, ...]:
        """What stands at a name as far as is known, markers included."""
        return self._desk.view.at(name)

    def checked(self, name: str) -> Checked | None:
        """How the authorities answered for a name since it was last written here."""
        return self._verifier.checked(name)

    def pending(self) -> Pending:
        """What would be written now, without writing it."""
        return self._desk.preview(self._clock.monotonic_s())

    async def load(self) -> None:
        """Read the whole zone, after the fence is raised where there is one. Raises Transient or Refused."""
        if self._tenure is not None:
            await self._tenure.raise_fence()
            self._reaches = self._tenure.fence is not None
            await self._tenure.outwait()
        prepared = self._take_prepared()
        if prepared is None:
            self._desk.load(await self._read_behind_fence())
        else:
            self._desk.load(prepared, doubtful=True)
        self._state = PublisherState.READY

    def _take_prepared(self) -> ZoneView | None:
        """What was read in advance, once and not for long; without a leadership nothing is begun in haste."""
        prepared, self._prepared = self._prepared, None
        if prepared is None or self._tenure is None or self._clock.monotonic_s() - prepared[0] > PREPARED_S:
            return None
        return prepared[1]

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._publish_for_ever(), name=f"publish {self._zone.name}")
                group.create_task(self._scan_for_ever(), name=f"scan {self._zone.name}")
                group.create_task(self._verifier.run(), name=f"verify {self._zone.name}")
        finally:
            if self._tenure is not None:
                self._forget()

    async def publish_once(self) -> None:
        """Carry out all that can be done now. Raises Transient or Refused where the provider as a whole fails.

        What was written is verified after all of it: with a thousand names each write would wait for queries of others.
        """
        try:
            while True:
                while self._desk.uncertain:
                    await self._reread()
                batch = self._desk.next_changes(self._provider.capabilities.batch, self._clock.monotonic_s())
                await self._apply(batch)
                if not batch and not self._desk.waiting and not self._desk.uncertain:
                    return
                await asyncio.sleep(0)
        finally:
            for expected in self._written:
                self._verifier.expect(*expected)
            self._written.clear()

    async def drift_scan(self) -> None:
        """Read the whole zone again and repair what differs from what we know. Writes go on meanwhile and win."""
        if not self._desk.loaded:
            return
        self._written_while_scanning = set()
        view = self._desk.view
        try:
            fresh = await self._read_behind_fence()
            names = sorted(fresh.marked_names(view))
            for at in range(0, len(names), SCAN_SLICE):
                if self._desk.view is not view:
                    return
                for name in names[at : at + SCAN_SLICE]:
                    if name not in self._written_while_scanning:
                        self._desk.take_in(name, fresh.at(name))
                await asyncio.sleep(0)
            self._desk.doubtful = False
        finally:
            self._written_while_scanning = None
        self._wake.set()

    async def _publish_for_ever(self) -> None:
        while not self._over:
            retry_s = await self._attempt(self._publish, self._backoff)
            if retry_s is None:
                self._state, self._message = PublisherState.READY, ""
                await self._until_woken()
            else:
                await asyncio.sleep(retry_s)

    async def _scan_for_ever(self) -> None:
        backoff = Backoff(base_s=SCAN_S / 4, limit_s=SCAN_S)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SCAN_S * (0.75 + self._luck() / 2)):
                    await self._scan_due.wait()
            if self._over:
                return
            await self._attempt(self.drift_scan, backoff)
            self._scan_due.clear()

    @property
    def _over(self) -> bool:
        return self._tenure is not None and self._tenure.over

    async def _publish(self) -> None:
        """A fence that somebody took away or changed is raised again; only a higher term is another leadership."""
        try:
            if not self._desk.loaded:
                await self.load()
            await self.publish_once()
            if self._desk.doubtful:
                self._scan_due.set()
        except Fenced as error:
            if self._tenure is None or error.term > self._tenure.term:
                raise
            self._tenure.forget()
            self._forget()
            raise Transient(f"{error}; it is raised again, and the zone is read anew") from error

    async def _attempt(self, work: Callable[[], Awaitable[None]], backoff: Backoff) -> float | None:
        """Do it; where it fails, say so and return after how many seconds to try again."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the supervisor: an adapter's bug must not end the other zones
            if isinstance(error, Fenced) and self._tenure is not None:
                self._end(self._tenure, error)
                return 0.0
            retry_s = REFUSED_RETRY_S if isinstance(error, Refused) else backoff.delay_s(error, self._luck())
            self._message = str(error) if isinstance(error, TrafficfedError) else f"{type(error).__name__}: {error}"
            self._state = PublisherState.FAILING if self._desk.loaded else PublisherState.LOADING
            self._reaches = False
            self._report(ProviderFailed(self._name, self._zone.name, self._message, retry_s))
            return retry_s
        backoff.reset()
        self._reaches = True
        return None

    def _end(self, tenure: Tenure, error: Fenced) -> None:
        """Write nothing any more: another leadership has begun. Said once, also where both tasks meet it."""
        if tenure.over:
            return
        tenure.end()
        self._reaches = False
        self._seen_term = error.term
        self._state, self._message = PublisherState.FAILING, f"another controller leads: {error}"
        self._report(ProviderFailed(self._name, self._zone.name, self._message, 0.0))
        self._wake.set()
        if self._fenced is not None:
            self._fenced(error.term)

    def _forget(self) -> None:
        self._reaches = False
        self._desk.forget()
        self._verifier.forget()
        if not self._over:
            self._state, self._message = PublisherState.LOADING, ""

    async def _until_woken(self) -> None:
        at_s = self._desk.next_wake_s()
        try:
            async with asyncio.timeout(None if at_s is None else max(0.0, at_s - self._clock.monotonic_s())):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _read_behind_fence(self) -> ZoneView:
        """Everything in the zone. Raises Fenced where the fence tells of another leadership."""
        view = await self._read()
        if self._tenure is not None and self._seen_term > self._tenure.term:
            message = f"the fence {fence_name(self._zone.name)} stands at term {self._seen_term}"
            raise Fenced(f"{message}, above term {self._tenure.term} of this one", self._seen_term)
        return view

    async def _read(self) -> ZoneView:
        record_sets = await self._provider.read(self._zone.name, READ_S)
        self._seen_term = self._term_in(record_sets)
        return await asyncio.to_thread(ZoneView, self._zone.name, self._owner, record_sets)

    def _term_in(self, record_sets: Sequence[RecordSet]) -> int:
        return term_in(record_sets, self._zone.name, self._owner)

    async def _reread(self) -> None:
        """Learn what stands at the names whose last write ended otherwise than done."""
        names = sorted(self._desk.uncertain)[:REREAD_NAMES]
        owner_names = [owner_name for name in names for owner_name in self._desk.view.owner_names(name)]
        found: dict[str, list[RecordSet]] = {}
        for record_set in await self._provider.read_names(self._zone.name, owner_names, APPLY_S):
            found.setdefault(record_set.name, []).append(record_set)
        for name in names:
            at = self._desk.view.owner_names(name)
            self._desk.take_in(name, [there for owner_name in at for there in found.get(owner_name, ())])

    async def _apply(self, batch: Sequence[Planned]) -> None:
        size = self._provider.capabilities.batch
        for at in range(0, len(batch), size):
            part = batch[at : at + size]
            changes = [planned.change for planned in part if planned.change]
            for change in changes:
                self._desk.view.expect(change)
            try:
                results = await self._carry_out(changes)
            except BaseException as error:
                unsure = not isinstance(error, Transient | Refused)
                for number, planned in enumerate(batch[at:]):
                    self._desk.put_back(planned, unsure=unsure and number < len(part))
                raise
            for planned, result in zip(part, results, strict=True):
                self._settle(planned, result)

    async def _carry_out(self, changes: Sequence[NameChange]) -> tuple[Result, ...]:
        if self._tenure is None:
            return await self._provider.apply(self._zone.name, changes, APPLY_S)
        return await self._provider.apply(self._zone.name, changes, self._tenure.call_s(), self._tenure.fence)

    def _settle(self, planned: Planned, result: Result) -> None:
        now_s = self._clock.now_s()
        event_at_s = self._desk.event_at_s(planned.service, now_s)
        self._desk.settle(planned, result, self._clock.monotonic_s())
        if self._written_while_scanning is not None:
            self._written_while_scanning.add(planned.name)
        since_s = max(0.0, now_s - event_at_s)
        told = (self._name, self._zone.name, planned.name, result.outcome, since_s, result.message)
        self._report(Published(*told, service=planned.service))
        if result.outcome is Outcome.DONE and planned.change:
            self._written.append((planned.change, event_at_s, planned.service))


def _in_sync(provider: Provider) -> Callable[[float], Awaitable[bool]] | None:
    return cast(Tracking, provider).in_sync if provider.capabilities.tracks else None
