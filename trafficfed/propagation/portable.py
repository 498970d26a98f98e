"""What of an object can go to another cluster: everything its author wrote, nothing its API server added."""

from typing import Any

Json = dict[str, Any]

OWNER_LABEL = "trafficfed.io/propagated-by"
"""On every copy: which controller put it there. What does not carry it with our own name is not ours."""

HASH_ANNOTATION = "trafficfed.io/content-hash"
"""On every copy: what was last applied, so that a restart applies nothing that is there already."""

KEPT_METADATA = ("name", "namespace", "labels", "annotations")
"""All else in metadata belongs to the API server, a garbage collector or a finalizing controller of that cluster."""

SERVER_ANNOTATIONS = (
    HASH_ANNOTATION,
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.beta.kubernetes.io/storage-provisioner",
)
"""Annotations that tools and controllers of one cluster write about that cluster's object."""

SERVICE_FIELDS = ("clusterIPs", "healthCheckNodePort")
JOB_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
"""Labels by which an API server ties a Job's Pods to it; the selector it makes goes with them."""

HEADLESS = "None"


def portable(template: Json) -> Json:
    """The object to apply elsewhere; the given one is not changed. Applied twice, it changes nothing more."""
    kept = {key: value for key, value in template.items() if key not in ("status", "metadata")}
    kept["metadata"] = _metadata(template.get("metadata") or {})
    strip = _BY_KIND.get((_group(template), template.get("kind", "")))
    return strip(kept) if strip is not None else kept


def _group(template: Json) -> str:
    return str(template.get("apiVersion", "")).rpartition("/")[0]


def _metadata(metadata: Json) -> Json:
    kept = {key: metadata[key] for key in KEPT_METADATA if metadata.get(key)}
    if "annotations" in kept:
        kept["annotations"] = _without(kept["annotations"], *SERVER_ANNOTATIONS)
    return {key: value for key, value in kept.items() if value}


def _without(mapping: Json, *keys: str) -> Json:
    return {key: value for key, value in mapping.items() if key not in keys}


def _with_spec(template: Json, spec: Json) -> Json:
    """An emptied spec goes altogether: Namespaces have nothing else in theirs."""
    return {**template, "spec": spec} if spec else _without(template, "spec")


def _service(template: Json) -> Json:
    """A headless Service says so by its address; any other address, and every node port, is its cluster's to give."""
    spec = _without(template.get("spec") or {}, *SERVICE_FIELDS)
    if spec.get("clusterIP") != HEADLESS:
        spec = _without(spec, "clusterIP")
    if spec.get("ports"):
        spec["ports"] = [_without(port, "nodePort") for port in spec["ports"]]
    return _with_spec(template, spec)


def _namespace(template: Json) -> Json:
    kept = _with_spec(template, _without(template.get("spec") or {}, "finalizers"))
    # every API server writes this label itself
    metadata = kept["metadata"]
    labels = _without(metadata.get("labels") or {}, "kubernetes.io/metadata.name")
    kept["metadata"] = {**_without(metadata, "labels"), **({"labels": labels} if labels else {})}
    return kept


def _workload(template: Json) -> Json:
    spec = dict(template.get("spec") or {})
    if "template" in spec:
        spec["template"] = _pod_template(spec["template"])
    return _with_spec(template, spec)


def _pod_template(template: Json) -> Json:
    """``creationTimestamp: null`` in a Pod template is an accident of how Go encodes it."""
    return {**template, "metadata": _without(template.get("metadata") or {}, "creationTimestamp")}


def _job(template: Json) -> Json:
    spec = dict(template.get("spec") or {})
    if spec.get("manualSelector"):
        return _workload(template)
    spec.pop("selector", None)
    if "template" in spec:
        pod = _pod_template(spec["template"])
        labels = _without(pod["metadata"].get("labels") or {}, *JOB_LABELS)
        metadata = {**_without(pod["metadata"], "labels"), **({"labels": labels} if labels else {})}
        spec["template"] = {**pod, "metadata": metadata}
    return _with_spec(template, spec)


def _claim(template: Json) -> Json:
    """Which volume a claim got is for its cluster to say."""
    return _with_spec(template, _without(template.get("spec") or {}, "volumeName"))


def _volume(template: Json) -> Json:
    return _with_spec(template, _without(template.get("spec") or {}, "claimRef"))


def _account(template: Json) -> Json:
    """Token Secrets of a service account were made by its cluster."""
    return _without(template, "secrets")


_BY_KIND = {
    ("", "Service"): _service,
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "PersistentVolume"): _volume,
    ("", "ServiceAccount"): _account,
    ("", "ReplicationController"): _workload,
    ("apps", "Deployment"): _workload,
    ("apps", "StatefulSet"): _workload,
    ("apps", "DaemonSet"): _workload,
    ("apps", "ReplicaSet"): _workload,
    ("batch", "Job"): _job,
}
