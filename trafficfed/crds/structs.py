"""What structs of hub objects are made of: the one source of both decoding and the published schema."""

from typing import Annotated, ClassVar

from msgspec import Meta, field

from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import Value

GROUP = "trafficfed.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class Rule(Value, frozen=True):
    """One CEL rule of a struct: what must hold of ``self``, and what is said where it does not."""

    expression: str
    message: str


class Part(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a hub object. Its docstring and field descriptions become those of the schema, ``RULES`` its CEL."""

    RULES: ClassVar[tuple[Rule, ...]] = ()


class HubMeta(Wire, frozen=True):
    """The metadata of a hub object that decide something."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


Name = Annotated[str, Meta(max_length=253)]
Label = Annotated[str, Meta(max_length=63)]
Labels = Annotated[dict[Annotated[str, Meta(max_length=317)], Label], Meta(max_length=64)]
NameSet = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=253)], ...],
    Meta(max_length=1000, extra_json_schema={"x-kubernetes-list-type": "set"}),
]


class Condition(Part, frozen=True, kw_only=True):
    """One aspect of an object's state (Kubernetes API conventions, Conditions)."""

    type: Annotated[str, Meta(max_length=316, description="Which aspect.")]
    status: Annotated[str, Meta(max_length=16, pattern="^(True|False|Unknown)$", description="Whether it holds.")]
    reason: Annotated[
        str, Meta(max_length=1024, pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", description="Why, for programs.")
    ]
    message: Annotated[str, Meta(max_length=32768, description="Why, for people.")] = ""
    last_transition_time: Annotated[
        str, Meta(max_length=40, extra_json_schema={"format": "date-time"}, description="Since when.")
    ] = ""
    observed_generation: Annotated[int, Meta(description="The generation of the object this is about.")] = 0


Conditions = Annotated[
    tuple[Condition, ...],
    Meta(max_length=16, extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


class Requirement(Part, frozen=True, kw_only=True):
    """One requirement on a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values)",
            "In and NotIn need values, Exists and DoesNotExist take none",
        ),
    )

    key: Annotated[str, Meta(min_length=1, max_length=317, description="The label.")]
    operator: Annotated[
        str, Meta(max_length=16, pattern="^(In|NotIn|Exists|DoesNotExist)$", description="What must hold of it.")
    ]
    values: Annotated[tuple[Label, ...], Meta(max_length=64, description="With In and NotIn.")] = ()


class LabelSelector(Part, frozen=True, kw_only=True):
    """Labels that must be there: all of them, as in every Kubernetes label selector. Empty selects everything."""

    match_labels: Annotated[Labels, Meta(description="Labels with their values.")] = field(default_factory=dict)
    match_expressions: Annotated[tuple[Requirement, ...], Meta(max_length=32, description="Further requirements.")] = ()
