"""Objects of every kind that may be propagated, and what the controllers of a cluster would say of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from trafficfed.testing.propagating import deployment
from trafficfed.testing.real_cluster import MERGE, RealCluster

Json = dict[str, Any]


def of_every_kind(namespace: str, name: str) -> list[Json]:
    """One of each, the cluster-scoped Namespace first; nothing of them depends on anything else."""
    runs, to = dict(deployment(name)["spec"]["template"]), {"matchLabels": {"app": name}}
    once = {**runs, "spec": {**runs["spec"], "restartPolicy": "Never"}}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    backend = {"service": {"name": name, "port": {"number": 80}}}

    def made(api_version: str, kind: str, **fields: Any) -> Json:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}, **fields}

    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{name}-space"}},
        made("v1", "ConfigMap", data={"a": "b"}),
        made("v1", "Secret", stringData={"a": "b"}),
        made("v1", "Service", spec={"type": "LoadBalancer", "selector": {"app": name}, "ports": [{"port": 80}]}),
        made("v1", "ServiceAccount"),
        deployment(name, namespace=namespace),
        made("apps/v1", "StatefulSet", spec={"serviceName": name, "selector": to, "template": runs}),
        made("apps/v1", "DaemonSet", spec={"selector": to, "template": runs}),
        made("batch/v1", "Job", spec={"template": once}),
        made("batch/v1", "CronJob", spec={"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": once}}}),
        made("networking.k8s.io/v1", "Ingress", spec={"defaultBackend": backend}),
        made("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": to}),
        made("policy/v1", "PodDisruptionBudget", spec={"selector": to, "maxUnavailable": 1}),
        made("autoscaling/v2", "HorizontalPodAutoscaler", spec={"scaleTargetRef": scaled, "maxReplicas": 3}),
    ]


def selects(made: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Resource selectors of a policy for exactly these."""
    return [{"apiVersion": each["apiVersion"], "kind": each["kind"], "name": each["metadata"]["name"]} for each in made]


BALANCED: Json = {"loadBalancer": {"ingress": [{"ip": "127.0.1.10"}]}}
STATUSES: Mapping[str, Json] = {
    "Service": BALANCED,
    "Ingress": BALANCED,
    "Deployment": {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1},
    "StatefulSet": {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1},
    "DaemonSet": {
        "desiredNumberScheduled": 1,
        "currentNumberScheduled": 1,
        "updatedNumberScheduled": 1,
        "numberReady": 1,
        "numberAvailable": 1,
        "numberMisscheduled": 0,
    },
    "Job": {"active": 1, "ready": 1, "startTime": "2026-11-26T00:00:00Z"},
}


def play_status(member: RealCluster, template: Mapping[str, Any]) -> None:
    """What runs of a copy there, where its kind tells such a thing. Raises ApiError."""
    kind, meta = template["kind"], template["metadata"]
    if kind not in STATUSES:
        return
    root = "/api" if template["apiVersion"] == "v1" else "/apis"
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    path = f"{root}/{template['apiVersion']}/namespaces/{meta['namespace']}/{plural}/{meta['name']}/status"
    member.admin.request("PATCH", path, {"status": STATUSES[kind]}, MERGE)


def end_namespaces(member: RealCluster) -> None:
    """What the namespace controller of a cluster does at last: those that are being deleted are gone."""
    for each in member.admin.request("GET", "/api/v1/namespaces")["items"]:
        if each["metadata"].get("deletionTimestamp"):
            ended = {**each, "spec": {"finalizers": []}}
            member.admin.request("PUT", f"/api/v1/namespaces/{each['metadata']['name']}/finalize", ended)
