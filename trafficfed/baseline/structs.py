"""FleetBaseline: rules on what must be there, what must not, and what must hold, in which clusters and how strictly.

These structs are what is decoded from the hub and what the published schema is generated from.
"""

import enum
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from trafficfed.crds.structs import Conditions, HubMeta, Label, Labels, LabelSelector, NameSet, Part, Rule
from trafficfed.propagation.policy import ClusterSelector

LONGEST_EXPRESSION = 4096
Expression = Annotated[str, Meta(min_length=1, max_length=LONGEST_EXPRESSION)]
Text = Annotated[str, Meta(max_length=253)]
RuleName = Annotated[
    str, Meta(min_length=1, max_length=63, pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", description="Of the rule.")
]


class Mode(enum.StrEnum):
    """How strictly a baseline is kept."""

    INFORM = "inform"
    ENFORCE = "enforce"
    DENY = "deny"


class Where(Part, frozen=True, kw_only=True):
    """The clusters that a baseline is for, in the words of a policy's placement. Empty = all of them."""

    cluster_affinity: Annotated[ClusterSelector, Meta(description="The clusters, as in a placement.")] = (
        ClusterSelector()
    )
    compliance: Annotated[
        Labels, Meta(description="Compliance labels that a cluster must carry, each with exactly this value.")
    ] = field(default_factory=dict)


class Namespaces(Part, frozen=True, kw_only=True):
    """Namespaces. What is left out allows any; whatever is stated must hold."""

    names: Annotated[NameSet, Meta(description="Only these.")] = ()
    exclude: Annotated[NameSet, Meta(description="Never these.")] = ()
    label_selector: Annotated[LabelSelector | None, Meta(description="Only those with these labels.")] = None


class Objects(Part, frozen=True, kw_only=True):
    """Objects of one kind: all of them, one by name, or those with certain labels or in certain namespaces."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("!(has(self.name) && has(self.labelSelector))", "name and labelSelector exclude each other"),
    )

    api_version: Annotated[str, Meta(min_length=1, max_length=317, description="As on the object: v1, apps/v1.")]
    kind: Annotated[str, Meta(min_length=1, max_length=63, description="As on the object: Deployment.")]
    name: Annotated[str, Meta(max_length=253, description="One object; empty = every one.")] = ""
    label_selector: Annotated[LabelSelector | None, Meta(description="Only objects with these labels.")] = None
    namespaces: Annotated[Namespaces, Meta(description="Only objects in these; empty = in any, or in none.")] = (
        Namespaces()
    )


class Match(enum.StrEnum):
    """How much of an object a template speaks of."""

    AT_LEAST = "AtLeast"
    EXACT = "Exact"


class MustHave(Part, frozen=True, kw_only=True):
    """An object that must be there. Text in it may take values of its cluster: ${cluster.region}."""

    template: Annotated[
        dict[str, Any],
        Meta(
            description="The object, with apiVersion, kind and metadata.name; with namespaces, once in each of them.",
        ),
    ]
    namespaces: Annotated[
        Namespaces | None, Meta(description="Once in each of these; left out = where the template says.")
    ] = None
    match: Annotated[
        Match,
        Meta(
            description="AtLeast: what the template states must stand there, beside anything else; of a list, each "
            "entry. Exact: its lists are whole, and beneath spec, data, rules and the like nothing else stands."
        ),
    ] = Match.AT_LEAST


class Variable(Part, frozen=True, kw_only=True):
    """One named part of an expression, as variables.NAME to what follows it."""

    name: Annotated[
        str, Meta(min_length=1, max_length=63, pattern="^[A-Za-z_][A-Za-z0-9_]*$", description="As variables.NAME.")
    ]
    expression: Annotated[Expression, Meta(description="What it stands for, in CEL.")]


class MustHold(Part, frozen=True, kw_only=True):
    """What must hold of every object of a kind, or, without objects, of the cluster itself. Expressions are those of a
    Kubernetes ValidatingAdmissionPolicy; the cluster's properties are variables.cluster."""

    objects: Annotated[
        tuple[Objects, ...], Meta(max_length=32, description="Of which objects; empty = of the cluster.")
    ] = ()
    variables: Annotated[
        tuple[Variable, ...], Meta(max_length=32, description="Named parts, each may use those before.")
    ] = ()
    expression: Annotated[Expression, Meta(description="True where all is well, in CEL.")]
    message_expression: Annotated[
        str,
        Meta(max_length=LONGEST_EXPRESSION, description="What to tell where it does not hold, in CEL."),
    ] = ""


class FederatedAccess(Part, frozen=True, kw_only=True):
    """Who may do what in every cluster, told once: RoleBindings and ClusterRoleBindings on the hub."""

    bindings: Annotated[LabelSelector, Meta(description="The hub's bindings that hold in the members too.")]
    audit: Annotated[
        bool, Meta(description="Whether what their users and groups were granted in a member otherwise is a violation.")
    ] = True


_KINDS_OF_RULE = ("mustHave", "mustNotHave", "mustHold", "federatedAccess")


class BaselineRule(Part, frozen=True, kw_only=True):
    """One rule of a baseline; it states exactly one thing."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{each})' for each in _KINDS_OF_RULE)}].filter(stated, stated).size() == 1",
            f"state exactly one of {', '.join(_KINDS_OF_RULE)}",
        ),
    )

    name: RuleName
    message: Annotated[str, Meta(max_length=1024, description="What to tell people where the rule is broken.")] = ""
    must_have: Annotated[MustHave | None, Meta(description="An object that must be there.")] = None
    must_not_have: Annotated[Objects | None, Meta(description="Objects that must not be there.")] = None
    must_hold: Annotated[MustHold | None, Meta(description="What must hold, in CEL.")] = None
    federated_access: Annotated[FederatedAccess | None, Meta(description="Who may do what, in every cluster.")] = None


class BaselineSpec(Part, frozen=True, kw_only=True):
    """Rules that must hold in certain clusters, and how strictly."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.mode) || self.mode != 'deny' || self.rules.all(rule, has(rule.mustNotHave) || "
            "(has(rule.mustHold) && has(rule.mustHold.objects) && size(rule.mustHold.objects) > 0))",
            "mode deny takes only mustNotHave, and mustHold of objects: an API server can refuse no other",
        ),
    )

    mode: Annotated[
        Mode,
        Meta(
            description="inform: report. enforce: apply what must be there, delete what must not, report the rest. "
            "deny: have the API servers of hub and members refuse what breaks the rules, and report what stands."
        ),
    ] = Mode.INFORM
    placement: Annotated[Where, Meta(description="Which clusters; empty = all.")] = Where()
    rules: Annotated[
        tuple[BaselineRule, ...],
        Meta(
            min_length=1,
            max_length=64,
            description="All of them must hold.",
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]


class ClusterResult(Part, frozen=True, kw_only=True):
    """How a baseline stands in one cluster."""

    name: Annotated[Text, Meta(description="The cluster.")]
    violations: Annotated[int, Meta(description="How many violations are known there.")] = 0
    state: Annotated[Label, Meta(description="Compliant, Violating, or Unknown where not everything could be seen.")]
    message: Annotated[str, Meta(max_length=1024, description="Why it is Unknown.")] = ""


class ViolationStatus(Part, frozen=True, kw_only=True):
    """One object that breaks a rule in one cluster."""

    cluster: Annotated[Text, Meta(description="The cluster.")]
    rule: Annotated[Label, Meta(description="The rule.")]
    object: Annotated[str, Meta(max_length=700, description="Kind, namespace and name; or the cluster itself.")]
    path: Annotated[str, Meta(max_length=512, description="Where in the object.")] = ""
    message: Annotated[str, Meta(max_length=1024, description="What is wrong, for people.")] = ""
    since: Annotated[
        str, Meta(max_length=40, extra_json_schema={"format": "date-time"}, description="Since when it is known.")
    ] = ""


class BaselineStatus(Part, frozen=True, kw_only=True):
    """How a baseline stands in the fleet."""

    observed_generation: Annotated[int, Meta(description="The generation this status is about.")] = 0
    conditions: Annotated[
        Conditions, Meta(description="Accepted: every rule can be used. Compliant: none is broken anywhere.")
    ] = ()
    clusters: Annotated[
        tuple[ClusterResult, ...], Meta(max_length=1000, description="Every cluster that it is for.")
    ] = ()
    violations: Annotated[
        tuple[ViolationStatus, ...], Meta(max_length=50, description="The first of them; `trafficfed audit` has all.")
    ] = ()
    count: Annotated[int, Meta(description="How many violations there are in all.")] = 0


class FleetBaseline(Part, frozen=True, kw_only=True):
    """Rules on security, RBAC and configuration that must hold in many clusters."""

    metadata: HubMeta = HubMeta()
    spec: BaselineSpec
    status: BaselineStatus = BaselineStatus()
