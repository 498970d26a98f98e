"""The fake Route 53 refuses what the service refuses, as its model and its documentation say; asked by boto3 itself."""

from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest

from trafficfed.testing.route53.account import Fault
from trafficfed.testing.route53.bench import ZONE, Route53Bench
from trafficfed.testing.route53.wire_model import Violation, WireModel, check

NAME = f"web.{ZONE}."
Client = Any


@pytest.fixture(scope="module")
def shared_client(route53_bench: Route53Bench) -> Iterator[Client]:
    client = boto3.client(
        "route53",
        endpoint_url=route53_bench.server.url,
        region_name="us-east-1",
        aws_access_key_id=route53_bench.account.access_key,
        aws_secret_access_key="made up",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


@pytest.fixture
def client(aws: Route53Bench, shared_client: Client) -> Client:
    aws.renew(rate_per_s=1e6, burst=1e6)
    return shared_client


def a(*values: str, name: str = NAME, rdtype: str = "A", ttl: int = 60, **fields: Any) -> dict[str, Any]:
    """A record set; ``alias`` makes it one."""
    record = {"Name": name, "Type": rdtype, **fields, "TTL": ttl}
    record["ResourceRecords"] = [{"Value": value} for value in values or ("192.0.2.1",)]
    return ordered(record)


def alias(target: str, zone_id: str, name: str = NAME, evaluate: bool = False, **fields: Any) -> dict[str, Any]:
    where = {"HostedZoneId": zone_id, "DNSName": target, "EvaluateTargetHealth": evaluate}
    return ordered({"Name": name, "Type": "A", **fields, "AliasTarget": where})


def ordered(record: dict[str, Any]) -> dict[str, Any]:
    model: tuple[str, ...] = (
        "Name",
        "Type",
        "SetIdentifier",
        "Weight",
        "Region",
        "GeoLocation",
        "Failover",
        "MultiValueAnswer",
        "TTL",
    )
    model += ("ResourceRecords", "AliasTarget", "HealthCheckId")
    return {key: record[key] for key in model if key in record}


def change(client: Client, aws: Route53Bench, *changes: tuple[str, dict[str, Any]]) -> Any:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
    return client.change_resource_record_sets(HostedZoneId=aws.zone.id, ChangeBatch=batch)


def refused(client: Client, aws: Route53Bench, *changes: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    """The code and message of a batch that must be refused, and that must have changed nothing."""
    before = aws.zone.records()
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        change(client, aws, *changes)
    assert aws.zone.records() == before
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def weighted(identifier: str, weight: int = 1, *values: str, **fields: Any) -> dict[str, Any]:
    return a(*values, SetIdentifier=identifier, Weight=weight, **fields)


def geo(identifier: str, **place: str) -> dict[str, Any]:
    return a(SetIdentifier=identifier, GeoLocation=place)


def test_creation_of_what_exists_is_refused_weighted_sets_too(client: Client, aws: Route53Bench) -> None:
    change(client, aws, ("CREATE", a(name=f"plain.{ZONE}")), ("CREATE", weighted("eu")))
    for record in (a("192.0.2.9", name=f"plain.{ZONE}"), weighted("eu", 7)):
        code, message = refused(client, aws, ("CREATE", record))
        assert (code, "but it already exists" in message) == ("InvalidChangeBatch", True)


@pytest.mark.parametrize(
    "other",
    [
        weighted("eu", 2),
        weighted("eu", 1, "192.0.2.9"),
        weighted("eu", ttl=61),
        weighted("us"),
        a(),
        weighted("eu", rdtype="AAAA"),
    ],
)
def test_deletion_must_match_in_everything(client: Client, aws: Route53Bench, other: dict[str, Any]) -> None:
    change(client, aws, ("CREATE", weighted("eu")))
    code, message = refused(client, aws, ("DELETE", other))
    assert code == "InvalidChangeBatch"
    assert "do not match the current values" in message or "was not found" in message
    change(client, aws, ("DELETE", weighted("eu")))


def test_the_order_of_values_does_not_matter(client: Client, aws: Route53Bench) -> None:
    change(client, aws, ("CREATE", a("192.0.2.1", "192.0.2.2")))
    change(client, aws, ("DELETE", a("192.0.2.2", "192.0.2.1")))


def test_one_bad_change_undoes_the_whole_batch_and_every_fault_is_told(client: Client, aws: Route53Bench) -> None:
    good = [("CREATE", a(name=f"n{number}.{ZONE}")) for number in range(5)]
    _, message = refused(client, aws, *good, ("DELETE", a(name=f"x.{ZONE}")), ("CREATE", a(name="a.elsewhere.test.")))
    assert f"name='x.{ZONE}.'" in message
    assert "RRSet with DNS name a.elsewhere.test. is not permitted in zone" in message


@pytest.mark.parametrize(
    ("standing", "new"),
    [
        (a(), weighted("eu")),
        (weighted("eu"), a()),
        (weighted("eu"), geo("any", CountryCode="*")),
        (geo("any", CountryCode="*"), a(SetIdentifier="use1", Region="us-east-1")),
        (weighted("eu"), a(SetIdentifier="mv", MultiValueAnswer=True)),
    ],
)
def test_policies_are_not_mixed_at_one_name_and_type(
    client: Client, aws: Route53Bench, standing: dict[str, Any], new: dict[str, Any]
) -> None:
    change(client, aws, ("CREATE", standing))
    assert "another routing policy" in refused(client, aws, ("CREATE", new))[1]


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (geo("a", CountryCode="DE"), geo("b", CountryCode="DE")),
        (geo("a", CountryCode="*"), geo("b", CountryCode="*")),
        (a(SetIdentifier="a", Region="eu-west-1"), a(SetIdentifier="b", Region="eu-west-1")),
        (a(SetIdentifier="a", Failover="SECONDARY"), a(SetIdentifier="b", Failover="SECONDARY")),
    ],
)
def test_two_sets_of_one_place_region_or_side_are_refused(
    client: Client, aws: Route53Bench, one: dict[str, Any], same: dict[str, Any]
) -> None:
    assert "because another RRSet has the same" in refused(client, aws, ("CREATE", one), ("CREATE", same))[1]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (a(Weight=1), "InvalidInput"),
        (a(SetIdentifier="x"), "InvalidInput"),
        (a(SetIdentifier="x", Weight=1, Failover="SECONDARY"), "InvalidInput"),
        ({"Name": NAME, "Type": "A"}, "InvalidInput"),
        ({"Name": NAME, "Type": "A", "TTL": 60}, "InvalidInput"),
        (geo("x", ContinentCode="EU", CountryCode="DE"), "InvalidInput"),
        (geo("x", CountryCode="DE", SubdivisionCode="BY"), "InvalidInput"),
        (geo("x", CountryCode="XX"), "InvalidInput"),
        (geo("x", CountryCode="EH"), "InvalidInput"),
        (geo("x", ContinentCode="EX"), "InvalidInput"),
        (a("192.0.2.256"), "InvalidChangeBatch"),
        (a("2001:db8::1"), "InvalidChangeBatch"),
        (a("192.0.2.1", rdtype="AAAA"), "InvalidChangeBatch"),
        (a("192.0.2.1", "192.0.2.1"), "InvalidChangeBatch"),
        (a("unquoted", rdtype="TXT"), "InvalidChangeBatch"),
        (a(f'"{"x" * 256}"', rdtype="TXT"), "InvalidChangeBatch"),
        (a("a.example.net.", "b.example.net.", rdtype="CNAME"), "InvalidChangeBatch"),
        (a("lb.example.net.", rdtype="CNAME", name=ZONE), "InvalidChangeBatch"),
        (weighted("x", 1, "192.0.2.1", "192.0.2.2"), "InvalidChangeBatch"),
        (a(SetIdentifier="x", Failover="PRIMARY"), "InvalidChangeBatch"),
        (a(HealthCheckId="nobody's"), "NoSuchHealthCheck"),
        (a(*(f"192.0.{n // 250}.{n % 250}" for n in range(401))), "InvalidChangeBatch"),
        (a(name=f"{'x' * 64}.{ZONE}"), "InvalidChangeBatch"),
        (a(name=".".join(["y" * 60] * 5) + f".{ZONE}"), "InvalidChangeBatch"),
    ],
)
def test_sets_that_are_wrong_in_themselves(
    client: Client, aws: Route53Bench, record: dict[str, Any], code: str
) -> None:
    assert refused(client, aws, ("CREATE", record))[0] == code


@pytest.mark.parametrize(
    "record",
    [
        weighted("x", 256),
        a(SetIdentifier="x", Region="mars-north-1"),
        a(SetIdentifier="x", Failover="TERTIARY"),
        a(rdtype="ALIAS"),
        weighted("y" * 129),
    ],
)
def test_what_the_model_forbids_and_botocore_lets_through(
    client: Client, aws: Route53Bench, record: dict[str, Any]
) -> None:
    assert refused(client, aws, ("CREATE", record))[0] == "InvalidInput"
    assert len(aws.server.violations) == 1
    aws.server.violations.clear()


def test_a_weight_of_zero_and_of_255_are_fine(client: Client, aws: Route53Bench) -> None:
    change(client, aws, ("CREATE", weighted("a", 0)), ("CREATE", weighted("b", 255)))


def test_weighted_sets_share_a_ttl_and_are_a_hundred_at_most(client: Client, aws: Route53Bench) -> None:
    change(client, aws, *(("CREATE", weighted(f"s{number}")) for number in range(100)))
    assert "weighted RRSets already" in refused(client, aws, ("CREATE", weighted("one more")))[1]
    other: dict[str, Any] = {"name": f"o.{ZONE}"}
    both = ("CREATE", weighted("a", **other)), ("CREATE", weighted("b", ttl=30, **other))
    assert "must contain the same TTL" in refused(client, aws, *both)[1]


def test_a_cname_stands_alone_whatever_came_first(client: Client, aws: Route53Bench) -> None:
    cname = a("lb.example.net.", rdtype="CNAME")
    change(client, aws, ("CREATE", a()))
    assert "conflicts with other records" in refused(client, aws, ("CREATE", cname))[1]
    change(client, aws, ("DELETE", a()), ("CREATE", cname))
    assert "a conflicting RRSet of type CNAME" in refused(client, aws, ("CREATE", a()))[1]


def test_an_alias_needs_its_target_first_and_in_the_zone(client: Client, aws: Route53Bench) -> None:
    target = f"pool.{ZONE}."
    assert "was not found" in refused(client, aws, ("CREATE", alias(target, aws.zone.id)))[1]
    late = ("CREATE", alias(target, aws.zone.id)), ("CREATE", a(name=target))
    assert "was not found" in refused(client, aws, *late)[1]
    assert "does not lie within" in refused(client, aws, ("CREATE", alias("x.elsewhere.test.", aws.zone.id)))[1]
    assert "was not found" in refused(client, aws, ("CREATE", alias(NAME, aws.zone.id)))[1]
    change(client, aws, ("CREATE", a(name=target)), ("CREATE", alias(target, aws.zone.id)))
    found = client.list_resource_record_sets(HostedZoneId=aws.zone.id, StartRecordName=NAME)["ResourceRecordSets"][0]
    assert found == {**alias(target, aws.zone.id), "Name": NAME}


def test_a_failover_alias_has_to_evaluate_its_target(client: Client, aws: Route53Bench) -> None:
    side: dict[str, Any] = {"SetIdentifier": "s", "Failover": "SECONDARY"}
    target = ("CREATE", a(name=f"pool.{ZONE}"))
    record = alias(f"pool.{ZONE}", aws.zone.id, **side)
    assert "evaluate the health" in refused(client, aws, target, ("CREATE", record))[1]
    change(client, aws, target, ("CREATE", alias(f"pool.{ZONE}", aws.zone.id, evaluate=True, **side)))


def test_a_set_is_changed_once_in_a_batch_save_deleted_and_created(client: Client, aws: Route53Bench) -> None:
    change(client, aws, ("CREATE", a()))
    change(client, aws, ("DELETE", a()), ("CREATE", a()))
    for twice in ("DELETE", "DELETE"), ("CREATE", "DELETE"), ("UPSERT", "UPSERT"), ("DELETE", "UPSERT"):
        message = refused(client, aws, *((action, a()) for action in twice))[1]
        assert "invalid set of changes" in message


@pytest.mark.parametrize(("action", "most"), [("CREATE", 1000), ("UPSERT", 500)])
def test_a_batch_holds_so_many_values_and_upserts_count_twice(
    client: Client, aws: Route53Bench, action: str, most: int
) -> None:
    values = [f"192.0.{number}.1" for number in range(10)]
    sets = [(action, a(*values, name=f"n{number}.{ZONE}")) for number in range(most // 10)]
    one_more = (action, a(name=f"more.{ZONE}"))
    assert refused(client, aws, *sets, one_more) == (
        "InvalidChangeBatch",
        "[Number of records limit of 1000 exceeded.]",
    )
    change(client, aws, *sets)


@pytest.mark.parametrize(("action", "most"), [("CREATE", 32_000), ("UPSERT", 16_000)])
def test_a_batch_holds_so_many_characters_and_upserts_count_twice(
    client: Client, aws: Route53Bench, action: str, most: int
) -> None:
    value = f'"{"x" * 198}"'
    sets = [(action, a(value, rdtype="TXT", name=f"n{number}.{ZONE}")) for number in range(most // 200)]
    one_more = (action, a('""', rdtype="TXT", name=f"more.{ZONE}"))
    assert "Number of characters limit of 32000" in refused(client, aws, *sets, one_more)[1]
    change(client, aws, *sets)


def test_the_zones_own_records_stay(client: Client, aws: Route53Bench) -> None:
    for record in aws.zone.records():
        assert refused(client, aws, ("DELETE", record))[0] == "InvalidChangeBatch"


def test_names_come_back_as_the_service_writes_them(client: Client, aws: Route53Bench) -> None:
    change(client, aws, ("CREATE", a(name=f"*.Apps.{ZONE}")))
    listed = client.list_resource_record_sets(HostedZoneId=f"/hostedzone/{aws.zone.id}")["ResourceRecordSets"]
    assert listed[-1]["Name"] == f"\\052.apps.{ZONE}."
    change(client, aws, ("DELETE", a(name=f"\\052.apps.{ZONE}")))


def test_listings_are_sorted_by_reversed_labels_type_and_identifier(client: Client, aws: Route53Bench) -> None:
    names = ["b", "a.b", "_x.b", "*.b", "b-c", "a"]
    change(client, aws, *(("CREATE", a(name=f"{name}.{ZONE}")) for name in names))
    listed = client.list_resource_record_sets(HostedZoneId=aws.zone.id)["ResourceRecordSets"]
    shown = [record["Name"].removesuffix(f".{ZONE}.") for record in listed[2:]]
    assert shown == ["a", "b-c", "b", "\\052.b", "_x.b", "a.b"]


def test_pages_hold_300_with_every_marker_of_the_next(client: Client, aws: Route53Bench) -> None:
    for number in range(700):
        aws.zone.put(weighted(f"s{number:03}"))
    first = client.list_resource_record_sets(HostedZoneId=aws.zone.id, MaxItems="1000")
    assert (len(first["ResourceRecordSets"]), first["IsTruncated"], first["MaxItems"]) == (300, True, "300")
    assert (first["NextRecordName"], first["NextRecordType"], first["NextRecordIdentifier"]) == (NAME, "A", "s298")
    pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=aws.zone.id)
    assert sum(len(page["ResourceRecordSets"]) for page in pages) == 702


@pytest.mark.parametrize(
    "start",
    [{"StartRecordType": "A"}, {"StartRecordName": NAME, "StartRecordIdentifier": "x"}, {"MaxItems": "none"}],
)
def test_a_start_that_is_none_is_refused(client: Client, aws: Route53Bench, start: dict[str, str]) -> None:
    with pytest.raises(client.exceptions.InvalidInput):
        client.list_resource_record_sets(HostedZoneId=aws.zone.id, **start)


def test_zones_are_listed_by_name_and_by_pages(client: Client, aws: Route53Bench) -> None:
    for number in range(3):
        aws.account.add_zone(f"z{number}.example.org")
    found = client.list_hosted_zones_by_name(DNSName="z1.example.org", MaxItems="1")
    assert [zone["Name"] for zone in found["HostedZones"]] == ["z1.example.org."]
    assert (found["IsTruncated"], found["NextDNSName"]) == (True, "z2.example.org.")
    pages = client.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 2})
    assert sum(len(page["HostedZones"]) for page in pages) == 4
    assert len(client.get_hosted_zone(Id=aws.zone.id)["DelegationSet"]["NameServers"]) == 4


def test_a_change_is_pending_until_its_time_has_passed(client: Client, aws: Route53Bench) -> None:
    aws.renew(rate_per_s=1e6, burst=1e6, insync_s=40.0)
    info = change(client, aws, ("CREATE", a()))["ChangeInfo"]
    assert info["Status"] == "PENDING"
    aws.clock.pass_by(39.0)
    assert client.get_change(Id=info["Id"])["ChangeInfo"]["Status"] == "PENDING"
    aws.clock.pass_by(1.0)
    assert client.get_change(Id=info["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    with pytest.raises(client.exceptions.NoSuchChange):
        client.get_change(Id="C404")


def test_five_requests_a_second_and_then_throttling(client: Client, aws: Route53Bench) -> None:
    aws.renew()
    for _ in range(5):
        client.list_hosted_zones()
    with pytest.raises(botocore.exceptions.ClientError, match=r"Throttling.*Rate exceeded"):
        client.list_hosted_zones()
    aws.clock.pass_by(0.4)
    client.list_hosted_zones()
    client.list_hosted_zones()
    with pytest.raises(botocore.exceptions.ClientError, match="Throttling"):
        client.list_hosted_zones()


def test_a_zone_that_is_busy_takes_no_second_change_but_can_be_read(client: Client, aws: Route53Bench) -> None:
    aws.renew(rate_per_s=1e6, burst=1e6, busy_s=2.0)
    change(client, aws, ("CREATE", a()))
    with pytest.raises(client.exceptions.PriorRequestNotComplete):
        change(client, aws, ("DELETE", a()))
    client.list_resource_record_sets(HostedZoneId=aws.zone.id)
    aws.clock.pass_by(2.0)
    change(client, aws, ("DELETE", a()))


def test_an_error_that_the_model_does_not_have_for_an_operation_is_a_mistake(client: Client, aws: Route53Bench) -> None:
    aws.account.fail(Fault("PriorRequestNotComplete", "only writes end so"))
    with pytest.raises(botocore.exceptions.ClientError):
        client.list_hosted_zones()
    assert aws.server.violations == ["ListHostedZones cannot end in PriorRequestNotComplete"]
    aws.server.violations.clear()


def test_operations_that_it_does_not_have_are_refused(client: Client, aws: Route53Bench) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="NotImplemented"):
        client.get_checker_ip_ranges()


def test_an_unknown_zone_is_no_such_zone(client: Client, aws: Route53Bench) -> None:
    with pytest.raises(client.exceptions.NoSuchHostedZone):
        client.list_resource_record_sets(HostedZoneId="Z404")


@pytest.fixture(scope="module")
def model() -> WireModel:
    return WireModel()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<oops", "the body is no XML"),
        (b"<Other/>", "the body is a Other"),
        (b"<ChangeResourceRecordSetsRequest><Wrong/></ChangeResourceRecordSetsRequest>", "unknown element Wrong"),
        (b"<ChangeResourceRecordSetsRequest/>", "missing ChangeBatch"),
        (
            b"<ChangeResourceRecordSetsRequest><ChangeBatch><Changes/></ChangeBatch></ChangeResourceRecordSetsRequest>",
            "0 is outside 1",
        ),
    ],
)
def test_requests_are_held_against_the_model(model: WireModel, body: bytes, said: str) -> None:
    found = model.operation("POST", "/2013-04-01/hostedzone/Z1/rrset/")
    assert found is not None
    with pytest.raises(Violation, match=said):
        model.read(found[0], found[1], {}, body)


def test_elements_have_to_come_in_the_order_of_the_model(model: WireModel) -> None:
    found = model.operation("POST", "/2013-04-01/hostedzone/Z1/rrset/")
    assert found is not None
    change = (
        "<Change><ResourceRecordSet><Name>a</Name><Type>A</Type></ResourceRecordSet><Action>CREATE</Action></Change>"
    )
    body = f"<ChangeBatch><Changes>{change}</Changes></ChangeBatch>"
    with pytest.raises(Violation, match="not each once in the model's order"):
        model.read(*found, {}, f"<ChangeResourceRecordSetsRequest>{body}</ChangeResourceRecordSetsRequest>".encode())


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({}, "missing ChangeInfo"),
        ({"ChangeInfo": {"Id": "x", "Status": "DONE", "SubmittedAt": None}}, "'DONE' is not one of PENDING, INSYNC"),
        ({"ChangeInfo": {"Id": "x" * 33, "Status": "INSYNC", "SubmittedAt": None}}, "33 is outside"),
        ({"ChangeInfo": {"Id": "x", "Status": "INSYNC", "SubmittedAt": None}}, "None is no datetime"),
    ],
)
def test_responses_are_held_against_the_model(model: WireModel, response: dict[str, Any], said: str) -> None:
    found = model.operation("GET", "/2013-04-01/change/C1")
    assert found is not None
    with pytest.raises(Violation, match=said):
        model.write(found[0], response)


def test_numbers_and_truth_values_are_not_taken_for_each_other(model: WireModel) -> None:
    found = model.operation("POST", "/2013-04-01/hostedzone/Z1/rrset/")
    assert found is not None
    record_set = found[0].input_shape.members["ChangeBatch"].members["Changes"].member.members["ResourceRecordSet"]
    with pytest.raises(Violation, match="True is no int"):
        check(record_set, {"Name": "a", "Type": "A", "TTL": True}, "it")


def test_requests_without_a_signature_are_refused(aws: Route53Bench) -> None:
    status, body = aws.server.respond("GET", "/2013-04-01/hostedzone", "", b"") or (0, b"")
    assert (status, b"MissingAuthenticationToken" in body) == (403, True)
