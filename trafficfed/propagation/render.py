"""From a template to what is applied in each cluster: portable, with its share of replicas and its overrides.

Equal inputs give equal bytes, so that a content hash tells whether anything is to be applied at all.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from trafficfed.errors import ConfigError
from trafficfed.model import Cluster, Refusal, Value
from trafficfed.propagation.assignment import Assignment
from trafficfed.propagation.clusters import selected
from trafficfed.propagation.divide import by_weights
from trafficfed.propagation.images import with_images
from trafficfed.propagation.json_patch import json_patch, touches_protected
from trafficfed.propagation.objects import REPLICAS_AT, ObjectKey, Template
from trafficfed.propagation.policy import Override, SchedulingType
from trafficfed.propagation.portable import HASH_ANNOTATION, OWNER_LABEL, Json, portable
from trafficfed.propagation.select import Policy

PODS_AT = {
    ("", "Pod"): ("spec",),
    ("", "ReplicationController"): ("spec", "template", "spec"),
    ("apps", "Deployment"): ("spec", "template", "spec"),
    ("apps", "StatefulSet"): ("spec", "template", "spec"),
    ("apps", "DaemonSet"): ("spec", "template", "spec"),
    ("apps", "ReplicaSet"): ("spec", "template", "spec"),
    ("batch", "Job"): ("spec", "template", "spec"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""Where a kind keeps the spec of its Pods."""


class Rendered(Value, frozen=True):
    """One copy: the body for a server-side apply, and the hash of its content."""

    body: bytes
    hash: str


def render(
    template: Template, policy: Policy, assignment: Assignment, clusters: Mapping[str, Cluster], owner: str
) -> dict[str, Rendered | Refusal]:
    """What each assigned cluster gets, or why it gets nothing. Clusters that get the same are rendered once.

    A cluster that is in no configuration any more gets nothing and loses nothing: it cannot be reached.
    """
    base = portable(orjson.loads(template.body))
    counts = _counts(base, template.key, assignment)
    made: dict[tuple[object, ...], Rendered | ConfigError] = {}
    found: dict[str, Rendered | Refusal] = {}
    for name in assignment.clusters:
        if name not in clusters:
            continue
        overrides = tuple(_applying(policy.spec.overrides, template.key, clusters[name]))
        question = (tuple(map(id, overrides)), tuple(sorted(counts.get(name, {}).items())))
        if question not in made:
            made[question] = _attempt(base, template.key, policy, counts.get(name, {}), overrides, owner)
        outcome = made[question]
        found[name] = outcome if isinstance(outcome, Rendered) else _refused(name, template.key, outcome)
    return found


def _refused(cluster: str, key: ObjectKey, error: ConfigError) -> Refusal:
    return Refusal(cluster=cluster, object=str(key), reason="OverrideFailed", message=str(error))


def _applying(overrides: Iterable[Override], key: ObjectKey, cluster: Cluster) -> Iterable[Override]:
    for override in overrides:
        concerns = override.kind in ("", key.kind) and override.name in ("", key.name)
        if concerns and selected(override.target_clusters, cluster):
            yield override


def _counts(base: Json, key: ObjectKey, assignment: Assignment) -> dict[str, dict[str, int]]:
    """The numbers of each cluster's share; of a Job also how many of its completions are to be reached there."""
    field = REPLICAS_AT.get((key.group, key.kind))
    shares = {share.cluster: share.replicas for share in assignment.shares if share.replicas is not None}
    if field is None or not shares:
        return {}
    counts = {name: {field: share} for name, share in shares.items()}
    completions = (base.get("spec") or {}).get("completions")
    if field == "parallelism" and isinstance(completions, int):
        for name, share in by_weights(completions, shares).items():
            counts[name]["completions"] = share
    return counts


def _attempt(
    base: Json, key: ObjectKey, policy: Policy, counts: Mapping[str, int], overrides: tuple[Override, ...], owner: str
) -> Rendered | ConfigError:
    try:
        copy = _with_counts(base, key, policy, counts)
        for override in overrides:
            copy = _overridden(copy, key, override)
        return _sealed(copy, key, owner)
    except ConfigError as error:
        return error


def _with_counts(base: Json, key: ObjectKey, policy: Policy, counts: Mapping[str, int]) -> Json:
    field = REPLICAS_AT.get((key.group, key.kind))
    if field is None:
        return base
    spec = {**(base.get("spec") or {}), **counts}
    if policy.spec.replica_scheduling.type is SchedulingType.UNMANAGED:
        spec.pop(field, None)
    return {**base, "spec": spec}


def _overridden(copy: Json, key: ObjectKey, override: Override) -> Json:
    """Images and replicas concern what has them; a policy's ConfigMap is not at fault for having none."""
    pods = PODS_AT.get((key.group, key.kind))
    for image in override.images if pods is not None else ():
        assert pods is not None
        copy = _at(copy, pods, lambda pod, image=image: with_images(pod, image))
    field = REPLICAS_AT.get((key.group, key.kind))
    if override.replicas is not None and field is not None:
        copy = {**copy, "spec": {**(copy.get("spec") or {}), field: override.replicas}}
    metadata = dict(copy["metadata"])
    for name, stated in (("labels", override.labels), ("annotations", override.annotations)):
        if stated:
            metadata[name] = {**(metadata.get(name) or {}), **stated}
    copy = {**copy, "metadata": metadata}
    return _patched(copy, override) if override.patch else copy


def _at(value: Any, path: tuple[str, ...], change: Any) -> Any:
    if not path:
        return change(value)
    if not isinstance(value, dict) or path[0] not in value:
        raise ConfigError(f"{path[0]} is not there")
    return {**value, path[0]: _at(value[path[0]], path[1:], change)}


def _patched(copy: Json, override: Override) -> Json:
    for operation in override.patch:
        if touches_protected(operation):
            raise ConfigError(
                f"{operation.op} {operation.path}: a patch must not touch apiVersion, kind, metadata.name, "
                "metadata.namespace or metadata.ownerReferences"
            )
    patched = json_patch(copy, override.patch)
    assert isinstance(patched, dict)
    return patched


def _sealed(copy: Json, key: ObjectKey, owner: str) -> Rendered:
    """Our mark and the content's hash are added last: no override takes them away."""
    metadata = copy["metadata"]
    for field in ("labels", "annotations"):
        if not isinstance(metadata.get(field) or {}, dict):
            raise ConfigError(f"metadata.{field} is no mapping any more")
    marked = {**metadata, "labels": {**(metadata.get("labels") or {}), OWNER_LABEL: owner}}
    digest = hashlib.blake2b(_encoded({**copy, "metadata": marked}), digest_size=12).hexdigest()
    marked["annotations"] = {**(metadata.get("annotations") or {}), HASH_ANNOTATION: digest}
    return Rendered(_encoded({**copy, "metadata": marked}), digest)


def _encoded(value: Json) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise ConfigError(f"cannot be written as JSON: {error}") from None
