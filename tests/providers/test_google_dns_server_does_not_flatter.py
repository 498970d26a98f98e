"""The Cloud DNS of the tests, driven by Google's own discovery-based client: it refuses what the real one refuses."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest, build_http

from trafficfed.testing.google_dns.discovery import cloud_dns
from trafficfed.testing.google_dns.managed_zone import Quotas
from trafficfed.testing.google_dns.server import GoogleDns

PROJECT = "shop-prod-1"
ZONE = {"project": PROJECT, "managedZone": "fed-test"}


@dataclass
class Clock:
    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Bench:
    server: GoogleDns
    client: Any
    clock: Clock

    def change(self, additions: Any = (), deletions: Any = ()) -> Any:
        body = {"additions": list(additions), "deletions": list(deletions)}
        return self.client.changes().create(**ZONE, body={key: sets for key, sets in body.items() if sets}).execute()

    def names(self) -> list[str]:
        return [f"{each['name']} {each['type']}" for each in self.server.project.zone("fed-test").rrsets()]

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """Past every client, so that what no client would send arrives too."""
        request = urllib.request.Request(f"{self.server.url}{path}", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture
def bench() -> Iterator[Bench]:
    clock = Clock()
    with GoogleDns(PROJECT, now_s=clock, page_size=3, delay_s=5.0) as server:
        server.add_zone("fed-test", "fed.test")
        document = {**DOCUMENT, "rootUrl": f"{server.url}/", "baseUrl": f"{server.url}/"}
        http = build_http()
        client = build_from_document(document, http=http, requestBuilder=HttpRequest)
        yield Bench(server, client, clock)
        client.close()


DOCUMENT = json.loads(files("googleapiclient.discovery_cache").joinpath("documents", "dns.v1.json").read_text())


def a_set(name: str, *values: str, rdtype: str = "A", ttl: int = 30) -> dict[str, Any]:
    return {"name": f"{name}.fed.test.", "type": rdtype, "ttl": ttl, "rrdatas": list(values)}


def routed(policy: dict[str, Any], rdtype: str = "A") -> dict[str, Any]:
    return {"name": "web.fed.test.", "type": rdtype, "ttl": 30, "routingPolicy": policy}


WEB = a_set("web", "192.0.2.1", "192.0.2.2")


def reason(error: pytest.ExceptionInfo[HttpError]) -> tuple[int, str]:
    found = json.loads(error.value.content)["error"]
    assert found["code"] == error.value.status_code
    return found["code"], found["errors"][0]["reason"]


# The shape


def test_every_method_of_the_document_has_its_route() -> None:
    for method in cloud_dns().methods:
        path = method.path
        for key in ("project", "managedZone", "changeId", "name", "type"):
            path = path.replace(f"{{{key}}}", "x")
        if "{" not in path:
            found = cloud_dns().find(method.verb, path)
            assert found is not None
            assert found[0].verb == method.verb
    assert len(cloud_dns().methods) > 40


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"additions": [{**WEB, "weight": 1}]}, "additions[0]: Additional properties are not allowed"),
        ({"additions": [{**WEB, "ttl": "30"}]}, "additions[0].ttl: '30' is not of type 'integer'"),
        ({"additions": [{**WEB, "ttl": 2**31}]}, "additions[0].ttl: 2147483648 is greater than"),
        (
            {"additions": [routed({"wrr": {"items": [{"weights": 1, "rrdatas": ["192.0.2.1"]}]}})]},
            "additions[0].routingPolicy.wrr.items[0]: Additional properties",
        ),
        (
            {"additions": [routed({"wrr": {"items": [{"weight": "1", "rrdatas": ["192.0.2.1"]}]}})]},
            "weight: '1' is not of type 'number'",
        ),
        ({"additions": [], "status": "finished"}, "status: 'finished' is not one of ['pending', 'done']"),
    ],
)
def test_a_body_that_is_not_the_documents_is_refused(bench: Bench, change: Any, place: str) -> None:
    path = f"/dns/v1/projects/{PROJECT}/managedZones/fed-test/changes"
    status, answer = bench.post(path, json.dumps(change).encode())
    assert status == 400
    assert place in answer["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(bench: Bench, body: bytes) -> None:
    status, answer = bench.post(f"/dns/v1/projects/{PROJECT}/managedZones/fed-test/changes", body)
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "parseError")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("changes?colour=red", 400),
        ("changes?maxResults=many", 400),
        ("changes?sortBy=time", 400),
        ("rrsets?type=A", 400),
        ("rrsets?pageToken=%21", 400),
        ("rrsets?filter=name%3D%22x%22", 501),
        ("nothing", 404),
        ("operations", 501),
    ],
)
def test_what_is_asked_wrongly_or_not_served_is_said(bench: Bench, target: str, status: int) -> None:
    url = f"{bench.server.url}/dns/v1/projects/{PROJECT}/managedZones/fed-test/{target}"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    with caught.value as error:
        assert error.code == status


def test_answers_are_checked_too() -> None:
    server = GoogleDns(PROJECT, now_s=Clock()).__enter__()
    server.add_zone("fed-test", "fed.test").resource["colour"] = "red"
    urllib.request.urlopen(f"{server.url}/dns/v1/projects/{PROJECT}/managedZones/fed-test").close()
    with pytest.raises(AssertionError, match=r"dns\.managedZones\.get: .*'colour' was unexpected"):
        server.__exit__(None, None, None)


def test_another_project_is_not_ours_to_see(bench: Bench) -> None:
    with pytest.raises(HttpError) as caught:
        bench.client.managedZones().list(project="other-prod-1").execute()
    assert reason(caught) == (403, "forbidden")


# Changes


def test_a_change_is_pending_until_its_time_has_come(bench: Bench) -> None:
    created = bench.change([WEB])
    assert (created["id"], created["status"]) == ("0", "pending")
    bench.clock.now_s += 4.9
    assert bench.client.changes().get(**ZONE, changeId="0").execute()["status"] == "pending"
    bench.clock.now_s += 0.1
    assert bench.client.changes().get(**ZONE, changeId="0").execute()["status"] == "done"
    with pytest.raises(HttpError) as caught:
        bench.client.changes().get(**ZONE, changeId="1").execute()
    assert reason(caught) == (404, "notFound")


def test_a_change_is_whole_or_not_at_all(bench: Bench) -> None:
    bench.change([WEB])
    before = bench.names()
    with pytest.raises(HttpError) as caught:
        bench.change([a_set("new", "192.0.2.9"), a_set("bad", "nonsense")], [WEB])
    assert reason(caught) == (400, "invalid")
    assert bench.names() == before


@pytest.mark.parametrize(
    "stale",
    [
        a_set("web", "192.0.2.1"),
        a_set("web", "192.0.2.1", "192.0.2.2", ttl=31),
        a_set("web", "192.0.2.1", "192.0.2.2", "192.0.2.3"),
        routed({"wrr": {"items": [{"weight": 1.0, "rrdatas": ["192.0.2.1"]}]}}),
    ],
)
def test_a_deletion_must_match_exactly(bench: Bench, stale: dict[str, Any]) -> None:
    bench.change([WEB])
    with pytest.raises(HttpError) as caught:
        bench.change(deletions=[stale])
    assert reason(caught) == (412, "conditionNotMet")
    bench.change(deletions=[a_set("web", "192.0.2.2", "192.0.2.1")])
    assert "web.fed.test. A" not in bench.names()


def test_a_policy_must_be_deleted_item_by_item_in_its_order(bench: Bench) -> None:
    items = [{"weight": 1.0, "rrdatas": ["192.0.2.1"]}, {"weight": 2.0, "rrdatas": ["192.0.2.2"]}]
    bench.change([routed({"wrr": {"items": items}})])
    for stale in (items[:1], items[::-1], [{**items[0], "weight": 1.5}, items[1]]):
        with pytest.raises(HttpError) as caught:
            bench.change(deletions=[routed({"wrr": {"items": stale}})])
        assert reason(caught) == (412, "conditionNotMet")
    bench.change(deletions=[routed({"wrr": {"items": [{**items[0], "weight": 1}, items[1]]}})])


def test_what_is_not_there_cannot_be_deleted_and_what_is_cannot_be_added(bench: Bench) -> None:
    with pytest.raises(HttpError) as caught:
        bench.change(deletions=[WEB])
    assert reason(caught) == (404, "notFound")
    bench.change([WEB])
    with pytest.raises(HttpError) as caught:
        bench.change([WEB])
    assert reason(caught) == (409, "alreadyExists")
    with pytest.raises(HttpError) as caught:
        bench.change([a_set("twice", "192.0.2.1"), a_set("twice", "192.0.2.1")])
    assert reason(caught) == (409, "alreadyExists")
    bench.change([WEB], [WEB])


def test_an_empty_change_is_none(bench: Bench) -> None:
    with pytest.raises(HttpError) as caught:
        bench.change()
    assert reason(caught) == (400, "required")


def test_a_cname_stands_alone(bench: Bench) -> None:
    alias = a_set("web", "lb.example.net.", rdtype="CNAME")
    bench.change([WEB])
    with pytest.raises(HttpError) as caught:
        bench.change([alias])
    assert reason(caught) == (400, "cnameResourceRecordSetConflict")
    bench.change([alias], [WEB])
    with pytest.raises(HttpError) as caught:
        bench.change([a_set("web", '"note"', rdtype="TXT")])
    assert reason(caught) == (400, "cnameResourceRecordSetConflict")


def test_the_apex_keeps_its_soa_and_ns(bench: Bench) -> None:
    name_servers = bench.client.resourceRecordSets().get(**ZONE, name="fed.test.", type="NS").execute()
    with pytest.raises(HttpError) as caught:
        bench.change(deletions=[name_servers])
    assert reason(caught) == (400, "invalid")
    bench.change([{**name_servers, "ttl": 60}], [name_servers])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (a_set("web"), "invalid"),
        (a_set("web", "192.0.2.1", "192.0.2.1"), "invalid"),
        (a_set("web", "192.0.2.999"), "invalid"),
        (a_set("web", "192.0.2.1", ttl=-1), "invalid"),
        (a_set("a.*", "192.0.2.1"), "wildcardNotAllowed"),
        (a_set("web", "a.example.net.", "b.example.net.", rdtype="CNAME"), "invalidRecordCount"),
        (a_set("web", "lb", rdtype="CNAME"), "invalid"),
        (a_set("web", f'"{"x" * 256}"', rdtype="TXT"), "invalid"),
        (
            {**WEB, "name": "fed.test.", "type": "CNAME", "rrdatas": ["a.example.net."]},
            "recordTypeDisallowedAtZoneApex",
        ),
        ({**WEB, "name": "web.other.test."}, "invalid"),
        ({**WEB, "name": "web.fed.test"}, "invalid"),
        ({**WEB, "name": "web..fed.test."}, "invalid"),
        ({**WEB, "routingPolicy": {"wrr": {"items": [{"weight": 1, "rrdatas": ["192.0.2.1"]}]}}}, "invalid"),
    ],
)
def test_a_record_set_that_cannot_be_is_refused(bench: Bench, wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(HttpError) as caught:
        bench.change([wrong])
    assert reason(caught) == (400, expected)


WRR = {"items": [{"weight": 1, "rrdatas": ["192.0.2.1"]}]}
GEO = {"items": [{"location": "us-east1", "rrdatas": ["192.0.2.1"]}]}
CHECKED = {"externalEndpoints": ["192.0.2.1"]}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"wrr": WRR, "geo": GEO}, "exactly one of wrr, geo, primaryBackup, and has wrr and geo"),
        ({"healthCheck": "x"}, "has none"),
        ({"wrr": {"items": []}}, "wrr.items"),
        ({"wrr": {"items": [{"weight": -1, "rrdatas": ["192.0.2.1"]}]}}, "items[0].weight"),
        ({"wrr": {"items": [{"rrdatas": ["192.0.2.1"]}]}}, "items[0].weight"),
        ({"wrr": {"items": [{"weight": 0, "rrdatas": ["192.0.2.1"]}]}}, "no item has a weight above zero"),
        ({"wrr": {"items": [{"weight": 1}]}}, "needs rrdatas or health-checked targets"),
        ({"wrr": {"items": [{"weight": 1, "rrdatas": ["x"]}]}}, "'x' is no A"),
        ({"geo": {"items": [{"location": "us-east-1", "rrdatas": ["192.0.2.1"]}]}}, "'us-east-1' is no region"),
        ({"geo": {"items": GEO["items"] * 2}}, "the same location twice"),
        ({"primaryBackup": {"primaryTargets": CHECKED}}, "needs primaryTargets and backupGeoTargets"),
        ({"primaryBackup": {"primaryTargets": {}, "backupGeoTargets": GEO}}, "internalLoadBalancers or externalEnd"),
        (
            {"primaryBackup": {"primaryTargets": CHECKED, "backupGeoTargets": GEO, "trickleTraffic": 2}},
            "a share from 0 to 1",
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused(bench: Bench, policy: dict[str, Any], message: str) -> None:
    with pytest.raises(HttpError) as caught:
        bench.change([routed(policy)])
    assert reason(caught) == (400, "invalid")
    assert message in json.loads(caught.value.content)["error"]["message"]


def test_policies_that_can_be_are_answered_as_they_were_given(bench: Bench) -> None:
    primary = {"primaryTargets": CHECKED, "backupGeoTargets": GEO, "trickleTraffic": 0.1}
    for policy in ({"wrr": WRR}, {"geo": GEO}, {"primaryBackup": primary, "healthCheck": "https://example.org/c"}):
        bench.change([routed(policy)])
        found = bench.client.resourceRecordSets().get(**ZONE, name="web.fed.test.", type="A").execute()
        assert found["routingPolicy"].keys() == {*policy, "kind"}
        bench.change(deletions=[found])


def test_only_some_types_can_be_routed_and_only_addresses_checked(bench: Bench) -> None:
    with pytest.raises(HttpError):
        bench.change([routed({"wrr": {"items": [{"weight": 1, "rrdatas": ['0 issue "ca.example"']}]}}, "CAA")])
    with pytest.raises(HttpError):
        bench.change([routed({"wrr": {"items": [{"weight": 1, "healthCheckedTargets": CHECKED}]}}, "TXT")])


def test_a_signed_zone_takes_plain_data_or_one_checked_address_in_an_item(bench: Bench) -> None:
    bench.server.add_zone("signed", "signed.test", dnssecConfig={"state": "on"})
    both = {"weight": 1, "rrdatas": ["192.0.2.2"], "healthCheckedTargets": CHECKED}
    two = {"weight": 1, "healthCheckedTargets": {"externalEndpoints": ["192.0.2.1", "192.0.2.2"]}}
    for item in (both, two):
        rrset = {"name": "web.signed.test.", "type": "A", "ttl": 30, "routingPolicy": {"wrr": {"items": [item]}}}
        request = bench.client.changes().create(project=PROJECT, managedZone="signed", body={"additions": [rrset]})
        with pytest.raises(HttpError):
            request.execute()


# Limits and pages


@pytest.mark.parametrize(
    ("quotas", "what"),
    [
        (Quotas(rrset_additions_per_change=2), "additions per change"),
        (Quotas(total_rrdata_size_per_change=26), "total rrdata size per change"),
        (Quotas(rrsets_per_managed_zone=4), "rrsets per managed zone"),
    ],
)
def test_quotas_are_kept(quotas: Quotas, what: str) -> None:
    with GoogleDns(PROJECT, now_s=Clock(), quotas=quotas) as server:
        zone = server.add_zone("fed-test", "fed.test")
        path = f"/dns/v1/projects/{PROJECT}/managedZones/fed-test/changes"
        sets = [a_set(f"n{number}", "192.0.2.1") for number in range(3)]
        answer = server.handle("POST", path, "", json.dumps({"additions": sets}).encode())
        assert answer is not None
        assert answer[0] == 403
        assert json.loads(answer[2])["error"]["message"] == f"The change would exceed quota for {what}."
        assert zone.is_empty
        assert server.handle("POST", path, "", json.dumps({"additions": sets[:2]}).encode()) is not None
        assert not zone.is_empty


def test_deletions_are_limited_too(bench: Bench) -> None:
    many = [a_set(f"n{number}", "192.0.2.1") for number in range(1001)]
    with pytest.raises(HttpError) as caught:
        bench.change(deletions=many)
    assert reason(caught) == (403, "quotaExceeded")


def test_a_hundred_records_fit_into_a_set_and_no_more(bench: Bench) -> None:
    values = [f"192.0.2.{number}" for number in range(101)]
    bench.change([a_set("web", *values[:100])])
    with pytest.raises(HttpError) as caught:
        bench.change([a_set("other", *values)])
    assert reason(caught) == (403, "quotaExceeded")


def test_lists_come_in_pages_that_go_on_where_the_last_one_ended(bench: Bench) -> None:
    bench.change([a_set(f"n{number}", "192.0.2.1") for number in range(5)])
    rrsets = bench.client.resourceRecordSets()
    request, pages = rrsets.list(**ZONE), []
    while request is not None:
        page = request.execute()
        pages.append([found["name"] for found in page["rrsets"]])
        bench.server.project.zone("fed-test").erase("n0.fed.test.", "A")
        request = rrsets.list_next(request, page)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len({name for page in pages for name in page}) == 6
    assert len(rrsets.list(**ZONE, maxResults=1000).execute()["rrsets"]) == 3
    assert len(rrsets.list(**ZONE, maxResults=2).execute()["rrsets"]) == 2
    assert [found["type"] for found in rrsets.list(**ZONE, name="fed.test.", type="NS").execute()["rrsets"]] == ["NS"]


def test_changes_are_listed_from_either_end(bench: Bench) -> None:
    for number in range(5):
        bench.change([a_set(f"n{number}", "192.0.2.1")])
    changes = bench.client.changes()
    for order, expected in (("ascending", [*"01234"]), ("descending", [*"43210"])):
        request, found = changes.list(**ZONE, sortBy="changeSequence", sortOrder=order), []
        while request is not None:
            page = request.execute()
            found += [change["id"] for change in page["changes"]]
            request = changes.list_next(request, page)
        assert found == expected


def test_zones_are_found_by_name_number_and_dns_name(bench: Bench) -> None:
    zones = bench.client.managedZones()
    zones.create(project=PROJECT, body={"name": "other", "dnsName": "other.test.", "description": ""}).execute()
    (found,) = zones.list(project=PROJECT, dnsName="other.test.").execute()["managedZones"]
    assert zones.get(project=PROJECT, managedZone=found["id"]).execute() == found
    with pytest.raises(HttpError) as caught:
        zones.create(project=PROJECT, body={"name": "other", "dnsName": "x.test.", "description": ""}).execute()
    assert reason(caught) == (409, "alreadyExists")
    zones.delete(project=PROJECT, managedZone="other").execute()
    with pytest.raises(HttpError) as caught:
        zones.get(project=PROJECT, managedZone="other").execute()
    assert reason(caught) == (404, "notFound")


def test_a_zone_with_records_cannot_be_deleted(bench: Bench) -> None:
    bench.change([WEB])
    with pytest.raises(HttpError) as caught:
        bench.client.managedZones().delete(**ZONE).execute()
    assert reason(caught) == (400, "containerNotEmpty")


def test_a_project_tells_its_quotas(bench: Bench) -> None:
    quota = bench.client.projects().get(project=PROJECT).execute()["quota"]
    assert quota["rrsetAdditionsPerChange"] == 1000
    assert quota["totalRrdataSizePerChange"] == 100_000


# Faults


def test_faults_come_in_their_order_and_end(bench: Bench) -> None:
    bench.server.fail(503, "backendError", verb="POST", times=2)
    for _ in range(2):
        with pytest.raises(HttpError) as caught:
            bench.change([WEB])
        assert reason(caught) == (503, "backendError")
    assert bench.client.managedZones().list(project=PROJECT).execute()["managedZones"]
    bench.change([WEB])
