"""What Route 53 demands of a record set by itself, beyond what its service model can say.

Sources: API reference 2013-04-01 (ResourceRecordSet, AliasTarget, GeoLocation) and the Developer Guide's pages on
record types and quotas, as of 2026. Messages are worded as the service words them where that is known.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from trafficfed.steering.geography import CONTINENTS
from trafficfed.testing.route53.names import lies_in

Record = dict[str, Any]

POLICIES = (
    "Weight",
    "Region",
    "Failover",
    "GeoLocation",
    "MultiValueAnswer",
    "CidrRoutingConfig",
    "GeoProximityLocation",
)
VALUES_MAX = 400
"""Values in one record set (Developer Guide, quotas)."""

_UNKNOWN_COUNTRIES = {"BV", "CX", "EH", "HM"}
"""Countries for which no geolocation records can be made (Developer Guide, geolocation)."""

_TXT = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s+"(?:[^"\\]|\\.)*")*')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


class InvalidInput(ValueError):
    """The request is wrong in itself, whatever stands in the zone."""


def policy_of(record: Mapping[str, Any]) -> str:
    """The one routing policy of a record set, empty for a simple one."""
    return next((policy for policy in POLICIES if policy in record), "")


def label(record: Mapping[str, Any]) -> str:
    """How messages name a record set."""
    identifier = f", set-identifier='{record['SetIdentifier']}'" if "SetIdentifier" in record else ""
    return f"[name='{record['Name']}', type='{record['Type']}'{identifier}]"


def require_form(action: str, record: Mapping[str, Any]) -> None:
    """Raises InvalidInput where the fields of a record set do not go together."""
    where = (
        f"in Change with [Action={action}, Name={record['Name']}, Type={record['Type']}, "
        f"SetIdentifier={record.get('SetIdentifier', 'null')}]"
    )
    plain = "TTL" in record and "ResourceRecords" in record
    any_plain = "TTL" in record or "ResourceRecords" in record
    if ("AliasTarget" in record) == plain or (any_plain and not plain):
        raise InvalidInput(
            f"Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {'more than one' if any_plain else 'none'} {where}"
        )
    found = [policy for policy in POLICIES if policy in record]
    if found and "SetIdentifier" not in record:
        raise InvalidInput(f"Invalid request: Missing field 'SetIdentifier' {where}")
    if len(found) != ("SetIdentifier" in record):
        raise InvalidInput(
            f"Invalid request: Expected exactly one of [{', '.join(POLICIES)}], "
            f"but found {'more than one' if found else 'none'} {where}"
        )
    if "GeoLocation" in record:
        _require_place(record["GeoLocation"], where)


def _require_place(place: Mapping[str, str], where: str) -> None:
    continent, country, subdivision = (place.get(f"{kind}Code") for kind in ("Continent", "Country", "Subdivision"))
    if bool(continent) == bool(country) or (subdivision and country != "US"):
        raise InvalidInput(f"Invalid request: ContinentCode stands alone, SubdivisionCode needs CountryCode US {where}")
    known_country = country in (None, "*") or (country in CONTINENTS and country not in _UNKNOWN_COUNTRIES)
    known_continent = continent is None or continent in {"AF", "AN", "AS", "EU", "OC", "NA", "SA"}
    known_subdivision = subdivision is None or bool(re.fullmatch("[A-Z]{2}", subdivision))
    if not (known_country and known_continent and known_subdivision):
        raise InvalidInput(f"Invalid request: no such location: {dict(place)} {where}")


def faults(record: Mapping[str, Any], zone: str) -> list[str]:
    """What is wrong with a record set in this zone: messages of an InvalidChangeBatch."""
    name, rdtype = record["Name"], record["Type"]
    if not lies_in(name, zone):
        return [f"RRSet with DNS name {name} is not permitted in zone {zone}"]
    found = _name_faults(name)
    if rdtype == "CNAME" and name == zone:
        found.append(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}")
    if rdtype == "SOA":
        found.append(f"A HostedZone must contain exactly one SOA record: {name}")
    if "AliasTarget" in record:
        return found + _alias_faults(record)
    return found + _value_faults(record)


def _name_faults(name: str) -> list[str]:
    labels = [re.sub(r"\\\d{3}", "x", text) for text in name.rstrip(".").split(".")]
    if any(not 0 < len(text) <= 63 for text in labels):
        return [f"FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '{name}'"]
    if sum(len(text) + 1 for text in labels) + 1 > 255:
        return [f"FATAL problem: DomainNameTooLong (Domain name is too long) encountered with '{name}'"]
    return []


def _alias_faults(record: Mapping[str, Any]) -> list[str]:
    found = []
    if record["Type"] in ("NS", "SOA"):
        found.append(f"{label(record)}: an alias cannot be of this type")
    if "MultiValueAnswer" in record:
        found.append(f"{label(record)}: a multivalue answer cannot be an alias")
    if "Failover" in record and not record["AliasTarget"]["EvaluateTargetHealth"]:
        found.append(f"{label(record)}: a failover alias has to evaluate the health of its target")
    return found


def _value_faults(record: Mapping[str, Any]) -> list[str]:
    values = [item["Value"] for item in record["ResourceRecords"]]
    found = [f"Duplicate Resource Record: '{value}'" for value in sorted({v for v in values if values.count(v) > 1})]
    if len(values) > VALUES_MAX:
        found.append(f"{label(record)}: more than {VALUES_MAX} values")
    if len(values) > 1 and (record["Type"] == "CNAME" or policy_of(record) in ("Weight", "Region")):
        found.append(f"{label(record)}: only one ResourceRecord is allowed here")
    if record.get("Failover") == "PRIMARY" and "HealthCheckId" not in record:
        found.append(f"{label(record)}: a primary record that is no alias needs a health check")
    problems = ((value, _problem(record["Type"], value)) for value in values)
    found += [f"Invalid Resource Record: FATAL problem: {what} encountered with '{v}'" for v, what in problems if what]
    return found


def _problem(rdtype: str, value: str) -> str:
    if rdtype in ("A", "AAAA"):
        version = 4 if rdtype == "A" else 6
        try:
            return "" if ipaddress.ip_address(value).version == version else "IllegalIPAddress (wrong family)"
        except ValueError:
            return f"{rdtype}RRDATAIllegalIPv{version}Address (Value is not a valid IPv{version} address)"
    if rdtype == "TXT":
        if not _TXT.fullmatch(value):
            return "InvalidCharacterString (Value should be enclosed in quotation marks)"
        strings = [re.sub(r"\\(\d{3}|.)", "x", text) for text in _STRING.findall(value)]
        return "CharacterStringTooLong (Value is too long)" if any(len(text) > 255 for text in strings) else ""
    if rdtype == "MX" and not re.fullmatch(r"\d+ \S+", value):
        return "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"
    if rdtype in ("CNAME", "NS") and not re.fullmatch(r"\S+", value):
        return "UnsupportedCharacter (Value contains unsupported characters)"
    return ""
