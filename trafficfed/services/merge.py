"""Exports of one Service become one import: the union where it is possible, else the word of the oldest. Pure.

KEP-1645, "Constraints and Conflict Resolution": ports are merged by name and by protocol and number; whatever else
differs is as the oldest export has it, by creation and then by the cluster's name; every difference is a conflict, also
of port sets whose union is served.
"""

from collections.abc import Iterable, Iterator, Sequence

from trafficfed.services.exports import Common, Conflict, Export, Merged, Port, Reason

FIELDS = (
    (Reason.TYPE, "type"),
    (Reason.SESSION_AFFINITY, "session_affinity"),
    (Reason.SESSION_AFFINITY_CONFIG, "affinity_timeout_s"),
    (Reason.IP_FAMILY, "ip_families"),
    (Reason.INTERNAL_TRAFFIC_POLICY, "internal_traffic_policy"),
    (Reason.TRAFFIC_DISTRIBUTION, "traffic_distribution"),
    (Reason.LABELS, "labels"),
    (Reason.ANNOTATIONS, "annotations"),
    (Reason.CLUSTER_SELECTORS, "preference"),
)
"""What each conflict is about."""


def merge(exports: Iterable[Export]) -> Merged | None:
    """The import that exports of one Service come to, whatever their order; None where nobody exports."""
    ordered = sorted(exports, key=lambda each: (each.created_s, each.cluster))
    if not ordered:
        return None
    ports = _union(ordered)
    return Merged(
        common=ordered[0].common,
        ports=ports,
        clusters=tuple(sorted(each.cluster for each in ordered)),
        conflicts=(*_port_conflict(ordered, ports), *_field_conflicts(ordered)),
    )


def served_ports(merged: Merged, export: Export) -> tuple[Port, ...]:
    """The ports at which this cluster's endpoints stand in the import: those only that are its own, to the letter.

    Under a port that another cluster's word made a different one its clients would be sent to the wrong place.
    """
    return tuple(port for port in merged.ports if port in export.ports)


def _union(ordered: Sequence[Export]) -> tuple[Port, ...]:
    """Every port that clashes with none of an older export, in a stable order."""
    kept: list[Port] = []
    for port in (port for export in ordered for port in export.ports):
        if port not in kept and not any(_clash(port, other) for other in kept):
            kept.append(port)
    return tuple(sorted(kept, key=lambda port: (port.name, port.protocol, port.port)))


def _clash(port: Port, other: Port) -> bool:
    """Whether two ports cannot stand in one Service: the same name or the same place for different things, or one
    without a name beside another (Kubernetes API, ServiceSpec.ports)."""
    if port == other:
        return False
    same_place = (port.protocol, port.port) == (other.protocol, other.port)
    return port.name == other.name or same_place or not (port.name and other.name)


def _port_conflict(ordered: Sequence[Export], ports: Sequence[Port]) -> Iterator[Conflict]:
    losers = tuple(sorted(each.cluster for each in ordered if not set(each.ports) <= set(ports)))
    if losers:
        message = f"ports of {', '.join(losers)} clash with those of an older export and are not served"
        yield Conflict(reason=Reason.PORT, losers=losers, message=message)
    elif len({frozenset(each.ports) for each in ordered}) > 1:
        yield Conflict(reason=Reason.PORT, losers=(), message="port sets differ; all of them are served")


def _field_conflicts(ordered: Sequence[Export]) -> Iterator[Conflict]:
    first = ordered[0]
    for reason, field in FIELDS:
        losers = tuple(sorted(each.cluster for each in ordered if _differs(each.common, first.common, field)))
        if losers:
            what = field.removesuffix("_s").replace("_", " ")
            message = f"{what} of {', '.join(losers)} is another than that of {first.cluster}, whose export is older"
            yield Conflict(reason=reason, losers=losers, message=message)


def _differs(one: Common, other: Common, field: str) -> bool:
    return bool(getattr(one, field) != getattr(other, field))
