"""A zone in memory: for trying things out and for tests. It can be told to have no transactions, and to break off."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self

from trafficfed.errors import ConfigError, Transient
from trafficfed.model import Capabilities, NameChange, Outcome, RecordSet, Result
from trafficfed.zones.fence import fallen
from trafficfed.zones.steps import Step, in_steps

_KEYS = ("atomicity",)
_ATOMICITIES = ("batch", "none")


class Memory:
    """Keeps the zones it is asked about; nothing outlives the process.

    ``atomicity`` ``batch``: a change is carried out whole or not at all, under its fence. ``none``: record set by
    record set, in the order that survives a break; the fence is looked at once, before the first. ``writes`` counts the
    record sets written or deleted.
    """

    def __init__(self, name: str = "memory", *, atomicity: str = "batch") -> None:
        self.name = name
        self.writes = 0
        self._atomicity = atomicity
        self._zones: dict[str, dict[tuple[str, str], RecordSet]] = {}
        self._breaks_at: int | None = None
        self._away = ""
        self._holds_at: int | None = None
        self._free = asyncio.Event()

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, object]) -> Self:
        """``atomicity`` is the only setting. Raises ConfigError that names the key and the fix."""
        for key in settings:
            if key not in _KEYS:
                raise ConfigError(f"providers.{name}.{key}: unknown key; the only one is atomicity")
        atomicity = settings.get("atomicity", "batch")
        if atomicity not in _ATOMICITIES:
            raise ConfigError(f"providers.{name}.atomicity: {atomicity!r} is not known; use batch or none")
        return cls(name, atomicity=str(atomicity))

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            batch=100, atomicity=self._atomicity, fence="atomic" if self._atomicity == "batch" else "check-first"
        )

    def zone(self, zone: str) -> tuple[RecordSet, ...]:
        """What stands in a zone, without asking as a client would."""
        return tuple(found for _, found in sorted(self._zone(zone).items()))

    def write_by_hand(self, zone: str, record_set: RecordSet) -> None:
        """Put a record set there as an administrator would, whatever stood there."""
        self._zone(zone)[record_set.name, record_set.type] = record_set

    def erase_by_hand(self, zone: str, name: str, rdtype: str) -> None:
        self._zone(zone).pop((name, rdtype), None)

    def break_after(self, steps: int | None) -> None:
        """Fail once so many more record sets have been written; None ends it."""
        self._breaks_at = None if steps is None else self.writes + steps

    def hold_after(self, steps: int) -> None:
        """Hold up whoever writes once so many more record sets have been written, until ``let_go``.

        No deadline runs meanwhile: so it is where the machine of the one who calls is suspended amid a call.
        """
        self._holds_at = self.writes + steps
        self._free.clear()

    def let_go(self) -> None:
        self._holds_at = None
        self._free.set()

    def be_away(self, reason: str) -> None:
        """Answer nothing but Transient with this reason; empty ends it."""
        self._away = reason

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        self._require_presence()
        return self.zone(zone)

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        return tuple(found for found in await self.read(zone, deadline_s) if found.name in names)

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        self._require_presence()
        if changes:
            self._require_fence(zone, fence)
        return tuple([await self._apply(zone, change, fence) for change in changes])

    async def close(self) -> None:
        """Nothing is open."""

    def _zone(self, zone: str) -> dict[tuple[str, str], RecordSet]:
        return self._zones.setdefault(zone, {})

    def _require_presence(self) -> None:
        if self._away:
            raise Transient(f"{self.name} is away: {self._away}")

    def _require_fence(self, zone: str, fence: RecordSet | None) -> None:
        if fence is None:
            return
        standing = self._zone(zone).get((fence.name, fence.type))
        if standing is None or standing.values != fence.values:
            raise fallen(fence, () if standing is None else (standing,))

    async def _held(self) -> None:
        if self._holds_at is not None and self.writes >= self._holds_at:
            await self._free.wait()

    async def _apply(self, zone: str, change: NameChange, fence: RecordSet | None) -> Result:
        refusal = _refusal(zone, change)
        if refusal:
            return Result(name=change.name, outcome=Outcome.REFUSED, message=refusal)
        if self._atomicity == "none":
            return await self._in_steps(zone, change)
        await self._held()
        self._require_fence(zone, fence)
        return self._as_one(zone, change)

    def _as_one(self, zone: str, change: NameChange) -> Result:
        conflict = self._conflict(zone, change)
        if conflict:
            return Result(name=change.name, outcome=Outcome.CONFLICT, message=conflict)
        steps = _at_once(change)
        if self._breaks_within(len(steps)):
            return Result(name=change.name, outcome=Outcome.FAILED, message="told to fail before the change")
        for step in steps:
            self._write(zone, step)
        return Result(name=change.name, outcome=Outcome.DONE)

    async def _in_steps(self, zone: str, change: NameChange) -> Result:
        conflict = self._conflict(zone, change)
        if conflict:
            return Result(name=change.name, outcome=Outcome.CONFLICT, message=conflict)
        for step in in_steps(change):
            await self._held()
            if self._breaks_within(1):
                return Result(name=change.name, outcome=Outcome.FAILED, message="told to fail amid the change")
            self._write(zone, step)
        return Result(name=change.name, outcome=Outcome.DONE)

    def _conflict(self, zone: str, change: NameChange) -> str:
        """Why a change cannot be carried out: what stands there is not what was last read."""
        at = self._zone(zone)
        for found in change.before:
            standing = at.get((found.name, found.type))
            if standing is None or standing.values != found.values:
                return f"{found.name} {found.type} is no longer what was last read"
        before = {(found.name, found.type) for found in change.before}
        for new in change.after:
            if (new.name, new.type) not in before and (new.name, new.type) in at:
                return f"{new.name} has {new.type} already"
            others = {rdtype for name, rdtype in at.keys() - before if name == new.name}
            if "CNAME" in others or (new.type == "CNAME" and others):
                return f"{new.name} has {', '.join(sorted(others))}, and a CNAME stands alone"
        return ""

    def _breaks_within(self, steps: int) -> bool:
        return self._breaks_at is not None and self.writes + steps > self._breaks_at

    def _write(self, zone: str, step: Step) -> None:
        self.writes += 1
        if step.after is not None:
            self._zone(zone)[step.after.name, step.after.type] = step.after
        elif step.before is not None:
            self._zone(zone).pop((step.before.name, step.before.type), None)


def _at_once(change: NameChange) -> tuple[Step, ...]:
    before = {(found.name, found.type): found for found in change.before}
    after = {(found.name, found.type): found for found in change.after}
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return tuple(Step(before=before.get(key), after=after.get(key)) for key in keys)


def _refusal(zone: str, change: NameChange) -> str:
    if any(found.routing for found in change.after):
        return "holds plain record sets only"
    if any(found.name != zone and not found.name.endswith(f".{zone}") for found in change.after):
        return f"a name of it is outside zone {zone}"
    return ""
