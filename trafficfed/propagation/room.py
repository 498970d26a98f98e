"""What is free on each node of a member: what it has for Pods, less what the Pods there ask for."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Meta, Wire
from trafficfed.propagation.capacity import Room, node_room, pod_request

ENDED = "status.phase!=Succeeded,status.phase!=Failed"


class _NodeStatus(Wire, frozen=True):
    allocatable: dict[str, str] = msgspec.field(default_factory=dict)


class _NodeSpec(Wire, frozen=True):
    unschedulable: bool | None = None


class _Node(Wire, frozen=True):
    metadata: Meta
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()


class _Pod(Wire, frozen=True):
    spec: dict[str, Any] = msgspec.field(default_factory=dict)


class _Nodes(Wire, frozen=True):
    items: list[_Node] | None = None


class _Pods(Wire, frozen=True):
    items: list[_Pod] | None = None


async def measured_room(reader: Reader) -> tuple[Room, ...]:
    """By reading nodes and Pods once. Raises Transient or Refused."""
    nodes = await reader.get_json("/api/v1/nodes", _Nodes, {"resourceVersion": "0"})
    pods = await reader.get_json("/api/v1/pods", _Pods, {"resourceVersion": "0", "fieldSelector": ENDED})
    free = {node.metadata.name: _has(node) for node in nodes.items or () if not node.spec.unschedulable}
    for pod in pods.items or ():
        name = str(pod.spec.get("nodeName", ""))
        if name in free:
            free[name] = free[name].less(_asks(pod.spec))
    return tuple(room for _, room in sorted(free.items()))


def _has(node: _Node) -> Room:
    try:
        return node_room(node.status.allocatable)
    except ConfigError:
        return Room(pods=0)  # nothing can be placed where it is not known what there is


def _asks(spec: Mapping[str, Any]) -> Room:
    try:
        return pod_request(spec)
    except ConfigError:
        return Room()
