"""The cells of each kind, as a real API server 1.37 was seen to print them."""

import pytest

from trafficfed.sandbox.apiserver.columns import COLUMNS, age, table
from trafficfed.sandbox.apiserver.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    EVENT,
    KINDS,
    LEASE,
    NAMESPACE,
    NODE,
    SECRET,
    SERVICE,
    Json,
    Kind,
)

CREATED_S = 1767225600.0
CREATED = "2026-01-01T00:00:00Z"
NOW_S = CREATED_S + 90


def cells(kind: Kind, value: Json) -> list[object]:
    metadata = {"name": "one", "creationTimestamp": CREATED} | value.get("metadata", {})
    shown = table(kind, [value | {"metadata": metadata}], NOW_S, "None", {})
    (row,) = shown["rows"]
    assert len(row["cells"]) == len(shown["columnDefinitions"])
    return list(row["cells"])


def service(kind: str, ingress: list[Json] | None = None, **spec: object) -> Json:
    balanced = {"ingress": ingress} if ingress else {}
    return {"spec": {"type": kind, **spec}, "status": {"loadBalancer": balanced}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (service("ClusterIP", clusterIP="10.96.0.1"), "<none>"),
        (service("ClusterIP", clusterIP="10.96.0.1", externalIPs=["192.0.2.1", "192.0.2.2"]), "192.0.2.1,192.0.2.2"),
        (service("LoadBalancer"), "<pending>"),
        (service("LoadBalancer", [{"ip": "192.0.2.1"}, {"hostname": "lb.example.org"}]), "192.0.2.1,lb.example.org"),
        (service("ExternalName", externalName="web.example.org"), "web.example.org"),
    ],
)
def test_where_a_service_is_reached_from_outside(value: Json, expected: str) -> None:
    assert cells(SERVICE, value)[3] == expected


def test_ports_and_selectors_of_a_service() -> None:
    ports = [{"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 53, "protocol": "UDP"}]
    shown = cells(SERVICE, service("NodePort", ports=ports, selector={"b": "2", "a": "1"}))
    assert shown[4:] == ["80:30001/TCP,53/UDP", "90s", "a=1,b=2"]
    assert cells(SERVICE, service("ClusterIP"))[4:] == ["<none>", "90s", "<none>"]


def test_slices_show_three_addresses_and_how_many_more() -> None:
    endpoints = [{"addresses": [f"10.0.0.{number}"]} for number in range(1, 6)]
    value = {"addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": 80}, {"port": 443}]}
    assert cells(ENDPOINT_SLICE, value)[1:] == ["IPv4", "80,443", "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...", "90s"]
    assert cells(ENDPOINT_SLICE, {"addressType": "IPv4", "endpoints": None})[2:4] == ["<unset>", "<unset>"]


@pytest.mark.parametrize(
    ("status", "cordoned", "expected"),
    [
        ("True", False, "Ready"),
        ("False", False, "NotReady"),
        ("Unknown", False, "Unknown"),
        ("True", True, "Ready,SchedulingDisabled"),
    ],
)
def test_nodes_tell_whether_they_are_ready(status: str, cordoned: bool, expected: str) -> None:
    node = {"spec": {"unschedulable": cordoned}, "status": {"conditions": [{"type": "Ready", "status": status}]}}
    assert cells(NODE, node)[1] == expected


def test_nodes_tell_their_roles_and_addresses() -> None:
    labels = {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/edge": "", "other": "x"}
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "ExternalIP", "address": "192.0.2.1"}]
    shown = cells(NODE, {"metadata": {"labels": labels}, "status": {"addresses": addresses}})
    assert shown[1:3] == ["Unknown", "edge,worker"]
    assert shown[5:7] == ["10.0.0.1", "192.0.2.1"]
    assert cells(NODE, {})[1:] == ["Unknown", "<none>", "90s", "", "<none>", "<none>", *["<unknown>"] * 3]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (NAMESPACE, {"status": {"phase": "Active"}}, ["Active", "90s"]),
        (CONFIG_MAP, {"data": {"a": "1"}, "binaryData": {"b": ""}}, [2, "90s"]),
        (SECRET, {"type": "Opaque"}, ["Opaque", 0, "90s"]),
        (LEASE, {"spec": {"holderIdentity": "me"}}, ["me", "90s"]),
    ],
)
def test_the_plainer_kinds(kind: Kind, value: Json, expected: list[object]) -> None:
    assert cells(kind, value) == ["one", *expected]


def test_events_tell_what_happened_to_whom() -> None:
    involved = {"kind": "Service", "name": "web"}
    event = {"lastTimestamp": CREATED, "type": "Warning", "reason": "Conflict", "involvedObject": involved}
    shown = cells(EVENT, event | {"message": "another cluster holds the name\n"})
    assert shown[1:6] == ["90s", "Warning", "Conflict", "service/web", "another cluster holds the name"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (9 * 86400, "9d"),
    ],
)
def test_ages_are_short(seconds: int, expected: str) -> None:
    assert age(CREATED, CREATED_S + seconds) == expected


def test_every_kind_has_columns() -> None:
    assert set(COLUMNS) == set(KINDS)


@pytest.mark.parametrize(
    ("include", "expected"), [("None", None), ("Metadata", "PartialObjectMetadata"), ("Object", "Namespace")]
)
def test_rows_carry_as_much_of_the_object_as_was_asked_for(include: str, expected: str | None) -> None:
    value = {"kind": "Namespace", "metadata": {"name": "one"}, "status": {"phase": "Active"}}
    (row,) = table(NAMESPACE, [value], NOW_S, include, {})["rows"]
    assert row.get("object", {}).get("kind") == expected
