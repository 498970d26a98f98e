"""The kinds of Multi-Cluster Services, and the words that the standard and we put on objects (KEP-1645, KEP-2149)."""

from trafficfed.propagation.objects import TemplateKind

GROUP = "multicluster.x-k8s.io"
VERSIONS = ("v1beta1", "v1alpha1")
"""Of the standard's API, the first that an API server has is used. Both have the same shape where we read it."""

SERVICE = TemplateKind(api_version="v1", kind="Service", plural="services")
SLICE = TemplateKind(api_version="discovery.k8s.io/v1", kind="EndpointSlice", plural="endpointslices")
NAMESPACE = TemplateKind(api_version="v1", kind="Namespace", plural="namespaces", namespaced=False)
EXPORT, IMPORT = "ServiceExport", "ServiceImport"

SERVICE_NAME = "multicluster.kubernetes.io/service-name"
SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"
"""Labels on EndpointSlices: of which import they are, and whose endpoints stand in them."""

DERIVED_SERVICE = "multicluster.kubernetes.io/derived-service"
"""Annotation on an import: the Service whose address it has."""

LOCAL_SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
"""Labels on EndpointSlices of the core API: of which Service they are, and which controller writes them."""

MANAGER = "trafficfed-services"
"""Our field manager and our value of ``MANAGED_BY``. What keeps EndpointSlices of Services with a selector leaves other
values alone (KEP-0752)."""

OWNER_LABEL = "trafficfed.io/imported-by"
"""On everything that we make in members: which controller. What does not carry it with our own name is not ours."""

HASH_ANNOTATION = "trafficfed.io/content-hash"
"""On everything that we make: what was last applied."""


CLUSTERSET = "clusterset.local"


def host_of(namespace: str, name: str) -> str:
    """An import's name in the clusterset.

    >>> host_of("shop", "web")
    'web.shop.svc.clusterset.local'
    """
    return f"{name}.{namespace}.svc.{CLUSTERSET}"


def exports(version: str) -> TemplateKind:
    return TemplateKind(api_version=f"{GROUP}/{version}", kind=EXPORT, plural="serviceexports")


def imports(version: str) -> TemplateKind:
    return TemplateKind(api_version=f"{GROUP}/{version}", kind=IMPORT, plural="serviceimports")


def read_only(version: str) -> tuple[TemplateKind, ...]:
    """What is followed where another implementation imports."""
    return (exports(version), imports(version), SERVICE, NAMESPACE)


def kinds(version: str) -> tuple[TemplateKind, ...]:
    """All that is followed in a member, but for what meshes have."""
    return (exports(version), imports(version), SERVICE, SLICE, NAMESPACE)
