"""PropagationPolicy and its cluster-scoped twin: what is copied to which members, and how it differs there.

These structs are what is decoded from the hub and what the published schema is generated from.
"""

import enum
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, field

from trafficfed.crds.structs import Conditions, HubMeta, Label, Labels, LabelSelector, NameSet, Part, Rule

Text = Annotated[str, Meta(max_length=253)]


class ObjectSelector(Part, frozen=True, kw_only=True):
    """Objects of one kind: all of them, one by name, or those with certain labels."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("!(has(self.name) && has(self.labelSelector))", "name and labelSelector exclude each other"),
    )

    api_version: Annotated[
        str,
        Meta(min_length=1, max_length=317, description="As on the object: v1, apps/v1. Its version selects nothing."),
    ]
    kind: Annotated[str, Meta(min_length=1, max_length=63, description="As on the object: Deployment.")]
    name: Annotated[str, Meta(max_length=253, description="One object; empty = every one.")] = ""
    label_selector: Annotated[LabelSelector | None, Meta(description="Only objects with these labels.")] = None

    @property
    def group(self) -> str:
        """The API group, empty for core."""
        return self.api_version.rpartition("/")[0]


class ClusterObjectSelector(ObjectSelector, frozen=True, kw_only=True):
    """Objects of one kind in any namespace or outside all: all of them, by name, or those with certain labels."""

    RULES: ClassVar[tuple[Rule, ...]] = ObjectSelector.RULES

    namespaces: Annotated[NameSet, Meta(description="Only objects in these; empty = all but kube-*.")] = ()


class ClusterSelector(Part, frozen=True, kw_only=True):
    """Member clusters. What is left out allows any; whatever is stated must hold."""

    cluster_names: Annotated[NameSet, Meta(description="Only clusters of these names.")] = ()
    exclude: Annotated[NameSet, Meta(description="Never clusters of these names.")] = ()
    label_selector: Annotated[LabelSelector | None, Meta(description="Only clusters with these labels.")] = None
    regions: Annotated[NameSet, Meta(description="Only clusters in one of these regions.")] = ()
    providers: Annotated[NameSet, Meta(description="Only clusters of one of these infrastructure providers.")] = ()
    countries: Annotated[
        NameSet, Meta(description="Only clusters in one of these countries (ISO 3166-1 alpha-2 codes).")
    ] = ()


class LatencyBound(Part, frozen=True, kw_only=True):
    """How near a cluster must be, measured, to a region or to another cluster."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.region) != has(self.cluster)", "state either region or cluster"),
    )

    region: Annotated[str, Meta(max_length=253, description="To the nearest cluster in this region.")] = ""
    cluster: Annotated[str, Meta(max_length=253, description="To this cluster.")] = ""
    below_milliseconds: Annotated[
        int, Meta(ge=1, le=60000, description="Round-trip time that must not be reached, in milliseconds.")
    ]


class SpreadBy(enum.StrEnum):
    """The cluster property over which a limited number of clusters is spread."""

    REGION = "region"
    ZONE = "zone"
    PROVIDER = "provider"
    COUNTRY = "country"


class Placement(Part, frozen=True, kw_only=True):
    """Which members get the objects. Declared criteria (clusterAffinity, compliance) always apply; measured ones
    (latency, capacity) choose when a cluster is first considered and move nothing later."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.spreadBy) || has(self.maxClusters)", "spreadBy needs maxClusters: without it all are chosen"),
    )

    cluster_affinity: Annotated[ClusterSelector, Meta(description="The clusters that may be chosen.")] = (
        ClusterSelector()
    )
    compliance: Annotated[
        Labels, Meta(description="Compliance labels that a cluster must carry, each with exactly this value.")
    ] = field(default_factory=dict)
    latency: Annotated[LatencyBound | None, Meta(description="Only clusters measured to be this near.")] = None
    max_clusters: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="Choose at most so many; left out = all that fit.")
    ] = None
    spread_by: Annotated[
        SpreadBy | None, Meta(description="With maxClusters: prefer clusters that differ in this property.")
    ] = None


class SchedulingType(enum.StrEnum):
    """What a workload's replicas mean over several clusters."""

    DUPLICATED = "Duplicated"
    DIVIDED = "Divided"
    UNMANAGED = "Unmanaged"


class DivideBy(enum.StrEnum):
    """What replicas are divided by."""

    STATIC_WEIGHTS = "StaticWeights"
    FREE_CAPACITY = "FreeCapacity"


Weights = Annotated[
    dict[Annotated[str, Meta(max_length=253)], Annotated[int, Meta(ge=0, le=1_000_000)]], Meta(max_length=1000)
]


class ReplicaScheduling(Part, frozen=True, kw_only=True):
    """How a workload's replicas are spread over its clusters."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.weights) || (self.type == 'Divided' && self.divideBy == 'StaticWeights')",
            "weights need type Divided and divideBy StaticWeights",
        ),
        Rule(
            "!has(self.weights) || size(self.weights) == 0 || self.weights.exists(name, self.weights[name] > 0)",
            "at least one weight must be above 0",
        ),
    )

    type: Annotated[
        SchedulingType,
        Meta(
            description="Duplicated: each cluster runs as many as the object says. Divided: together they do. "
            "Unmanaged: replicas are not copied, an autoscaler in each cluster rules them."
        ),
    ] = SchedulingType.DUPLICATED
    divide_by: Annotated[
        DivideBy,
        Meta(description="With Divided: by the weights below, or by what the clusters' nodes have free at that time."),
    ] = DivideBy.STATIC_WEIGHTS
    weights: Annotated[
        Weights, Meta(description="Weight by cluster name; one not named gets none. Left out = equal weights.")
    ] = field(default_factory=dict)


class ImageOverride(Part, frozen=True, kw_only=True):
    """Parts of an image reference to replace; what is empty stays."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.registry) || has(self.repository) || has(self.tag) || has(self.digest)",
            "state at least one of registry, repository, tag, digest",
        ),
    )

    container: Annotated[str, Meta(max_length=63, description="Only this container; empty = all of them.")] = ""
    registry: Annotated[str, Meta(max_length=253, description="Such as registry.example.org:5000.")] = ""
    repository: Annotated[str, Meta(max_length=253, description="Such as shop/web.")] = ""
    tag: Annotated[str, Meta(max_length=128, description="Replaces the tag, and drops a digest.")] = ""
    digest: Annotated[
        str, Meta(max_length=140, pattern="^([a-z0-9+._-]+:[0-9a-fA-F]{32,})?$", description="Such as sha256:....")
    ] = ""


PROTECTED = ("apiVersion", "kind", "metadata/name", "metadata/namespace", "metadata/ownerReferences")
"""What no override may touch: it would make the copy another object, or have the member delete it with another one."""


def _spares(pointer: str) -> str:
    """CEL: whether a JSON pointer leads past all that is protected. No regular expression: those cost too much here."""
    whole = "['', '/', '/metadata', '/metadata/', " + ", ".join(f"'/{field}'" for field in PROTECTED) + "]"
    beneath = " || ".join(f"{pointer}.startsWith('/{field}/')" for field in PROTECTED)
    return f"!({pointer} in {whole} || {beneath})"


class PatchOperation(Part, frozen=True, kw_only=True):
    """One operation of a JSON Patch (RFC 6902)."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.op in ['move', 'copy'] ? has(self.from) : !has(self.from)",
            "move and copy need from, the others take none",
        ),
        Rule(
            f"self.op == 'test' || ({_spares('self.path')} && (self.op != 'move' || {_spares('self.from')}))",
            "a patch must not touch apiVersion, kind, metadata.name, metadata.namespace or metadata.ownerReferences",
        ),
    )

    op: Annotated[str, Meta(max_length=7, pattern="^(add|remove|replace|move|copy|test)$", description="What is done.")]
    path: Annotated[str, Meta(max_length=512, description="Where, as a JSON pointer (RFC 6901).")]
    from_: Annotated[str, Meta(max_length=512, description="Where from, with move and copy.")] = field(
        default="", name="from"
    )
    value: Annotated[Any, Meta(description="What, with add, replace and test.")] = UNSET


class Override(Part, frozen=True, kw_only=True):
    """How copies differ in some clusters. Overrides apply in their order; within one: images, replicas, labels,
    annotations, patch."""

    target_clusters: Annotated[ClusterSelector, Meta(description="Where it applies; empty = in every cluster.")] = (
        ClusterSelector()
    )
    kind: Annotated[str, Meta(max_length=63, description="Only objects of this kind; empty = of any.")] = ""
    name: Annotated[str, Meta(max_length=253, description="Only the object of this name; empty = any.")] = ""
    images: Annotated[tuple[ImageOverride, ...], Meta(max_length=64, description="Of what has containers.")] = ()
    replicas: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None,
        Meta(description="Of what has replicas, in place of the share."),
    ] = None
    labels: Annotated[Labels, Meta(description="Labels to set on the copy.")] = field(default_factory=dict)
    annotations: Annotated[
        dict[Annotated[str, Meta(max_length=317)], str], Meta(max_length=64, description="Annotations to set.")
    ] = field(default_factory=dict)
    patch: Annotated[tuple[PatchOperation, ...], Meta(max_length=32, description="A JSON Patch of the copy.")] = ()


class DeletionPolicy(enum.StrEnum):
    """What becomes of a copy that is no longer wanted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class ConflictResolution(enum.StrEnum):
    """What becomes of an object of the same name that stands in a member already."""

    ABORT = "Abort"
    OVERWRITE = "Overwrite"


class Reschedule(enum.StrEnum):
    """When measured criteria may move what runs."""

    NEVER = "never"
    ON_BREACH = "onBreach"


class PolicySpec(Part, frozen=True, kw_only=True):
    """What is copied to which members, how it differs there, and what happens at its end."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("self.reschedule != 'onBreach'", "reschedule: onBreach is reserved and not available in this version"),
    )

    resource_selectors: Annotated[
        tuple[ObjectSelector, ...], Meta(min_length=1, max_length=64, description="What is copied: any of these.")
    ]
    placement: Annotated[Placement, Meta(description="Where to; empty = to every member.")] = Placement()
    replica_scheduling: Annotated[ReplicaScheduling, Meta(description="How replicas are spread.")] = ReplicaScheduling()
    overrides: Annotated[
        tuple[Override, ...], Meta(max_length=32, description="How copies differ in some clusters.")
    ] = ()
    deletion_policy: Annotated[
        DeletionPolicy,
        Meta(description="Whether a copy is deleted or left when object, policy or choice of its cluster ends."),
    ] = DeletionPolicy.DELETE
    conflict_resolution: Annotated[
        ConflictResolution,
        Meta(description="Abort leaves an object that is not ours, and says so; Overwrite takes it over."),
    ] = ConflictResolution.ABORT
    reschedule: Annotated[Reschedule, Meta(description="Whether measurements may move what runs.")] = Reschedule.NEVER


class ClusterPolicySpec(PolicySpec, frozen=True, kw_only=True):
    """What is copied from any namespace to which members, how it differs there, and what happens at its end."""

    RULES: ClassVar[tuple[Rule, ...]] = PolicySpec.RULES

    resource_selectors: Annotated[
        tuple[ClusterObjectSelector, ...],
        Meta(min_length=1, max_length=64, description="What is copied: any of these."),
    ]


class ClusterSummary(Part, frozen=True, kw_only=True):
    """How a policy stands in one cluster."""

    name: Annotated[Text, Meta(description="The member cluster.")]
    objects: Annotated[int, Meta(description="How many copies it has, or is to have.")] = 0
    applied: Annotated[int, Meta(description="How many of them are as they should be.")] = 0
    reason: Annotated[Label, Meta(description="Why it was chosen or not, for programs.")] = ""
    message: Annotated[str, Meta(max_length=1024, description="Why, for people.")] = ""


class Problem(Part, frozen=True, kw_only=True):
    """One object that is not as it should be in one cluster."""

    cluster: Annotated[Text, Meta(description="The member cluster.")]
    object: Annotated[str, Meta(max_length=700, description="Kind, namespace and name.")]
    reason: Annotated[Label, Meta(description="What stands in the way, for programs.")]
    message: Annotated[str, Meta(max_length=1024, description="What stands in the way, for people.")] = ""


class PolicyStatus(Part, frozen=True, kw_only=True):
    """What became of a policy."""

    observed_generation: Annotated[int, Meta(description="The generation this status is about.")] = 0
    conditions: Annotated[
        Conditions, Meta(description="Scheduled: clusters were chosen. Applied: every copy is as it should be.")
    ] = ()
    objects: Annotated[int, Meta(description="How many objects the policy rules.")] = 0
    applied: Annotated[int, Meta(description="How many of their copies are as they should be.")] = 0
    copies: Annotated[int, Meta(description="How many copies there should be.")] = 0
    clusters: Annotated[
        tuple[ClusterSummary, ...], Meta(max_length=1000, description="Every member, chosen or not, and why.")
    ] = ()
    problems: Annotated[
        tuple[Problem, ...], Meta(max_length=50, description="The first objects that are not as they should be.")
    ] = ()


class PropagationPolicy(Part, frozen=True, kw_only=True):
    """Copies objects of its own namespace to member clusters."""

    metadata: HubMeta = HubMeta()
    spec: PolicySpec
    status: PolicyStatus = PolicyStatus()


class ClusterPropagationPolicy(Part, frozen=True, kw_only=True):
    """Copies objects of any namespace, and such as stand in none, to member clusters."""

    metadata: HubMeta = HubMeta()
    spec: ClusterPolicySpec
    status: PolicyStatus = PolicyStatus()
