"""OperatorControl on the hub: what an operator ordered, for everyone who looks there, and ordered there as well."""

import enum
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from msgspec import Meta

from trafficfed.crds.structs import Conditions, HubMeta, Part, Rule
from trafficfed.model import OperatorControl
from trafficfed.steering.orders import LONGEST_WHY, named
from trafficfed.steering.shifts import WHOLE

SERVICE = r"^([a-zA-Z0-9._-]{1,63}/[a-z0-9.-]{1,63}/[a-z0-9.-]{1,253})?$"
"""``clusterset/namespace/name``; short forms are for commands, which can ask back."""

Moment = Annotated[str, Meta(max_length=40, extra_json_schema={"format": "date-time"})]


class Action(enum.StrEnum):
    """What is ordered."""

    DRAIN = "drain"
    SHIFT = "shift"
    FREEZE = "freeze"


class OperatorControlSpec(Part, frozen=True, kw_only=True):
    """What to do, with what, why and until when."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.action != 'drain' || (has(self.cluster) && size(self.cluster) > 0)",
            "a drain needs the cluster to take out",
        ),
        Rule(
            "self.action != 'shift' || (has(self.cluster) && size(self.cluster) > 0"
            " && has(self.share) && self.share > 0)",
            "a shift needs the cluster whose traffic goes elsewhere, and the share of it",
        ),
        Rule(
            "self.action == 'shift' || !(has(self.to) && size(self.to) > 0) && !(has(self.share) && self.share > 0)",
            "to and share are for a shift",
        ),
        Rule(
            "!(has(self.to) && size(self.to) > 0 && has(self.cluster)) || self.to != self.cluster",
            "a shift needs another cluster to go to, or none: then whoever is next takes it",
        ),
        Rule(
            "self.action != 'freeze' || (has(self.cluster) && size(self.cluster) > 0)"
            " || (has(self.service) && size(self.service) > 0) || (has(self.everything) && self.everything)",
            "a freeze needs a cluster, a service, or everything: true",
        ),
        Rule(
            "!(has(self.everything) && self.everything) || (self.action == 'freeze'"
            " && !(has(self.cluster) && size(self.cluster) > 0) && !(has(self.service) && size(self.service) > 0))",
            "everything is for a freeze without cluster and service",
        ),
    )

    action: Annotated[
        Action,
        Meta(
            description="drain: out of the answers while anything else serves. shift: a share of them goes to another"
            " cluster. freeze: answers stay, failover included."
        ),
    ]
    cluster: Annotated[str, Meta(max_length=63, description="The member cluster; empty = all.")] = ""
    service: Annotated[
        str, Meta(max_length=381, pattern=SERVICE, description="clusterset/namespace/name; empty = all.")
    ] = ""
    to: Annotated[str, Meta(max_length=63, description="shift: the cluster that takes it; empty = who is next.")] = ""
    share: Annotated[int, Meta(ge=0, le=WHOLE, description="shift: per cent of what the cluster would get.")] = 0
    everything: Annotated[bool, Meta(description="A freeze of every service in every cluster.")] = False
    why: Annotated[
        str, Meta(min_length=1, max_length=LONGEST_WHY, pattern=r"^[^\n\r]*\S[^\n\r]*$", description="The reason.")
    ]
    who: Annotated[str, Meta(max_length=253, description="Who ordered it.")] = ""
    until: Annotated[Moment, Meta(description="When it ends by itself; without it, when it is deleted.")] = ""


class OperatorControlStatus(Part, frozen=True, kw_only=True):
    """What became of an OperatorControl."""

    observed_generation: Annotated[int, Meta(description="The generation this status is about.")] = 0
    id: Annotated[str, Meta(max_length=16, description="By which `trafficfed controls` shows it.")] = ""
    conditions: Annotated[
        Conditions, Meta(description="Accepted: it names what there is. InForce: it has not ended.")
    ] = ()


class OperatorControlObject(Part, frozen=True, kw_only=True):
    """A hand that an operator takes in steering: a drain, a shift or a freeze, with its reason and its end."""

    metadata: HubMeta = HubMeta()
    spec: OperatorControlSpec
    status: OperatorControlStatus = OperatorControlStatus()


def ordered(written: OperatorControlObject) -> OperatorControl:
    """The control that a hub object orders; it begins when the object was created.

    Raises ValueError for a time that is none; the API server lets none such in.
    """
    spec, created = written.spec, written.metadata.creation_timestamp
    return named(
        OperatorControl(
            kind=str(spec.action),
            cluster=spec.cluster,
            service=spec.service,
            who=spec.who,
            why=spec.why,
            since_s=seconds(created) if created else 0.0,
            until_s=seconds(spec.until) if spec.until else 0.0,
            to=spec.to,
            share=spec.share,
        )
    )


def spec_of(control: OperatorControl) -> OperatorControlSpec:
    """A control as it is written down on the hub. Raises ValueError for a kind that has no place there."""
    return OperatorControlSpec(
        action=Action(control.kind),
        cluster=control.cluster,
        service=control.service,
        everything=not (control.cluster or control.service),
        why=control.why,
        who=control.who,
        until=moment(control.until_s) if control.until_s else "",
        to=control.to,
        share=control.share,
    )


def seconds(text: str) -> float:
    """RFC 3339 as the API server writes it -> UTC seconds since the epoch.

    >>> seconds("2026-03-01T12:00:00Z")
    1772366400.0
    """
    return datetime.fromisoformat(text).timestamp()


def moment(at_s: float) -> str:
    """The other way round, to the microsecond.

    >>> moment(1772366400.0)
    '2026-03-01T12:00:00.000000Z'
    """
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
