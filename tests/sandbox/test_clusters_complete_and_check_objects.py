"""Writes to one emulated cluster, without HTTP: what is added, refused, allocated and given back."""

import base64

import pytest

from trafficfed.clock import SystemClock
from trafficfed.sandbox.apiserver import services
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    EVENT,
    LEASE,
    NAMESPACE,
    NODE,
    SECRET,
    SERVICE,
    Json,
    Kind,
)
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.services import Allocator

USER = Intent(manager="test")


@pytest.fixture
def cluster(clock: SystemClock, schemas: Schemas) -> Cluster:
    return Cluster("eu", clock, schemas)


def create(cluster: Cluster, kind: Kind, name: str, **rest: object) -> Json:
    target = Target(kind=kind, namespace="default" if kind.namespaced else "")
    return cluster.create(target, {"metadata": {"name": name}, **rest}, USER).value


def target(kind: Kind, name: str) -> Target:
    return Target(kind=kind, namespace="default" if kind.namespaced else "", name=name)


def fields_refused(caught: pytest.ExceptionInfo[ApiFailure]) -> list[str]:
    assert caught.value.code == 422
    return [cause["field"] for cause in (caught.value.details or {})["causes"]]


def test_two_clusters_have_two_identities(clock: SystemClock, schemas: Schemas) -> None:
    first, second = (Cluster("eu", clock, schemas) for _ in range(2))
    assert first.uid != second.uid
    assert len(first.store.objects(NAMESPACE)) == 4


@pytest.mark.parametrize("kind", [CONFIG_MAP, EVENT, LEASE, NODE, SECRET])
def test_every_kind_can_be_written_read_and_deleted(cluster: Cluster, kind: Kind) -> None:
    extra = {"involvedObject": {"kind": "Service", "name": "web"}} if kind is EVENT else {}
    written = create(cluster, kind, "one", **extra)
    assert cluster.get(target(kind, "one")) == written
    cluster.delete(target(kind, "one"), {}, USER)
    with pytest.raises(ApiFailure) as caught:
        cluster.get(target(kind, "one"))
    assert caught.value.code == 404


def test_a_failed_write_changes_nothing(cluster: Cluster) -> None:
    before = cluster.store.revision
    with pytest.raises(ApiFailure):
        create(cluster, SERVICE, "web", spec={"ports": [{"port": 0}]})
    assert cluster.store.revision == before


def test_secrets_fold_their_plain_text(cluster: Cluster) -> None:
    secret = create(cluster, SECRET, "s", stringData={"a": "b"}, data={"c": "ZA=="})
    assert secret["data"] == {"a": base64.b64encode(b"b").decode(), "c": "ZA=="}
    assert (secret["type"], "stringData" in secret) == ("Opaque", False)


def test_immutable_maps_stay_as_they_are(cluster: Cluster) -> None:
    create(cluster, CONFIG_MAP, "c", data={"a": "1"}, immutable=True)
    with pytest.raises(ApiFailure) as caught:
        cluster.modify(target(CONFIG_MAP, "c"), lambda value: value | {"data": {"a": "2"}}, USER)
    assert fields_refused(caught) == ["data"]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("224.0.0.1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("web.fed.test", "valid IP"),
    ],
)
def test_slices_refuse_addresses_that_lead_nowhere(cluster: Cluster, address: str, text: str) -> None:
    with pytest.raises(ApiFailure, match=text) as caught:
        create(cluster, ENDPOINT_SLICE, "s", addressType="IPv4", endpoints=[{"addresses": [address]}])
    assert fields_refused(caught) == ["endpoints[0].addresses[0]"]


def test_a_slice_may_have_no_endpoints_and_needs_a_type(cluster: Cluster) -> None:
    assert create(cluster, ENDPOINT_SLICE, "s", addressType="IPv6")["endpoints"] is None
    for kind in (None, "Nonsense"):
        with pytest.raises(ApiFailure) as caught:
            create(cluster, ENDPOINT_SLICE, "t", addressType=kind)
        assert fields_refused(caught) == ["addressType"]


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"labels": {"a b": "c"}}, "metadata.labels"),
        ({"labels": {"a": "b c"}}, "metadata.labels"),
        ({"labels": {"A/b": "c"}}, "metadata.labels"),
        ({"annotations": {"a b": "c"}}, "metadata.annotations"),
        ({"annotations": {"a": "b" * 300_000}}, "metadata.annotations"),
    ],
)
def test_metadata_is_checked(cluster: Cluster, metadata: Json, field: str) -> None:
    with pytest.raises(ApiFailure) as caught:
        cluster.create(Target(kind=CONFIG_MAP, namespace="default"), {"metadata": {"name": "c", **metadata}}, USER)
    assert fields_refused(caught) == [field]


def test_nobody_deletes_the_first_namespaces(cluster: Cluster) -> None:
    with pytest.raises(ApiFailure) as caught:
        cluster.delete(target(NAMESPACE, "kube-system"), {}, USER)
    assert caught.value.code == 403


def test_a_namespace_that_goes_takes_nothing_new(cluster: Cluster) -> None:
    create(cluster, NAMESPACE, "shop")
    gone = cluster.delete(target(NAMESPACE, "shop"), {}, USER)
    assert gone["status"]["phase"] == "Terminating"
    with pytest.raises(ApiFailure, match="because it is being terminated") as caught:
        cluster.create(Target(kind=CONFIG_MAP, namespace="shop"), {"metadata": {"name": "c"}}, USER)
    assert caught.value.code == 403
    finalize = Target(kind=NAMESPACE, name="shop", subresource="finalize")
    cluster.modify(finalize, lambda value: value | {"spec": {}}, USER)
    assert cluster.store.get(target(NAMESPACE, "shop").key) is None


def test_what_cannot_be_done_truthfully_is_not_done(cluster: Cluster) -> None:
    create(cluster, CONFIG_MAP, "c")
    with pytest.raises(ApiFailure) as caught:
        cluster.delete(target(CONFIG_MAP, "c"), {"propagationPolicy": "Foreground"}, USER)
    assert caught.value.code == 501
    assert cluster.get(target(CONFIG_MAP, "c"))


class TestServices:
    PORTS = ({"name": "a", "port": 1}, {"name": "b", "port": 2, "nodePort": 31000})

    def test_addresses_and_ports_are_each_given_once_and_come_back(self, cluster: Cluster) -> None:
        first = create(cluster, SERVICE, "one", spec={"type": "NodePort", "ports": list(self.PORTS)})
        second = create(cluster, SERVICE, "two", spec={"type": "NodePort", "ports": [{"port": 1}]})
        assert first["spec"]["clusterIP"] != second["spec"]["clusterIP"]
        taken = [port["nodePort"] for value in (first, second) for port in value["spec"]["ports"]]
        assert len(set(taken)) == 3
        cluster.delete(target(SERVICE, "one"), {}, USER)
        third = create(cluster, SERVICE, "three", spec={"type": "NodePort", "ports": list(self.PORTS)})
        assert third["spec"]["clusterIP"] == first["spec"]["clusterIP"]
        assert third["spec"]["ports"] == first["spec"]["ports"]

    def test_an_update_that_leaves_out_what_the_server_chose_keeps_it(self, cluster: Cluster) -> None:
        first = create(cluster, SERVICE, "web", spec={"type": "NodePort", "ports": [{"port": 1}]})
        manifest = {"metadata": {"name": "web"}, "spec": {"type": "NodePort", "ports": [{"port": 1}]}}
        again = cluster.replace(target(SERVICE, "web"), manifest, USER).value
        assert again["spec"] == first["spec"]

    def test_external_names_have_no_address(self, cluster: Cluster) -> None:
        create(cluster, SERVICE, "web", spec={"ports": [{"port": 1}]})
        change = {"type": "ExternalName", "externalName": "web.example.org"}
        after = cluster.modify(
            target(SERVICE, "web"), lambda value: value | {"spec": value["spec"] | change}, USER
        ).value
        assert not after["spec"].keys() & {"clusterIP", "clusterIPs", "ipFamilies", "internalTrafficPolicy"}

    def test_headless_services_keep_none(self, cluster: Cluster) -> None:
        web = create(cluster, SERVICE, "web", spec={"clusterIP": "None", "selector": {"a": "b"}})
        assert (web["spec"]["clusterIP"], web["spec"]["clusterIPs"]) == ("None", ["None"])

    def test_a_dry_run_holds_neither_address_nor_port(self, cluster: Cluster) -> None:
        spec = {"type": "NodePort", "ports": [{"port": 1}]}
        body = {"metadata": {"name": "web"}, "spec": spec}
        place = Target(kind=SERVICE, namespace="default")
        tried = cluster.create(place, body, Intent(dry_run=True)).value
        done = cluster.create(place, body, USER).value
        assert tried["spec"] == done["spec"]

    def test_duplicate_ports_and_names_are_refused(self, cluster: Cluster) -> None:
        with pytest.raises(ApiFailure) as caught:
            create(cluster, SERVICE, "web", spec={"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 1}]})
        assert fields_refused(caught) == ["spec.ports[1]", "spec.ports[1]"]

    def test_a_restored_cluster_remembers_what_is_in_use(
        self, cluster: Cluster, clock: SystemClock, schemas: Schemas
    ) -> None:
        first = create(cluster, SERVICE, "one", spec={"ports": [{"port": 1}]})
        twin = Cluster("eu", clock, schemas, cluster.store.copy())
        second = create(twin, SERVICE, "two", spec={"ports": [{"port": 1}]})
        assert second["spec"]["clusterIP"] != first["spec"]["clusterIP"]
        assert twin.uid == cluster.uid


def test_both_ranges_are_finite() -> None:
    allocator = Allocator("192.0.2.0/28", range(30000, 30002))
    spec = {"type": "NodePort", "ports": [{"port": 1}]}
    for _ in range(2):
        services.allocate({"spec": {**spec, "ports": [{"port": 1}]}}, allocator)
    with pytest.raises(LookupError):
        allocator.port()
    for _ in range(3):
        services.allocate({"spec": {"type": "ClusterIP"}}, allocator)
    with pytest.raises(LookupError):
        services.allocate({"spec": {"type": "ClusterIP"}}, allocator)


def test_a_full_range_is_an_error_that_costs_nothing(cluster: Cluster) -> None:
    cluster._allocator = Allocator(ports=range(30000, 30001))
    create(cluster, SERVICE, "one", spec={"type": "NodePort", "ports": [{"port": 1}]})
    with pytest.raises(ApiFailure, match="range is full") as caught:
        create(cluster, SERVICE, "two", spec={"type": "NodePort", "ports": [{"port": 1}]})
    assert caught.value.code == 500
    assert len(cluster.store.objects(SERVICE)) == 1


def test_generated_names_follow_their_prefix(cluster: Cluster) -> None:
    body = {"metadata": {"generateName": "c-"}}
    names = {
        cluster.create(Target(kind=CONFIG_MAP, namespace="default"), body, USER).value["metadata"]["name"]
        for _ in range(20)
    }
    assert len(names) == 20
    assert all(name.startswith("c-") and len(name) == 7 for name in names)


def test_a_replacement_creates_only_where_the_kind_allows_it(cluster: Cluster) -> None:
    made = cluster.replace(target(LEASE, "new"), {"metadata": {"name": "new"}}, USER)
    assert made.created
    with pytest.raises(ApiFailure) as caught:
        cluster.replace(target(CONFIG_MAP, "new"), {"metadata": {"name": "new"}}, USER)
    assert caught.value.code == 404


@pytest.mark.parametrize(
    ("subresource", "body", "code"),
    [
        ("status", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}, 404),
        ("", {"metadata": {"name": "web"}}, 400),
        ("", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "managedFields": [{}]}}, 400),
        ("", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "other"}}, 400),
        ("", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}, 400),
        ("", {"apiVersion": "v1", "kind": "Service", "metadata": []}, 400),
        ("", ["apiVersion", "kind"], 400),
    ],
)
def test_an_apply_that_makes_no_sense_is_refused(cluster: Cluster, subresource: str, body: Json, code: int) -> None:
    place = Target(kind=SERVICE, namespace="default", name="web", subresource=subresource)
    before = cluster.store.revision
    with pytest.raises(ApiFailure) as caught:
        cluster.apply(place, body, USER)
    assert (caught.value.code, cluster.store.revision) == (code, before)


def test_a_deletion_may_insist_on_a_version_and_be_tried(cluster: Cluster) -> None:
    written = create(cluster, CONFIG_MAP, "c")
    with pytest.raises(ApiFailure) as caught:
        cluster.delete(target(CONFIG_MAP, "c"), {"preconditions": {"resourceVersion": "1"}}, USER)
    assert caught.value.code == 409
    assert cluster.delete(target(CONFIG_MAP, "c"), {}, Intent(dry_run=True)) == written
    assert cluster.get(target(CONFIG_MAP, "c")) == written


def test_marking_twice_is_marking_once(cluster: Cluster) -> None:
    create(cluster, NAMESPACE, "shop")
    first = cluster.delete(target(NAMESPACE, "shop"), {}, USER)
    assert cluster.delete(target(NAMESPACE, "shop"), {}, USER) == first
