"""What meshes have to know of an import, from the same endpoints and verdicts: thin, and only where it is wanted. Pure.

- Istio: a ServiceEntry with the endpoints of all clusters, with their locality and weight, and a DestinationRule with
  outlier detection, without which Istio never fails over between localities (Istio 1.27, "Locality Load Balancing").
- Linkerd: the label of federated services (Linkerd 2.17, "Multi-cluster Federated Services").
- Cilium: the annotation of global services (Cilium 1.18, "Load-balancing & Service Discovery").

Documentation as of 2026-11.
"""

from collections.abc import Iterable, Iterator, Mapping

from trafficfed.model import Cluster
from trafficfed.propagation.objects import TemplateKind
from trafficfed.services import kinds as words
from trafficfed.services.exports import ImportType, Merged
from trafficfed.services.reading import Slice, Stand
from trafficfed.services.wishes import Json, Source, Wish, wish

ISTIO, LINKERD, CILIUM = "istio", "linkerd", "cilium"

LABELS = {LINKERD: {"mirror.linkerd.io/federated": "member"}}
ANNOTATIONS = {CILIUM: {"service.cilium.io/global": "true"}}
"""What an exported Service carries for a mesh."""

MARKED_BY = "trafficfed.io/marked-by"
"""Annotation on a Service that we put words on: they are taken off when it is exported no more."""

HASH_OF_MARKS = "trafficfed.io/marks"
"""Annotation beside it: which words those are."""

MARKS_MANAGER = f"{words.MANAGER}-marks"

API_VERSION = "networking.istio.io/v1"
"""Since Istio 1.22."""

SERVICE_ENTRY = TemplateKind(api_version=API_VERSION, kind="ServiceEntry", plural="serviceentries")
DESTINATION_RULE = TemplateKind(api_version=API_VERSION, kind="DestinationRule", plural="destinationrules")
ISTIO_KINDS = (SERVICE_ENTRY, DESTINATION_RULE)

OUTLIERS: Json = {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "30s"}
"""Istio's own defaults (OutlierDetection), which hold only where they are stated."""

PRIORITY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")

PROTOCOLS = {"http": "HTTP", "https": "HTTPS", "grpc": "GRPC", "kubernetes.io/h2c": "HTTP2", "kubernetes.io/ws": "HTTP"}
"""Of a port's ``appProtocol``, in Istio's words; anything else is TCP."""


def istio_wishes(
    owner: str,
    namespace: str,
    name: str,
    merged: Merged,
    addresses: Iterable[str],
    sources: Iterable[Source],
    clusters: Mapping[str, Cluster],
    weights: Mapping[str, int],
    parent: Json,
) -> Iterator[Wish]:
    """Both objects; none where there is no endpoint at all, as Istio takes no static entry without one."""
    ports = [port for port in merged.ports if port.protocol == "TCP"]
    endpoints = list(_endpoints(list(sources), clusters, weights))
    if not ports or not endpoints:
        return
    labels, host = {words.SERVICE_NAME: name}, words.host_of(namespace, name)
    spec: Json = {
        "hosts": [host],
        "ports": [
            {
                "number": port.port,
                "name": port.name or f"tcp-{port.port}",
                "protocol": PROTOCOLS.get(port.app_protocol, "TCP"),
            }
            for port in ports
        ],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "endpoints": endpoints,
    }
    if merged.common.type is ImportType.CLUSTER_SET_IP and (known := list(addresses)):
        spec["addresses"] = known
    yield wish(owner, SERVICE_ENTRY, namespace, _named(name), {"spec": spec}, labels, {}, parent)
    balancing = {"simple": "LEAST_REQUEST", "localityLbSetting": {"enabled": True, "failoverPriority": list(PRIORITY)}}
    policy = {"outlierDetection": OUTLIERS, "loadBalancer": balancing}
    rule = {"spec": {"host": host, "trafficPolicy": policy}}
    yield wish(owner, DESTINATION_RULE, namespace, _named(name), rule, labels, {}, parent)


def _named(name: str) -> str:
    return f"{name[:240]}-clusterset"


def _endpoints(sources: list[Source], clusters: Mapping[str, Cluster], weights: Mapping[str, int]) -> Iterator[Json]:
    """Those that are given out; all of them where none is, as everywhere."""
    found = [(source, each, end) for source in sources for each in source.slices for end in each.endpoints]
    given = [(source, each, end) for source, each, end in found if source.given and end.ready]
    for source, each, end in given or found:
        yield _endpoint(each, end, clusters.get(source.cluster), weights.get(source.cluster))


def _endpoint(each: Slice, end: Stand, cluster: Cluster | None, weight: int | None) -> Json:
    stated: Json = {
        "address": end.address,
        "ports": {port.name or f"tcp-{port.port}": port.port for port in each.ports if port.port is not None},
    }
    zone = end.zone or (cluster.zone if cluster else "")
    if cluster is not None and cluster.region:
        stated["locality"] = f"{cluster.region}/{zone}" if zone else cluster.region
    if weight is not None:
        stated["weight"] = max(1, weight)
    return stated


def marks(meshes: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations for exported Services; both are empty where no mesh wants any."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    for mesh in sorted(meshes):
        labels |= LABELS.get(mesh, {})
        annotations |= ANNOTATIONS.get(mesh, {})
    return labels, annotations
