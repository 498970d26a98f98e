"""Slim shapes of the watched kinds: only the fields in use, everything optional as the API allows null.

Decoded straight from the stream with msgspec and reduced at once by discovery; never kept.
"""

from typing import Generic, TypeVar

import msgspec


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Base of wire types: camelCase on the wire, unknown fields ignored, no garbage-collector tracking."""


class Meta(Wire, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class ServicePort(Wire, frozen=True):
    port: int
    name: str | None = None
    protocol: str | None = None
    node_port: int | None = None


class ServiceSpec(Wire, frozen=True):
    type: str | None = None
    ports: list[ServicePort] | None = None
    external_name: str | None = None
    external_i_ps: list[str] | None = msgspec.field(default=None, name="externalIPs")


class LoadBalancerIngress(Wire, frozen=True):
    ip: str | None = None
    hostname: str | None = None


class LoadBalancer(Wire, frozen=True):
    ingress: list[LoadBalancerIngress] | None = None


class ServiceStatus(Wire, frozen=True):
    load_balancer: LoadBalancer | None = None


class Service(Wire, frozen=True):
    metadata: Meta
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class SliceConditions(Wire, frozen=True):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Wire, frozen=True):
    conditions: SliceConditions = SliceConditions()


class EndpointSlice(Wire, frozen=True):
    metadata: Meta
    endpoints: list[SliceEndpoint] | None = None


class NodeAddress(Wire, frozen=True):
    type: str
    address: str


class NodeCondition(Wire, frozen=True):
    type: str
    status: str


class NodeStatus(Wire, frozen=True):
    addresses: list[NodeAddress] | None = None
    conditions: list[NodeCondition] | None = None


class NodeSpec(Wire, frozen=True):
    unschedulable: bool | None = None


class Node(Wire, frozen=True):
    metadata: Meta
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class Foreign(Wire, frozen=True):
    """An object of any kind, kept as it was sent: what is copied elsewhere must lose no field that we do not know."""

    metadata: Meta
    body: bytes = b""


Watched = Service | EndpointSlice | Node | Foreign
T = TypeVar("T", bound=Watched, covariant=True)


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """A complete list of one kind, read from the API server whose kube-system UID is ``server_uid``.

    ``unreadable`` are the ``namespace/name`` of objects that are there, so are not absent, but cannot be decoded.
    """

    kind: type[T]
    objects: tuple[T, ...]
    revision: int
    server_uid: str
    unreadable: tuple[str, ...] = ()


class Upserted(msgspec.Struct, Generic[T], frozen=True):
    """One object was added or modified, as watched."""

    object: T
    revision: int


class Removed(msgspec.Struct, Generic[T], frozen=True):
    """One object was deleted, as watched: ``object`` is its last state."""

    object: T
    revision: int


class Lost(msgspec.Struct, frozen=True):
    """The view of this kind is no longer kept up to date; ``reason`` says why."""

    kind: type[Watched]
    reason: str


class Resumed(msgspec.Struct, frozen=True):
    """The watch goes on from where it stopped: nothing was missed, no list was needed."""

    kind: type[Watched]


Event = Listed[Watched] | Upserted[Watched] | Removed[Watched] | Lost | Resumed
