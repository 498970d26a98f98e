"""Which policy rules which object: the most specific that selects it, then the oldest.

A policy of the object's namespace is more specific than a cluster-scoped one, a name more than labels, labels
more than a kind.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from trafficfed.errors import ConfigError
from trafficfed.model import Refusal, Value
from trafficfed.propagation.objects import HUB, ObjectKey, PolicyKey, Template, TemplateKind, matches
from trafficfed.propagation.policy import (
    ClusterObjectSelector,
    ClusterPropagationPolicy,
    ObjectSelector,
    PolicySpec,
    PropagationPolicy,
    Reschedule,
)
from trafficfed.unreadable import UNREADABLE

SYSTEM_PREFIX = "kube-"
"""Namespaces that Kubernetes keeps for itself; theirs is nobody's to copy."""

ROOT_CERTIFICATES = "kube-root-ca.crt"
"""The ConfigMap that every cluster publishes into every namespace: its own certificates, wrong in any other."""

TOKEN_SECRET = "kubernetes.io/service-account-token"


class Policy(Value, frozen=True, kw_only=True):
    """One policy as read: its spec and what orders it among others."""

    key: PolicyKey
    spec: PolicySpec
    generation: int = 0
    uid: str = ""
    created_s: float = 0.0


def read_policy(body: bytes, *, cluster_scoped: bool = False) -> Policy:
    """Raises ConfigError whose text names the field, for hubs that did not check it against the schema."""
    kind: type[PropagationPolicy | ClusterPropagationPolicy] = (
        ClusterPropagationPolicy if cluster_scoped else PropagationPolicy
    )
    try:
        read = msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise ConfigError(f"{kind.__name__} cannot be read: {error}") from None
    meta = read.metadata
    _check(read.spec)
    return Policy(
        key=PolicyKey(meta.namespace, meta.name),
        spec=read.spec,
        generation=meta.generation,
        uid=meta.uid,
        created_s=_seconds(meta.creation_timestamp),
    )


def _check(spec: PolicySpec) -> None:
    """The schema's rules that would otherwise be misunderstood in silence."""
    latency, scheduling = spec.placement.latency, spec.replica_scheduling
    if spec.reschedule is Reschedule.ON_BREACH:
        raise ConfigError("reschedule: onBreach is reserved and not available in this version; write never")
    if latency is not None and bool(latency.region) == bool(latency.cluster):
        raise ConfigError("placement.latency: state either region or cluster")
    if scheduling.weights and not any(scheduling.weights.values()):
        raise ConfigError("replicaScheduling.weights: at least one weight must be above 0")


def _seconds(timestamp: str | None) -> float:
    return datetime.fromisoformat(timestamp).timestamp() if timestamp else 0.0


class Selection:
    """Policies compiled for questions; made anew when any policy changes.

    ``kinds`` are those that the configuration lets be propagated: nothing else ever is. ``absent`` would be, if the hub
    had them.
    """

    def __init__(
        self, policies: Iterable[Policy], kinds: Iterable[TemplateKind], absent: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._kinds = {(kind.group, kind.kind) for kind in kinds}
        self._absent = frozenset(absent)
        self._by_kind: dict[tuple[str, str, str], list[tuple[tuple[object, ...], ObjectSelector, Policy]]] = {}
        for policy in policies:
            for selector in policy.spec.resource_selectors:
                place = (policy.key.namespace, selector.group, selector.kind)
                self._by_kind.setdefault(place, []).append((_order(policy, selector), selector, policy))
        for entries in self._by_kind.values():
            entries.sort(key=lambda entry: entry[0])

    def ruling(self, template: Template) -> Policy | None:
        """The one policy that rules an object, None where none selects it or it is never propagated."""
        key = template.key
        if never_propagated(template) or not self.lists(key):
            return None
        labels = dict(template.labels)
        for namespace in dict.fromkeys((key.namespace, "")):
            for _, selector, policy in self._by_kind.get((namespace, key.group, key.kind), ()):
                if _selects(selector, key, labels):
                    return policy
        return None

    def lists(self, key: ObjectKey) -> bool:
        """Whether objects of this kind may be propagated at all."""
        return (key.group, key.kind) in self._kinds

    def unlisted(self) -> tuple[tuple[PolicyKey, Refusal], ...]:
        """What policies select in vain, as its kind is not in the configured list."""
        found = {
            (policy.key, selector.api_version, selector.kind)
            for entries in self._by_kind.values()
            for _, selector, policy in entries
            if (selector.group, selector.kind) not in self._kinds
        }
        return tuple((key, self._unlisted(key, version, kind)) for key, version, kind in sorted(found))

    def _unlisted(self, policy: PolicyKey, version: str, kind: str) -> Refusal:
        if (version, kind) in self._absent:
            return not_on_hub(version, kind, str(policy))
        return _not_listed(policy, version, kind)


def not_on_hub(api_version: str, kind: str, whose: str = "") -> Refusal:
    """The reason of a kind, or of the policy that selects it.

    >>> not_on_hub("example.org/v1", "Widget").object
    'example.org/v1 Widget'
    """
    message = f"the hub has no kind {kind} in {api_version}; it is propagated once its definition is installed there"
    return Refusal(cluster=HUB, object=whose or f"{api_version} {kind}", reason="KindNotOnHub", message=message)


def _not_listed(policy: PolicyKey, version: str, kind: str) -> Refusal:
    return Refusal(
        cluster=HUB,
        object=str(policy),
        reason="KindNotListed",
        message=f"{version} {kind} is not among the kinds that may be propagated; add it to the configured list",
    )


def _order(policy: Policy, selector: ObjectSelector) -> tuple[object, ...]:
    specific = 0 if selector.name else 1 if selector.label_selector is not None else 2
    return specific, policy.created_s, policy.key.name


def _selects(selector: ObjectSelector, key: ObjectKey, labels: dict[str, str]) -> bool:
    if isinstance(selector, ClusterObjectSelector) and selector.namespaces and key.namespace not in selector.namespaces:
        return False
    return selector.name in ("", key.name) and matches(selector.label_selector, labels)


def never_propagated(template: Template) -> str:
    """Why an object is nobody's to copy, whatever policies say; empty where it may be."""
    key = template.key
    namespace = key.name if (key.group, key.kind) == ("", "Namespace") else key.namespace
    if namespace.startswith(SYSTEM_PREFIX):
        return f"namespaces {SYSTEM_PREFIX}* are each cluster's own"
    if (key.group, key.kind, key.name) == ("", "ConfigMap", ROOT_CERTIFICATES):
        return f"{ROOT_CERTIFICATES} is each cluster's own"
    if template.type == TOKEN_SECRET:
        return "a service account's token is worth nothing in another cluster"
    return ""
