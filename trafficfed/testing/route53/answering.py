"""What Route 53 would answer from a zone: each possible answer with its share of a client's queries.

Sources: API reference 2013-04-01 (ResourceRecordSet: Weight, Failover, GeoLocation, HealthCheckId, AliasTarget) and
the Developer Guide's page on how health checks work in complex configurations.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from trafficfed.model import Client
from trafficfed.testing.route53.hosted_zone import HostedZone
from trafficfed.testing.route53.names import stored
from trafficfed.testing.route53.record_rules import policy_of

Answers = dict[tuple[str, ...], Fraction]
Group = Sequence[Mapping[str, Any]]


def answers(zone: HostedZone, name: str, rdtype: str, client: Client, failing: frozenset[str] = frozenset()) -> Answers:
    """``failing`` are the ids of the health checks that fail. Empty where there is no answer for this client."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in zone.records():
        groups.setdefault((record["Name"], record["Type"]), []).append(record)

    def group(owner: str) -> Group:
        return groups.get((owner, rdtype), ())

    def healthy(record: Mapping[str, Any]) -> bool:
        if "AliasTarget" not in record or not record["AliasTarget"]["EvaluateTargetHealth"]:
            return record.get("HealthCheckId") not in failing
        return any(healthy(found) for found in group(record["AliasTarget"]["DNSName"]))

    def resolve(owner: str) -> Answers:
        total: Answers = {}
        for record, share in _chosen(group(owner), client, healthy):
            if "AliasTarget" in record:
                inner = resolve(record["AliasTarget"]["DNSName"])
            else:
                inner = {tuple(sorted(item["Value"] for item in record["ResourceRecords"])): Fraction(1)}
            for values, part in inner.items():
                total[values] = total.get(values, Fraction(0)) + share * part
        return total

    return resolve(stored(name))


Chosen = list[tuple[Mapping[str, Any], Fraction]]


def _chosen(group: Group, client: Client, healthy: Callable[[Mapping[str, Any]], bool]) -> Chosen:
    """The record sets of one name and type that this client may be given, with their shares."""
    if not group:
        return []
    match policy_of(group[0]):
        case "":
            return [(record, Fraction(1)) for record in group]
        case "Weight":
            return _by_weight(group, healthy)
        case "Failover":
            sides = {record["Failover"]: record for record in group}
            order = [sides[side] for side in ("PRIMARY", "SECONDARY") if side in sides]
            return [(next(filter(healthy, order), order[0]), Fraction(1))]
        case "GeoLocation":
            order = _from_near_to_far(group, client)
            return [(next(filter(healthy, order), order[0]), Fraction(1))] if order else []
        case policy:
            raise NotImplementedError(f"nobody has needed answers by {policy} yet")


def _by_weight(group: Group, healthy: Callable[[Mapping[str, Any]], bool]) -> Chosen:
    """Those of weight 0 only where no other is healthy; where none at all is, all count as healthy."""
    standing = [record for record in group if healthy(record)] or list(group)
    standing = [record for record in standing if record["Weight"]] or standing
    total = sum(record["Weight"] for record in standing)
    return [(record, Fraction(record["Weight"], total) if total else Fraction(1, len(standing))) for record in standing]


def _from_near_to_far(group: Group, client: Client) -> list[Mapping[str, Any]]:
    places: list[dict[str, str]] = []
    country, _, state = client.subdivision.partition("-")
    if country == "US" and state:
        places.append({"CountryCode": "US", "SubdivisionCode": state})
    if client.country:
        places.append({"CountryCode": client.country})
    if client.continent:
        places.append({"ContinentCode": client.continent})
    places.append({"CountryCode": "*"})
    return [record for place in places for record in group if record["GeoLocation"] == place]
