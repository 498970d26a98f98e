"""Tables as kubectl shows them: the columns of each kind and how their cells are computed."""

import datetime
from collections.abc import Callable, Iterable
from typing import Any

from trafficfed.model import Value
from trafficfed.sandbox.apiserver import jsonpaths, kinds
from trafficfed.sandbox.apiserver.kinds import (
    ADMISSION_BINDING,
    ADMISSION_POLICY,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    DEFINITION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    LEASE,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    Json,
    Kind,
    PrinterColumn,
)

NONE = "<none>"
UNKNOWN = "<unknown>"
ROLE = "node-role.kubernetes.io/"
SHOWN = 3
"""As many addresses and ports of a slice are shown, then how many more there are."""


class Column(Value, frozen=True):
    """One column; ``wide`` ones are shown with ``-o wide`` only."""

    name: str
    cell: Callable[[Json, float], Any]
    wide: bool = False
    type: str = "string"


def table(kind: Kind, values: Iterable[Json], now_s: float, include: str, metadata: Json) -> Json:
    """A meta/v1 Table. ``include``: how much of each object its row carries (None, Metadata, Object)."""
    columns = (NAME, *_columns_of(kind))
    rows = [
        {"cells": [column.cell(value, now_s) for column in columns]} | _row_object(value, include) for value in values
    ]
    definitions = [
        {
            "name": column.name,
            "type": column.type,
            "format": "name" if column is NAME else "",
            "description": "",
            "priority": int(column.wide),
        }
        for column in columns
    ]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return head | {"columnDefinitions": definitions, "rows": rows}


def _columns_of(kind: Kind) -> tuple[Column, ...]:
    return tuple(map(_stated, kind.definition.columns)) if kind.definition is not None else COLUMNS[kind]


def _stated(column: PrinterColumn) -> Column:
    """A column of a CustomResourceDefinition; dates are shown as ages."""

    def cell(value: Json, now_s: float) -> Any:
        found = jsonpaths.first(column.path, value)
        if found is None or column.type == "integer":
            return found
        return age(found, now_s) if column.type == "date" else str(found)

    return Column(column.name, cell, wide=column.wide, type=column.type)


def partial(value: Json) -> Json:
    """The object reduced to its metadata."""
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return head | {"metadata": value["metadata"]}


def age(timestamp: str | None, now_s: float) -> str:
    """How long ago, in kubectl's short form.

    >>> age("2026-01-01T00:00:00Z", 1767225600 + 4000), age(None, 0)
    ('66m', '<unknown>')
    """
    if not timestamp:
        return UNKNOWN
    seconds = max(0, int(now_s - datetime.datetime.fromisoformat(timestamp).timestamp()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d"


def _row_object(value: Json, include: str) -> Json:
    if include == "None":
        return {}
    return {"object": value if include == "Object" else partial(value)}


def _age(value: Json, now_s: float) -> str:
    return age(value["metadata"].get("creationTimestamp"), now_s)


def _external(service: Json, now_s: float) -> str:
    spec = service["spec"]
    listed = list(spec.get("externalIPs") or ())
    if spec["type"] == "ExternalName":
        return str(spec.get("externalName", NONE))
    if spec["type"] == "LoadBalancer":
        ingress = service["status"]["loadBalancer"].get("ingress") or ()
        listed = [one.get("ip") or one.get("hostname", "") for one in ingress] + listed
        return ",".join(listed) or "<pending>"
    return ",".join(listed) or NONE


def _service_ports(service: Json, now_s: float) -> str:
    ports = service["spec"].get("ports") or ()
    return ",".join(_service_port(port) for port in ports) or NONE


def _service_port(port: Json) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node_port}/{port['protocol']}"


def _pairs(pairs: Json | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((pairs or {}).items())) or NONE


def _some(items: list[str], otherwise: str) -> str:
    more = f" + {len(items) - SHOWN} more..." if len(items) > SHOWN else ""
    return ",".join(items[:SHOWN]) + more if items else otherwise


def _slice_ports(endpoint_slice: Json, now_s: float) -> str:
    ports = endpoint_slice.get("ports") or ()
    return _some([str(port.get("port", port.get("name"))) for port in ports], "<unset>")


def _slice_addresses(endpoint_slice: Json, now_s: float) -> str:
    endpoints = endpoint_slice.get("endpoints") or ()
    return _some([address for endpoint in endpoints for address in endpoint["addresses"]], "<unset>")


def _node_status(node: Json, now_s: float) -> str:
    conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions") or ()}
    words = [{"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")]
    if node.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(node: Json, now_s: float) -> str:
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(ROLE) for key in labels if key.startswith(ROLE))) or NONE


def _node_address(kind: str) -> Callable[[Json, float], str]:
    def cell(node: Json, now_s: float) -> str:
        addresses = node.get("status", {}).get("addresses") or ()
        return next((one["address"] for one in addresses if one["type"] == kind), NONE)

    return cell


def _at(*path: str, otherwise: Any = "") -> Callable[[Json, float], Any]:
    def cell(value: Json, now_s: float) -> Any:
        found: Any = value
        for key in path:
            found = (found or {}).get(key)
        return otherwise if found is None else found

    return cell


def _count(*fields: str) -> Callable[[Json, float], int]:
    return lambda value, now_s: sum(len(value.get(field) or {}) for field in fields)


def _event_object(event: Json, now_s: float) -> str:
    involved = event["involvedObject"]
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _ready_replicas(deployment: Json, now_s: float) -> str:
    return f"{deployment.get('status', {}).get('readyReplicas', 0)}/{deployment['spec']['replicas']}"


def _of_containers(field: str) -> Callable[[Json, float], str]:
    def cell(deployment: Json, now_s: float) -> str:
        return ",".join(one.get(field, "") for one in deployment["spec"]["template"]["spec"].get("containers") or ())

    return cell


NAME = Column("Name", _at("metadata", "name"))
AGE = Column("Age", _age)
CREATED_AT = Column("Created At", _at("metadata", "creationTimestamp"), type="date")


def _role(binding: Json, now_s: float) -> str:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


COLUMNS: dict[Kind, tuple[Column, ...]] = {
    SERVICE: (
        Column("Type", _at("spec", "type")),
        Column("Cluster-IP", _at("spec", "clusterIP", otherwise=NONE)),
        Column("External-IP", _external),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", lambda value, now_s: _pairs(value["spec"].get("selector")), wide=True),
    ),
    ENDPOINT_SLICE: (
        Column("AddressType", _at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_addresses),
        AGE,
    ),
    NAMESPACE: (Column("Status", _at("status", "phase")), AGE),
    NODE: (
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        AGE,
        Column("Version", _at("status", "nodeInfo", "kubeletVersion")),
        Column("Internal-IP", _node_address("InternalIP"), wide=True),
        Column("External-IP", _node_address("ExternalIP"), wide=True),
        Column("OS-Image", _at("status", "nodeInfo", "osImage", otherwise=UNKNOWN), wide=True),
        Column("Kernel-Version", _at("status", "nodeInfo", "kernelVersion", otherwise=UNKNOWN), wide=True),
        Column("Container-Runtime", _at("status", "nodeInfo", "containerRuntimeVersion", otherwise=UNKNOWN), wide=True),
    ),
    CONFIG_MAP: (Column("Data", _count("data", "binaryData"), type="integer"), AGE),
    SECRET: (Column("Type", _at("type")), Column("Data", _count("data"), type="integer"), AGE),
    LEASE: (Column("Holder", _at("spec", "holderIdentity")), AGE),
    EVENT: (
        Column("Last Seen", lambda value, now_s: age(value.get("lastTimestamp") or value.get("eventTime"), now_s)),
        Column("Type", _at("type")),
        Column("Reason", _at("reason")),
        Column("Object", _event_object),
        Column("Message", lambda value, now_s: (value.get("message") or "").strip()),
        Column("Source", _at("source", "component"), wide=True),
        Column("First Seen", lambda value, now_s: age(value.get("firstTimestamp"), now_s), wide=True),
        Column("Count", _at("count", otherwise=1), wide=True),
        Column("Name", _at("metadata", "name"), wide=True),
    ),
    POD: (Column("Status", _at("status", "phase")), AGE),
    DEPLOYMENT: (
        Column("Ready", _ready_replicas),
        Column("Up-to-date", _at("status", "updatedReplicas", otherwise=0), type="integer"),
        Column("Available", _at("status", "availableReplicas", otherwise=0), type="integer"),
        AGE,
        Column("Containers", _of_containers("name"), wide=True),
        Column("Images", _of_containers("image"), wide=True),
        Column("Selector", lambda value, now_s: _pairs(value["spec"]["selector"].get("matchLabels")), wide=True),
    ),
    NETWORK_POLICY: (
        Column("Pod-Selector", lambda value, now_s: _pairs(value["spec"].get("podSelector", {}).get("matchLabels"))),
        AGE,
    ),
    kinds.ROLE: (CREATED_AT,),
    CLUSTER_ROLE: (CREATED_AT,),
    ROLE_BINDING: (Column("Role", _role), AGE),
    CLUSTER_ROLE_BINDING: (Column("Role", _role), AGE),
    ADMISSION_POLICY: (
        Column("Validations", lambda value, now_s: len(value["spec"].get("validations") or ()), type="integer"),
        Column("ParamKind", _at("spec", "paramKind", "kind", otherwise="<unset>")),
        AGE,
    ),
    ADMISSION_BINDING: (
        Column("PolicyName", _at("spec", "policyName")),
        Column("ParamRef", _at("spec", "paramRef", "name", otherwise="<unset>")),
        AGE,
    ),
    DEFINITION: (CREATED_AT,),
}
