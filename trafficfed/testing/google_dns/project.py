"""One project's zones behind the API's methods: what a checked request does, and what is answered."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence

from trafficfed.testing.google_dns.discovery import Json
from trafficfed.testing.google_dns.managed_zone import NAME_SERVERS, ManagedZone, Quotas
from trafficfed.testing.google_dns.record_rules import ITEMS_MAX, RECORDS_MAX
from trafficfed.testing.google_dns.refusals import ApiRefusal, exists, invalid, not_there

Parameters = Mapping[str, str]


class Project:
    """``page_size`` is the most that one page of any list holds. A change is pending for ``delay_s`` on ``now_s``."""

    def __init__(
        self, name: str, now_s: Callable[[], float], *, quotas: Quotas, delay_s: float, page_size: int
    ) -> None:
        self.name = name
        self._now_s = now_s
        self._quotas = quotas
        self._delay_s = delay_s
        self._page_size = page_size
        self._zones: dict[str, ManagedZone] = {}
        self._methods: dict[str, Callable[[Parameters, Json], Json | None]] = {
            "dns.projects.get": self._get_project,
            "dns.managedZones.create": self._create_zone,
            "dns.managedZones.get": lambda parameters, _: self._zone(parameters).resource,
            "dns.managedZones.list": self._list_zones,
            "dns.managedZones.delete": self._delete_zone,
            "dns.changes.create": lambda parameters, body: self._zone(parameters).carry_out(body),
            "dns.changes.get": lambda parameters, _: self._zone(parameters).change(parameters["changeId"]),
            "dns.changes.list": self._list_changes,
            "dns.resourceRecordSets.list": self._list_rrsets,
            "dns.resourceRecordSets.get": lambda p, _: self._zone(p).rrset(p["name"], p["type"]),
        }

    def answer(self, method: str, parameters: Parameters, body: Json) -> Json | None:
        """None is an answer without content. Raises ApiRefusal."""
        if method not in self._methods:
            raise ApiRefusal(501, "notImplemented", f"{method} is not part of this server")
        if parameters["project"] != self.name:
            raise ApiRefusal(403, "forbidden", f"Permission denied on project {parameters['project']}")
        return self._methods[method](parameters, body)

    def zone(self, name: str) -> ManagedZone:
        """A zone by the name it has in Cloud DNS, or by its number. Raises ApiRefusal."""
        for zone in self._zones.values():
            if name in (zone.resource["name"], zone.resource["id"]):
                return zone
        raise not_there("parameters.managedZone", name)

    def _zone(self, parameters: Parameters) -> ManagedZone:
        return self.zone(parameters["managedZone"])

    def _get_project(self, parameters: Parameters, body: Json) -> Json:
        quota = {
            "kind": "dns#quota",
            "rrsetAdditionsPerChange": self._quotas.rrset_additions_per_change,
            "rrsetDeletionsPerChange": self._quotas.rrset_deletions_per_change,
            "totalRrdataSizePerChange": self._quotas.total_rrdata_size_per_change,
            "rrsetsPerManagedZone": self._quotas.rrsets_per_managed_zone,
            "resourceRecordsPerRrset": RECORDS_MAX,
            "itemsPerRoutingPolicy": ITEMS_MAX,
        }
        return {"kind": "dns#project", "id": self.name, "number": "1", "quota": quota}

    def _create_zone(self, parameters: Parameters, body: Json) -> Json:
        name, dns_name = str(body.get("name", "")), str(body.get("dnsName", ""))
        if not name or not dns_name.endswith(".") or "description" not in body:
            raise ApiRefusal(400, "required", "A managed zone needs name, dnsName with a final dot, and description.")
        if name in self._zones:
            raise exists("entity.managedZone", name)
        resource: Json = {
            "kind": "dns#managedZone",
            "visibility": "public",
            **body,
            "id": str(1000 + len(self._zones)),
            "nameServers": list(NAME_SERVERS),
        }
        self._zones[name] = ManagedZone(resource, self._quotas, self._now_s, self._delay_s)
        return resource

    def _delete_zone(self, parameters: Parameters, body: Json) -> None:
        zone = self._zone(parameters)
        if not zone.is_empty:
            raise ApiRefusal(400, "containerNotEmpty", "The zone still has record sets.")
        del self._zones[zone.resource["name"]]

    def _list_zones(self, parameters: Parameters, body: Json) -> Json:
        wanted = parameters.get("dnsName")
        zones = {
            name: zone.resource
            for name, zone in sorted(self._zones.items())
            if wanted is None or zone.resource["dnsName"] == wanted
        }
        return self._page("managedZones", "dns#managedZonesListResponse", zones, parameters)

    def _list_changes(self, parameters: Parameters, body: Json) -> Json:
        changes = {f"{number:09}": change for number, change in enumerate(self._zone(parameters).changes())}
        if parameters.get("sortOrder") == "descending":
            changes = {f"{10**9 - int(key):010}": changes[key] for key in sorted(changes, reverse=True)}
        return self._page("changes", "dns#changesListResponse", changes, parameters)

    def _list_rrsets(self, parameters: Parameters, body: Json) -> Json:
        if "filter" in parameters:
            raise ApiRefusal(501, "notImplemented", "filter expressions are not part of this server")
        if "type" in parameters and "name" not in parameters:
            raise invalid("parameters.type", "needs parameters.name")
        wanted = (parameters.get("name"), parameters.get("type"))
        rrsets = {
            f"{rrset['name']} {rrset['type']}": rrset
            for rrset in self._zone(parameters).rrsets()
            if wanted[0] in (None, rrset["name"]) and wanted[1] in (None, rrset["type"])
        }
        page = self._page("rrsets", "dns#resourceRecordSetsListResponse", rrsets, parameters)
        del page["kind"]
        return page

    def _page(self, key: str, kind: str, items: Mapping[str, Json], parameters: Parameters) -> Json:
        """The items after the page token, which names the last one of the page before, changed meanwhile or not."""
        after = _last_key(parameters.get("pageToken", ""))
        size = min(self._page_size, max(1, int(parameters.get("maxResults", self._page_size))))
        rest: Sequence[str] = [name for name in items if name > after]
        page: Json = {"kind": kind, key: [items[name] for name in rest[:size]]}
        if len(rest) > size:
            page["nextPageToken"] = base64.urlsafe_b64encode(rest[size - 1].encode()).decode()
        return page


def _last_key(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid("parameters.pageToken", f"{token!r} was not made here") from error
