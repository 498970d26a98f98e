"""What members show, read from the bodies of their objects: only what deciding asks for. Pure."""

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace

from trafficfed.crds.structs import Condition, LabelSelector
from trafficfed.discovery.annotations import PREFIX, WRITTEN_BY_US
from trafficfed.discovery.claims import created_s
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import Value
from trafficfed.services.exports import Common, ImportType, Port, Preference

HEADLESS = "None"
FAMILIES = frozenset({"IPv4", "IPv6"})
"""Address types of EndpointSlices that travel; names (FQDN) are deprecated and nobody routes to them."""


class Declared(Value, frozen=True, kw_only=True):
    """A ServiceExport. ``labels`` and ``annotations`` are those that it wants on the import, ``public`` are its own of
    ours: the Service is given a public name by them."""

    uid: str
    created_s: float
    generation: int
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    preference: Preference = Preference()
    public: tuple[tuple[str, str], ...] = ()
    conditions: tuple[Condition, ...] = ()
    ending: bool = False


class Backing(Value, frozen=True, kw_only=True):
    """The Service of an export. ``addresses`` are those of its own cluster."""

    is_external: bool
    common: Common
    ports: tuple[Port, ...] = ()
    addresses: tuple[str, ...] = ()


class SlicePort(Value, frozen=True, kw_only=True):
    """A port as endpoints have it: ``port`` is None where it is any."""

    name: str = ""
    protocol: str = "TCP"
    port: int | None = None
    app_protocol: str = ""


class Stand(Value, frozen=True, kw_only=True):
    """One endpoint of a slice, as far as it means something to another cluster."""

    address: str
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    hostname: str = ""
    zone: str = ""


class Slice(Value, frozen=True, kw_only=True):
    """One EndpointSlice of a Service in its own cluster. ``digest`` is of its endpoints: comparing it is cheap."""

    name: str
    address_type: str
    ports: tuple[SlicePort, ...] = ()
    endpoints: tuple[Stand, ...] = ()
    digest: str = ""


class _Meta(Wire, frozen=True):
    uid: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    annotations: dict[str, str] | None = None


class _ClusterSelector(Wire, frozen=True):
    property_selector: LabelSelector = LabelSelector()


class _ExportSpec(Wire, frozen=True):
    cluster_selectors: tuple[_ClusterSelector, ...] | None = None
    cluster_selectors_fallback_policy: str | None = None
    exported_labels: dict[str, str] | None = None
    exported_annotations: dict[str, str] | None = None


class _ExportStatus(Wire, frozen=True):
    conditions: tuple[Condition, ...] | None = None


class _Export(Wire, frozen=True):
    metadata: _Meta
    spec: _ExportSpec | None = None
    status: _ExportStatus | None = None


class _ClientIp(Wire, frozen=True):
    timeout_seconds: int | None = None


class _AffinityConfig(Wire, frozen=True):
    client_ip: _ClientIp | None = msgspec.field(default=None, name="clientIP")


class _Port(Wire, frozen=True):
    port: int | None = None
    name: str | None = None
    protocol: str | None = None
    app_protocol: str | None = None


class _ServiceSpec(Wire, frozen=True):
    type: str | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    cluster_ips: tuple[str, ...] | None = msgspec.field(default=None, name="clusterIPs")
    ports: tuple[_Port, ...] | None = None
    session_affinity: str | None = None
    session_affinity_config: _AffinityConfig | None = None
    ip_families: tuple[str, ...] | None = None
    internal_traffic_policy: str | None = None
    traffic_distribution: str | None = None


class _Service(Wire, frozen=True):
    spec: _ServiceSpec = _ServiceSpec()


class _Conditions(Wire, frozen=True):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class _Endpoint(Wire, frozen=True):
    addresses: tuple[str, ...] | None = None
    conditions: _Conditions | None = None
    hostname: str | None = None
    zone: str | None = None


class _Slice(Wire, frozen=True):
    address_type: str = ""
    ports: tuple[_Port, ...] | None = None
    endpoints: tuple[_Endpoint, ...] | None = None


def read_export(body: bytes) -> Declared:
    """Raises msgspec.DecodeError for what is none."""
    read = msgspec.json.decode(body, type=_Export)
    spec, meta = read.spec or _ExportSpec(), read.metadata
    return Declared(
        uid=meta.uid,
        created_s=created_s(meta.creation_timestamp),
        generation=meta.generation,
        labels=tuple(sorted((spec.exported_labels or {}).items())),
        annotations=tuple(sorted((spec.exported_annotations or {}).items())),
        preference=Preference(
            selectors=tuple(each.property_selector for each in spec.cluster_selectors or ()),
            others=spec.cluster_selectors_fallback_policy != "None",
        ),
        public=tuple(sorted((key, text) for key, text in (meta.annotations or {}).items() if _is_public(key))),
        conditions=(read.status.conditions if read.status else None) or (),
        ending=meta.deletion_timestamp is not None,
    )


def _is_public(key: str) -> bool:
    return key.startswith(PREFIX) and key not in WRITTEN_BY_US


def read_service(body: bytes) -> Backing:
    """Raises msgspec.DecodeError for what is none."""
    spec = msgspec.json.decode(body, type=_Service).spec
    affinity = spec.session_affinity or "None"
    client = spec.session_affinity_config.client_ip if spec.session_affinity_config else None
    headless = spec.cluster_ip == HEADLESS
    return Backing(
        is_external=spec.type == "ExternalName",
        common=Common(
            type=ImportType.HEADLESS if headless else ImportType.CLUSTER_SET_IP,
            session_affinity=affinity,
            affinity_timeout_s=client.timeout_seconds if client and affinity == "ClientIP" else None,
            ip_families=spec.ip_families or (),
            internal_traffic_policy=spec.internal_traffic_policy or "Cluster",
            traffic_distribution=spec.traffic_distribution or "",
        ),
        ports=tuple(
            Port(
                port=port.port or 0,
                name=port.name or "",
                protocol=port.protocol or "TCP",
                app_protocol=port.app_protocol or "",
            )
            for port in spec.ports or ()
        ),
        addresses=() if headless else spec.cluster_ips or (),
    )


class _Any(Wire, frozen=True):
    metadata: _Meta = _Meta()


def is_ending(body: bytes) -> bool:
    """Whether an object was deleted and only waits for its finalizers. Raises msgspec.DecodeError for what is none."""
    return msgspec.json.decode(body, type=_Any).metadata.deletion_timestamp is not None


def read_slice(name: str, body: bytes) -> Slice:
    """Raises msgspec.DecodeError for what is none. ``ready`` unset means ready, ``serving`` unset as ``ready``
    (EndpointConditions, discovery.k8s.io/v1)."""
    read = msgspec.json.decode(body, type=_Slice)
    found = Slice(
        name=name,
        address_type=read.address_type,
        ports=tuple(
            SlicePort(
                name=port.name or "",
                protocol=port.protocol or "TCP",
                port=port.port,
                app_protocol=port.app_protocol or "",
            )
            for port in read.ports or ()
        ),
    )
    return with_endpoints(found, tuple(_stand(each) for each in read.endpoints or () if each.addresses))


def given_back(copy: Slice) -> Slice:
    """A copy as its original was when it was last seen: ``ready`` may have been taken from it since."""
    endpoints = (replace(each, ready=each.serving and not each.terminating) for each in copy.endpoints)
    return with_endpoints(copy, tuple(endpoints))


def with_endpoints(found: Slice, endpoints: tuple[Stand, ...]) -> Slice:
    """The same slice with these."""
    digest = hashlib.sha256(msgspec.json.encode((found.address_type, endpoints))).hexdigest()[:16]
    return replace(found, endpoints=endpoints, digest=digest)


def _stand(read: _Endpoint) -> Stand:
    said = read.conditions or _Conditions()
    ready = said.ready is not False
    return Stand(
        address=(read.addresses or ("",))[0],
        ready=ready,
        serving=ready if said.serving is None else said.serving,
        terminating=said.terminating is True,
        hostname=read.hostname or "",
        zone=read.zone or "",
    )


def covers(wanted: Any, found: Any) -> bool:
    """Whether everything that is wanted stands there: an API server adds fields, lists are whole.

    >>> covers({"ports": [{"port": 80}]}, {"ports": [{"port": 80, "protocol": "TCP"}], "type": "ClusterIP"})
    True
    >>> covers({"ports": []}, {"ports": [{"port": 80}]})
    False
    """
    if isinstance(wanted, dict):
        found = found if isinstance(found, dict) else {}
        return all(covers(value, found.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        found = found if isinstance(found, list) else []
        return len(wanted) == len(found) and all(map(covers, wanted, found))
    return bool(wanted == found)
