"""What to change at one name so that it says what its service wants, without touching anything that is not ours.

Ours are the record sets of a type that the marker names and whose content is what we last wrote, by its digest.
Everything else is foreign: it is reported where it stands in the way, and never changed unless its name is adopted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from trafficfed.model import NameChange, RecordSet, Refusal, Routing, Value
from trafficfed.zones.ownership import (
    FENCE_LABEL,
    LABEL,
    POOL_LABEL,
    Marker,
    by_type,
    digest_of,
    done_marker,
    marker_name,
    marker_set,
    name_of_pool,
    parse_marker,
    set_id,
)

ADDRESSES = frozenset({"A", "AAAA"})
Group = tuple[RecordSet, ...]
"""All sets of one type at a name and at the branches of its routing; a plain set is a group of one."""


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

    at: Mapping[str, Group]
    marker_set: RecordSet | None
    marker: Marker | None
    blocked_marker: bool
    mine: Mapping[str, Group]
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
    wanted = by_type(record_set for record_set in ask.sets if record_set.type not in conflicts)
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
    at = by_type(found for found in present if ask.name in (found.name, name_of_pool(found.name)))
    beside = {record_set.type: record_set for record_set in present if record_set.name == marker_name(ask.name)}
    marker = parse_marker(beside["TXT"]) if "TXT" in beside else None
    ours = marker is not None and marker.owner == ask.owner
    claimed = marker.digests() if marker is not None and ours else {}
    wanted = {rdtype: digest_of(group) for rdtype, group in by_type(ask.sets).items()}
    mine = {
        rdtype: group
        for rdtype, group in at.items()
        if rdtype in claimed and digest_of(group) in {*claimed[rdtype], wanted.get(rdtype)}
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
    if labels & {LABEL, POOL_LABEL} or ask.name == f"{FENCE_LABEL}.{ask.zone}":
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
    foreign = {rdtype: group for rdtype, group in site.at.items() if rdtype not in site.mine}
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
    return ADDRESSES.issuperset({*(record_set.type for record_set in ask.sets), *site.mine})


def _after(
    ask: NameAsk, site: _Site, wanted: Mapping[str, Group], remove: bool
) -> tuple[dict[str, Group], tuple[str, ...]]:
    """What shall be ours by type, and the values that leave (or would leave) without a cause."""
    switching = bool(wanted and site.mine) and ("CNAME" in wanted) != ("CNAME" in site.mine)
    after: dict[str, Group] = {}
    strays: list[str] = []
    for rdtype in sorted(site.mine.keys() | wanted.keys()):
        old, new = site.mine.get(rdtype, ()), wanted.get(rdtype, ())
        stray = () if rdtype in site.adopted else _strays(ask, old, new, switching)
        strays += stray
        if stray and not remove:
            new = _keeping(ask.name, old, new, stray)
        if new:
            after[rdtype] = new
    if "CNAME" in after and len(after) > 1:
        after = {rdtype: group for rdtype, group in after.items() if rdtype in site.mine}
    return after, tuple(sorted(strays))


def _strays(ask: NameAsk, old: Group, new: Group, switching: bool) -> tuple[str, ...]:
    leaving = _values(old) - _values(new)
    if ask.released:
        return ()
    excused = ask.departed | ask.known if ask.wished and not switching else ask.departed
    return tuple(sorted(value for value in leaving if value.rstrip(".").lower() not in excused))


def _values(group: Group) -> set[str]:
    """What clients are answered; where an alias leads is no answer."""
    return {value for record_set in group if not record_set.alias for value in record_set.values}


def _keeping(name: str, old: Group, new: Group, stray: Iterable[str]) -> Group:
    """The new sets with the stray values: where they stood, or else where clients of no particular place are sent."""
    if old[0].type == "CNAME":
        return old
    sets = {(found.name, set_id(found)): found for found in new}
    leaves = [key for key, found in sets.items() if not found.alias]
    if not leaves:
        ttl = max(found.ttl for found in old)
        return (RecordSet(name=name, type=old[0].type, ttl=ttl, values=tuple(sorted(stray))),)
    stood = {value: (found.name, set_id(found)) for found in old if not found.alias for value in found.values}
    for value in sorted(stray):
        home = sets[stood[value] if stood[value] in leaves else leaves[-1]]
        joined = _joined(home, value)
        sets[joined.name, set_id(joined)] = joined
    return tuple(sets.values())


def _joined(home: RecordSet, value: str) -> RecordSet:
    """A set with one value more; a weighted one is for one answer, so that its like is put beside it.

    Where identifiers are made of the values, because the provider keeps none, the new one's is too.
    """
    if home.routing is None or home.routing.weight is None:
        return msgspec.structs.replace(home, values=tuple(sorted({*home.values, value})))
    by_values = home.routing.set_id == " ".join(home.values)
    routing = Routing(set_id=value if by_values else f"kept/{value}", weight=home.routing.weight)
    return RecordSet(name=home.name, type=home.type, ttl=home.ttl, values=(value,), routing=routing)


def _change(ask: NameAsk, site: _Site, after: Mapping[str, Group], uncaused: int) -> NameChange | None:
    marker = _marker_after(ask, site, after)
    before_sets = _ordered(*site.mine.values(), (site.marker_set,) if site.marker_set else ())
    after_sets = _ordered(*after.values(), (marker_set(ask.name, marker),) if marker else ())
    if before_sets == after_sets:
        return None
    reason = "Create" if not before_sets else "Update" if after_sets else "Delete"
    return NameChange(
        name=ask.name, before=before_sets, after=after_sets, reason=reason, removes_without_cause=uncaused
    )


def _marker_after(ask: NameAsk, site: _Site, after: Mapping[str, Group]) -> Marker | None:
    """The marker that shall stand: with claims on what is written, and on what was changed by hand meanwhile."""
    if not after and not (ask.wished and site.marker_set):
        return None
    marker = done_marker(ask.owner, ask.service, _ordered(*after.values()))
    if site.marker is None or not ask.wished:
        return marker
    changed = {
        rdtype: digests
        for rdtype, digests in site.marker.types
        if rdtype in site.at and rdtype not in site.mine and rdtype not in after
    }
    types = tuple(sorted((marker.digests() | changed).items())) if changed else marker.types
    return Marker(owner=marker.owner, service=marker.service, types=types)


def _ordered(*groups: Group) -> tuple[RecordSet, ...]:
    found = (record_set for group in groups for record_set in group)
    return tuple(sorted(found, key=lambda record_set: (record_set.name, record_set.type, set_id(record_set))))


def _owned_by_other(ask: NameAsk, site: _Site) -> Refusal:
    marker = parse_marker(site.marker_set) if site.marker_set else None
    if marker is None:
        what = f"has a record at {marker_name(ask.name)} that cannot be read as an ownership marker"
    else:
        what = f"belongs to controller {marker.owner} for {marker.service}"
    return _refusal(ask, "OwnedByOther", f"{what}: release it there, or list {ask.name} under adopt of the zone")


def _foreign_record(ask: NameAsk, found: Group, *, changed: bool) -> Refusal:
    values = [value for record_set in found for value in record_set.values]
    record = f"{found[0].type} {' '.join(values[:3])}{' ...' if len(values) > 3 else ''}"
    fix = f"delete it, or list {ask.name} under adopt of zone {ask.zone}"
    if changed:
        return _refusal(ask, "ContentChanged", f"has {record}, changed by somebody since we wrote it: {fix}")
    return _refusal(ask, "ForeignRecord", f"has {record}, which is not ours: {fix}")


def _refusal(ask: NameAsk, reason: str, message: str) -> Refusal:
    return Refusal(cluster="", object=ask.name, reason=reason, message=f"{ask.name} {message}")
