"""Amazon Route 53: plain record sets, and trees of weighted, geolocation and failover sets with aliases between them.

Every write is an exact compare-and-set by deleting what was read and creating what shall stand in one batch. One
instance is the one writer of its account: several controllers would only take each other's requests.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from trafficfed.clock import SystemClock
from trafficfed.errors import Fenced, Refused, Transient
from trafficfed.model import Capabilities, NameChange, Outcome, RecordSet, Result
from trafficfed.ports import Clock
from trafficfed.zones.fence import fallen
from trafficfed.zones.ownership import set_id
from trafficfed_providers.route53_api import BatchRefused, NoAnswer, NoSuchZone, Route53Api, Sleep
from trafficfed_providers.route53_batches import (
    NO_ROOM,
    conflict,
    in_batches,
    is_named,
    kept,
    parts_of,
    refusal,
    size,
    to_changes,
)
from trafficfed_providers.route53_records import from_api, name_from_api, order_key, zone_id_from_api
from trafficfed_providers.route53_settings import Settings, parse_settings

GEO = ("continent", "country", "subdivision:US")
"""Places of geolocation routing; subdivisions are states of the United States only (API 2013-04-01, GeoLocation)."""

NAMES_AT_ONCE = 100
INSYNC_POLL_S = 2.0
TRACKED = 200
"""A change is in sync within 60 s as a rule, and at five requests a second there are no more of them meanwhile."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One call's changes, the fence that each of its requests carries, and what has become of the changes by now."""

    zone: str
    changes: Sequence[NameChange]
    fence: RecordSet | None
    results: list[Result | None]

    def wire(self, batch: Iterable[int], zone_id: str) -> list[dict[str, Any]]:
        found = [item for at in batch for item in to_changes(self.changes[at], zone_id)]
        return [*to_changes(kept(self.fence), zone_id), *found] if found and self.fence else found


class Route53:
    """One account. ``name`` is what the user calls it, for messages; ``clock`` and ``sleep`` pace its requests."""

    def __init__(self, name: str, settings: Settings, clock: Clock | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self.name = name
        self._settings = settings
        self._sleep = sleep
        self._api = Route53Api(name, settings, clock or SystemClock(), sleep)
        self._zone_ids = dict(settings.zone_ids)
        self._writing = asyncio.Lock()
        self._tracking = asyncio.Lock()
        self._unsynced: deque[str] = deque(maxlen=TRACKED)

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, object]) -> Self:
        """Raises ConfigError that lists every mistake with its key and fix."""
        return cls(name, parse_settings(name, settings))

    @property
    def requests_left(self) -> float:
        """What is left of the budget, as the port of that name has it."""
        return self._api.requests_left

    @property
    def capabilities(self) -> Capabilities:
        checked = bool(self._settings.health_checks)
        return Capabilities(
            weighted=True,
            geo=GEO,
            failover=checked,
            health=checked,
            batch=NAMES_AT_ONCE,
            rate_per_s=self._settings.requests_per_s,
            atomicity="batch",
            fence="atomic",
            authorities=self._settings.authorities,
            routing="tree",
            checks=self._settings.health_checks,
            tracks=True,
        )

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        async with self._within(deadline_s, zone):
            found: list[RecordSet] = []
            start: dict[str, str] = {}
            while True:
                page, start = await self._page(zone, start)
                found += page
                if not start:
                    return _ordered(found)

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        async with self._within(deadline_s, zone):
            return _ordered(await self._read_names(zone, names))

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        taken = size(kept(fence)) if fence else NO_ROOM
        results = [_without_trying(change, zone, taken) for change in changes]
        call = _Call(zone, changes, fence, results)
        possible = [at for at, result in enumerate(results) if result is None]
        batches = in_batches([changes[at] for at in possible], taken)
        tried = False
        try:
            async with self._within(deadline_s, zone), self._writing:
                tasks = deque(tuple(possible[at] for at in batch) for batch in batches)
                zone_id = await self._zone_id(zone) if tasks else ""
                while tasks:
                    batch, tried = tasks.popleft(), True
                    tasks.extendleft(reversed(await self._try(call, zone_id, batch)))
        except Fenced:
            raise
        except (Transient, Refused) as error:
            unknown = tried and isinstance(error, NoAnswer)
            if not unknown and not any(results[at] for at in possible):
                raise
            outcome = Outcome.REFUSED if isinstance(error, Refused) else Outcome.FAILED
            for at, change in enumerate(changes):
                results[at] = results[at] or _result(change, outcome, str(error))
        return tuple(result for result in results if result)

    async def in_sync(self, deadline_s: float) -> bool:
        """Wait until all that was written so far is at every name server; False where that cannot be learnt in time.

        Whoever asks meanwhile waits for the same answers, so that each change is asked for once at a time.
        """
        open_ones = tuple(self._unsynced)
        try:
            async with asyncio.timeout(deadline_s), self._tracking:
                for change_id in open_ones:
                    await self._until_in_sync(change_id)
        except (TimeoutError, Transient, Refused):
            return False
        return True

    async def close(self) -> None:
        await self._api.close()

    async def _until_in_sync(self, change_id: str) -> None:
        while change_id in self._unsynced:
            response = await self._api.read("get_change", Id=change_id)
            if response["ChangeInfo"]["Status"] != "INSYNC":
                await self._sleep(INSYNC_POLL_S)
            elif change_id in self._unsynced:
                self._unsynced.remove(change_id)

    @asynccontextmanager
    async def _within(self, deadline_s: float, zone: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline_s):
                yield
        except TimeoutError as error:
            why = f" ({self._api.busy})" if self._api.busy else ""
            raise NoAnswer(f"{self.name}: Route 53 took longer than {deadline_s:g} s for zone {zone}{why}") from error
        except NoSuchZone:
            if zone not in dict(self._settings.zone_ids):
                self._zone_ids.pop(zone, None)
            raise

    async def _try(self, call: _Call, zone_id: str, batch: tuple[int, ...]) -> list[tuple[int, ...]]:
        """One request for all of a batch; where it is refused, what to try instead."""
        wire = call.wire(batch, zone_id)
        try:
            if wire:
                response = await self._api.write(
                    "change_resource_record_sets", HostedZoneId=zone_id, ChangeBatch={"Changes": wire}
                )
                self._unsynced.append(zone_id_from_api(response["ChangeInfo"]["Id"]))
        except BatchRefused as error:
            return await self._taken_apart(call, batch, str(error))
        for at in batch:
            call.results[at] = _result(call.changes[at], Outcome.DONE)
        return []

    async def _taken_apart(self, call: _Call, batch: tuple[int, ...], said: str) -> list[tuple[int, ...]]:
        """What to try instead of a refused batch. Raises Fenced where it was the fence that stopped it.

        The fence is looked at where the refusal speaks of it, and in the end for every name that is left alone.
        """
        if call.fence is not None and (len(batch) == 1 or is_named(call.fence.name, said)):
            found = await self._read_names(call.zone, (call.fence.name,))
            if call.fence not in found:
                raise fallen(call.fence, found)
        if len(batch) > 1:
            return parts_of(batch, call.changes, said)
        call.results[batch[0]] = await self._judged(call.zone, call.changes[batch[0]], said)
        return []

    async def _judged(self, zone: str, change: NameChange, said: str) -> Result:
        """Whether a change was refused for what stands there or for what it is: the zone tells, not the wording."""
        names = {found.name for found in (*change.before, *change.after)}
        in_the_way = conflict(change, await self._read_names(zone, names))
        if in_the_way:
            return _result(change, Outcome.CONFLICT, in_the_way)
        return _result(change, Outcome.REFUSED, f"Route 53 says: {said}")

    async def _read_names(self, zone: str, names: Iterable[str]) -> list[RecordSet]:
        """Names that stand close together in the zone's order come with one request."""
        found: list[RecordSet] = []
        left = deque(sorted(set(names), key=order_key))
        while left:
            page, following = await self._page(zone, {"StartRecordName": f"{left[0]}."})
            while following and name_from_api(following["StartRecordName"]) == left[0]:
                more, following = await self._page(zone, following)
                page += more
            end = order_key(name_from_api(following["StartRecordName"])) if following else None
            seen = {left.popleft()}
            while left and (end is None or order_key(left[0]) < end):
                seen.add(left.popleft())
            found += [record_set for record_set in page if record_set.name in seen]
        return found

    async def _page(self, zone: str, start: Mapping[str, str]) -> tuple[list[RecordSet], dict[str, str]]:
        """Up to 300 record sets, and where the next ones start; empty where there are none."""
        zone_id = await self._zone_id(zone)
        response = await self._api.read("list_resource_record_sets", HostedZoneId=zone_id, **start)
        found = [from_api(record, zone_id) for record in response["ResourceRecordSets"] if record["Type"] != "SOA"]
        if not response["IsTruncated"]:
            return found, {}
        parts = ("Name", "Type", "Identifier")
        return found, {
            f"StartRecord{part}": response[f"NextRecord{part}"] for part in parts if f"NextRecord{part}" in response
        }

    async def _zone_id(self, zone: str) -> str:
        """As configured, or the one public hosted zone of that name."""
        if zone not in self._zone_ids:
            response = await self._api.read("list_hosted_zones_by_name", DNSName=f"{zone}.", MaxItems="10")
            named = [found for found in response["HostedZones"] if name_from_api(found["Name"]) == zone]
            self._zone_ids[zone] = self._the_one(zone, named)
        return self._zone_ids[zone]

    def _the_one(self, zone: str, named: Sequence[Mapping[str, Any]]) -> str:
        public = [zone_id_from_api(found["Id"]) for found in named if not found.get("Config", {}).get("PrivateZone")]
        if len(public) == 1:
            return public[0]
        key = f"providers.{self.name}.zone-id"
        if public:
            raise Refused(f"zone {zone} has several public hosted zones ({', '.join(public)}): name one under {key}")
        if named:
            raise Refused(f"zone {zone} has private hosted zones only: make a public one, or name one under {key}")
        raise Refused(
            f"this account has no hosted zone {zone}: make it, or use the credentials of the account that has"
        )


def _without_trying(change: NameChange, zone: str, taken: tuple[int, int]) -> Result | None:
    try:
        to_changes(change, "")
    except ValueError as error:
        return _result(change, Outcome.REFUSED, str(error))
    reason = refusal(change, zone, taken)
    return _result(change, Outcome.REFUSED, reason) if reason else None


def _result(change: NameChange, outcome: Outcome, message: str = "") -> Result:
    return Result(name=change.name, outcome=outcome, message=message)


def _ordered(record_sets: Iterable[RecordSet]) -> tuple[RecordSet, ...]:
    return tuple(sorted(record_sets, key=lambda found: (found.name, found.type, set_id(found))))
