"""CustomResourceDefinitions in one emulated cluster, without HTTP: kinds come, change and go with them."""

import copy
from pathlib import Path

import orjson
import pytest
import yaml

from trafficfed.clock import SystemClock
from trafficfed.crds.definitions import crds_yaml
from trafficfed.sandbox.apiserver import discovery
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.kinds import DEFINITION, KINDS, Json, Kind, find
from trafficfed.sandbox.apiserver.routing import parse_target
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.server import ApiServer
from trafficfed.testing.definition_contract import SPEC, definition
from trafficfed.testing.kubectl import Kubectl

USER = Intent(manager="test")
GROUP = "shop.example.org"
NAME = f"widgets.{GROUP}"


@pytest.fixture
def cluster(clock: SystemClock, schemas: Schemas) -> Cluster:
    return Cluster("hub", clock, schemas)


def define(cluster: Cluster, body: Json) -> Json:
    return cluster.create(Target(kind=DEFINITION), body, USER).value


def kind(cluster: Cluster) -> Kind:
    found = find(GROUP, "v1", "widgets", cluster.kinds)
    assert found is not None
    return found


def widget(cluster: Cluster, name: str, **rest: object) -> Json:
    target = Target(kind=kind(cluster), namespace="default")
    return cluster.create(target, {"metadata": {"name": name}, "spec": {"size": 1}, **rest}, USER).value


def changed(change: object, *path: str | int) -> Json:
    body = copy.deepcopy(definition(GROUP))
    inner = body
    for step in path[:-1]:
        inner = inner[step]  # type: ignore[index]
    inner[path[-1]] = change  # type: ignore[index]
    return body


def test_a_kind_is_served_at_once_by_this_cluster_only(cluster: Cluster, clock: SystemClock, schemas: Schemas) -> None:
    define(cluster, definition(GROUP))
    path = f"/apis/{GROUP}/v1/namespaces/default/widgets/a/status"
    assert parse_target(path, cluster.kinds) == Target(
        kind=kind(cluster), namespace="default", name="a", subresource="status"
    )
    other = Cluster("eu", clock, schemas)
    with pytest.raises(ApiFailure, match="could not find the requested resource"):
        parse_target(path, other.kinds)


def test_openapi_shows_the_schema_as_it_was_sent(cluster: Cluster) -> None:
    define(cluster, definition(GROUP))
    document = orjson.loads(discovery.openapi_document(GROUP, "v1", cluster.schemas, cluster.kinds))
    schemas = document["components"]["schemas"]
    shown = schemas["org.example.shop.v1.Widget"]
    assert shown["properties"]["spec"] == SPEC
    assert shown["x-kubernetes-group-version-kind"] == [{"group": GROUP, "kind": "Widget", "version": "v1"}]
    metadata = shown["properties"]["metadata"]["allOf"][0]["$ref"].rsplit("/", 1)[1]
    assert "labels" in schemas[metadata]["properties"]


def test_the_openapi_index_changes_with_a_definition(cluster: Cluster) -> None:
    define(cluster, definition(GROUP))
    before = discovery.openapi_index("", cluster.kinds)["paths"]

    def other(value: Json) -> Json:
        value = copy.deepcopy(value)
        value["spec"]["versions"][0]["additionalPrinterColumns"] = []
        return value

    cluster.modify(Target(kind=DEFINITION, name=NAME), other, USER)
    after = discovery.openapi_index("", cluster.kinds)["paths"]
    assert {name for name in before if before[name] != after[name]} == {f"apis/{GROUP}/v1"}


def test_a_dry_run_brings_no_kind(cluster: Cluster) -> None:
    cluster.create(Target(kind=DEFINITION), definition(GROUP), Intent(manager="test", dry_run=True))
    assert cluster.kinds == KINDS


def test_an_edited_definition_rules_from_then_on(cluster: Cluster) -> None:
    define(cluster, definition(GROUP))
    widget(cluster, "a")

    def stricter(value: Json) -> Json:
        value = copy.deepcopy(value)
        schema = value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        schema["properties"]["spec"]["required"] = ["size", "word"]
        return value

    cluster.modify(Target(kind=DEFINITION, name=NAME), stricter, USER)
    with pytest.raises(ApiFailure, match=r"spec\.word: Required value"):
        widget(cluster, "b")
    assert cluster.get(Target(kind=kind(cluster), namespace="default", name="a"))["spec"]["size"] == 1


def test_a_definition_takes_its_objects_along_whatever_holds_them(cluster: Cluster) -> None:
    define(cluster, definition(GROUP))
    gone = kind(cluster)
    cluster.create(
        Target(kind=gone, namespace="default"),
        {"metadata": {"name": "held", "finalizers": ["example.org/held"]}, "spec": {"size": 1}},
        USER,
    )
    cluster.delete(Target(kind=DEFINITION, name=NAME), {}, USER)
    assert (cluster.kinds, cluster.store.objects(gone)) == (KINDS, {})


def test_a_restored_cluster_knows_its_kinds(cluster: Cluster, clock: SystemClock, schemas: Schemas) -> None:
    define(cluster, definition(GROUP))
    widget(cluster, "a")
    restored = Cluster("hub", clock, schemas, cluster.store.copy())
    assert widget(restored, "b")["spec"] == {"size": 1, "color": "red"}


def test_a_definition_without_columns_shows_ages(cluster: Cluster) -> None:
    body = copy.deepcopy(definition(GROUP))
    del body["spec"]["versions"][0]["additionalPrinterColumns"]
    define(cluster, body)
    stated = kind(cluster).definition
    assert stated is not None
    assert [column.name for column in stated.columns] == ["Age"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (changed("", "spec", "group"), "spec.group"),
        (changed("", "spec", "scope"), "spec.scope"),
        (changed("Galactic", "spec", "scope"), "spec.scope"),
        (changed([], "spec", "versions"), "spec.versions"),
        (changed(False, "spec", "versions", 0, "storage"), "spec.versions[0]"),
        (changed(None, "spec", "versions", 0, "schema"), "spec.versions[0].schema.openAPIV3Schema"),
        (
            changed({"type": "string"}, "spec", "versions", 0, "schema", "openAPIV3Schema"),
            "spec.versions[0].schema.openAPIV3Schema.type",
        ),
        (changed(None, "spec", "names", "kind"), "spec.names.kind"),
    ],
)
def test_a_definition_that_cannot_be_is_refused(cluster: Cluster, body: Json, field: str) -> None:
    with pytest.raises(ApiFailure) as refused:
        define(cluster, body)
    assert refused.value.code == 422
    assert field in [cause["field"] for cause in (refused.value.details or {})["causes"]]
    assert cluster.kinds == KINDS


@pytest.mark.parametrize(
    "body",
    [
        changed(definition(GROUP)["spec"]["versions"] * 2, "spec", "versions"),
        changed("{.x..y}", "spec", "versions", 0, "additionalPrinterColumns", 0, "jsonPath"),
    ],
)
def test_what_cannot_be_done_truthfully_is_not_done(cluster: Cluster, body: Json) -> None:
    with pytest.raises(ApiFailure) as refused:
        define(cluster, body)
    assert refused.value.code == 501


@pytest.mark.real
async def test_the_products_own_definitions_are_installed_as_its_documentation_says(
    clock: SystemClock, schemas: Schemas, tmp_path: Path
) -> None:
    async with ApiServer(clock, ["hub"], secure=True, schemas=schemas) as server:
        kubectl = Kubectl(server.write_kubeconfig(tmp_path / "kubeconfig"), "hub", tmp_path / "cache")
        await kubectl.ok("apply", "--server-side", "-f", "-", stdin=crds_yaml())
        await kubectl.ok("wait", "--for=condition=Established", "crd", "--all", "--timeout=10s")
        selector = {"apiVersion": "v1", "kind": "Service", "name": "web"}
        policy = {
            "apiVersion": "trafficfed.io/v1alpha1",
            "kind": "PropagationPolicy",
            "metadata": {"name": "web"},
            "spec": {"resourceSelectors": [selector]},
        }
        await kubectl.ok("apply", "-f", "-", stdin=yaml.safe_dump(policy))
        found = yaml.safe_load(await kubectl.ok("get", "pp", "web", "-o", "yaml"))
        assert found["spec"]["conflictResolution"] == "Abort"
        assert (await kubectl.ok("get", "trafficfed")).split()[:4] == ["NAME", "OBJECTS", "COPIES", "IN"]
        refused = await kubectl("apply", "-f", "-", stdin=yaml.safe_dump(policy | {"spec": {"resourceSelectors": []}}))
        assert "should have at least 1 items" in refused.errors
