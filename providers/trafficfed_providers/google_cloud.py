"""Google Cloud DNS: plain record sets and routing policies, each change atomic and guarded by its exact deletions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from trafficfed.errors import Fenced, Refused, Transient
from trafficfed.model import Capabilities, NameChange, Outcome, RecordSet, Result
from trafficfed.zones.fence import fallen
from trafficfed_providers.google_api import Declined, GoogleApi, Unanswered
from trafficfed_providers.google_change import Guarded, guard, guarded, packed
from trafficfed_providers.google_records import Json, order, record_sets
from trafficfed_providers.google_settings import Settings, parse_settings
from trafficfed_providers.request_budget import RequestBudget

_BATCH = 300
"""Names of which each has at most three record sets: one change holds 1,000 (Cloud DNS, quotas and limits, 2026-11)."""

_BURST = 20
_PAGE = 1000
"""Record sets asked for in one page; the server may give fewer."""

_READ_NAMES_MAX = 40
"""Above so many names, reading the zone page by page costs fewer requests than asking for each."""

_DONE_POLL_S = 2.0
"""Pause between two questions whether a change is done: each costs one request of the budget."""

Sleep = Callable[[float], Awaitable[None]]

_CONFLICTS = frozenset({"conditionNotMet", "alreadyExists", "notFound", "cnameResourceRecordSetConflict"})
"""Reasons of the API that mean: what stands there is not what was last read."""


@dataclass(slots=True)
class _Call:
    """One call's results by name, and what its requests have in common.

    ``looked`` tells whether the fence was looked at since the first of them was declined.
    """

    zone: str
    path: str
    fence: RecordSet | None
    results: dict[str, Result]
    until_s: float
    looked: bool = False


class GoogleCloudDns:
    """The managed zones of one project. ``name`` is what the user calls it, for messages.

    Whole zones are read over a connection of their own: a long reading must not hold up a write.
    """

    def __init__(self, name: str, settings: Settings, sleep: Sleep = asyncio.sleep) -> None:
        self.name = name
        self._settings = settings
        self._sleep = sleep
        self._pending: list[str] = []
        self._tracking = asyncio.Lock()
        self._budget = RequestBudget(settings.requests_per_s, _BURST)
        self._writing = GoogleApi(name, settings, self._budget)
        self._reading = GoogleApi(name, settings, self._budget)
        self._paths: dict[str, str] = {}

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, object]) -> Self:
        """Raises ConfigError that lists every mistake with its key and fix."""
        return cls(name, parse_settings(name, settings))

    @property
    def requests_left(self) -> float:
        """What is left of the budget, as the port of that name has it."""
        return self._budget.left

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            weighted=True,
            geo=("region",),
            batch=_BATCH,
            rate_per_s=self._settings.requests_per_s,
            atomicity="batch",
            fence="atomic",
            routing="policy",
            tracks=True,
        )

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        async with self._within(deadline_s) as until_s, self._reading_from(zone):
            path = await self._path(self._reading, zone, until_s)
            rrsets = self._reading.pages(f"{path}/rrsets", {"maxResults": str(_PAGE)}, "rrsets", until_s)
            found = [record_set async for rrset in rrsets for record_set in record_sets(rrset)]
            return tuple(sorted(found, key=order))

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        wanted = sorted(set(names))
        if len(wanted) > _READ_NAMES_MAX:
            return tuple(found for found in await self.read(zone, deadline_s) if found.name in set(wanted))
        async with self._within(deadline_s) as until_s:
            rrsets = [rrset for name in wanted for rrset in await self._rrsets(zone, name, until_s)]
            return tuple(sorted((found for rrset in rrsets for found in record_sets(rrset)), key=order))

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        results: dict[str, Result] = {}
        begun: set[str] = set()
        try:
            async with self._within(deadline_s) as until_s:
                possible = [each for each in (guarded(zone, change, results) for change in changes) if each]
                path = await self._path(self._writing, zone, until_s) if possible else ""
                call = _Call(zone, path, fence, results, until_s)
                for part in packed(possible, guard(fence)):
                    begun.update(each.name for each in part)
                    await self._apply(call, part)
        except Fenced:
            raise
        except (Transient, Refused) as error:
            if not results and not (begun and isinstance(error, Unanswered)):
                raise
            outcome = Outcome.REFUSED if isinstance(error, Refused) else Outcome.FAILED
            for change in changes:
                results.setdefault(change.name, Result(name=change.name, outcome=outcome, message=str(error)))
        return tuple(results[change.name] for change in changes)

    async def in_sync(self, deadline_s: float) -> bool:
        """Wait until all that was written so far is done; False where that cannot be learnt in time.

        Whoever asks meanwhile waits for the same answers, so that each change is asked for once at a time.
        """
        open_ones = tuple(self._pending)
        try:
            async with self._within(deadline_s) as until_s, self._tracking:
                for change in open_ones:
                    await self._until_done(change, until_s)
        except (Transient, Refused, Declined):
            return False
        return True

    async def _until_done(self, change: str, until_s: float) -> None:
        while change in self._pending:
            found = await self._reading.get(change, {}, until_s)
            if found.get("status") != "done":
                await self._sleep(_DONE_POLL_S)
            elif change in self._pending:
                self._pending.remove(change)

    async def close(self) -> None:
        await self._writing.close()
        await self._reading.close()

    async def _apply(self, call: _Call, part: Sequence[Guarded]) -> None:
        """One change of the API for all; where one of them stands in the way, halves of it until that one is alone."""
        try:
            answer = await self._writing.post(f"{call.path}/changes", guard(call.fence).with_all(part), call.until_s)
        except Declined as declined:
            self._require_zone(call.zone, declined)
            if call.fence is not None and (len(part) == 1 or not call.looked):
                await self._require_fence(call, call.fence)
            if len(part) == 1:
                call.results[part[0].name] = await self._alone(call, part[0], declined)
                return
            half = len(part) // 2
            await self._apply(call, part[:half])
            await self._apply(call, part[half:])
        else:
            said = f"change {answer.get('id', '?')} is {answer.get('status', 'accepted')}"
            if "id" in answer and answer.get("status") != "done":
                self._pending.append(f"{call.path}/changes/{answer['id']}")
            call.results.update(
                {each.name: Result(name=each.name, outcome=Outcome.DONE, message=said) for each in part}
            )

    async def _require_fence(self, call: _Call, fence: RecordSet) -> None:
        """Tell a change that the fence stopped from one that met other records than were read."""
        call.looked = True
        rrsets = await self._rrsets(call.zone, fence.name, call.until_s)
        standing = [found for rrset in rrsets for found in record_sets(rrset)]
        if fence not in standing:
            raise fallen(fence, standing)

    async def _alone(self, call: _Call, change: Guarded, declined: Declined) -> Result:
        """What became of a single name that was declined.

        A deletion must be spelt as it is stored. Where what stands means the same as what was read, it is sent once
        more in the server's own spelling.
        """
        if declined.reason == "conditionNotMet" and not change.as_stored:
            stored = await self._stored(call.zone, change, call.until_s)
            if stored is not None:
                await self._apply(call, (stored,))
                return call.results[change.name]
        outcome = Outcome.CONFLICT if declined.reason in _CONFLICTS else Outcome.REFUSED
        return Result(name=change.name, outcome=outcome, message=str(declined))

    async def _stored(self, zone: str, change: Guarded, until_s: float) -> Guarded | None:
        """The change with its deletions as the server spells them; None where they no longer are what was read."""
        names = sorted({rrset["name"].rstrip(".") for rrset in change.deletions})
        keys = {(rrset["name"], rrset["type"]) for rrset in change.deletions}
        standing = [
            rrset
            for name in names
            for rrset in await self._rrsets(zone, name, until_s)
            if (rrset["name"].lower(), rrset["type"]) in keys
        ]
        return change.stored_as(standing)

    async def _rrsets(self, zone: str, name: str, until_s: float) -> list[Json]:
        async with self._reading_from(zone):
            path = await self._path(self._writing, zone, until_s)
            pages = self._writing.pages(f"{path}/rrsets", {"name": f"{name}."}, "rrsets", until_s)
            return [rrset async for rrset in pages]

    async def _path(self, api: GoogleApi, zone: str, until_s: float) -> str:
        """Where the managed zone of a DNS zone is, asked once."""
        if zone not in self._paths:
            managed_zone = self._settings.managed_zone
            found = await (
                self._named(api, zone, managed_zone, until_s) if managed_zone else self._by_dns_name(api, zone, until_s)
            )
            self._paths[zone] = f"/managedZones/{quote(found, safe='')}"
        return self._paths[zone]

    async def _named(self, api: GoogleApi, zone: str, managed_zone: str, until_s: float) -> str:
        try:
            found = await api.get(f"/managedZones/{managed_zone}", {}, until_s)
        except Declined as declined:
            raise Refused(f"{declined}; set managed-zone of {self.name} to one that is there") from declined
        if found["dnsName"].rstrip(".").lower() != zone:
            raise Refused(
                f"{self.name}: managed zone {managed_zone} holds {found['dnsName']}, not {zone}: "
                "leave managed-zone out, or give this zone a provider of its own"
            )
        return managed_zone

    async def _by_dns_name(self, api: GoogleApi, zone: str, until_s: float) -> str:
        """The only public managed zone of this DNS name, or the only one at all."""
        try:
            pages = api.pages("/managedZones", {"dnsName": f"{zone}."}, "managedZones", until_s)
            found = [managed async for managed in pages if managed["dnsName"].rstrip(".").lower() == zone]
        except Declined as declined:
            raise Refused(str(declined)) from declined
        public = [managed for managed in found if managed.get("visibility", "public") == "public"]
        names = [managed["name"] for managed in public or found]
        if len(names) == 1:
            return str(names[0])
        if names:
            raise Refused(f"{self.name}: {', '.join(sorted(names))} all hold {zone}; set managed-zone to one of them")
        raise Refused(f"{self.name}: the project has no managed zone of DNS name {zone}.; create it there first")

    def _require_zone(self, zone: str, declined: Declined) -> None:
        """Raises Refused where it is not a record set that is missing but the whole zone; it is looked for again."""
        if declined.status == 404 and "managedZone" in str(declined):
            self._paths.pop(zone, None)
            raise Refused(str(declined)) from declined

    @contextlib.asynccontextmanager
    async def _reading_from(self, zone: str) -> AsyncIterator[None]:
        """What the API declines to show is refused; the managed zone is looked for again."""
        try:
            yield
        except Declined as declined:
            self._paths.pop(zone, None)
            raise Refused(str(declined)) from declined

    @contextlib.asynccontextmanager
    async def _within(self, deadline_s: float) -> AsyncIterator[float]:
        """Ends what is inside by its deadline; gives the moment at which that is."""
        until_s = asyncio.get_running_loop().time() + deadline_s
        try:
            async with asyncio.timeout_at(until_s):
                yield until_s
        except TimeoutError as error:
            raise Unanswered(f"{self.name} did not answer within {deadline_s:g} s") from error
