"""One name's change as deletions and additions: what is deleted must stand there exactly, or nothing happens.

What stays as it is is deleted and added too, so that it guards the rest. Source: Change.deletions, "must match existing
data exactly", in the API's discovery document.
"""

from collections.abc import Iterator, Sequence

from trafficfed.model import NameChange, Outcome, RecordSet, Result, Value
from trafficfed_providers.google_records import Json, order, record_sets, rrdata_octets, rrsets

_SETS_MAX = 1000
_OCTETS_MAX = 100_000
"""Additions, deletions, and octets of data in one change (Cloud DNS, quotas and limits, 2026-11). Whether deletions
count towards the octets is not said; here they do."""


class Guarded(Value, frozen=True, kw_only=True):
    """What is sent for one name; ``before`` are the record sets that the deletions were made of."""

    name: str
    before: tuple[RecordSet, ...]
    deletions: tuple[Json, ...]
    additions: tuple[Json, ...]
    as_stored: bool = False

    def with_all(self, others: Sequence["Guarded"]) -> Json:
        """One change of the API that holds this and all others, carried out whole or not at all."""
        together = (self, *others)
        return {
            "deletions": [rrset for each in together for rrset in each.deletions],
            "additions": [rrset for each in together for rrset in each.additions],
        }

    @property
    def octets(self) -> int:
        return sum(rrdata_octets(rrset) for rrset in (*self.deletions, *self.additions))

    def stored_as(self, standing: Sequence[Json]) -> "Guarded | None":
        """The same with what stands there, where that means the same as what was read; None where it does not."""
        found = tuple(sorted((found for rrset in standing for found in record_sets(rrset)), key=order))
        if found != self.before:
            return None
        return Guarded(
            name=self.name, before=self.before, deletions=tuple(standing), additions=self.additions, as_stored=True
        )


def guarded(zone: str, change: NameChange, results: dict[str, Result]) -> Guarded | None:
    """What to send for a change; what cannot be sent at all gets its result instead."""
    outside = [found.name for found in change.after if found.name != zone and not found.name.endswith(f".{zone}")]
    message = f"{outside[0]} is outside zone {zone}" if outside else ""
    try:
        if not message:
            return Guarded(
                name=change.name,
                before=tuple(sorted(change.before, key=order)),
                deletions=tuple(rrsets(change.before)),
                additions=tuple(rrsets(change.after)),
            )
    except ValueError as error:
        message = str(error)
    results[change.name] = Result(name=change.name, outcome=Outcome.REFUSED, message=message)
    return None


NOTHING = Guarded(name="", before=(), deletions=(), additions=())


def guard(fence: RecordSet | None) -> Guarded:
    """What is sent with every change so that it is carried out only while the fence stands exactly so."""
    if fence is None:
        return NOTHING
    kept = tuple(rrsets((fence,)))
    return Guarded(name=fence.name, before=(fence,), deletions=kept, additions=kept)


def packed(changes: Sequence[Guarded], beside: Guarded = NOTHING) -> Iterator[tuple[Guarded, ...]]:
    """The changes in their order, as many together as one request may hold; one that is too large stays alone.

    ``beside`` goes with every request.
    """
    part: list[Guarded] = []
    deletions, additions, octets = len(beside.deletions), len(beside.additions), beside.octets
    for change in changes:
        deletions += len(change.deletions)
        additions += len(change.additions)
        octets += change.octets
        if part and (max(deletions, additions) > _SETS_MAX or octets > _OCTETS_MAX):
            yield tuple(part)
            part.clear()
            deletions = len(beside.deletions) + len(change.deletions)
            additions = len(beside.additions) + len(change.additions)
            octets = beside.octets + change.octets
        part.append(change)
    if part:
        yield tuple(part)
