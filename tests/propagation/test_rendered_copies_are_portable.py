"""What is applied elsewhere is what the author wrote: nothing a server added, and equal bytes for equal meaning."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Cluster, Refusal
from trafficfed.propagation.assignment import Assignment, Share
from trafficfed.propagation.portable import HASH_ANNOTATION, OWNER_LABEL, portable
from trafficfed.propagation.render import Rendered, render
from trafficfed.testing.propagating import deployment, policy, template

Json = dict[str, Any]

SERVER_META: Json = {
    "uid": "4b0b2c5e",
    "resourceVersion": "77",
    "generation": 3,
    "creationTimestamp": "2026-11-25T12:00:00Z",
    "managedFields": [{"manager": "kubectl", "operation": "Apply"}],
    "ownerReferences": [{"kind": "App", "name": "shop", "uid": "1"}],
    "finalizers": ["example.org/hold"],
    "selfLink": "/apis/x",
    "deletionGracePeriodSeconds": 30,
}


def written(kind: str, api_version: str = "v1", **fields: Any) -> Json:
    metadata = {"name": "web", "namespace": "shop", "labels": {"app": "web"}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def served(manifest: Json, **fields: Any) -> Json:
    """The object as an API server returns it."""
    metadata = {**manifest["metadata"], **SERVER_META}
    annotations = {
        **(metadata.get("annotations") or {}),
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "deployment.kubernetes.io/revision": "4",
    }
    return {**manifest, "metadata": {**metadata, "annotations": annotations}, "status": {"x": 1}, **fields}


PORTS: list[Json] = [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]
POD: Json = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}

CASES: list[tuple[Json, Json]] = [
    (written("ConfigMap", data={"a": "b"}), {}),
    (written("Secret", type="Opaque", data={"a": "Yg=="}), {}),
    (
        written("Service", spec={"type": "LoadBalancer", "ports": PORTS}),
        {
            "spec": {
                "type": "LoadBalancer",
                "ports": [{**PORTS[0], "nodePort": 31234}],
                "clusterIP": "10.0.0.7",
                "clusterIPs": ["10.0.0.7"],
                "healthCheckNodePort": 32000,
            }
        },
    ),
    (
        written("Service", spec={"clusterIP": "None", "ports": PORTS}),
        {"spec": {"clusterIP": "None", "clusterIPs": ["None"], "ports": PORTS}},
    ),
    (written("ServiceAccount"), {"secrets": [{"name": "web-token-x"}]}),
    (
        written("PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"]}),
        {"spec": {"accessModes": ["ReadWriteOnce"], "volumeName": "pvc-1"}},
    ),
    (
        written("Deployment", "apps/v1", spec={"replicas": 2, "template": POD}),
        {
            "spec": {
                "replicas": 2,
                "template": {**POD, "metadata": {**POD["metadata"], "creationTimestamp": None}},
            }
        },
    ),
    (
        written("Job", "batch/v1", spec={"template": POD}),
        {
            "spec": {
                "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "1"}},
                "template": {
                    **POD,
                    "metadata": {
                        "labels": {
                            "app": "web",
                            "controller-uid": "1",
                            "job-name": "web",
                            "batch.kubernetes.io/controller-uid": "1",
                            "batch.kubernetes.io/job-name": "web",
                        }
                    },
                },
            }
        },
    ),
    (
        written(
            "Job", "batch/v1", spec={"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}, "template": POD}
        ),
        {},
    ),
]


@pytest.mark.parametrize(("manifest", "added"), CASES, ids=lambda case: case.get("kind", "") if case else "")
def test_what_servers_added_is_gone_and_what_the_author_wrote_is_there(manifest: Json, added: Json) -> None:
    assert portable(served(manifest, **added)) == manifest


def test_a_namespace_keeps_its_labels_only() -> None:
    manifest: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}}
    seen = served(manifest, spec={"finalizers": ["kubernetes"]})
    seen["metadata"]["labels"] = {"team": "a", "kubernetes.io/metadata.name": "shop"}
    assert portable(seen) == manifest


def test_annotations_of_the_author_travel() -> None:
    manifest = written("Service", spec={"ports": PORTS})
    manifest["metadata"]["annotations"] = {"trafficfed.io/hostname": "web.fed.example.org"}
    assert portable(served(manifest)) == manifest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
kinds = st.sampled_from([(case[0]["apiVersion"], case[0]["kind"]) for case in CASES])


@settings(max_examples=80)
@given(kinds, st.dictionaries(st.text(max_size=4), json_values, max_size=4))
def test_made_portable_twice_is_made_portable_once(kind: tuple[str, str], spec: Json) -> None:
    seen = served(written(kind[1], kind[0], spec={**spec, "ports": PORTS, "clusterIP": "10.0.0.1", "template": POD}))
    before = json.dumps(seen)
    once = portable(seen)
    assert portable(once) == once
    assert json.dumps(seen) == before


# Rendering

CLUSTERS = {name: Cluster(name=name) for name in ("eu", "us")}


def rendered(manifest: Json, *shares: Share, **spec: Any) -> dict[str, Rendered]:
    read = template(manifest)
    ruling = policy(**spec)
    assignment = Assignment(object=read.key, policy=ruling.key, shares=shares or (Share("eu"), Share("us")))
    found = render(read, ruling, assignment, CLUSTERS, "demo")
    for each in found.values():
        assert isinstance(each, Rendered), each
    return {name: each for name, each in found.items() if isinstance(each, Rendered)}


def body(rendered: Rendered) -> Any:
    return json.loads(rendered.body)


def test_every_copy_says_whose_it_is_and_what_it_was() -> None:
    found = rendered(deployment())
    metadata = body(found["eu"])["metadata"]
    assert metadata["labels"] == {OWNER_LABEL: "demo"}
    assert metadata["annotations"] == {HASH_ANNOTATION: found["eu"].hash}


def test_equal_copies_are_rendered_once() -> None:
    found = rendered(deployment())
    assert found["eu"] is found["us"]


def test_order_of_keys_and_what_servers_add_change_no_byte() -> None:
    manifest = deployment()
    turned = served(json.loads(json.dumps(manifest, sort_keys=True)), spec=dict(reversed(manifest["spec"].items())))
    assert rendered(turned)["eu"] == rendered(manifest)["eu"]


def test_any_change_of_content_changes_the_hash() -> None:
    hashes = {
        rendered(deployment(replicas=3))["eu"].hash,
        rendered(deployment(replicas=4))["eu"].hash,
        rendered(deployment(app="web"))["eu"].hash,
    }
    assert len(hashes) == 3


def test_a_copy_applied_as_a_template_again_is_the_same_copy() -> None:
    first = rendered(deployment())["eu"]
    assert rendered(body(first))["eu"] == first


def test_each_cluster_gets_its_share() -> None:
    found = rendered(deployment(replicas=5), Share("eu", 3), Share("us", 2))
    assert {name: body(each)["spec"]["replicas"] for name, each in found.items()} == {"eu": 3, "us": 2}


def test_a_jobs_completions_are_divided_as_its_parallelism_is() -> None:
    job = written("Job", "batch/v1", spec={"parallelism": 4, "completions": 10, "template": POD})
    found = rendered(job, Share("eu", 3), Share("us", 1))
    specs = {name: body(each)["spec"] for name, each in found.items()}
    assert {name: spec["parallelism"] for name, spec in specs.items()} == {"eu": 3, "us": 1}
    assert sum(spec["completions"] for spec in specs.values()) == 10
    assert specs["us"]["completions"] in (2, 3)


def test_unmanaged_replicas_are_left_to_an_autoscaler() -> None:
    assert "replicas" not in body(rendered(deployment(), replicaScheduling={"type": "Unmanaged"})["eu"])["spec"]


def test_a_cluster_nobody_has_configured_gets_nothing() -> None:
    read, ruling = template(deployment()), policy()
    assignment = Assignment(object=read.key, policy=ruling.key, shares=(Share("eu"), Share("mars")))
    assert render(read, ruling, assignment, CLUSTERS, "demo").keys() == {"eu"}


# Overrides


def overridden(manifest: Json, *overrides: Json) -> dict[str, Rendered | Refusal]:
    read, ruling = template(manifest), policy(overrides=list(overrides))
    assignment = Assignment(object=read.key, policy=ruling.key, shares=(Share("eu"), Share("us")))
    return render(read, ruling, assignment, CLUSTERS, "demo")


EU: Json = {"targetClusters": {"clusterNames": ["eu"]}}


def spec_of(found: Rendered | Refusal) -> Any:
    assert isinstance(found, Rendered), found
    return body(found)["spec"]


def image_of(found: Rendered | Refusal) -> str:
    return str(spec_of(found)["template"]["spec"]["containers"][0]["image"])


def test_an_override_changes_only_the_clusters_it_is_for() -> None:
    found = overridden(deployment(), {**EU, "replicas": 7})
    assert (spec_of(found["eu"])["replicas"], spec_of(found["us"])["replicas"]) == (7, 3)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"tag": "2.0"}, "registry.example.org/shop/web:2.0"),
        ({"registry": "eu.example.org:5000"}, "eu.example.org:5000/shop/web:1.0"),
        ({"repository": "eu/web"}, "registry.example.org/eu/web:1.0"),
        ({"digest": "sha256:" + "a" * 64}, "registry.example.org/shop/web:1.0@sha256:" + "a" * 64),
        ({"container": "web", "tag": "3"}, "registry.example.org/shop/web:3"),
    ],
)
def test_parts_of_an_image_are_replaced(image: Json, expected: str) -> None:
    found = overridden(deployment(), {**EU, "images": [image]})
    assert image_of(found["eu"]) == expected
    assert image_of(found["us"]) == "registry.example.org/shop/web:1.0"


def test_a_new_tag_drops_an_old_digest() -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = "web@sha256:" + "b" * 64
    assert image_of(overridden(manifest, {"images": [{"tag": "2"}]})["eu"]) == "web:2"


def test_labels_and_annotations_are_added() -> None:
    found = overridden(deployment(app="web"), {**EU, "labels": {"region": "eu"}, "annotations": {"a": "b"}})["eu"]
    assert isinstance(found, Rendered)
    metadata = body(found)["metadata"]
    assert metadata["labels"] == {"app": "web", "region": "eu", OWNER_LABEL: "demo"}
    assert metadata["annotations"] == {"a": "b", HASH_ANNOTATION: found.hash}


def test_overrides_apply_in_their_order_and_patches_last() -> None:
    patch = [{"op": "replace", "path": "/spec/replicas", "value": 9}]
    found = overridden(deployment(), {"replicas": 5, "patch": patch}, {**EU, "replicas": 6})
    assert (spec_of(found["eu"])["replicas"], spec_of(found["us"])["replicas"]) == (6, 9)


def test_an_override_may_be_for_one_kind_and_one_name() -> None:
    found = overridden(deployment(), {"kind": "Service", "replicas": 5}, {"name": "other", "replicas": 6})
    assert spec_of(found["eu"])["replicas"] == 3


def test_what_has_no_containers_and_no_replicas_is_not_at_fault_for_it() -> None:
    config = written("ConfigMap", data={"a": "b"})
    found = overridden(config, {"replicas": 5, "images": [{"tag": "2"}]})["eu"]
    assert isinstance(found, Rendered)
    assert body(found)["data"] == {"a": "b"}


def test_no_override_takes_our_mark_away() -> None:
    patch = [{"op": "add", "path": "/metadata/labels", "value": {OWNER_LABEL: "thief"}}]
    found = overridden(deployment(), {"labels": {OWNER_LABEL: "thief"}, "patch": patch})["eu"]
    assert isinstance(found, Rendered)
    assert body(found)["metadata"]["labels"] == {OWNER_LABEL: "demo"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"patch": [{"op": "replace", "path": "/spec/nowhere", "value": 1}]}, "'nowhere' is not there"),
        ({"patch": [{"op": "replace", "path": "/metadata/name", "value": "x"}]}, "must not touch"),
        ({"patch": [{"op": "add", "path": "/metadata/namespace", "value": "x"}]}, "must not touch"),
        ({"patch": [{"op": "add", "path": "/metadata", "value": {}}]}, "must not touch"),
        ({"images": [{"container": "sidecar", "tag": "2"}]}, "no container 'sidecar'"),
        ({"patch": [{"op": "add", "path": "/metadata/labels", "value": "none"}]}, "metadata.labels is no mapping"),
    ],
)
def test_an_override_that_does_not_fit_costs_only_its_cluster(override: Json, message: str) -> None:
    found = overridden(deployment(), {**EU, **override})
    refused = found["eu"]
    assert isinstance(refused, Refusal)
    assert refused.reason == "OverrideFailed"
    assert refused.object == "Deployment.apps shop/web"
    assert message in refused.message
    assert isinstance(found["us"], Rendered)
