"""An account at the fake Route 53: its hosted zones, quotas, changes under way and permissions. Sans-IO, by a clock."""

import datetime
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from trafficfed.ports import Clock
from trafficfed.testing.route53.hosted_zone import PAGE, HostedZone, InvalidChangeBatch
from trafficfed.testing.route53.names import sort_key, stored
from trafficfed.testing.route53.record_rules import InvalidInput, Record

Params = Mapping[str, Any]
ZONES_PAGE = 100


class Fault(Exception):
    """An error of the service by its code; ``status`` None is whatever the model says of that code."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Bucket:
    """A token bucket: one token a request, refilled at a fixed rate (Developer Guide, throttling)."""

    def __init__(self, clock: Clock, rate_per_s: float, burst: float) -> None:
        self._clock = clock
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._at_s = clock.monotonic_s()

    def take(self) -> bool:
        now_s = self._clock.monotonic_s()
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._rate_per_s)
        self._at_s = now_s
        if self._tokens < 1 - 1e-6:  # what rounding leaves of a whole token is one
            return False
        self._tokens -= 1
        return True


class Account:
    """What a server answers from. Calls must not overlap.

    ``rate_per_s`` and ``burst`` throttle all requests together (5 of each is what the service long allowed, and its
    error is the same now). A change is PENDING for ``insync_s``; for ``busy_s`` the zone takes no other. ``log`` holds
    every request that passed authentication; ``writes`` counts the batches carried out.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rate_per_s: float = 5.0,
        burst: float = 5.0,
        insync_s: float = 30.0,
        busy_s: float = 0.0,
        access_key: str = "AKIATRAFFICFEDTEST00",
    ) -> None:
        self.access_key = access_key
        self.insync_s = insync_s
        self.busy_s = busy_s
        self.health_checks: set[str] = set()
        self.denied: set[str] = set()
        self.log: list[tuple[str, Params]] = []
        self.writes = 0
        self.throttled = 0
        self._faults: list[Fault] = []
        self._clock = clock
        self._bucket = Bucket(clock, rate_per_s, burst)
        self._zones: dict[str, HostedZone] = {}
        self._changes: dict[str, tuple[float, datetime.datetime]] = {}
        self._busy_until_s: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._operations: dict[str, Callable[[Params], dict[str, Any]]] = {
            "ChangeResourceRecordSets": self._change,
            "ListResourceRecordSets": self._list,
            "GetChange": self._get_change,
            "GetHostedZone": self._get_zone,
            "ListHostedZones": self._list_zones,
            "ListHostedZonesByName": self._list_zones_by_name,
        }

    def add_zone(self, name: str, *, private: bool = False) -> HostedZone:
        zone = HostedZone(f"Z{next(self._numbers):013}TEST", name, private=private)
        self._zones[zone.id] = zone
        return zone

    def remove_zone(self, zone_id: str) -> None:
        del self._zones[zone_id]

    def fail(self, *faults: Fault) -> None:
        """Answer the next requests with these, one after the other."""
        self._faults.extend(faults)

    def call(self, operation: str, params: Params) -> dict[str, Any]:
        """The response to a request that has been authenticated and checked. Raises Fault."""
        self.log.append((operation, params))
        if not self._bucket.take():
            self.throttled += 1
            raise Fault("Throttling", "Rate exceeded", 400)
        if self._faults:
            raise self._faults.pop(0)
        if operation in self.denied:
            who = "arn:aws:iam::111122223333:user/test"
            raise Fault("AccessDenied", f"User: {who} is not authorized to perform: route53:{operation}", 403)
        if operation not in self._operations:
            raise Fault("NotImplemented", f"the fake has no {operation}", 501)
        return self._operations[operation](params)

    def _zone(self, params: Params, key: str = "HostedZoneId") -> HostedZone:
        zone_id = params[key].rpartition("/")[2]
        if zone_id not in self._zones:
            raise Fault("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
        return self._zones[zone_id]

    def _change(self, params: Params) -> dict[str, Any]:
        zone = self._zone(params)
        now_s = self._clock.monotonic_s()
        if self._busy_until_s.get(zone.id, now_s) > now_s:
            message = "The request was rejected because Route 53 was still processing a prior request."
            raise Fault("PriorRequestNotComplete", message)
        changes = params["ChangeBatch"]["Changes"]
        self._require_health_checks(change["ResourceRecordSet"] for change in changes)
        try:
            zone.apply(changes)
        except InvalidInput as error:
            raise Fault("InvalidInput", str(error)) from error
        except InvalidChangeBatch as error:
            raise Fault("InvalidChangeBatch", str(error)) from error
        self.writes += 1
        self._busy_until_s[zone.id] = now_s + self.busy_s
        change_id = f"C{next(self._numbers):013}TEST"
        self._changes[change_id] = now_s, datetime.datetime.fromtimestamp(self._clock.now_s(), datetime.UTC)
        return {"ChangeInfo": self._change_info(change_id)}

    def _require_health_checks(self, records: Any) -> None:
        for record in records:
            check = record.get("HealthCheckId")
            if check is not None and check not in self.health_checks:
                raise Fault("NoSuchHealthCheck", f"A health check with id {check} does not exist.")

    def _get_change(self, params: Params) -> dict[str, Any]:
        change_id = params["Id"].rpartition("/")[2]
        if change_id not in self._changes:
            raise Fault("NoSuchChange", f"Could not find resource with ID: {change_id}")
        return {"ChangeInfo": self._change_info(change_id)}

    def _change_info(self, change_id: str) -> dict[str, Any]:
        at_s, submitted = self._changes[change_id]
        status = "PENDING" if self._clock.monotonic_s() < at_s + self.insync_s else "INSYNC"
        return {"Id": f"/change/{change_id}", "Status": status, "SubmittedAt": submitted}

    def _list(self, params: Params) -> dict[str, Any]:
        zone = self._zone(params)
        name, rdtype, identifier = (params.get(f"StartRecord{part}") for part in ("Name", "Type", "Identifier"))
        if (rdtype and not name) or (identifier and not rdtype):
            raise Fault("InvalidInput", "StartRecordType needs a name, StartRecordIdentifier a name and a type")
        limit = _limit(params, PAGE)
        start = (sort_key(stored(name)) if name else "", rdtype or "", identifier or "")
        found, following = zone.page(start, limit)
        response: dict[str, Any] = {
            "ResourceRecordSets": [_shown(record) for record in found],
            "IsTruncated": following is not None,
            "MaxItems": str(limit),
        }
        if following is not None:
            response |= {"NextRecordName": following["Name"], "NextRecordType": following["Type"]}
            if "SetIdentifier" in following:
                response["NextRecordIdentifier"] = following["SetIdentifier"]
        return response

    def _get_zone(self, params: Params) -> dict[str, Any]:
        zone = self._zone(params, "Id")
        response: dict[str, Any] = {"HostedZone": _zone_shown(zone)}
        if not zone.private:
            response["DelegationSet"] = {"NameServers": list(zone.nameservers)}
        return response

    def _list_zones(self, params: Params) -> dict[str, Any]:
        limit = _limit(params, ZONES_PAGE)
        marker = params.get("Marker", "")
        zones = [zone for zone_id, zone in sorted(self._zones.items()) if zone_id >= marker]
        response = {
            "HostedZones": [_zone_shown(zone) for zone in zones[:limit]],
            "Marker": marker,
            "IsTruncated": len(zones) > limit,
            "MaxItems": str(limit),
        }
        return response | ({"NextMarker": zones[limit].id} if len(zones) > limit else {})

    def _list_zones_by_name(self, params: Params) -> dict[str, Any]:
        limit = _limit(params, ZONES_PAGE)
        name, zone_id = params.get("DNSName"), params.get("HostedZoneId", "")
        if zone_id and name is None:
            raise Fault("InvalidInput", "HostedZoneId needs a DNSName")
        start = (sort_key(stored(name)) if name is not None else "", zone_id)
        ordered = sorted(self._zones.values(), key=lambda zone: (sort_key(zone.name), zone.id))
        zones = [zone for zone in ordered if (sort_key(zone.name), zone.id) >= start]
        response: dict[str, Any] = {
            "HostedZones": [_zone_shown(zone) for zone in zones[:limit]],
            "IsTruncated": len(zones) > limit,
            "MaxItems": str(limit),
        }
        response |= {key: params[key] for key in ("DNSName", "HostedZoneId") if key in params}
        if len(zones) > limit:
            response |= {"NextDNSName": zones[limit].name, "NextHostedZoneId": zones[limit].id}
        return response


def _limit(params: Params, most: int) -> int:
    text = params.get("MaxItems", str(most))
    if not text.isdecimal() or int(text) < 1:
        raise Fault("InvalidInput", f"MaxItems is no number of items: {text}")
    return min(int(text), most)


def _shown(record: Record) -> Record:
    if "AliasTarget" not in record:
        return record
    return {key: value for key, value in record.items() if key not in ("TTL", "ResourceRecords")}


def _zone_shown(zone: HostedZone) -> dict[str, Any]:
    return {
        "Id": f"/hostedzone/{zone.id}",
        "Name": zone.name,
        "CallerReference": f"made-for-{zone.id}",
        "Config": {"PrivateZone": zone.private},
        "ResourceRecordSetCount": len(zone.records()),
    }
