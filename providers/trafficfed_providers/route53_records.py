"""Record sets as Route 53's API has them, there and back without a loss: what is read can be deleted exactly.

An alias' value is the target's name; where it is not an alias as we make them (into the same zone, evaluating the
target's health under failover only) the zone's id and the evaluation stand behind it. Fields that we have no word
for are kept as JSON in the routing.
"""

import json
from collections.abc import Mapping
from typing import Any

from trafficfed.model import RecordSet, Routing, Where

Record = dict[str, Any]

FIELDS = (
    "Name",
    "Type",
    "SetIdentifier",
    "Weight",
    "Region",
    "GeoLocation",
    "Failover",
    "MultiValueAnswer",
    "TTL",
    "ResourceRecords",
    "AliasTarget",
    "HealthCheckId",
    "TrafficPolicyInstanceId",
    "CidrRoutingConfig",
    "GeoProximityLocation",
    "AZAffinity",
)
"""The order that the service asks of a request's elements (ChangeResourceRecordSets, on syntaxes); boto3 keeps ours."""

_KNOWN = frozenset(
    {"Name", "Type", "TTL", "ResourceRecords", "AliasTarget", "SetIdentifier", "Weight", "GeoLocation", "Failover"}
    | {"HealthCheckId"}
)


def to_api(record_set: RecordSet, zone_id: str) -> Record:
    """Raises ValueError where a routing cannot be said in Route 53's terms."""
    record: Record = {"Name": f"{record_set.name}.", "Type": record_set.type}
    if record_set.routing:
        record |= _routing_to_api(record_set.routing)
    if record_set.alias:
        record["AliasTarget"] = _target(record_set, zone_id)
    else:
        record |= {"TTL": record_set.ttl, "ResourceRecords": [{"Value": value} for value in record_set.values]}
    return {key: record[key] for key in sorted(record, key=FIELDS.index)}


def from_api(record: Mapping[str, Any], zone_id: str) -> RecordSet:
    routing = _routing_from_api(record)
    name = name_from_api(record["Name"])
    if "AliasTarget" in record:
        values = (_alias_value(record["AliasTarget"], routing, zone_id),)
        return RecordSet(name=name, type=record["Type"], ttl=0, values=values, routing=routing, alias=True)
    values = tuple(sorted(item["Value"] for item in record.get("ResourceRecords", ())))
    return RecordSet(name=name, type=record["Type"], ttl=record.get("TTL", 0), values=values, routing=routing)


def name_from_api(name: str) -> str:
    r"""Lower case, without the final dot; a wildcard comes as an octal escape.

    >>> name_from_api("\\052.Apps.example.org.")
    '*.apps.example.org'
    """
    return name.lower().rstrip(".").replace("\\052", "*")


def zone_id_from_api(zone_id: str) -> str:
    """
    >>> zone_id_from_api("/hostedzone/Z1D633PJN98FT9")
    'Z1D633PJN98FT9'
    """
    return zone_id.rpartition("/")[2]


def order_key(name: str) -> str:
    """Where a name stands in listings: labels reversed, with the final dot, as ASCII (ListResourceRecordSets)."""
    return ".".join(reversed(name.replace("*", "\\052").split("."))) + "."


def _routing_to_api(routing: Routing) -> Record:
    record: Record = {"SetIdentifier": routing.set_id} if routing.set_id else {}
    if routing.weight is not None:
        record["Weight"] = routing.weight
    if routing.where is not None:
        record["GeoLocation"] = _place(routing.where)
    if routing.failover:
        record["Failover"] = routing.failover.upper()
    if routing.health_check:
        record["HealthCheckId"] = routing.health_check
    return record | (json.loads(routing.extra) if routing.extra else {})


def _routing_from_api(record: Mapping[str, Any]) -> Routing | None:
    extra = {key: value for key, value in record.items() if key not in _KNOWN}
    if not extra and not record.keys() & {"SetIdentifier", "HealthCheckId"}:
        return None
    return Routing(
        set_id=record.get("SetIdentifier", ""),
        weight=record.get("Weight"),
        where=_where(record["GeoLocation"]) if "GeoLocation" in record else None,
        failover=record.get("Failover", "").lower(),
        health_check=record.get("HealthCheckId", ""),
        extra=json.dumps(extra) if extra else "",
    )


def _place(where: Where) -> dict[str, str]:
    country, _, subdivision = where.value.partition("-")
    match where.kind:
        case "any":
            return {"CountryCode": "*"}
        case "continent":
            return {"ContinentCode": where.value}
        case "country":
            return {"CountryCode": where.value}
        case "subdivision" if country == "US":
            return {"CountryCode": country, "SubdivisionCode": subdivision}
        case _:
            raise ValueError(f"Route 53 knows no clients of {where.kind} {where.value}")


def _where(place: Mapping[str, str]) -> Where:
    if "ContinentCode" in place:
        return Where("continent", place["ContinentCode"])
    if "SubdivisionCode" in place:
        return Where("subdivision", f"{place.get('CountryCode', '')}-{place['SubdivisionCode']}")
    country = place.get("CountryCode", "")
    return Where() if country == "*" else Where("country", country)


def _evaluates(routing: Routing | None) -> bool:
    return routing is not None and bool(routing.failover)


def _target(record_set: RecordSet, zone_id: str) -> Record:
    name, *other = record_set.values[0].split(" ")
    foreign_zone, evaluates = other or (zone_id, str(_evaluates(record_set.routing)))
    return {"HostedZoneId": foreign_zone, "DNSName": name, "EvaluateTargetHealth": evaluates == "True"}


def _alias_value(target: Mapping[str, Any], routing: Routing | None, zone_id: str) -> str:
    name = f"{name_from_api(target['DNSName'])}."
    if target["HostedZoneId"] == zone_id and target["EvaluateTargetHealth"] == _evaluates(routing):
        return name
    return f"{name} {target['HostedZoneId']} {target['EvaluateTargetHealth']}"
