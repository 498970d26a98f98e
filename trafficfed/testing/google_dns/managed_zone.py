"""One managed zone: its record sets and changes, with Cloud DNS's rules for changing the one by the other."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from trafficfed.model import Value
from trafficfed.testing.google_dns.discovery import Json
from trafficfed.testing.google_dns.record_rules import check_rrset
from trafficfed.testing.google_dns.refusals import ApiRefusal, exists, invalid, not_there, quota

Key = tuple[str, str]

NAME_SERVERS = tuple(f"ns-cloud-x{number}.googledomains.com." for number in range(1, 5))


class Quotas(Value, frozen=True, kw_only=True):
    """Limits of a project (Cloud DNS, quotas and limits, 2026-11)."""

    rrset_additions_per_change: int = 1000
    rrset_deletions_per_change: int = 1000
    total_rrdata_size_per_change: int = 100_000
    rrsets_per_managed_zone: int = 10_000


class ManagedZone:
    """``resource`` is the zone as the API shows it. A change is pending for ``delay_s`` on the clock ``now_s``."""

    def __init__(self, resource: Json, quotas: Quotas, now_s: Callable[[], float], delay_s: float) -> None:
        self.resource = resource
        self.apex = str(resource["dnsName"])
        self._quotas = quotas
        self._now_s = now_s
        self._delay_s = delay_s
        soa = f"{NAME_SERVERS[0]} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
        self._rrsets: dict[Key, Json] = {
            (self.apex, "NS"): {"name": self.apex, "type": "NS", "ttl": 21600, "rrdatas": list(NAME_SERVERS)},
            (self.apex, "SOA"): {"name": self.apex, "type": "SOA", "ttl": 21600, "rrdatas": [soa]},
        }
        self._changes: list[tuple[float, Json]] = []

    @property
    def signed(self) -> bool:
        return bool(self.resource.get("dnssecConfig", {}).get("state") == "on")

    @property
    def is_empty(self) -> bool:
        return len(self._rrsets) == 2

    def rrsets(self) -> list[Json]:
        """All record sets in the order of pages."""
        return [_shown(rrset) for _, rrset in sorted(self._rrsets.items())]

    def rrset(self, name: str, rdtype: str) -> Json:
        if (name, rdtype) not in self._rrsets:
            raise not_there("parameters.name", f"{name} ({rdtype})")
        return _shown(self._rrsets[name, rdtype])

    def put(self, rrset: Json) -> None:
        """Write a record set past all rules of changes, as somebody else did a moment ago."""
        self._rrsets[rrset["name"], rrset["type"]] = _stored(rrset)

    def erase(self, name: str, rdtype: str) -> None:
        self._rrsets.pop((name, rdtype), None)

    def changes(self) -> list[Json]:
        """All changes in their order, with what has become of them by now."""
        return [self._change(at_s, change) for at_s, change in self._changes]

    def change(self, change_id: str) -> Json:
        if not change_id.isdecimal() or int(change_id) >= len(self._changes):
            raise not_there("parameters.changeId", change_id)
        return self._change(*self._changes[int(change_id)])

    def carry_out(self, change: Json) -> Json:
        """All of a change or nothing. Raises ApiRefusal."""
        deletions, additions = change.get("deletions", []), change.get("additions", [])
        if not deletions and not additions:
            raise ApiRefusal(400, "required", "The 'entity.change' parameter is required but was missing.")
        self._check_size(deletions, additions)
        rrsets = dict(self._rrsets)
        for at, rrset in enumerate(deletions):
            self._delete(rrsets, f"entity.change.deletions[{at}]", rrset)
        for at, rrset in enumerate(additions):
            self._add(rrsets, f"entity.change.additions[{at}]", rrset)
        self._check_whole(rrsets, additions)
        self._rrsets = rrsets
        now_s = self._now_s()
        started = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"kind": "dns#change", "id": str(len(self._changes)), "startTime": started, "isServing": False}
        shown = {
            side: [_shown(_stored(each)) for each in change[side]]
            for side in ("additions", "deletions")
            if change.get(side)
        }
        self._changes.append((now_s, {**record, **shown}))
        return self._change(now_s, self._changes[-1][1])

    def _change(self, at_s: float, change: Json) -> Json:
        return {**change, "status": "done" if self._now_s() >= at_s + self._delay_s else "pending"}

    def _check_size(self, deletions: Sequence[Json], additions: Sequence[Json]) -> None:
        if len(additions) > self._quotas.rrset_additions_per_change:
            raise quota("additions per change")
        if len(deletions) > self._quotas.rrset_deletions_per_change:
            raise quota("deletions per change")
        if sum(map(_octets, (*deletions, *additions))) > self._quotas.total_rrdata_size_per_change:
            raise quota("total rrdata size per change")

    def _delete(self, rrsets: dict[Key, Json], place: str, rrset: Json) -> None:
        key = (str(rrset.get("name", "")), str(rrset.get("type", "")))
        if key not in rrsets:
            raise not_there(place, f"{key[0]} ({key[1]})")
        if _compared(rrsets[key]) != _compared(rrset):
            raise ApiRefusal(412, "conditionNotMet", f"Precondition not met for '{place}'")
        del rrsets[key]

    def _add(self, rrsets: dict[Key, Json], place: str, rrset: Json) -> None:
        check_rrset(place, rrset, self.apex, signed=self.signed)
        key = (rrset["name"], rrset["type"])
        if key in rrsets:
            raise exists(place, f"{key[0]} ({key[1]})")
        rrsets[key] = _stored(rrset)

    def _check_whole(self, rrsets: Mapping[Key, Json], additions: Sequence[Json]) -> None:
        if len(rrsets) > self._quotas.rrsets_per_managed_zone:
            raise quota("rrsets per managed zone")
        if not {(self.apex, "SOA"), (self.apex, "NS")} <= rrsets.keys():
            raise invalid("entity.change.deletions", "the zone's apex must keep its SOA and NS records")
        touched = {rrset["name"] for rrset in additions}
        types: dict[str, set[str]] = {}
        for name, rdtype in rrsets:
            if name in touched:
                types.setdefault(name, set()).add(rdtype)
        for at, rrset in enumerate(additions):
            if "CNAME" in types[rrset["name"]] and len(types[rrset["name"]]) > 1:
                raise ApiRefusal(
                    400,
                    "cnameResourceRecordSetConflict",
                    f"The resource record set 'entity.change.additions[{at}]' is invalid because the DNS name "
                    f"'{rrset['name']}' may have either one CNAME resource record set or resource record sets of other "
                    "types, but not both.",
                )


def _stored(rrset: Json) -> Json:
    """Without what is the server's to say."""
    found: Json = _without_kinds(rrset)
    return found


def _without_kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_kinds(found) for key, found in value.items() if key not in ("kind", "signatureRrdatas")}
    return [_without_kinds(found) for found in value] if isinstance(value, list) else value


def _compared(rrset: Json) -> Json:
    """What must be the same to the letter: only the order of plain data is free. Weights are doubles."""
    stored = _stored(rrset)
    return {"ttl": 0, **stored, "rrdatas": sorted(stored.get("rrdatas", []))}


def _shown(rrset: Json) -> Json:
    """As the API answers it, with its own additions."""
    shown: Json = {"kind": "dns#resourceRecordSet", **rrset, "signatureRrdatas": []}
    policy = rrset.get("routingPolicy")
    if policy:
        shown["routingPolicy"] = {
            "kind": "dns#rRSetRoutingPolicy",
            **{key: _kinded(key, found) for key, found in policy.items()},
        }
    return shown


def _kinded(key: str, policy: Any) -> Any:
    """A weighted or geographic policy with the kinds and doubles that the API answers."""
    if key not in ("wrr", "geo"):
        return policy
    kind = f"dns#rRSetRoutingPolicy{key.capitalize()}Policy"
    items = [{"kind": f"{kind}{key.capitalize()}PolicyItem", **item} for item in policy["items"]]
    return {
        "kind": kind,
        **policy,
        "items": [{**i, "weight": float(i["weight"])} if "weight" in i else i for i in items],
    }


def _octets(rrset: Json) -> int:
    """All data of a record set, that of a policy's items included."""
    found: list[Any] = [rrset]
    total = 0
    while found:
        value = found.pop()
        if isinstance(value, dict):
            total += sum(len(text) for text in value.get("rrdatas", ()))
            found += [inner for key, inner in value.items() if key != "rrdatas"]
        elif isinstance(value, list):
            found += value
    return total
