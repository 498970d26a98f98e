"""Whether an object does what it is for: what decides that one copy may take another one's place."""

from typing import Any

from trafficfed.propagation.objects import ObjectKey

Json = dict[str, Any]


def is_running(key: ObjectKey, found: Json) -> bool:
    """Of a workload, that as many replicas of its newest spec serve as it wants; of a load balancer, that it has an
    address; of anything else, that it is there."""
    judge = _JUDGES.get((key.group, key.kind))
    return judge is None or judge(found.get("spec") or {}, found.get("status") or {}, _generation(found))


def _generation(found: Json) -> int:
    return int((found.get("metadata") or {}).get("generation") or 0)


def _replicated(spec: Json, status: Json, generation: int) -> bool:
    wanted = spec.get("replicas", 1)
    counts = (status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
    return bool(status.get("observedGeneration", 0) >= generation and min(counts) >= wanted)


def _daemon_set(spec: Json, status: Json, generation: int) -> bool:
    wanted = status.get("desiredNumberScheduled", 0)
    counts = (status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
    return bool(status.get("observedGeneration", 0) >= generation and min(counts) >= wanted)


def _service(spec: Json, status: Json, generation: int) -> bool:
    return spec.get("type") != "LoadBalancer" or bool((status.get("loadBalancer") or {}).get("ingress"))


def _ingress(spec: Json, status: Json, generation: int) -> bool:
    return bool((status.get("loadBalancer") or {}).get("ingress"))


def _job(spec: Json, status: Json, generation: int) -> bool:
    return bool(status.get("active") or status.get("succeeded"))


_JUDGES = {
    ("apps", "Deployment"): _replicated,
    ("apps", "StatefulSet"): _replicated,
    ("apps", "ReplicaSet"): lambda spec, status, generation: (
        status.get("availableReplicas", 0) >= spec.get("replicas", 1)
    ),
    ("apps", "DaemonSet"): _daemon_set,
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("batch", "Job"): _job,
}
