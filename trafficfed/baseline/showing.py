"""Baselines as people ask about them: how each stands, cluster by cluster, with all that is wrong. Pure."""

from trafficfed.baseline.engine import Engine
from trafficfed.baseline.report import Violation
from trafficfed.baseline.structs import ClusterResult
from trafficfed.baseline.telling import cluster_results
from trafficfed.model import Value


class Audited(Value, frozen=True, kw_only=True):
    """One baseline. ``faults`` say what of it cannot be used or is not carried out."""

    name: str
    mode: str
    faults: tuple[str, ...] = ()
    clusters: tuple[ClusterResult, ...] = ()
    violations: tuple[Violation, ...] = ()


def audited(engine: Engine) -> tuple[Audited, ...]:
    """All of them, by name; an object on the hub that is no baseline is one that cannot be used."""
    found = []
    for name, baseline in engine.rulebook.baselines.items():
        violations = tuple(engine.report.of(name))
        results = cluster_results(engine.rulebook.clusters_of(name), violations, engine.statuses.unseen(name))
        found.append(
            Audited(
                name=name,
                mode=str(baseline.mode),
                faults=engine.statuses.faults(name),
                clusters=tuple(results),
                violations=violations,
            )
        )
    known = engine.rulebook.baselines
    broken = [
        Audited(name=name, mode="", faults=(said,))
        for name, said in engine.rulebook.unreadable.items()
        if name not in known
    ]
    return tuple(sorted([*found, *broken], key=lambda each: each.name))
