"""What Cloud DNS refuses in a single record set, beyond its shape."""

from collections.abc import Iterator, Sequence

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from trafficfed.testing.google_dns.discovery import Json
from trafficfed.testing.google_dns.refusals import ApiRefusal, invalid, quota
from trafficfed.zones.google_regions import REGION_NAMES

RECORDS_MAX = 100
ITEMS_MAX = 100
_ROUTED = frozenset({"A", "AAAA", "CNAME", "MX", "SRV", "TXT"})
"""Types that may have a routing policy (Cloud DNS, DNS routing policies, 2026-11)."""

_POLICIES = ("wrr", "geo", "primaryBackup")


def check_rrset(place: str, rrset: Json, apex: str, *, signed: bool) -> None:
    """Raises ApiRefusal for what cannot stand in a zone whose name is ``apex``; ``signed``: the zone has DNSSEC."""
    name, rdtype = rrset.get("name", ""), rrset.get("type", "")
    _check_name(place, name, apex)
    if rdtype == "CNAME" and name == apex:
        message = f"The resource record set '{place}' is invalid because a CNAME cannot be at the zone's apex."
        raise ApiRefusal(400, "recordTypeDisallowedAtZoneApex", message)
    if rrset.get("ttl", 0) < 0:
        raise invalid(f"{place}.ttl", "negative")
    policy, rrdatas = rrset.get("routingPolicy"), rrset.get("rrdatas", [])
    if bool(policy) == bool(rrdatas):
        raise invalid(place, "needs rrdatas or a routing policy, and not both")
    if policy:
        _check_policy(f"{place}.routingPolicy", rdtype, policy, signed=signed)
    else:
        _check_rrdatas(f"{place}.rrdatas", rdtype, rrdatas)


def _check_name(place: str, name: str, apex: str) -> None:
    try:
        parsed = dns.name.from_text(name, origin=None)
    except dns.exception.DNSException as error:
        raise invalid(f"{place}.name", f"{name!r}: {error}") from error
    if not parsed.is_absolute() or not parsed.is_subdomain(dns.name.from_text(apex)):
        raise invalid(f"{place}.name", f"{name!r} is not a full name in {apex}")
    if "*" in name[1:] or (name.startswith("*") and not name.startswith("*.")):
        message = f"The resource record set '{place}' is invalid because a wildcard must be the whole first label."
        raise ApiRefusal(400, "wildcardNotAllowed", message)


def _check_rrdatas(place: str, rdtype: str, rrdatas: Sequence[str]) -> None:
    if len(rrdatas) > RECORDS_MAX:
        raise quota("resource records per rrset")
    if len(set(rrdatas)) < len(rrdatas):
        raise invalid(place, "the same data twice")
    if rdtype == "CNAME" and len(rrdatas) > 1:
        raise ApiRefusal(400, "invalidRecordCount", f"The resource record set '{place}' may have one record only.")
    for at, text in enumerate(rrdatas):
        try:
            dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rdtype), text, relativize=False)
        except (dns.exception.DNSException, ValueError) as error:
            raise invalid(f"{place}[{at}]", f"{text!r} is no {rdtype}: {error}") from error
        if rdtype == "CNAME" and not text.endswith("."):
            raise invalid(f"{place}[{at}]", f"{text!r} is no full name")


def _check_policy(place: str, rdtype: str, policy: Json, *, signed: bool) -> None:
    chosen = [kind for kind in _POLICIES if kind in policy]
    if len(chosen) != 1:
        raise invalid(place, f"needs exactly one of {', '.join(_POLICIES)}, and has {' and '.join(chosen) or 'none'}")
    if rdtype not in _ROUTED:
        raise invalid(place, f"{rdtype} cannot have a routing policy")
    kind = chosen[0]
    if kind == "primaryBackup":
        _check_primary(f"{place}.{kind}", rdtype, policy[kind], signed=signed)
    else:
        _check_items(f"{place}.{kind}", rdtype, policy[kind], geo=kind == "geo", signed=signed)


def _check_items(place: str, rdtype: str, policy: Json, *, geo: bool, signed: bool) -> None:
    items = policy.get("items", [])
    if not items:
        raise invalid(f"{place}.items", "none")
    if len(items) > ITEMS_MAX:
        raise quota("items per routing policy")
    for at, item in enumerate(items):
        _check_item(f"{place}.items[{at}]", rdtype, item, geo=geo, signed=signed)
    locations = [item["location"] for item in items] if geo else []
    if len(set(locations)) < len(locations):
        raise invalid(f"{place}.items", "the same location twice")
    if not geo and not any(item["weight"] > 0 for item in items):
        raise invalid(f"{place}.items", "no item has a weight above zero")


def _check_item(place: str, rdtype: str, item: Json, *, geo: bool, signed: bool) -> None:
    if geo and item.get("location") not in REGION_NAMES:
        raise invalid(f"{place}.location", f"{item.get('location')!r} is no region of Google Cloud")
    if not geo and item.get("weight", -1) < 0:
        raise invalid(f"{place}.weight", "missing or negative")
    plain, checked = item.get("rrdatas", []), item.get("healthCheckedTargets", {})
    if not (plain or checked) or (signed and plain and checked):
        raise invalid(place, "needs rrdatas or health-checked targets; not both where the zone is signed")
    if plain:
        _check_rrdatas(f"{place}.rrdatas", rdtype, plain)
    if checked:
        _check_targets(f"{place}.healthCheckedTargets", rdtype, checked, signed=signed)


def _check_primary(place: str, rdtype: str, policy: Json, *, signed: bool) -> None:
    if "primaryTargets" not in policy or "backupGeoTargets" not in policy:
        raise invalid(place, "needs primaryTargets and backupGeoTargets")
    _check_targets(f"{place}.primaryTargets", rdtype, policy["primaryTargets"], signed=signed)
    _check_items(f"{place}.backupGeoTargets", rdtype, policy["backupGeoTargets"], geo=True, signed=signed)
    if not 0 <= policy.get("trickleTraffic", 0) <= 1:
        raise invalid(f"{place}.trickleTraffic", "is a share from 0 to 1")


def _check_targets(place: str, rdtype: str, targets: Json, *, signed: bool) -> None:
    addresses = list(_addresses(targets))
    if rdtype not in ("A", "AAAA"):
        raise invalid(place, "only A and AAAA can be health-checked")
    if len(targets) != 1 or not addresses:
        raise invalid(place, "needs internalLoadBalancers or externalEndpoints, and not both")
    if signed and len(addresses) > 1:
        raise invalid(place, "at most one address in a signed zone")
    _check_rrdatas(place, rdtype, addresses)


def _addresses(targets: Json) -> Iterator[str]:
    yield from targets.get("externalEndpoints", [])
    yield from (found["ipAddress"] for found in targets.get("internalLoadBalancers", []))
