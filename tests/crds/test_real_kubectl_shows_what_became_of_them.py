"""kubectl prints conditions and counts as columns, and status is written apart from spec."""

import json

import msgspec
import pytest

from trafficfed.crds.structs import API_VERSION, Condition
from trafficfed.propagation.policy import ClusterSummary, PolicyStatus, Problem
from trafficfed.propagation.select import read_policy
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.real_cluster import MERGE

pytestmark = pytest.mark.real

PATH = f"/apis/{API_VERSION}/namespaces/shop/propagationpolicies"
SPEC = {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}]}
SINCE = "2026-11-25T12:00:00Z"


def condition(kind: str, status: str, reason: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, last_transition_time=SINCE, observed_generation=1)


STATUS = PolicyStatus(
    observed_generation=1,
    conditions=(condition("Scheduled", "True", "Scheduled"), condition("Applied", "False", "AlreadyExists")),
    objects=3,
    copies=6,
    applied=5,
    clusters=(ClusterSummary(name="eu", objects=3, applied=2, reason="Fits"),),
    problems=(Problem(cluster="eu", object="ConfigMap shop/a", reason="AlreadyExists", message="is not ours"),),
)


@pytest.fixture(scope="module")
def written(hub: RealCluster) -> RealCluster:
    body = {"apiVersion": API_VERSION, "kind": "PropagationPolicy", "metadata": {"name": "columns"}, "spec": SPEC}
    hub.admin.request("POST", PATH, body)
    status = json.loads(msgspec.json.encode(STATUS))
    hub.admin.request("PATCH", f"{PATH}/columns/status", {"status": status}, MERGE)
    return hub


def test_the_columns_tell_how_a_policy_stands(written: RealCluster) -> None:
    header, row = written.kubectl("get", "-n", "shop", "pp", "columns").splitlines()
    assert header.split() == ["NAME", "OBJECTS", "COPIES", "IN", "PLACE", "SCHEDULED", "APPLIED", "AGE"]
    assert row.split()[:6] == ["columns", "3", "6", "5", "True", "False"]


def test_the_wide_columns_tell_why(written: RealCluster) -> None:
    header, row = written.kubectl("get", "-n", "shop", "pp", "columns", "-o", "wide").splitlines()
    assert "REASON" in header
    assert "AlreadyExists" in row


def test_a_written_status_is_read_back_as_it_was(written: RealCluster) -> None:
    found = written.admin.request("GET", f"{PATH}/columns")
    assert msgspec.convert(found["status"], PolicyStatus) == STATUS


def test_writing_status_changes_no_spec_and_no_generation(written: RealCluster) -> None:
    found = written.admin.request("GET", f"{PATH}/columns")
    assert found["metadata"]["generation"] == 1
    assert found["spec"]["resourceSelectors"] == SPEC["resourceSelectors"]


def test_what_a_server_stores_is_read_as_a_policy(written: RealCluster) -> None:
    policy = read_policy(json.dumps(written.admin.request("GET", f"{PATH}/columns")).encode())
    assert str(policy.key) == "PropagationPolicy shop/columns"
    assert policy.created_s > 0
    assert policy.generation == 1


def test_a_global_service_shows_its_names(hub: RealCluster) -> None:
    spec = {"hostnames": ["web.fed.example.org"], "steering": ["geo", "weighted"]}
    body = {"apiVersion": API_VERSION, "kind": "GlobalService", "metadata": {"name": "columns"}, "spec": spec}
    hub.admin.request("POST", PATH.replace("propagationpolicies", "globalservices"), body)
    header, row = hub.kubectl("get", "-n", "shop", "globalservice", "columns").splitlines()
    assert header.split()[:3] == ["NAME", "HOSTNAME", "STEERING"]
    assert "web.fed.example.org" in row
    assert '["geo","weighted"]' in row


def test_kubectl_explains_every_field(hub: RealCluster) -> None:
    told = hub.kubectl("explain", "propagationpolicies.spec.placement.latency")
    assert "measured to be this near" in told
    assert "belowMilliseconds" in told


def test_all_kinds_are_one_category(hub: RealCluster) -> None:
    listed = hub.kubectl("api-resources", "--categories=trafficfed", "-o", "name").split()
    assert listed == [
        "clusterpropagationpolicies.trafficfed.io",
        "fleetbaselines.trafficfed.io",
        "globalservices.trafficfed.io",
        "operatorcontrols.trafficfed.io",
        "propagationpolicies.trafficfed.io",
    ]
