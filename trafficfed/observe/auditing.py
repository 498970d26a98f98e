"""Baselines as views: what an audit shows."""

from collections.abc import Iterable

from trafficfed.baseline.showing import Audited
from trafficfed.baseline.telling import COMPLIANT
from trafficfed.errors import ConfigError
from trafficfed.observe.views import AuditView, BaselineClusterView, BaselineView, ViolationView


def audit_view(owner: str, at_s: float, found: Iterable[Audited], baseline: str, cluster: str) -> AuditView:
    """Of one baseline or of all, in one cluster or in all. Raises ConfigError for a name that nobody has."""
    known = tuple(found)
    names = [each.name for each in known]
    if baseline and baseline not in names:
        raise ConfigError(f"no baseline {baseline} is known; known are {', '.join(names) or 'none'}")
    chosen = [_view(each, cluster) for each in known if baseline in ("", each.name)]
    return AuditView(owner=owner, at_s=at_s, compliant=all(map(_holds, chosen)), baselines=tuple(chosen))


def _view(found: Audited, cluster: str) -> BaselineView:
    return BaselineView(
        name=found.name,
        mode=found.mode,
        faults=found.faults,
        clusters=tuple(
            BaselineClusterView(cluster=each.name, state=each.state, violations=each.violations, message=each.message)
            for each in found.clusters
            if cluster in ("", each.name)
        ),
        violations=tuple(
            ViolationView(
                cluster=each.cluster,
                baseline=each.baseline,
                rule=each.rule,
                object=each.object,
                path=each.path,
                message=each.message,
                since_s=each.since_s,
            )
            for each in found.violations
            if cluster in ("", each.cluster)
        ),
    )


def _holds(view: BaselineView) -> bool:
    return not view.faults and all(each.state == COMPLIANT for each in view.clusters)
