"""Short ways to write policies, clusters and objects for tests of propagation."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from trafficfed.model import Cluster
from trafficfed.propagation.assignment import Assignment, Choice
from trafficfed.propagation.objects import ObjectKey, Template, read_template
from trafficfed.propagation.place import Candidate, Chosen, Measured, choose
from trafficfed.propagation.select import Policy, read_policy

Json = dict[str, Any]

WEB = ObjectKey("apps", "Deployment", "shop", "web")
UNMEASURED = Measured()
EVERY_DEPLOYMENT: Json = {"apiVersion": "apps/v1", "kind": "Deployment"}


def cluster(name: str, **properties: Any) -> Cluster:
    """A member; labels and compliance may be given as mappings."""
    for field in ("labels", "compliance"):
        if isinstance(properties.get(field), Mapping):
            properties[field] = tuple(sorted(properties[field].items()))
    return Cluster(name=name, **properties)


def candidates(*names: str, unreachable: Iterable[str] = ()) -> tuple[Candidate, ...]:
    """Members without any property."""
    away = set(unreachable)
    return tuple(Candidate(cluster=Cluster(name=name), reachable=name not in away) for name in names)


def policy(name: str = "web", namespace: str = "shop", created: str = "2026-11-25T12:00:00Z", **spec: Any) -> Policy:
    """A policy as it would be read from the hub; ``spec`` is in the words of the published schema."""
    spec.setdefault("resourceSelectors", [EVERY_DEPLOYMENT])
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": created, "generation": 1}
    return read_policy(json.dumps({"metadata": metadata, "spec": spec}).encode(), cluster_scoped=not namespace)


def placing(**placement: Any) -> Policy:
    return policy(placement=placement)


def dividing(**scheduling: Any) -> Policy:
    return policy(replicaScheduling={"type": "Divided", **scheduling})


def template(manifest: Json) -> Template:
    return read_template(json.dumps(manifest).encode())


def deployment(name: str = "web", replicas: int | None = 3, namespace: str = "shop", **labels: str) -> Json:
    """A Deployment as its author writes it."""
    spec: Json = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "registry.example.org/shop/web:1.0",
                        "resources": {"requests": {"cpu": "500m", "memory": "128Mi"}},
                    }
                ]
            },
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    metadata: Json = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def chosen(
    ruling: Policy, members: Iterable[Candidate], measured: Measured = UNMEASURED, before: Choice | None = None
) -> tuple[str, ...]:
    """The clusters of a choice, none where it waits."""
    found = choose(ruling, members, measured, before)
    return found.choice.clusters if found.choice else ()


def reasons(found: Chosen) -> dict[str, str]:
    return {finding.cluster: finding.reason for finding in found.findings}


def replicas(assignment: Assignment | None) -> dict[str, int | None]:
    return {share.cluster: share.replicas for share in assignment.shares} if assignment else {}
