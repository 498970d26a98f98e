"""The kinds the emulator serves, as data: names, scope, subresources and what field selectors may ask for."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from trafficfed.model import Value

Json = dict[str, Any]
READ_VERBS = ("get", "list", "watch")
WRITE_VERBS = ("create", "delete", "deletecollection", "patch", "update")
EVERY_KIND_FIELDS = (("metadata.name", ("metadata", "name")), ("metadata.namespace", ("metadata", "namespace")))


class PrinterColumn(Value, frozen=True, kw_only=True):
    """One of the columns that a CustomResourceDefinition states."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


class Definition(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What a kind has from its CustomResourceDefinition: a structural schema, as it was sent, and columns."""

    schema: Json
    columns: tuple[PrinterColumn, ...] = ()


class Kind(Value, frozen=True, kw_only=True):
    """One resource type of one API version.

    ``definition``: it is a user's own kind, and has its schema from there.

    ``model`` names the class of the official client library that has its schema. ``create_on_update``: a PUT to a
    missing name creates it. ``fields`` are the field selectors beside name and namespace, as (label, path).
    """

    name: str
    plural: str
    model: str = ""
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    read_only: bool = False
    create_on_update: bool = False
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()
    definition: Definition | None = None

    @property
    def api_version(self) -> str:
        """
        >>> SERVICE.api_version, ENDPOINT_SLICE.api_version
        ('v1', 'discovery.k8s.io/v1')
        """
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """
        >>> SERVICE.qualified, ENDPOINT_SLICE.qualified
        ('services', 'endpointslices.discovery.k8s.io')
        """
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def verbs(self) -> tuple[str, ...]:
        if self.read_only:
            return READ_VERBS
        # A namespace takes its content along, so API servers offer no way to delete many at once.
        writes = tuple(verb for verb in WRITE_VERBS if self.plural != "namespaces" or verb != "deletecollection")
        return tuple(sorted((*READ_VERBS, *writes)))

    @property
    def root(self) -> str:
        """
        >>> SERVICE.root, ENDPOINT_SLICE.root
        ('/api/v1', '/apis/discovery.k8s.io/v1')
        """
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def selectable(self) -> dict[str, tuple[str, ...]]:
        return dict((*EVERY_KIND_FIELDS, *self.fields))


def _paths(*dotted: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((label, tuple(label.split("."))) for label in dotted)


NAMESPACE = Kind(
    name="Namespace",
    plural="namespaces",
    model="V1Namespace",
    namespaced=False,
    short_names=("ns",),
    subresources=("finalize", "status"),
    fields=_paths("status.phase"),
)
NODE = Kind(
    name="Node",
    plural="nodes",
    model="V1Node",
    namespaced=False,
    short_names=("no",),
    subresources=("status",),
    fields=_paths("spec.unschedulable"),
)
SERVICE = Kind(
    name="Service",
    plural="services",
    model="V1Service",
    short_names=("svc",),
    categories=("all",),
    subresources=("status",),
    create_on_update=True,
    fields=_paths("spec.clusterIP", "spec.type"),
)
ENDPOINT_SLICE = Kind(name="EndpointSlice", plural="endpointslices", model="V1EndpointSlice", group="discovery.k8s.io")
CONFIG_MAP = Kind(name="ConfigMap", plural="configmaps", model="V1ConfigMap", short_names=("cm",))
SECRET = Kind(name="Secret", plural="secrets", model="V1Secret", fields=_paths("type"))
LEASE = Kind(name="Lease", plural="leases", model="V1Lease", group="coordination.k8s.io", create_on_update=True)
EVENT = Kind(
    name="Event",
    plural="events",
    model="CoreV1Event",
    short_names=("ev",),
    create_on_update=True,
    fields=_paths(
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
)
# Nothing runs Pods here, so there are none; clients that ask (kubectl describe node) get the truth, writers a refusal.
POD = Kind(
    name="Pod",
    plural="pods",
    model="V1Pod",
    short_names=("po",),
    categories=("all",),
    read_only=True,
    fields=_paths("spec.nodeName", "status.phase", "status.podIP"),
)
DEPLOYMENT = Kind(
    name="Deployment",
    plural="deployments",
    model="V1Deployment",
    group="apps",
    short_names=("deploy",),
    categories=("all",),
    subresources=("status",),
)
DEFINITION = Kind(
    name="CustomResourceDefinition",
    plural="customresourcedefinitions",
    model="V1CustomResourceDefinition",
    group="apiextensions.k8s.io",
    namespaced=False,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    subresources=("status",),
)
NETWORK_POLICY = Kind(
    name="NetworkPolicy",
    plural="networkpolicies",
    model="V1NetworkPolicy",
    group="networking.k8s.io",
    short_names=("netpol",),
)
_RBAC = "rbac.authorization.k8s.io"
ROLE = Kind(name="Role", plural="roles", model="V1Role", group=_RBAC)
CLUSTER_ROLE = Kind(name="ClusterRole", plural="clusterroles", model="V1ClusterRole", group=_RBAC, namespaced=False)
ROLE_BINDING = Kind(name="RoleBinding", plural="rolebindings", model="V1RoleBinding", group=_RBAC)
CLUSTER_ROLE_BINDING = Kind(
    name="ClusterRoleBinding",
    plural="clusterrolebindings",
    model="V1ClusterRoleBinding",
    group=_RBAC,
    namespaced=False,
)
ADMISSION_POLICY = Kind(
    name="ValidatingAdmissionPolicy",
    plural="validatingadmissionpolicies",
    model="V1ValidatingAdmissionPolicy",
    group="admissionregistration.k8s.io",
    namespaced=False,
    categories=("api-extensions",),
    subresources=("status",),
)
ADMISSION_BINDING = Kind(
    name="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    model="V1ValidatingAdmissionPolicyBinding",
    group="admissionregistration.k8s.io",
    namespaced=False,
    categories=("api-extensions",),
)
"""Kept and told, not carried out: nothing is refused here by a policy."""

KINDS = (
    NAMESPACE,
    NODE,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    EVENT,
    POD,
    ENDPOINT_SLICE,
    LEASE,
    DEPLOYMENT,
    DEFINITION,
    NETWORK_POLICY,
    ROLE,
    CLUSTER_ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE_BINDING,
    ADMISSION_POLICY,
    ADMISSION_BINDING,
)
"""Those of every cluster; a cluster serves the kinds of its CustomResourceDefinitions besides."""


def groups(kinds: Sequence[Kind] = KINDS) -> Iterator[tuple[str, str]]:
    """Every (group, version) served, core first.

    >>> list(groups([SERVICE, LEASE, POD]))
    [('', 'v1'), ('coordination.k8s.io', 'v1')]
    """
    yield from sorted({(kind.group, kind.version) for kind in kinds})


def kinds_of(group: str, version: str, kinds: Sequence[Kind] = KINDS) -> tuple[Kind, ...]:
    return tuple(kind for kind in kinds if (kind.group, kind.version) == (group, version))


def find(group: str, version: str, plural: str, kinds: Sequence[Kind] = KINDS) -> Kind | None:
    """
    >>> find("", "v1", "services") is SERVICE, find("", "v1", "nothings")
    (True, None)
    """
    return next((kind for kind in kinds_of(group, version, kinds) if kind.plural == plural), None)
