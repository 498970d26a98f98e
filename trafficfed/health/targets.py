"""Which addresses of a row are judged, which of them can be probed, and how."""

from collections.abc import Iterator

import msgspec

from trafficfed.model import Endpoint, GlobalService, HealthCheck, Row, Target

WILDCARD_LABEL = "health"
"""Stands in for ``*`` where a wildcard name is asked over HTTP: no host is called ``*``."""


def check_of(service: GlobalService, endpoint: Endpoint) -> HealthCheck:
    """The check in force for an endpoint: its own, else the service's."""
    return endpoint.health_check or service.health_check


def port_of(service: GlobalService, endpoint: Endpoint) -> int:
    """The port to probe, 0 where none is known and the endpoint therefore cannot be probed."""
    return check_of(service, endpoint).port or (endpoint.ports[0] if endpoint.ports else 0)


def judged_addresses(endpoint: Endpoint) -> tuple[str, ...]:
    """What one endpoint gets verdicts on: its targets; where it only has unresolved hostnames, those."""
    return endpoint.targets or endpoint.hostnames


def probeable(service: GlobalService, endpoint: Endpoint) -> bool:
    """Whether probes can tell anything: an address and a port are known."""
    return bool(port_of(service, endpoint) and (endpoint.addresses or endpoint.resolved))


def targets(row: Row) -> tuple[Target, ...]:
    """Everything of one row that is to be probed, sorted by cluster and address."""
    return tuple(sorted(_targets(row), key=lambda target: (target.cluster, target.address)))


def _targets(row: Row) -> Iterator[Target]:
    for endpoint in row.endpoints:
        if port := port_of(row.service, endpoint):
            check = _addressed(check_of(row.service, endpoint), row.service)
            for address in endpoint.targets:
                yield Target(service=row.key, cluster=endpoint.cluster, address=address, port=port, check=check)


def _addressed(check: HealthCheck, service: GlobalService) -> HealthCheck:
    """The check with the host to ask for filled in: the service's first hostname where none is stated."""
    if check.host or not service.hostnames:
        return check
    return msgspec.structs.replace(check, host=service.hostnames[0].replace("*", WILDCARD_LABEL))
