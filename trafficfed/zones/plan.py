"""What to change at one name so that it says what its service wants, without touching anything that is not ours.

Ours is a record set whose type the marker names and whose values are what we last wrote, by the marker's digest.
Everything else is foreign: it is reported where it stands in the way, and never changed unless its name is adopted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trafficfed.model import NameChange, RecordSet, Refusal, Value
from trafficfed.zones.ownership import FENCE_LABEL, LABEL, Marker, done_marker, marker_name, marker_set, parse_marker

ADDRESSES = frozenset({"A", "AAAA"})


class NameAsk(Value, frozen=True, kw_only=True):
    """What is asked for one name. ``wished`` False: no service holds it any more, and what is ours there shall go.

    ``known``, ``departed`` and ``released`` are the causes for which values may leave (see Wish). ``cut`` is the
    name of a delegation above, empty where there is none.
    """

    name: str
    zone: str
    owner: str
    service: str
    wished: bool = True
    sets: tuple[RecordSet, ...] = ()
    known: frozenset[str] = frozenset()
    departed: frozenset[str] = frozenset()
    released: bool = False
    adopt: bool = False
    cut: str = ""


class Planned(Value, frozen=True, kw_only=True):
    """One name's step. ``kept`` are values that would leave without a cause and were left standing."""

    name: str
    service: str
    change: NameChange | None = None
    refusals: tuple[Refusal, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Site:
    """What stands at a name: everything by type, the marker as read, and which sets are ours or taken over."""

    at: Mapping[str, RecordSet]
    marker_set: RecordSet | None
    marker: Marker | None
    blocked_marker: bool
    mine: Mapping[str, RecordSet]
    adopted: frozenset[str]


def plan_name(ask: NameAsk, present: Iterable[RecordSet], *, remove: bool) -> Planned:
    """The step from ``present`` (all sets at the name and at its marker) to what is asked.

    Without ``remove`` no value leaves without a cause: it stays beside the new ones and is named in ``kept``.
    """
    site = _read_site(ask, tuple(present))
    obstacles = _whole_obstacle(ask, site)
    if obstacles is not None:
        return Planned(name=ask.name, service=ask.service, refusals=obstacles if ask.wished else ())
    conflicts = _conflicts(ask, site)
    if conflicts and not (site.mine and _separable(ask, site)):
        return Planned(name=ask.name, service=ask.service, refusals=tuple(conflicts.values()))
    wanted = {record_set.type: record_set for record_set in ask.sets if record_set.type not in conflicts}
    after, strays = _after(ask, site, wanted, remove)
    change = _change(ask, site, after, 0 if not remove else len(strays))
    return Planned(
        name=ask.name,
        service=ask.service,
        change=change,
        refusals=tuple(conflicts.values()),
        kept=() if remove else strays,
    )


def _read_site(ask: NameAsk, present: tuple[RecordSet, ...]) -> _Site:
    at = {record_set.type: record_set for record_set in present if record_set.name == ask.name}
    beside = {record_set.type: record_set for record_set in present if record_set.name == marker_name(ask.name)}
    marker = parse_marker(beside["TXT"]) if "TXT" in beside else None
    ours = marker is not None and marker.owner == ask.owner
    claimed = marker.digests() if marker is not None and ours else {}
    wanted = {record_set.type: record_set.values for record_set in ask.sets}
    mine = {
        rdtype: record_set
        for rdtype, record_set in at.items()
        if rdtype in claimed and (_matches(record_set, claimed[rdtype]) or record_set.values == wanted.get(rdtype))
    }
    adopted = frozenset(_adoptable(ask) & at.keys() - mine.keys())
    return _Site(
        at=at,
        marker_set=beside.get("TXT"),
        marker=marker if ours else None,
        blocked_marker="CNAME" in beside or ("TXT" in beside and not ours),
        mine=mine | {rdtype: at[rdtype] for rdtype in adopted},
        adopted=adopted,
    )


def _matches(record_set: RecordSet, digests: tuple[str, ...]) -> bool:
    (claim,) = done_marker("", "", (record_set,)).types
    return claim[1][0] in digests


def _adoptable(ask: NameAsk) -> set[str]:
    """The types that an adopted name gives up: those wanted, and those that cannot stand beside them."""
    wanted = {record_set.type for record_set in ask.sets}
    if not (ask.adopt and ask.wished and wanted):
        return set()
    return wanted | ({"CNAME"} if wanted & ADDRESSES else set(ADDRESSES))


def _whole_obstacle(ask: NameAsk, site: _Site) -> tuple[Refusal, ...] | None:
    """Why nothing at all may be done at this name."""
    if site.blocked_marker and not (ask.adopt and site.marker_set):
        return (_owned_by_other(ask, site),)
    labels = set(ask.name.split("."))
    if LABEL in labels or ask.name == f"{FENCE_LABEL}.{ask.zone}":
        return (_refusal(ask, "ReservedName", "is kept for ownership records; choose another hostname"),)
    if ask.name == ask.zone and any(record_set.type == "CNAME" for record_set in ask.sets):
        return (_refusal(ask, "ApexCname", "is the zone itself, which cannot be a CNAME: publish addresses there"),)
    cut = ask.cut or (ask.name if "NS" in site.at and ask.name != ask.zone else "")
    if cut and not site.mine:
        message = f"lies below {cut}, which is delegated to other servers: publish it in that zone"
        return (_refusal(ask, "Delegated", message),)
    return None


def _conflicts(ask: NameAsk, site: _Site) -> dict[str, Refusal]:
    """Why a wanted type cannot be written, by type."""
    if not ask.wished:
        return {}
    foreign = {rdtype: record_set for rdtype, record_set in site.at.items() if rdtype not in site.mine}
    claimed = site.marker.digests() if site.marker else {}
    conflicts: dict[str, Refusal] = {}
    for rdtype in (record_set.type for record_set in ask.sets):
        if rdtype in foreign:
            conflicts[rdtype] = _foreign_record(ask, foreign[rdtype], changed=rdtype in claimed)
        elif rdtype == "CNAME" and foreign:
            others = ", ".join(sorted(foreign))
            message = f"has records of others ({others}), and a CNAME can stand beside none: publish addresses there"
            conflicts[rdtype] = _refusal(ask, "CnameBesideOthers", message)
        elif "CNAME" in foreign:
            conflicts[rdtype] = _foreign_record(ask, foreign["CNAME"], changed="CNAME" in claimed)
    return conflicts


def _separable(ask: NameAsk, site: _Site) -> bool:
    """Whether our other types can go on changing: addresses beside addresses, never a CNAME beside anything."""
    return all(record_set.type in ADDRESSES for record_set in (*ask.sets, *site.mine.values()))


def _after(
    ask: NameAsk, site: _Site, wanted: Mapping[str, RecordSet], remove: bool
) -> tuple[dict[str, RecordSet], tuple[str, ...]]:
    """What shall be ours by type, and the values that leave (or would leave) without a cause."""
    switching = bool(wanted and site.mine) and ("CNAME" in wanted) != ("CNAME" in site.mine)
    after: dict[str, RecordSet] = {}
    strays: list[str] = []
    for rdtype in sorted(site.mine.keys() | wanted.keys()):
        old, new = site.mine.get(rdtype), wanted.get(rdtype)
        stray = () if old is None or rdtype in site.adopted else _strays(ask, old, new, switching)
        strays += stray
        if old is not None and stray and not remove:
            new = _keeping(old, new, stray)
        if new is not None:
            after[rdtype] = new
    if "CNAME" in after and len(after) > 1:
        after = {rdtype: record_set for rdtype, record_set in after.items() if rdtype in site.mine}
    return after, tuple(sorted(strays))


def _strays(ask: NameAsk, old: RecordSet, new: RecordSet | None, switching: bool) -> tuple[str, ...]:
    leaving = set(old.values) - set(new.values if new else ())
    if ask.released:
        return ()
    excused = ask.departed | ask.known if ask.wished and not switching else ask.departed
    return tuple(sorted(value for value in leaving if value.rstrip(".").lower() not in excused))


def _keeping(old: RecordSet, new: RecordSet | None, stray: Iterable[str]) -> RecordSet:
    if old.type == "CNAME":
        return old
    values = tuple(sorted({*stray, *(new.values if new else ())}))
    return RecordSet(name=old.name, type=old.type, ttl=(new or old).ttl, values=values)


def _change(ask: NameAsk, site: _Site, after: Mapping[str, RecordSet], uncaused: int) -> NameChange | None:
    marker = _marker_after(ask, site, after)
    before_sets = _ordered([*site.mine.values(), *([site.marker_set] if site.marker_set else [])])
    after_sets = _ordered([*after.values(), *([marker_set(ask.name, marker)] if marker else [])])
    if before_sets == after_sets:
        return None
    reason = "Create" if not before_sets else "Update" if after_sets else "Delete"
    return NameChange(
        name=ask.name, before=before_sets, after=after_sets, reason=reason, removes_without_cause=uncaused
    )


def _marker_after(ask: NameAsk, site: _Site, after: Mapping[str, RecordSet]) -> Marker | None:
    """The marker that shall stand: with claims on what is written, and on what was changed by hand meanwhile."""
    if not after and not (ask.wished and site.marker_set):
        return None
    marker = done_marker(ask.owner, ask.service, after.values())
    if site.marker is None or not ask.wished:
        return marker
    changed = {
        rdtype: digests
        for rdtype, digests in site.marker.types
        if rdtype in site.at and rdtype not in site.mine and rdtype not in after
    }
    types = tuple(sorted((marker.digests() | changed).items())) if changed else marker.types
    return Marker(owner=marker.owner, service=marker.service, types=types)


def _ordered(record_sets: Iterable[RecordSet]) -> tuple[RecordSet, ...]:
    return tuple(sorted(record_sets, key=lambda record_set: (record_set.name, record_set.type)))


def _owned_by_other(ask: NameAsk, site: _Site) -> Refusal:
    marker = parse_marker(site.marker_set) if site.marker_set else None
    if marker is None:
        what = f"has a record at {marker_name(ask.name)} that cannot be read as an ownership marker"
    else:
        what = f"belongs to controller {marker.owner} for {marker.service}"
    return _refusal(ask, "OwnedByOther", f"{what}: release it there, or list {ask.name} under adopt of the zone")


def _foreign_record(ask: NameAsk, found: RecordSet, *, changed: bool) -> Refusal:
    record = f"{found.type} {' '.join(found.values[:3])}{' ...' if len(found.values) > 3 else ''}"
    fix = f"delete it, or list {ask.name} under adopt of zone {ask.zone}"
    if changed:
        return _refusal(ask, "ContentChanged", f"has {record}, changed by somebody since we wrote it: {fix}")
    return _refusal(ask, "ForeignRecord", f"has {record}, which is not ours: {fix}")


def _refusal(ask: NameAsk, reason: str, message: str) -> Refusal:
    return Refusal(cluster="", object=ask.name, reason=reason, message=f"{ask.name} {message}")
