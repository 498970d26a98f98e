"""Identity and facts of the objects on the hub: what selection, placement and planning ask of a template."""

from typing import Any

import msgspec

from trafficfed.crds.structs import LabelSelector, Requirement
from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import Value
from trafficfed.unreadable import UNREADABLE

HUB = "hub"
"""Stands for the hub where a refusal names a cluster."""


class ObjectKey(Value, frozen=True, order=True):
    """One native object, the same on the hub and in every member. Versions of a kind are one kind.

    >>> str(ObjectKey("apps", "Deployment", "shop", "web")), str(ObjectKey("", "Namespace", "", "shop"))
    ('Deployment.apps shop/web', 'Namespace shop')
    """

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


class PolicyKey(Value, frozen=True, order=True):
    """One policy; ``namespace`` is empty for a ClusterPropagationPolicy.

    >>> str(PolicyKey("shop", "web")), str(PolicyKey("", "base"))
    ('PropagationPolicy shop/web', 'ClusterPropagationPolicy base')
    """

    namespace: str
    name: str

    def __str__(self) -> str:
        kind = "PropagationPolicy" if self.namespace else "ClusterPropagationPolicy"
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


class TemplateKind(Value, frozen=True, kw_only=True, order=True):
    """A kind that may be propagated, and where API servers keep it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """Of all objects, those of a namespace, or one.

        >>> TemplateKind(api_version="apps/v1", kind="Deployment", plural="deployments").path("shop", "web")
        '/apis/apps/v1/namespaces/shop/deployments/web'
        """
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        middle = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{middle}/{self.plural}{'/' + name if name else ''}"


def _kinds(api_version: str, **plurals: str) -> tuple[TemplateKind, ...]:
    return tuple(TemplateKind(api_version=api_version, kind=kind, plural=plural) for kind, plural in plurals.items())


DEFAULT_KINDS = (
    TemplateKind(api_version="v1", kind="Namespace", plural="namespaces", namespaced=False),
    *_kinds("v1", ConfigMap="configmaps", Secret="secrets", Service="services", ServiceAccount="serviceaccounts"),
    *_kinds("apps/v1", Deployment="deployments", StatefulSet="statefulsets", DaemonSet="daemonsets"),
    *_kinds("batch/v1", Job="jobs", CronJob="cronjobs"),
    *_kinds("networking.k8s.io/v1", Ingress="ingresses", NetworkPolicy="networkpolicies"),
    *_kinds("policy/v1", PodDisruptionBudget="poddisruptionbudgets"),
    *_kinds("autoscaling/v2", HorizontalPodAutoscaler="horizontalpodautoscalers"),
)
"""What may be propagated where the configuration says nothing: workloads and what they need. Nothing that grants
permissions or changes the API itself: such kinds have to be listed by name."""

REPLICAS_AT = {
    ("apps", "Deployment"): "replicas",
    ("apps", "StatefulSet"): "replicas",
    ("apps", "ReplicaSet"): "replicas",
    ("", "ReplicationController"): "replicas",
    ("batch", "Job"): "parallelism",
}
"""The field of a kind's spec that says how many Pods run at once."""


class _Meta(Wire, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Head(Wire, frozen=True):
    api_version: str
    kind: str
    metadata: _Meta
    spec: dict[str, Any] | None = None
    type: str | None = None


class Template(Value, frozen=True, kw_only=True):
    """What the decisions ask of one object on the hub. ``type`` is a Secret's; ``body`` is the object as it was read.

    ``replicas`` is None where the kind has none; an absent number means 1, as for API servers.
    """

    key: ObjectKey
    api_version: str
    labels: tuple[tuple[str, str], ...] = ()
    uid: str = ""
    generation: int = 0
    revision: str = ""
    replicas: int | None = None
    deleting: bool = False
    type: str = ""
    body: bytes = b""
    annotations: tuple[tuple[str, str], ...] = ()

    def same_content(self, other: "Template") -> bool:
        """Whether nothing differs that its author wrote: an API server counts a generation for every change of content,
        not for those of a status (Kubernetes API conventions, metadata). Kinds without one are compared as a whole."""
        return self == other or (self.generation > 0 and _authored(self) == _authored(other))


def read_template(body: bytes) -> Template:
    """Raises ConfigError for what is no Kubernetes object."""
    try:
        head = msgspec.json.decode(body, type=_Head)
    except UNREADABLE as error:
        raise ConfigError(f"not a Kubernetes object: {error}") from None
    meta = head.metadata
    key = ObjectKey(head.api_version.rpartition("/")[0], head.kind, meta.namespace, meta.name)
    return Template(
        key=key,
        api_version=head.api_version,
        labels=tuple(sorted((meta.labels or {}).items())),
        uid=meta.uid,
        generation=meta.generation,
        revision=meta.resource_version,
        replicas=_replicas(key, head.spec or {}),
        deleting=meta.deletion_timestamp is not None,
        type=head.type or "",
        body=body,
        annotations=tuple(sorted((meta.annotations or {}).items())),
    )


def _authored(template: Template) -> tuple[object, ...]:
    known = (template.key, template.api_version, template.uid, template.generation, template.deleting)
    return (*known, template.labels, template.annotations)


def _replicas(key: ObjectKey, spec: dict[str, Any]) -> int | None:
    field = REPLICAS_AT.get((key.group, key.kind))
    if field is None:
        return None
    stated = spec.get(field)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else 1


def matches(selector: LabelSelector | None, labels: dict[str, str]) -> bool:
    """Whether labels meet a selector; none, and an empty one, select everything.

    >>> matches(LabelSelector(match_labels={"app": "web"}), {"app": "web", "tier": "front"})
    True
    """
    if selector is None:
        return True
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _meets(requirement, labels) for requirement in selector.match_expressions
    )


def _meets(requirement: Requirement, labels: dict[str, str]) -> bool:
    """As Kubernetes has it: NotIn holds for a label that is absent."""
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in requirement.values
        case "NotIn":
            return labels.get(requirement.key) not in requirement.values
        case "Exists":
            return requirement.key in labels
        case _:
            return requirement.key not in labels
