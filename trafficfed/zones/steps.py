"""A change taken apart for providers without transactions, so that a break after any step is repaired by the next run.

Creation and change: marker (pending), data, marker (done). Deletion: data first, marker last. A pending marker carries
the digests of the values before and after, so that either is known as ours.
"""

from collections.abc import Iterable

from trafficfed.model import NameChange, RecordSet, Value
from trafficfed.zones.ownership import marker_name, marker_set, parse_marker, pending_marker


class Step(Value, frozen=True, kw_only=True):
    """One record set from ``before`` to ``after``; None is absence."""

    before: RecordSet | None
    after: RecordSet | None


def in_steps(change: NameChange) -> tuple[Step, ...]:
    """The single writes of a change in their safe order. Removals go before additions: a CNAME stands alone."""
    marker_before, data_before = _split(change.name, change.before)
    marker_after, data_after = _split(change.name, change.after)
    removals = [
        Step(before=data_before[rdtype], after=None) for rdtype in sorted(data_before.keys() - data_after.keys())
    ]
    writes = [
        Step(before=data_before.get(rdtype), after=record_set)
        for rdtype, record_set in sorted(data_after.items())
        if data_before.get(rdtype) != record_set
    ]
    data = (*removals, *writes)
    if not data or marker_after is None:
        return (*data, *_single(marker_before, marker_after))
    done = parse_marker(marker_after)
    if done is None:
        return (*data, *_single(marker_before, marker_after))
    pending = marker_set(change.name, pending_marker(done, data_before, data_after))
    return (*_single(marker_before, pending), *data, *_single(pending, marker_after))


def _single(before: RecordSet | None, after: RecordSet | None) -> tuple[Step, ...]:
    return () if before == after else (Step(before=before, after=after),)


def _split(name: str, record_sets: Iterable[RecordSet]) -> tuple[RecordSet | None, dict[str, RecordSet]]:
    """The marker's record set, and the others by type."""
    marker, data = None, {}
    for record_set in record_sets:
        if record_set.name == marker_name(name):
            marker = record_set
        else:
            data[record_set.type] = record_set
    return marker, data
