"""Kubernetes objects as the tests write them: Services, the slices behind them, load balancers' addresses."""

import ipaddress
from collections.abc import Mapping, Sequence

Manifest = dict[str, object]


def service(
    namespace: str, name: str, annotations: Mapping[str, str], ports: Sequence[int], kind: str = "LoadBalancer"
) -> Manifest:
    """A Service with one named TCP port for each of ``ports``."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name, "annotations": dict(annotations)},
        "spec": {
            "type": kind,
            "ports": [{"name": f"port-{port}", "port": port, "protocol": "TCP"} for port in ports],
            "selector": {"app": name},
        },
    }


def load_balancer(targets: Sequence[str]) -> Manifest:
    """The status a cloud's controller would write: IP literals become ``ip``, all else ``hostname``."""
    return {"status": {"loadBalancer": {"ingress": [_ingress(target) for target in targets]}}}


def endpoint_slice(namespace: str, service_name: str, ready: int, not_ready: int = 0, port: int = 8080) -> Manifest:
    """One EndpointSlice with so many Pods behind a Service.

    API servers refuse loopback addresses here, so the Pods have made-up 10.x ones that nobody contacts.
    """
    pods = [(f"10.244.{n // 250}.{n % 250 + 1}", n < ready) for n in range(ready + not_ready)]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": namespace,
            "name": f"{service_name}-pods",
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": is_ready}} for address, is_ready in pods],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }


def _ingress(target: str) -> dict[str, str]:
    try:
        return {"ip": str(ipaddress.ip_address(target))}
    except ValueError:
        return {"hostname": target}
