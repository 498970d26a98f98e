"""What each object has in the clusters its policy chose: a copy, and a share of replicas where they are divided."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.model import Value
from trafficfed.propagation.assignment import Assignment, Choice, Share, reassigned
from trafficfed.propagation.capacity import Room, fitting, pod_request
from trafficfed.propagation.divide import Shares, by_room, by_weights
from trafficfed.propagation.objects import Template
from trafficfed.propagation.place import Candidate, Measured
from trafficfed.propagation.policy import DeletionPolicy, DivideBy, ReplicaScheduling, SchedulingType
from trafficfed.propagation.select import Policy
from trafficfed.unreadable import UNREADABLE


class Assigned(Value, frozen=True, kw_only=True):
    """What one object has where; None where it has to wait, ``waiting`` says for what."""

    assignment: Assignment | None = None
    waiting: str = ""


def assign(
    template: Template,
    policy: Policy,
    choice: Choice,
    candidates: Iterable[Candidate],
    measured: Measured,
    before: Assignment | None,
) -> Assigned:
    """The assignment to record, equal to ``before`` where nothing changes; clusters no longer chosen leave by it."""
    shares, waiting, crowded = _shares(template, policy.spec.replica_scheduling, choice, candidates, measured, before)
    if waiting:
        return Assigned(waiting=waiting)
    after = Assignment(
        object=template.key,
        policy=policy.key,
        shares=tuple(Share(name, shares.get(name)) for name in choice.clusters),
        orphan=policy.spec.deletion_policy is DeletionPolicy.ORPHAN,
        crowded=crowded,
    )
    if before is not None and before.shares == after.shares:
        after = replace(after, crowded=before.crowded)  # that was found when it was given, and stands with it
    return Assigned(assignment=reassigned(before, after))


def _shares(
    template: Template,
    scheduling: ReplicaScheduling,
    choice: Choice,
    candidates: Iterable[Candidate],
    measured: Measured,
    before: Assignment | None,
) -> tuple[Shares, str, tuple[str, ...]]:
    """Shares, what is waited for, and the clusters that are given more than fits."""
    if template.replicas is None or scheduling.type is not SchedulingType.DIVIDED or not choice.clusters:
        return {}, "", ()
    had = {share.cluster: share.replicas for share in before.shares} if before else {}
    counted = {name: share for name, share in had.items() if share is not None and name in choice.clusters}
    near = {each.name for each in candidates if each.reachable}
    away = [name for name in choice.clusters if name not in near]
    if scheduling.divide_by is DivideBy.FREE_CAPACITY:
        return _by_room(template, template.replicas, choice, measured, counted, away)
    weights = {name: scheduling.weights.get(name, 0) for name in choice.clusters}
    return by_weights(template.replicas, weights, counted, away), "", ()


def _by_room(
    template: Template,
    total: int,
    choice: Choice,
    measured: Measured,
    counted: Mapping[str, int],
    away: list[str],
) -> tuple[Shares, str, tuple[str, ...]]:
    near = [name for name in choice.clusters if name not in away]
    unmeasured = sorted(name for name in near if name not in measured.room)
    if unmeasured and not any(counted.values()) and total and not measured.final:
        return {}, f"free capacity of {', '.join(unmeasured)}", ()
    one = replica_request(template)
    room = {name: fitting(measured.room.get(name, ()), one) for name in choice.clusters}
    shares = by_room(total, room, counted, away)
    crowded = (n for n in near if shares[n] - counted.get(n, 0) > room[n] and n in measured.room)
    return shares, "", tuple(sorted(crowded))


class _PodTemplate(msgspec.Struct, frozen=True):
    spec: dict[str, Any] = msgspec.field(default_factory=dict)


class _Spec(msgspec.Struct, frozen=True):
    template: _PodTemplate = _PodTemplate()


class _Workload(msgspec.Struct, frozen=True):
    spec: _Spec = _Spec()


def replica_request(template: Template) -> Room:
    """What one replica asks of a node; a Pod and nothing else where the object says nothing readable."""
    try:
        return pod_request(msgspec.json.decode(template.body, type=_Workload).spec.template.spec)
    except (ConfigError, *UNREADABLE, AttributeError, TypeError):
        # the API server of each member will refuse such an object by its own words
        return Room()
