"""A FleetBaseline as it is used: read from the hub, with what is wrong with it. Pure."""

import msgspec

from trafficfed.baseline.federated import BINDINGS, ROLES
from trafficfed.baseline.judging import Program
from trafficfed.baseline.structs import BaselineRule, BaselineStatus, FleetBaseline, Mode, Objects, Where
from trafficfed.baseline.view import Kind
from trafficfed.errors import ConfigError
from trafficfed.model import Cluster, Value
from trafficfed.propagation.clusters import objection
from trafficfed.propagation.policy import Placement
from trafficfed.unreadable import UNREADABLE

NAMESPACES: Kind = ("v1", "Namespace")


class Baseline(Value, frozen=True, kw_only=True):
    """One baseline. ``status`` is what stands on the hub, ``revision`` of which state of it."""

    name: str
    uid: str = ""
    generation: int = 0
    revision: int = 0
    mode: Mode = Mode.INFORM
    where: Where = Where()
    rules: tuple[BaselineRule, ...] = ()
    status: BaselineStatus = BaselineStatus()

    def is_for(self, cluster: Cluster) -> bool:
        """Whether it is for a cluster: by the same words and the same code as a policy's placement."""
        placement = Placement(cluster_affinity=self.where.cluster_affinity, compliance=self.where.compliance)
        return objection(placement, cluster) is None

    @property
    def is_for_all(self) -> bool:
        return self.where == Where()

    def same_rules(self, other: "Baseline") -> bool:
        """Whether nothing differs that decides anything."""
        return (self.uid, self.mode, self.where, self.rules) == (other.uid, other.mode, other.where, other.rules)


def read_baseline(body: bytes, revision: int = 0) -> Baseline:
    """Raises ConfigError for what is none."""
    try:
        found = msgspec.json.decode(body, type=FleetBaseline)
    except UNREADABLE as error:
        raise ConfigError(f"not a FleetBaseline: {error}") from None
    meta, spec = found.metadata, found.spec
    return Baseline(
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        revision=revision,
        mode=spec.mode,
        where=spec.placement,
        rules=spec.rules,
        status=found.status,
    )


def program_of(rule: BaselineRule) -> Program | None:
    """A rule's expressions, None where it has none."""
    holds = rule.must_hold
    if holds is None:
        return None
    variables = tuple((each.name, each.expression) for each in holds.variables)
    return Program(expression=holds.expression, variables=variables, message_expression=holds.message_expression)


def selectors(rule: BaselineRule) -> tuple[Objects, ...]:
    """The objects that a rule looks at one by one."""
    if rule.must_hold is not None:
        return rule.must_hold.objects
    return (rule.must_not_have,) if rule.must_not_have is not None else ()


def kinds_of(rule: BaselineRule) -> frozenset[Kind]:
    """What has to be seen of a member to tell whether a rule holds there."""
    found: set[Kind] = {(each.api_version, each.kind) for each in selectors(rule)}
    labelled = any(each.namespaces.label_selector is not None for each in selectors(rule))
    program = program_of(rule)
    if labelled or (program is not None and program.wants_namespace):
        found.add(NAMESPACES)
    if (have := rule.must_have) is not None:
        found.add((str(have.template.get("apiVersion", "")), str(have.template.get("kind", ""))))
        if have.namespaces is not None:
            found.add(NAMESPACES)
    if rule.federated_access is not None:
        found |= {*BINDINGS, *ROLES, NAMESPACES}
    return frozenset(each for each in found if all(each))
