"""The part of the API server's contract that a hub needs: CustomResourceDefinitions, the objects of such kinds, and
Deployments. Only what holds at a real server stands here."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import yaml

from trafficfed.testing.apiserver_subject import Fixtures, Namespace, Object, causes
from trafficfed.testing.kubectl import Kubectl
from trafficfed.testing.kubernetes_http import STRATEGIC_PATCH, TABLE, Api

SERVED_WITHIN_S = 20.0
ASK_EVERY_S = 0.05
SPEC: Object = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "word": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 4},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set", "minItems": 1},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}},
            },
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "weights": {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2},
        "port": {"x-kubernetes-int-or-string": True},
    },
}
STATUS: Object = {"type": "object", "properties": {"phase": {"type": "string"}, "seen": {"type": "integer"}}}
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Blue", "type": "string", "jsonPath": '.spec.parts[?(@.name=="b")].count', "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def definition(group: str) -> Object:
    """Of the kind Widget in a group of the test's own."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}},
        "additionalPrinterColumns": COLUMNS,
    }
    names = {"kind": "Widget", "plural": "widgets", "shortNames": [f"w{group.split('.')[0]}"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


@dataclass(frozen=True, slots=True)
class Widgets:
    """A kind that is served, and where its objects of one namespace are."""

    group: str
    path: str

    def widget(self, name: str, **spec: object) -> Object:
        metadata = {"name": name}
        return {"apiVersion": f"{self.group}/v1", "kind": "Widget", "metadata": metadata, "spec": spec}


def deployment(name: str, **spec: object) -> Object:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def served(api: Api, path: str, status: int = 200) -> None:
    """Wait until a path answers so: API servers take a moment to serve a kind, and to end it."""
    async with asyncio.timeout(SERVED_WITHIN_S):
        while True:
            if (await api.get(path)).status == status:
                return
            await asyncio.sleep(ASK_EVERY_S)


class DefinitionContract(Fixtures):
    @pytest.fixture
    async def widgets(self, api: Api, namespace: Namespace) -> AsyncIterator[Widgets]:
        group = f"g{uuid.uuid4().hex[:8]}.example.org"
        reply = await api.apply(f"{CRDS}/widgets.{group}", definition(group), "test")
        assert reply.status == 201, reply.body
        path = f"/apis/{group}/v1/namespaces/{namespace.name}/widgets"
        await served(api, path)
        yield Widgets(group, path)
        await api.delete(f"{CRDS}/widgets.{group}")

    async def test_a_definition_says_that_it_is_established(self, api: Api, widgets: Widgets) -> None:
        found = (await api.get(f"{CRDS}/widgets.{widgets.group}")).body
        conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}
        assert found["status"]["storedVersions"] == ["v1"]
        assert found["spec"]["names"]["singular"] == "widget"
        assert found["spec"]["names"]["listKind"] == "WidgetList"

    async def test_a_definition_that_names_itself_wrongly_is_refused(self, api: Api) -> None:
        wrong = definition("wrong.example.org")
        wrong["metadata"]["name"] = "gadgets.wrong.example.org"
        reply = await api.post(CRDS, wrong)
        assert (reply.status, causes(reply.body)) == (422, ["metadata.name"])

    async def test_discovery_tells_of_the_kind(self, api: Api, widgets: Widgets) -> None:
        group = (await api.get(f"/apis/{widgets.group}")).body
        assert group["preferredVersion"]["groupVersion"] == f"{widgets.group}/v1"
        entries = (await api.get(f"/apis/{widgets.group}/v1")).body["resources"]
        assert {entry["name"]: entry["kind"] for entry in entries} == {"widgets": "Widget", "widgets/status": "Widget"}
        assert "deletecollection" in entries[0]["verbs"]

    async def test_what_the_schema_does_not_know_is_dropped_or_refused(self, api: Api, widgets: Widgets) -> None:
        body = widgets.widget("a", size=1, typo=2, free={"any": {"thing": []}})
        reply = await api.post(widgets.path, body)
        assert reply.body["spec"] == {"size": 1, "color": "red", "free": {"any": {"thing": []}}}
        assert "spec.typo" in reply.headers["Warning"]
        strict = await api.post(f"{widgets.path}?fieldValidation=Strict", widgets.widget("b", size=1, typo=2))
        assert (strict.status, "spec.typo" in strict.body["message"]) == (400, True)

    async def test_defaults_are_put_in_at_every_depth(self, api: Api, widgets: Widgets) -> None:
        reply = await api.post(widgets.path, widgets.widget("a", size=1, parts=[{"name": "x"}], weights={}))
        assert reply.body["spec"]["parts"] == [{"name": "x", "count": 1}]
        assert (reply.body["spec"]["color"], reply.body["spec"]["weights"]) == ("red", {})

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ({}, "spec.size: Required value"),
            ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
            ({"size": 10}, "spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"),
            ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
            ({"size": 1, "color": "grey"}, 'spec.color: Unsupported value: "grey": supported values: "red", "blue"'),
            (
                {"size": 1, "word": "ABC"},
                "spec.word: Invalid value: \"ABC\": spec.word in body should match '^[a-z]+$'",
            ),
            ({"size": 1, "word": "a"}, "spec.word in body should be at least 2 chars long"),
            ({"size": 1, "word": "abcde"}, "spec.word: Too long: may not be more than 4 bytes"),
            ({"size": 1, "tags": []}, "spec.tags: Invalid value: 0: spec.tags in body should have at least 1 items"),
            ({"size": 1, "tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
            ({"size": 1, "parts": [{"count": 2}]}, "spec.parts[0].name: Required value"),
            ({"size": 1, "weights": {"a": "b"}}, "spec.weights.a in body must be of type integer"),
            ({"size": 1, "weights": {"a": 1, "b": 1, "c": 1}}, "spec.weights: Too many: 3: must have at most 2 items"),
            ({"size": 1, "port": []}, "spec.port in body must be of type integer,string"),
        ],
    )
    async def test_what_the_schema_forbids_is_refused_with_the_reason(
        self, api: Api, widgets: Widgets, spec: Object, message: str
    ) -> None:
        reply = await api.post(widgets.path, widgets.widget("a", **spec))
        assert (reply.status, reply.body["reason"]) == (422, "Invalid")
        assert message in reply.body["message"]
        assert reply.body["message"].startswith(f'Widget.{widgets.group} "a" is invalid: ')

    async def test_status_is_written_apart_and_is_no_generation(self, api: Api, widgets: Widgets) -> None:
        made = await api.post(widgets.path, widgets.widget("a", size=1) | {"status": {"phase": "Mine"}})
        assert ("status" in made.body, made.body["metadata"]["generation"]) == (False, 1)
        status = {key: value for key, value in widgets.widget("a").items() if key != "spec"}
        said = await api.apply(f"{widgets.path}/a/status", status | {"status": {"phase": "Up"}}, "controller")
        assert (said.status, said.body["status"]) == (200, {"phase": "Up"})
        assert said.body["metadata"]["generation"] == 1
        edited = await api.patch(f"{widgets.path}/a", {"spec": {"size": 2}, "status": {"phase": "Mine"}})
        assert (edited.body["status"], edited.body["metadata"]["generation"]) == ({"phase": "Up"}, 2)

    async def test_lists_merge_as_their_marks_say(self, api: Api, widgets: Widgets) -> None:
        path = f"{widgets.path}/a"
        await api.apply(path, widgets.widget("a", size=1, tags=["x"], parts=[{"name": "x", "count": 3}]), "one")
        reply = await api.apply(path, widgets.widget("a", tags=["y"], parts=[{"name": "y"}]), "two")
        assert sorted(reply.body["spec"]["tags"]) == ["x", "y"]
        assert reply.body["spec"]["parts"] == [{"name": "x", "count": 3}, {"name": "y", "count": 1}]
        taken = await api.apply(path, widgets.widget("a", size=2), "two")
        assert (taken.status, causes(taken.body)) == (409, [".spec.size"])

    async def test_a_strategic_patch_is_not_for_such_kinds(self, api: Api, widgets: Widgets) -> None:
        await api.post(widgets.path, widgets.widget("a", size=1))
        assert (await api.patch(f"{widgets.path}/a", {"spec": {"size": 2}}, STRATEGIC_PATCH)).status == 415

    async def test_columns_are_those_of_the_definition(self, api: Api, widgets: Widgets) -> None:
        await api.post(widgets.path, widgets.widget("a", size=3, parts=[{"name": "b", "count": 7}]))
        table = (await api.get(widgets.path, TABLE)).body
        assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Size", "Phase", "Blue", "Age"]
        assert table["rows"][0]["cells"][:4] == ["a", 3, None, "7"]

    async def test_such_objects_can_be_watched(self, api: Api, widgets: Widgets) -> None:
        version = (await api.get(widgets.path)).body["metadata"]["resourceVersion"]
        async with api.watch(f"{widgets.path}?watch=true&resourceVersion={version}") as events:
            await api.post(widgets.path, widgets.widget("a", size=1))
            (event,) = await events.take(1)
        assert (event["type"], event["object"]["spec"]) == ("ADDED", {"size": 1, "color": "red"})

    async def test_a_definition_takes_its_objects_along(self, api: Api, widgets: Widgets) -> None:
        await api.post(widgets.path, widgets.widget("a", size=1))
        assert (await api.delete(f"{CRDS}/widgets.{widgets.group}")).status == 200
        await served(api, widgets.path, 404)
        await served(api, f"{CRDS}/widgets.{widgets.group}", 404)
        await api.apply(f"{CRDS}/widgets.{widgets.group}", definition(widgets.group), "test")
        await served(api, widgets.path)
        assert (await api.get(widgets.path)).body["items"] == []

    async def test_kubectl_applies_explains_and_shows_them(
        self, kubectl: Kubectl, namespace: Namespace, widgets: Widgets
    ) -> None:
        scope, name = ("-n", namespace.name), f"widgets.{widgets.group}"
        await kubectl.ok("wait", "--for=condition=Established", f"crd/{name}", "--timeout=10s")
        manifest = yaml.safe_dump(widgets.widget("a", size=1))
        assert "created" in await kubectl.ok(*scope, "apply", "-f", "-", stdin=manifest)
        assert "unchanged" in await kubectl.ok(*scope, "apply", "-f", "-", stdin=manifest)
        assert "configured" in await kubectl.ok(
            *scope, "apply", "-f", "-", stdin=yaml.safe_dump(widgets.widget("a", size=2))
        )
        assert (await kubectl.ok(*scope, "get", name)).split()[:4] == ["NAME", "SIZE", "PHASE", "AGE"]
        assert "color" in await kubectl.ok("explain", f"{name}.spec")


class DeploymentContract(Fixtures):
    async def test_a_deployment_is_completed(self, api: Api, namespace: Namespace) -> None:
        path = f"/apis/apps/v1/namespaces/{namespace.name}/deployments"
        made = (await api.post(path, deployment("web"))).body
        assert made["spec"]["replicas"] == 1
        assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
        pod = made["spec"]["template"]["spec"]
        assert (pod["restartPolicy"], pod["containers"][0]["imagePullPolicy"]) == ("Always", "IfNotPresent")
        assert made["metadata"]["generation"] == 1

    async def test_containers_merge_by_name_and_an_edit_is_a_generation(self, api: Api, namespace: Namespace) -> None:
        path = f"/apis/apps/v1/namespaces/{namespace.name}/deployments/web"
        await api.apply(path, deployment("web"), "one")
        edited = deployment("web")
        edited["spec"] = {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}
        found = (await api.apply(path, edited, "two")).body
        assert [one["name"] for one in found["spec"]["template"]["spec"]["containers"]] == ["web", "side"]
        assert found["metadata"]["generation"] == 2

    async def test_status_says_what_runs_and_changes_nothing_else(self, api: Api, namespace: Namespace) -> None:
        path = f"/apis/apps/v1/namespaces/{namespace.name}/deployments"
        await api.post(path, deployment("web", replicas=2))
        said = await api.patch(f"{path}/web/status", {"status": {"replicas": 2, "readyReplicas": 2}})
        assert said.body["status"] == {"replicas": 2, "readyReplicas": 2}
        assert (await api.patch(f"{path}/web", {"spec": {"replicas": 3}})).body["status"]["replicas"] == 2
        table = (await api.get(path, TABLE)).body
        assert table["rows"][0]["cells"][:2] == ["web", "2/3"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
            ({"replicas": -1}, "spec.replicas"),
        ],
    )
    async def test_a_deployment_that_cannot_be_is_refused(
        self, api: Api, namespace: Namespace, change: Object, field: str
    ) -> None:
        path = f"/apis/apps/v1/namespaces/{namespace.name}/deployments"
        reply = await api.post(path, deployment("web", **change))
        assert (reply.status, causes(reply.body)) == (422, [field])

    async def test_the_selector_stays(self, api: Api, namespace: Namespace) -> None:
        path = f"/apis/apps/v1/namespaces/{namespace.name}/deployments"
        await api.post(path, deployment("web"))
        labels = {"app": "web", "more": "yes"}
        change = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
        reply = await api.patch(f"{path}/web", change)
        assert (reply.status, causes(reply.body)) == (422, ["spec.selector"])
