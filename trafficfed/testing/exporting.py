"""Exports and imports on real API servers, as users and kube-proxy see them."""

import json
from typing import Any

from trafficfed.testing.hubs import apply, get
from trafficfed.testing.real_cluster import RealCluster

Json = dict[str, Any]
API = "multicluster.x-k8s.io/v1beta1"


def given(cluster: RealCluster, namespace: str, name: str) -> dict[str, list[str]]:
    """Addresses that clients of an import are sent to in a cluster, by the cluster they are of."""
    selector = f"multicluster.kubernetes.io/service-name={name}"
    listed = json.loads(cluster.kubectl("get", "endpointslices", "-n", namespace, "-l", selector, "-o", "json"))
    found: dict[str, list[str]] = {}
    for each in listed["items"]:
        source = each["metadata"]["labels"]["multicluster.kubernetes.io/source-cluster"]
        ready = [end["addresses"][0] for end in each["endpoints"] or () if end["conditions"]["ready"]]
        found.setdefault(source, []).extend(ready)
    return {source: sorted(addresses) for source, addresses in found.items()}


def serving(cluster: RealCluster, namespace: str, name: str) -> set[str]:
    """The clusters some of whose endpoints are given out."""
    return {source for source, addresses in given(cluster, namespace, name).items() if addresses}


def export(cluster: RealCluster, namespace: str, name: str, *addresses: str) -> None:
    """Export a Service that is there, with Pods at these addresses behind its first port."""
    service = get(cluster, f"/api/v1/namespaces/{namespace}/services/{name}")
    assert service is not None, f"no Service {namespace}/{name}"
    port = service["spec"]["ports"][0]
    meta = {"namespace": namespace, "name": f"{name}-pods", "labels": {"kubernetes.io/service-name": name}}
    pods = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta,
        "addressType": "IPv4",
        "ports": [{"name": port.get("name", ""), "port": port["port"], "protocol": "TCP"}],
        "endpoints": [{"addresses": [each], "conditions": {"ready": True}} for each in addresses],
    }
    stated: Json = {"apiVersion": API, "kind": "ServiceExport", "metadata": {"namespace": namespace, "name": name}}
    apply(cluster, pods, stated)
