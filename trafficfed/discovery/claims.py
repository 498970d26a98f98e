"""One annotated object of one cluster, reduced to what it claims and what it offers."""

from collections.abc import Iterable
from datetime import UTC, datetime

from trafficfed.discovery.addresses import canonical_literal
from trafficfed.discovery.annotations import PREFIX, Stated, Targets, read_annotations
from trafficfed.discovery.hostnames import canonical_hostname
from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Form, HealthCheck, Refusal, ServiceKey, Value


class Claim(Value, frozen=True, kw_only=True):
    """What one object states (None where it does not) and where it is reached; all that is kept of it.

    ``offers`` is False where the object withdraws its endpoint: no hostname annotated, or a type that is not
    reachable from outside (``reachable``). ``is_plain``: it has no annotation of ours, so it offers something only
    where the hub declares its service. ``via_nodes``: its addresses are those of the cluster's nodes. ``broken`` are
    annotations that could not be read. ``ready`` is None where nothing tells, and ``ready_known`` False where not even
    that is known (no EndpointSlices listed yet); ``targets_known`` likewise for addresses that come from nodes.
    """

    key: ServiceKey
    cluster: str
    hostnames: tuple[str, ...] = ()
    offers: bool = True
    reachable: bool = True
    is_plain: bool = False
    steering: tuple[str, ...] | None = None
    weight: int | None = None
    tier: int | None = None
    health_check: HealthCheck | None = None
    ttl: int | None = None
    drained: bool | None = None
    form: Form | None = None
    targets: Targets = Targets()
    targets_known: bool = True
    via_nodes: bool = False
    ports: tuple[int, ...] = ()
    ready: int | None = None
    ready_known: bool = True
    uid: str = ""
    created_s: float = 0.0
    broken: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def age_order(self) -> tuple[float, str]:
        """Oldest first, then by the cluster's name; an object without a date counts as the newest."""
        return (self.created_s or float("inf"), self.cluster)


class _Reach(Value, frozen=True):
    """How an object is reached from outside: ``objection`` is why it cannot be, ``spoiled`` what is no address."""

    targets: Targets = Targets()
    ports: tuple[int, ...] = ()
    via_nodes: bool = False
    objection: str = ""
    spoiled: tuple[str, ...] = ()


def service_key(cluster: Cluster, namespace: str, name: str) -> ServiceKey:
    """Namespace sameness: the same namespace and name in every cluster of one clusterset is one service."""
    return ServiceKey(cluster.clusterset, namespace, name)


def read_claim(service: wire.Service, cluster: Cluster) -> Claim | None:
    """The claim of one Service, None where it has no annotation of ours.

    Never raises for what the object says: whatever is not taken stands in ``refusals``.
    """
    stated = read_annotations(service.metadata.annotations)
    if stated is None:
        return None
    meta, mistakes = service.metadata, list(_refused(stated))
    reach = _reach(service)
    if stated.target is not None or "target" in stated.broken:
        reach = _Reach(stated.target or Targets(), reach.ports)
    elif reach.objection:
        mistakes.append(("NoAddress", reach.objection))
    mistakes.extend(("InvalidAddress", f"{text}; it is left out") for text in reach.spoiled)
    if stated.hostnames is None:
        mistakes.append(("NoHostname", f"{PREFIX}hostname is missing: nothing is published; add it"))
    key = service_key(cluster, meta.namespace, meta.name)
    return Claim(
        key=key,
        cluster=cluster.name,
        hostnames=stated.hostnames or (),
        offers=stated.hostnames is not None and not reach.objection,
        reachable=not reach.objection,
        steering=stated.steering,
        weight=stated.weight,
        tier=stated.tier,
        health_check=stated.health_check,
        form=stated.form,
        ttl=stated.ttl,
        drained=stated.drained,
        targets=reach.targets,
        via_nodes=reach.via_nodes,
        ports=reach.ports,
        uid=meta.uid,
        created_s=created_s(meta.creation_timestamp),
        broken=stated.broken,
        refusals=tuple(refusal(key, cluster.name, reason, message) for reason, message in mistakes),
    )


def plain_claim(service: wire.Service, cluster: Cluster) -> Claim | None:
    """What a Service without any annotation of ours would offer, None where it is not reachable from outside."""
    reach = _reach(service)
    if reach.objection:
        return None
    meta = service.metadata
    key = service_key(cluster, meta.namespace, meta.name)
    mistakes = (refusal(key, cluster.name, "InvalidAddress", f"{text}; it is left out") for text in reach.spoiled)
    return Claim(
        key=key,
        cluster=cluster.name,
        offers=False,
        is_plain=True,
        targets=reach.targets,
        via_nodes=reach.via_nodes,
        ports=reach.ports,
        uid=meta.uid,
        created_s=created_s(meta.creation_timestamp),
        refusals=tuple(mistakes),
    )


def refusal(key: ServiceKey, cluster: str, reason: str, message: str) -> Refusal:
    """A refusal on the Service of this key in this cluster."""
    return Refusal(
        cluster=cluster, object=f"Service/{key.namespace}/{key.name}", reason=reason, message=message, service=key
    )


def _refused(stated: Stated) -> list[tuple[str, str]]:
    return [(mistake.reason, mistake.message) for mistake in stated.mistakes]


def _reach(service: wire.Service) -> _Reach:
    """By type; the API server's default type is ClusterIP."""
    spec = service.spec
    ports = _ports(spec.ports or [])
    match spec.type or "ClusterIP":
        case "LoadBalancer":
            balancer = service.status.load_balancer or wire.LoadBalancer()
            found = (ingress.ip or ingress.hostname for ingress in balancer.ingress or ())
            return _named(found, ports)
        case "NodePort":
            node_ports = _unique([port.node_port for port in spec.ports or () if port.node_port])
            return _Reach(Targets(), node_ports, via_nodes=True)
        case "ExternalName":
            return _named([spec.external_name], ports)
        case "ClusterIP" if spec.external_i_ps:
            return _named(spec.external_i_ps, ports)
        case other:
            return _Reach(ports=ports, objection=_unreachable(other))


def _unreachable(type_: str) -> str:
    if type_ == "ClusterIP":
        return (
            "a ClusterIP Service without externalIPs is not reachable from outside its cluster; "
            f"make it a LoadBalancer or NodePort, or name its address with {PREFIX}target"
        )
    return f"Services of type {type_!a} are not known; name an address with {PREFIX}target"


def _named(entries: Iterable[str | None], ports: tuple[int, ...]) -> _Reach:
    """What a status or spec names. The API server has checked its form, yet values of members are never trusted."""
    addresses, hostnames, spoiled = set(), set(), []
    for entry in filter(None, entries):
        try:
            if (literal := canonical_literal(entry)) is not None:
                addresses.add(literal)
            else:
                hostnames.add(canonical_hostname(entry))
        except ConfigError as error:
            spoiled.append(str(error))
    return _Reach(Targets(tuple(sorted(addresses)), tuple(sorted(hostnames))), ports, spoiled=tuple(spoiled))


def _ports(ports: list[wire.ServicePort]) -> tuple[int, ...]:
    """TCP ports first, since the first one is what a check without a port uses; else in the order of the spec."""
    tcp = [port.port for port in ports if (port.protocol or "TCP") == "TCP"]
    return _unique([*tcp, *(port.port for port in ports)])


def _unique(ports: list[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ports))


def created_s(timestamp: str | None) -> float:
    """UTC seconds of an RFC 3339 time; 0 where there is none."""
    try:
        moment = datetime.fromisoformat(timestamp or "")
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
