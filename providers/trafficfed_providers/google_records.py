"""Record sets as Cloud DNS writes them, and as the core knows them: a routing policy is one set for each of its items.

A policy that holds more than we can say (health checks, fencing, primary and backup) is one set with the policy's text
in ``Routing.extra``: it can be told apart, and given back unchanged, but never made here.
"""

import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import Any

from trafficfed.model import RecordSet, Routing, Where

Json = dict[str, Any]

_LEFT_OUT = frozenset({"SOA", "DNSKEY", "CDNSKEY", "CDS", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM"})
"""The SOA is the server's, DNSSEC's records are the signer's."""

_SERVERS_OWN = frozenset({"kind", "signatureRrdatas"})
"""What the server adds to what it was given (discovery document of Cloud DNS v1: read only, or output only)."""


def record_sets(rrset: Json) -> tuple[RecordSet, ...]:
    """What one rrset of the API says; empty for what is not ours to see."""
    rdtype, ttl = str(rrset["type"]), int(rrset.get("ttl", 0))
    if rdtype in _LEFT_OUT:
        return ()
    name = str(rrset["name"]).rstrip(".").lower()
    policy = _without(rrset.get("routingPolicy"))
    if not policy:
        return (RecordSet(name=name, type=rdtype, ttl=ttl, values=_values(rdtype, rrset.get("rrdatas", ()))),)
    items = _items(rdtype, policy)
    if not items:
        text = json.dumps(policy, sort_keys=True, separators=(",", ":"))
        items = [(Routing(set_id="policy", extra=text), _values(rdtype, _targets(policy)))]
    sets = [RecordSet(name=name, type=rdtype, ttl=ttl, values=values, routing=routing) for routing, values in items]
    return tuple(sorted(sets, key=order))


def order(record_set: RecordSet) -> tuple[str, str, str]:
    """Sorts by name, type and set identifier."""
    return record_set.name, record_set.type, record_set.routing.set_id if record_set.routing else ""


def rrsets(found: Iterable[RecordSet]) -> list[Json]:
    """Record sets as rrsets of the API, those of one name and type together.

    Raises ValueError where they cannot stand together, or have a routing that Cloud DNS does not have.
    """
    groups: dict[tuple[str, str], list[RecordSet]] = {}
    for record_set in sorted(found, key=order):
        groups.setdefault((record_set.name, record_set.type), []).append(record_set)
    return [_rrset(group) for group in groups.values()]


def rrdata_octets(rrset: Json) -> int:
    """What an rrset counts towards the limit of data in one change, at most."""
    texts = rrset.get("rrdatas") or [rdata for _, rdatas in _parts(rrset["routingPolicy"]) for rdata in rdatas]
    return sum(len(text) for text in texts)


def _rrset(group: list[RecordSet]) -> Json:
    first = group[0]
    rrset: Json = {"name": f"{first.name}.", "type": first.type, "ttl": max(found.ttl for found in group)}
    if any(found.alias for found in group):
        raise ValueError(f"{first.name} {first.type} is an alias, which Cloud DNS does not have")
    if first.routing is None and len(group) == 1:
        return {**rrset, "rrdatas": list(first.values)}
    return {**rrset, "routingPolicy": _policy(first, [found for found in group if found.routing], len(group))}


def _policy(first: RecordSet, group: list[RecordSet], expected: int) -> Json:
    routings = [found.routing for found in group if found.routing]
    if len(routings) == expected == 1 and routings[0].extra:
        policy: Json = json.loads(routings[0].extra)
        return policy
    if len(routings) == expected and all(_is_weighted(routing) for routing in routings):
        return {"wrr": {"items": [{"weight": r.weight, "rrdatas": list(f.values)} for f, r in _paired(group)]}}
    if len(routings) == expected and all(_is_placed(routing) for routing in routings):
        return {"geo": {"items": [{"location": r.set_id, "rrdatas": list(f.values)} for f, r in _paired(group)]}}
    raise ValueError(f"{first.name} {first.type} needs routing that a policy of Cloud DNS does not have")


def _paired(group: list[RecordSet]) -> list[tuple[RecordSet, Routing]]:
    return [(found, found.routing) for found in group if found.routing]


def _is_weighted(routing: Routing) -> bool:
    return routing == Routing(set_id=routing.set_id, weight=routing.weight) and routing.weight is not None


def _is_placed(routing: Routing) -> bool:
    return routing == Routing(set_id=routing.set_id, where=Where("region", routing.set_id))


def _items(rdtype: str, policy: Json) -> list[tuple[Routing, tuple[str, ...]]]:
    """The items of a policy that we can say whole, else none."""
    if len(policy) != 1 or set(*policy.values()) != {"items"}:
        return []
    parts = [(item, _values(rdtype, rdatas)) for item, rdatas in _parts(policy)]
    fields = {"wrr": {"weight", "rrdatas"}, "geo": {"location", "rrdatas"}}.get(*policy)
    if fields is None or any(set(item) != fields for item, _ in parts):
        return []
    if "wrr" in policy:
        routings = [_weighing(item["weight"], values) for item, values in parts]
    else:
        routings = [Routing(set_id=item["location"], where=Where("region", item["location"])) for item, _ in parts]
    if len({routing.set_id for routing in routings if routing}) < len(parts):
        return []
    return [(routing, values) for routing, (_, values) in zip(routings, parts, strict=True) if routing]


def _weighing(weight: float, values: tuple[str, ...]) -> Routing | None:
    """Ours are whole numbers."""
    return Routing(set_id=" ".join(values), weight=int(weight)) if float(weight).is_integer() else None


def _parts(policy: Json) -> list[tuple[Json, list[str]]]:
    """Every item of a policy with what it holds as plain data."""
    kinds: list[Json] = [policy.get("wrr", {}), policy.get("geo", {})]
    kinds.append(policy.get("primaryBackup", {}).get("backupGeoTargets", {}))
    return [(item, list(item.get("rrdatas", ()))) for kind in kinds for item in kind.get("items", ())]


def _targets(policy: Json) -> list[str]:
    """All data that a policy may answer, those whose health Google checks included."""
    checked = [item.get("healthCheckedTargets", {}) for item, _ in _parts(policy)]
    checked.append(policy.get("primaryBackup", {}).get("primaryTargets", {}))
    external = [text for targets in checked for text in targets.get("externalEndpoints", ())]
    internal = [found["ipAddress"] for targets in checked for found in targets.get("internalLoadBalancers", ())]
    return [*external, *internal, *(rdata for _, rdatas in _parts(policy) for rdata in rdatas)]


def _values(rdtype: str, rdatas: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({_canonical(rdtype, text) for text in rdatas}))


def _canonical(rdtype: str, text: str) -> str:
    if rdtype in ("A", "AAAA"):
        return str(ipaddress.ip_address(text))
    return text.lower() if rdtype == "CNAME" else text


def _without(value: Any) -> Any:
    """A value of the API without what the server added to it, and without what is empty or off."""
    if isinstance(value, Mapping):
        inner = {key: _without(found) for key, found in value.items() if key not in _SERVERS_OWN}
        return {key: found for key, found in inner.items() if found or (found == 0 and found is not False)}
    return [_without(found) for found in value] if isinstance(value, list) else value
