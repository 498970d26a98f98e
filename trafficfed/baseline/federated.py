"""Who may do what in every cluster: the hub's bindings as they must stand in a member, and what was granted there
beside them. Pure.

A namespace is the same in every cluster; users and groups are too, as they come from the same identity provider. A
ServiceAccount is one cluster's own: it is nobody in another.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
import orjson

from trafficfed.baseline.having import Wanted
from trafficfed.baseline.structs import FederatedAccess
from trafficfed.baseline.view import Kind, Seen, View
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import Value
from trafficfed.propagation.objects import ObjectKey, matches
from trafficfed.unreadable import UNREADABLE

RBAC = "rbac.authorization.k8s.io"
API = f"{RBAC}/v1"
ROLE_BINDING, CLUSTER_ROLE_BINDING = (API, "RoleBinding"), (API, "ClusterRoleBinding")
BINDINGS: tuple[Kind, ...] = (ROLE_BINDING, CLUSTER_ROLE_BINDING)
ROLES: tuple[Kind, ...] = ((API, "Role"), (API, "ClusterRole"))
CARRIED = ("User", "Group")

BOOTSTRAPPING = "kubernetes.io/bootstrapping"
"""On bindings that every API server makes for itself (Kubernetes documentation, "Auto-reconciliation")."""


class Subject(Wire, frozen=True):
    kind: str
    name: str
    namespace: str = ""
    api_group: str = ""


class RoleRef(Wire, frozen=True):
    kind: str
    name: str
    api_group: str = RBAC


class Binding(Wire, frozen=True):
    role_ref: RoleRef
    subjects: tuple[Subject, ...] | None = None


class Grant(Value, frozen=True, kw_only=True):
    """Something that is not as the hub says, in one object of a member."""

    key: ObjectKey
    path: str
    message: str


class Bindings:
    """Reads each binding once in each state it has."""

    def __init__(self) -> None:
        self._read: dict[ObjectKey, tuple[str, int, Binding | None]] = {}

    def read(self, seen: Seen) -> Binding | None:
        """None where it cannot be read."""
        held = self._read.get(seen.key)
        if held is not None and held[:2] == (seen.uid, seen.revision):
            return held[2]
        try:
            found = msgspec.json.decode(seen.body, type=Binding)
        except UNREADABLE:
            found = None
        self._read[seen.key] = (seen.uid, seen.revision, found)
        return found


def hub_bindings(rule: FederatedAccess, hub: View, reader: Bindings) -> dict[ObjectKey, Binding]:
    """The hub's bindings that a rule carries to the members."""
    found = {}
    for kind in BINDINGS:
        for seen in hub.all(kind):
            if matches(rule.bindings, seen.labels) and (binding := reader.read(seen)) is not None:
                found[seen.key] = binding
    return found


def wanted(bindings: Mapping[ObjectKey, Binding], member: View) -> Iterator[Wanted]:
    """What must stand in a member: where the namespace is there, with the subjects that are somebody there."""
    for key, binding in sorted(bindings.items()):
        subjects = [each for each in binding.subjects or () if each.kind in CARRIED]
        if not subjects or (key.namespace and member.namespace(key.namespace) is None):
            continue
        metadata = {"name": key.name} | ({"namespace": key.namespace} if key.namespace else {})
        body = {
            "apiVersion": API,
            "kind": key.kind,
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": binding.role_ref.kind, "name": binding.role_ref.name},
            "subjects": [{"apiGroup": RBAC, "kind": each.kind, "name": each.name} for each in subjects],
        }
        yield Wanted(key=key, api_version=API, body=orjson.dumps(body), exact=True)


def objections(bindings: Mapping[ObjectKey, Binding], member: View) -> Iterator[Grant]:
    """What of the hub's bindings cannot mean in a member what it means on the hub."""
    for key, binding in sorted(bindings.items()):
        if key.namespace and member.namespace(key.namespace) is None:
            continue
        ref = binding.role_ref
        role = ObjectKey(RBAC, ref.kind, key.namespace if ref.kind == "Role" else "", ref.name)
        if member.get(role) is None:
            yield Grant(key=key, path="roleRef", message=f"{ref.kind} {ref.name} is not there: nothing is granted")
        for at, each in enumerate(binding.subjects or ()):
            if each.kind not in CARRIED:
                said = f"{each.kind} {each.namespace}/{each.name} of the hub is nobody here; name a user or a group"
                yield Grant(key=key, path=f"subjects[{at}]", message=said)


def granted_outside(
    bindings: Mapping[ObjectKey, Binding], expected: Iterable[ObjectKey], member: View, reader: Bindings
) -> Iterator[Grant]:
    """What the same users and groups were granted in a member by other bindings than the hub's."""
    people = {(each.kind, each.name) for binding in bindings.values() for each in binding.subjects or ()}
    people = {each for each in people if each[0] in CARRIED}
    known = frozenset(expected)
    for kind in BINDINGS:
        for seen in member.all(kind):
            if seen.key in known or BOOTSTRAPPING in seen.labels or (binding := reader.read(seen)) is None:
                continue
            for at, each in enumerate(binding.subjects or ()):
                if (each.kind, each.name) in people:
                    ref = binding.role_ref
                    said = f"grants {ref.kind} {ref.name} to {each.kind} {each.name}, which no binding of the hub does"
                    yield Grant(key=seen.key, path=f"subjects[{at}]", message=said)
                    break
