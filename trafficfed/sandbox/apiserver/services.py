"""What an API server adds to a Service, and what it refuses in one."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from trafficfed.sandbox.apiserver.failures import Cause
from trafficfed.sandbox.apiserver.kinds import Json

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PROTOCOLS = ("SCTP", "TCP", "UDP")
SPECIAL_RANGES = (
    ("loopback range (127.0.0.0/8, ::1/128)", "is_loopback"),
    ("link-local range (169.254.0.0/16, fe80::/10)", "is_link_local"),
    ("multicast range (224.0.0.0/4, ff00::/8)", "is_multicast"),
)


class Allocator:
    """The cluster addresses and node ports of one cluster; both ranges are finite, as real ones are."""

    def __init__(self, addresses: str = "10.96.0.0/16", ports: range = range(30000, 32768)) -> None:
        network = ipaddress.ip_network(addresses)
        self._addresses = (str(network[number]) for number in range(10, network.num_addresses - 1))
        self._ports = ports
        self._used_addresses: set[str] = set()
        self._used_ports: set[int] = set()
        self._returned: list[str] = []

    def address(self) -> str:
        """A cluster address nobody has. Raises LookupError where there is none left."""
        while self._returned:
            if (returned := self._returned.pop()) not in self._used_addresses:
                return returned
        for address in self._addresses:
            if address not in self._used_addresses:
                return address
        raise LookupError("range is full")

    def port(self) -> int:
        """A node port nobody has. Raises LookupError where there is none left."""
        for port in self._ports:
            if port not in self._used_ports:
                return port
        raise LookupError("range is full")

    def hold(self, service: Json) -> None:
        """Remember what a stored Service uses."""
        self._used_addresses |= set(service["spec"].get("clusterIPs") or ())
        self._used_ports |= set(_node_ports(service))

    def release(self, service: Json) -> None:
        """Take back what a Service used that is no more, or is about to be written anew."""
        gone = set(service["spec"].get("clusterIPs") or ())
        self._used_addresses -= gone
        self._returned.extend(gone - {"None"})
        self._used_ports -= set(_node_ports(service))


def complete(service: Json) -> None:
    """Fill in the defaults, in place."""
    spec = service.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    affinity = spec.setdefault("sessionAffinity", "None")
    if affinity == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port", 0))
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    status = service.setdefault("status", {})
    for ingress in status.setdefault("loadBalancer", {}).get("ingress") or ():
        if "ip" in ingress:
            ingress.setdefault("ipMode", "VIP")


def carry_over(new: Json, old: Json) -> None:
    """Keep what the server chose earlier where the new version leaves it out, and drop what its type cannot have."""
    spec, before = new["spec"], old["spec"]
    if spec["type"] != "ExternalName" and before["type"] != "ExternalName":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if field in before:
                spec.setdefault(field, before[field])
    if _wants_node_ports(new):
        known = {_port_id(port): port.get("nodePort") for port in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            if "nodePort" not in port and known.get(_port_id(port)):
                port["nodePort"] = known[_port_id(port)]
    if spec["type"] != before["type"]:
        _drop_type_dependent(new)


def _drop_type_dependent(service: Json) -> None:
    spec, kind = service["spec"], service["spec"]["type"]
    if kind not in ("NodePort", "LoadBalancer"):
        spec.pop("externalTrafficPolicy", None)
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)
    if kind != "LoadBalancer":
        spec.pop("allocateLoadBalancerNodePorts", None)
        service["status"]["loadBalancer"] = {}
    if kind == "ExternalName":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            spec.pop(field, None)


def allocate(service: Json, allocator: Allocator) -> None:
    """Give the Service the cluster address and node ports it lacks. Raises LookupError where a range is full."""
    spec = service["spec"]
    if spec["type"] != "ExternalName":
        if not spec.get("clusterIP"):
            spec["clusterIP"] = allocator.address()
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        family = "IPv6" if ":" in spec["clusterIP"] else "IPv4"
        spec.setdefault("ipFamilies", [family])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    allocator.hold(service)
    if _wants_node_ports(service):
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = allocator.port()
                allocator.hold(service)


def mistakes(service: Json, old: Json | None) -> Iterator[Cause]:
    """What an API server would refuse."""
    spec = service["spec"]
    if spec["type"] not in TYPES:
        yield unsupported("spec.type", spec["type"], TYPES)
    if spec["type"] == "ExternalName" and not spec.get("externalName"):
        yield Cause("FieldValueRequired", "Required value", "spec.externalName")
    if spec["type"] != "ExternalName" and spec.get("clusterIP") != "None" and not spec.get("ports"):
        yield Cause("FieldValueRequired", "Required value", "spec.ports")
    yield from _port_mistakes(spec.get("ports") or [])
    for index, address in enumerate(spec.get("externalIPs") or ()):
        yield from address_mistakes(f"spec.externalIPs[{index}]", address)
    for index, ingress in enumerate(service["status"]["loadBalancer"].get("ingress") or ()):
        if "ip" in ingress and not _is_address(ingress["ip"]):
            yield _invalid(f"status.loadBalancer.ingress[{index}].ip", ingress["ip"], "must be a valid IP address")
    before = (old or {}).get("spec", {})
    if before.get("clusterIP") and spec.get("clusterIP") and before["clusterIP"] != spec["clusterIP"]:
        yield _invalid("spec.clusterIPs[0]", [spec["clusterIP"]], "may not change once set")


def _port_mistakes(ports: list[Json]) -> Iterator[Cause]:
    seen = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        for field in ("port", "targetPort"):
            number = port.get(field)
            if isinstance(number, int) and not 1 <= number <= 65535:
                yield _invalid(f"{path}.{field}", number, "must be between 1 and 65535, inclusive")
        if "port" not in port:
            yield Cause("FieldValueRequired", "Required value", f"{path}.port")
        if port["protocol"] not in PROTOCOLS:
            yield unsupported(f"{path}.protocol", port["protocol"], PROTOCOLS)
        if len(ports) > 1 and not port.get("name"):
            yield Cause("FieldValueRequired", "Required value", f"{path}.name")
        for identity in (_port_id(port), port.get("name") or index):
            if identity in seen:
                yield Cause("FieldValueDuplicate", f"Duplicate value: {identity!r}", path)
            seen.add(identity)


def address_mistakes(path: str, address: str) -> Iterator[Cause]:
    """The addresses that may not stand behind a Service: no address at all, loopback, link-local, multicast."""
    if not _is_address(address):
        yield _invalid(path, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        return
    parsed = ipaddress.ip_address(address)
    if parsed.is_unspecified:
        yield _invalid(path, address, f"may not be unspecified ({address})")
    for title, predicate in SPECIAL_RANGES:
        if getattr(parsed, predicate):
            yield _invalid(path, address, f"may not be in the {title}")


def unsupported(path: str, value: Any, supported: tuple[str, ...]) -> Cause:
    choices = ", ".join(f'"{one}"' for one in supported)
    return Cause("FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {choices}', path)


def _invalid(path: str, value: Any, why: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", path)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _wants_node_ports(service: Json) -> bool:
    spec = service["spec"]
    wanted: bool = spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)
    return wanted or spec["type"] == "NodePort"


def _port_id(port: Json) -> tuple[Any, Any]:
    return port.get("port"), port.get("protocol", "TCP")


def _node_ports(service: Json) -> list[int]:
    return [port["nodePort"] for port in service["spec"].get("ports") or () if port.get("nodePort")]
