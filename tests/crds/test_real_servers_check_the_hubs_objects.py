"""What the generated definitions are worth at a real API server: good objects pass, bad ones are told why."""

import json
from typing import Any

import pytest

from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.processes import ServerFailed

pytestmark = pytest.mark.real

Json = dict[str, Any]

FULL_POLICY: Json = {
    "resourceSelectors": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        {"apiVersion": "v1", "kind": "Service", "labelSelector": {"matchLabels": {"app": "web"}}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "shop"]}]},
        },
    ],
    "placement": {
        "clusterAffinity": {
            "clusterNames": ["eu", "us"],
            "exclude": ["dev"],
            "labelSelector": {"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]},
            "regions": ["eu-west-1"],
            "providers": ["aws"],
            "countries": ["IE"],
        },
        "compliance": {"gdpr": "yes"},
        "latency": {"region": "eu-west-1", "belowMilliseconds": 30},
        "maxClusters": 2,
        "spreadBy": "region",
    },
    "replicaScheduling": {"type": "Divided", "divideBy": "StaticWeights", "weights": {"eu": 2, "us": 1}},
    "overrides": [
        {
            "targetClusters": {"clusterNames": ["eu"]},
            "kind": "Deployment",
            "images": [{"container": "web", "registry": "registry.example.org:5000", "tag": "1.2"}],
            "replicas": 3,
            "labels": {"region": "eu"},
            "annotations": {"example.org/note": "kept"},
            "patch": [
                {"op": "add", "path": "/metadata/labels/a", "value": "b"},
                {"op": "add", "path": "/spec/template/spec/tolerations", "value": [{"operator": "Exists"}]},
                {"op": "copy", "from": "/metadata/labels/a", "path": "/metadata/labels/c"},
            ],
        }
    ],
    "deletionPolicy": "Orphan",
    "conflictResolution": "Overwrite",
    "reschedule": "never",
}

SMALL: Json = {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}]}


def put(hub: RealCluster, kind: str, spec: Json, name: str = "web", namespace: str | None = "shop") -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    body = {"apiVersion": "trafficfed.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    applied = hub.kubectl("apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(body))
    found: Json = json.loads(applied)
    return found


def with_override(**override: Any) -> Json:
    return {**SMALL, "overrides": [override]}


def test_a_policy_that_states_everything_is_accepted(hub: RealCluster) -> None:
    assert put(hub, "PropagationPolicy", FULL_POLICY)["spec"] == FULL_POLICY


def test_a_policy_that_states_the_least_says_what_it_means(hub: RealCluster) -> None:
    stated = put(hub, "PropagationPolicy", SMALL)["spec"]
    assert stated == {**SMALL, "deletionPolicy": "Delete", "conflictResolution": "Abort", "reschedule": "never"}


def test_the_cluster_scoped_twin_selects_namespaces(hub: RealCluster) -> None:
    selector = {"apiVersion": "v1", "kind": "ConfigMap", "namespaces": ["shop", "prod"]}
    stated = put(hub, "ClusterPropagationPolicy", {"resourceSelectors": [selector]}, namespace=None)["spec"]
    assert stated["resourceSelectors"] == [selector]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "spec.resourceSelectors: Required value"),
        ({"resourceSelectors": []}, "should have at least 1 items"),
        ({"resourceSelectors": [{"kind": "ConfigMap"}]}, "resourceSelectors[0].apiVersion: Required value"),
        (
            {
                "resourceSelectors": [
                    {"apiVersion": "v1", "kind": "Service", "name": "a", "labelSelector": {"matchLabels": {"a": "b"}}}
                ]
            },
            "name and labelSelector exclude each other",
        ),
        (
            {
                "resourceSelectors": [
                    {
                        "apiVersion": "v1",
                        "kind": "Service",
                        "labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]},
                    }
                ]
            },
            "In and NotIn need values, Exists and DoesNotExist take none",
        ),
        ({**SMALL, "placement": {"latency": {"belowMilliseconds": 5}}}, "state either region or cluster"),
        (
            {**SMALL, "placement": {"latency": {"belowMilliseconds": 5, "region": "a", "cluster": "b"}}},
            "state either region or cluster",
        ),
        ({**SMALL, "placement": {"spreadBy": "region"}}, "spreadBy needs maxClusters"),
        ({**SMALL, "placement": {"maxClusters": 0}}, "should be greater than or equal to 1"),
        ({**SMALL, "replicaScheduling": {"weights": {"eu": 1}}}, "weights need type Divided"),
        ({**SMALL, "replicaScheduling": {"type": "Divided", "weights": {"eu": 0}}}, "at least one weight"),
        ({**SMALL, "replicaScheduling": {"type": "Spread"}}, 'Unsupported value: "Spread"'),
        ({**SMALL, "reschedule": "onBreach"}, "reschedule: onBreach is reserved"),
        (with_override(images=[{"container": "web"}]), "state at least one of registry, repository, tag, digest"),
        (with_override(patch=[{"op": "replace", "path": "/metadata/name", "value": "x"}]), "must not touch"),
        (with_override(patch=[{"op": "replace", "path": "/metadata/namespace", "value": "x"}]), "must not touch"),
        (with_override(patch=[{"op": "add", "path": "/metadata/ownerReferences/-", "value": {}}]), "must not touch"),
        (with_override(patch=[{"op": "replace", "path": "/kind", "value": "x"}]), "must not touch"),
        (with_override(patch=[{"op": "replace", "path": "/apiVersion", "value": "x"}]), "must not touch"),
        (with_override(patch=[{"op": "replace", "path": "/metadata", "value": {}}]), "must not touch"),
        (with_override(patch=[{"op": "replace", "path": "", "value": {}}]), "must not touch"),
        (with_override(patch=[{"op": "move", "from": "/metadata/name", "path": "/data/x"}]), "must not touch"),
        (with_override(patch=[{"op": "move", "path": "/data/x"}]), "move and copy need from"),
        (with_override(patch=[{"op": "rename", "path": "/data/x"}]), "should match"),
    ],
)
def test_a_bad_policy_is_refused_with_the_reason(hub: RealCluster, spec: Json, message: str) -> None:
    with pytest.raises(ServerFailed) as refused:
        put(hub, "PropagationPolicy", spec)
    assert message in str(refused.value)


GOOD_SERVICE: Json = {
    "hostnames": ["web.fed.example.org", "*.shop.example.org"],
    "steering": ["geo", "failover", "weighted"],
    "healthCheck": {"scheme": "https", "port": 8443, "path": "/healthz", "intervalSeconds": 5, "timeoutSeconds": 0.5},
    "ttl": 60,
    "whenAllDown": "fallback",
    "fallback": ["192.0.2.1"],
}


def test_a_global_service_that_states_everything_is_accepted(hub: RealCluster) -> None:
    stated = put(hub, "GlobalService", GOOD_SERVICE)["spec"]
    assert GOOD_SERVICE.items() <= {**stated, "healthCheck": GOOD_SERVICE["healthCheck"]}.items()
    assert stated["targetForm"] == "auto"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hostnames": []}, "should have at least 1 items"),
        ({"hostnames": ["WWW.example.org"]}, "should match"),
        ({"hostnames": ["www.*.example.org"]}, "should match"),
        ({"hostnames": ["a.example.org", "a.example.org"]}, "duplicate entries"),
        ({"steering": ["weighted", "geo"]}, "weighted or multivalue ends a chain"),
        ({"steering": ["geo", "geo"]}, "steering has a word twice"),
        ({"steering": ["nearest"]}, "Unsupported value"),
        ({"whenAllDown": "all"}, "fallback and whenAllDown: fallback need each other"),
        ({"fallback": []}, "fallback and whenAllDown: fallback need each other"),
        ({"healthCheck": {"timeoutSeconds": 20}}, "timeoutSeconds must not exceed intervalSeconds"),
        ({"ttl": 0}, "should be greater than or equal to 1"),
    ],
)
def test_a_bad_global_service_is_refused_with_the_reason(hub: RealCluster, change: Json, message: str) -> None:
    with pytest.raises(ServerFailed) as refused:
        put(hub, "GlobalService", {**GOOD_SERVICE, **change})
    assert message in str(refused.value)
