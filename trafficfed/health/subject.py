"""What a judgement takes in: one target with all that is known of it, and the circumstances that all targets share."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set

from trafficfed.health.controls import in_force
from trafficfed.health.evidence import Evidence
from trafficfed.health.readiness import Readiness, readiness_of
from trafficfed.health.targets import check_of, judged_addresses, probeable
from trafficfed.model import (
    Freshness,
    HealthCheck,
    OperatorControl,
    Row,
    ServiceKey,
    Source,
    Value,
    Verdict,
)

NOTHING = Evidence()


def _unguarded(cluster: str, service: ServiceKey) -> bool:
    return False


class Circumstances(Value, frozen=True, kw_only=True):
    """What bears on judgements besides the probes of one target.

    ``homes`` tells which cluster a vantage runs in, where it runs in one. ``distrusted`` vantages count for nothing.
    ``guarded`` tells whether a cluster's loss of readiness for a service is part of a mass event. ``watching_since_s``
    is when this process began to probe: until evidence could have lapsed, silence is its own and verdicts stand.
    """

    sources: Mapping[str, Source] = {}
    controls: Sequence[OperatorControl] = ()
    homes: Mapping[str, str] = {}
    distrusted: Set[str] = frozenset()
    guarded: Callable[[str, ServiceKey], bool] = _unguarded
    watching_since_s: float = 0.0


class Subject(Value, frozen=True, kw_only=True):
    """One target with all that its judgement takes: ``before`` is its last verdict, ``control`` the one in force.

    ``check`` is None where no probe is possible. ``unseen_since_s`` is since when no fresh list of its API server has
    confirmed the address, None while one does. ``alone``: no other cluster offers the service.
    """

    cluster: str
    address: str
    before: Verdict | None = None
    evidence: Evidence = NOTHING
    check: HealthCheck | None = HealthCheck()
    failback_s: float = 60.0
    readiness: Readiness = Readiness()
    control: OperatorControl | None = None
    unseen_since_s: float | None = None
    alone: bool = False


def subjects(
    row: Row,
    evidence: Mapping[tuple[str, str], Evidence],
    controls: Sequence[OperatorControl],
    around: Circumstances,
    now_s: float,
) -> Iterator[Subject]:
    """Everything of a row that gets a verdict; ``controls`` are those that concern the row."""
    before = {(v.cluster, v.address): v for v in row.verdicts}
    alone = len({endpoint.cluster for endpoint in row.endpoints}) == 1
    for endpoint in row.endpoints:
        cluster = endpoint.cluster
        source = around.sources.get(cluster)
        check = check_of(row.service, endpoint)
        shared = (
            check if probeable(row.service, endpoint) else None,
            check.failback_s,
            readiness_of(endpoint, source, around.guarded(cluster, row.key), now_s),
            in_force(controls, cluster, now_s) if controls else None,
            _unseen_since_s(source, row.key),
        )
        for address in judged_addresses(endpoint):
            place = (cluster, address)
            yield _subject(place, before.get(place), evidence.get(place, NOTHING), shared, alone)


def _subject(
    place: tuple[str, str],
    before: Verdict | None,
    evidence: Evidence,
    shared: tuple[HealthCheck | None, float, Readiness, OperatorControl | None, float | None],
    alone: bool,
) -> Subject:
    check, failback_s, readiness, control, unseen_since_s = shared
    return Subject(
        cluster=place[0],
        address=place[1],
        before=before,
        evidence=evidence,
        check=check,
        failback_s=failback_s,
        readiness=readiness,
        control=control,
        unseen_since_s=unseen_since_s,
        alone=alone,
    )


def _unseen_since_s(source: Source | None, service: ServiceKey) -> float | None:
    """Without a source there is no API server that could be out of sight."""
    if source is None or (source.freshness is Freshness.FRESH and service not in source.missing):
        return None
    return source.since_s
