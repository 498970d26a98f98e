"""What exports of all members come to, decided one Service at a time from what members show. No I/O.

The laws are kept by what is known of whom: a member that was not seen yet takes nothing away, as nothing says that its
exports are gone; one that is out of sight keeps what it had, and its endpoints follow the verdicts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import Cluster, Freshness, Refusal, ServiceKey, Source
from trafficfed.propagation.objects import TemplateKind
from trafficfed.propagation.troubles import Failure, Place, Troubles
from trafficfed.services import kinds as words
from trafficfed.services.conditions import export_conditions
from trafficfed.services.giving import dead_clusters
from trafficfed.services.known import Known, Part
from trafficfed.services.member import Member, Name
from trafficfed.services.merge import merge
from trafficfed.services.meshes import ISTIO, ISTIO_KINDS
from trafficfed.services.planning import Planner
from trafficfed.services.steps import APPLY, DELETE, Step, says
from trafficfed.unreadable import UNREADABLE

AT_ONCE = 8
"""Services looked at in one turn, some milliseconds each where many clusters export them."""

FOREIGN = Failure(
    reason="ForeignImport", message="a ServiceImport of this name stands there that is not ours", person=True
)


@dataclass(slots=True)
class Turn:
    """What one look at a Service came to."""

    steps: list[Step] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Engine:
    """``turn`` tells the steps that are due; how each ended is told to ``done``, ``absent`` and ``failed``. Without
    ``writes`` imports and what is said of exports are another implementation's."""

    def __init__(
        self,
        owner: str,
        clusters: Mapping[str, Cluster],
        known: Known,
        meshes: frozenset[str] = frozenset(),
        *,
        writes: bool = True,
    ) -> None:
        self._writes = writes
        self._clusters, self._known, self._meshes = clusters, known, meshes
        uids = {name: source.uid for name, source in known.sources.items()}
        self.members = {name: Member(name, owner, uids.get(name, "")) for name in clusters}
        self.troubles = Troubles()
        self._due: dict[ServiceKey, float] = {}
        self._under_way: dict[Place, tuple[Step, ServiceKey, float]] = {}
        self._keys_of: dict[Place, ServiceKey] = {}
        self._troubled: dict[ServiceKey, set[Place]] = {}
        self._planner = Planner(owner, clusters, known, meshes, self.troubles)
        self._sourced = frozenset(known.sources)

    # ------------------------------------------------------------------ what comes in

    def take(self, cluster: str, kind: TemplateKind, event: Event, now_s: float) -> None:
        self._touch(cluster, self.members[cluster].take(kind, event, now_s), now_s)

    def begin(self, cluster: str, version: str, meshless: str = "") -> tuple[TemplateKind, ...]:
        """A member is followed from now on, in this version of the standard's API: the kinds to follow."""
        followed = words.kinds(version) if self._writes else words.read_only(version)
        if ISTIO in self._meshes and not meshless:
            followed += ISTIO_KINDS
        self.members[cluster].begin(followed, version, meshless)
        return followed

    def lose(self, cluster: str, reason: str, now_s: float) -> None:
        member = self.members[cluster]
        member.lose(reason)
        self._touch(cluster, member.names, now_s)

    def consider(self, keys: Iterable[ServiceKey], now_s: float) -> None:
        """Their verdicts changed, or what operators want of them."""
        for key in keys:
            if any(member.exports((key.namespace, key.name)) for member in self.members.values()):
                self._due.setdefault(key, now_s)

    def consider_all(self, now_s: float) -> None:
        for name, member in self.members.items():
            self._touch(name, member.names, now_s)

    def identify(self, now_s: float) -> tuple[str, ...]:
        """Look at what the table knows of the members; those that have to be listed anew, as they are others now."""
        anew = []
        for name, member in self.members.items():
            source = self._known.sources.get(name, Source(cluster=name))
            doubt = source.reason if source.freshness is Freshness.SUSPECT and not source.missing else ""
            if doubt != member.doubt:
                member.doubt = doubt
                self._touch(name, member.names, now_s)
            trusted = source.freshness is Freshness.FRESH
            if member.stranger and trusted and source.uid == member.stranger:
                member.uid, member.stranger = member.stranger, ""
                anew.append(name)
            self._touch(name, member.settle(now_s, trusted=trusted), now_s)
        dead, sourced = dead_clusters(self._known.rows, self._known.sources, now_s), frozenset(self._known.sources)
        if (dead, sourced) != (self._planner.dead, self._sourced):
            self._planner.dead, self._sourced = dead, sourced
            self.consider_all(now_s)
        return tuple(anew)

    def _touch(self, cluster: str, names: Iterable[Name], now_s: float) -> None:
        clusterset = self._clusters[cluster].clusterset
        for namespace, name in names:
            if name:
                self._due.setdefault(ServiceKey(clusterset, namespace, name), now_s)
            else:  # a namespace came or went: whatever anybody exports in it
                for other in self._set(clusterset):
                    for each in other.names:
                        if each[0] == namespace:
                            self._due.setdefault(ServiceKey(clusterset, *each), now_s)

    def _set(self, clusterset: str) -> Iterator[Member]:
        return (member for name, member in self.members.items() if self._clusters[name].clusterset == clusterset)

    # ------------------------------------------------------------------ how steps ended

    def done(self, step: Step, answer: bytes, now_s: float) -> float:
        """When the event came that the step follows from."""
        key, since_s = self._ended(step)
        self.troubles.over(step.place)
        member = self.members[step.cluster]
        ours = step.verb == APPLY and step.manager == words.MANAGER
        names = self._gone(step) if step.verb == DELETE else member.put(step.kind, answer, step.hash if ours else "")
        self._touch(step.cluster, names, now_s)
        self._due.setdefault(key, now_s)
        return since_s

    def absent(self, step: Step, now_s: float) -> None:
        """It is not there any more."""
        key, _ = self._ended(step)
        self.troubles.over(step.place)
        self._gone(step)
        self._due.setdefault(key, now_s)

    def _gone(self, step: Step) -> set[Name]:
        return self.members[step.cluster].gone(step.kind, step.namespace, step.name, step.uid)

    def failed(self, step: Step, found: Failure, now_s: float) -> None:
        key, _ = self._ended(step)
        self._trouble(key, step, found, now_s)
        self._due.setdefault(key, now_s)

    def _trouble(self, key: ServiceKey, step: Step, found: Failure, now_s: float) -> None:
        self.troubles.failed(step.place, found, step.hash, now_s)
        self._keys_of[step.place] = key
        self._troubled.setdefault(key, set()).add(step.place)

    def _ended(self, step: Step) -> tuple[ServiceKey, float]:
        _, key, since_s = self._under_way.pop(step.place)
        return key, since_s

    # ------------------------------------------------------------------ deciding

    @property
    def waiting(self) -> int:
        return len(self._due)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What does not stand as it should, by member and object."""
        found = []
        for (cluster, object), key in sorted(self._keys_of.items(), key=lambda each: (each[0][0], str(each[0][1]))):
            if (trouble := self.troubles.get((cluster, object))) is not None:
                said = trouble.failure
                found.append(
                    Refusal(cluster=cluster, object=str(object), reason=said.reason, message=said.message, service=key)
                )
        return tuple(found)

    @property
    def next_s(self) -> float | None:
        """When to look again, if nothing happens until then."""
        return self.troubles.next_s

    def turn(self, now_s: float, most: int = AT_ONCE) -> list[Step]:
        """The steps that are due, of at most so many Services: everything else waits meanwhile."""
        for place in self.troubles.due(now_s):
            if (key := self._keys_of.get(place)) is not None:
                self._due.setdefault(key, now_s)
        found: list[Step] = []
        for key in list(self._due)[:most]:
            since_s = self._due.pop(key)
            for step in self._look(key, now_s):
                self._under_way[step.place] = (step, key, since_s)
                found.append(step)
        return found

    def _look(self, key: ServiceKey, now_s: float) -> list[Step]:
        name: Name = (key.namespace, key.name)
        members = tuple(self._set(key.clusterset))
        parts, blurred = self._parts(members, name)
        exports = {part.member.name: export for part in parts if (export := part.export) is not None}
        merged = merge(exports.values())
        unknown = self._unknown(members) | blurred
        turn, places = Turn(), set[Place]()
        for member in members:
            if member.live:
                steps = self._steps(key, member, merged, parts, exports, unknown, now_s)
                steps += self._planner.marking(member, name, exports)
                places |= {step.place for step in steps}
                self._admit(key, turn, member.name, steps, now_s)
        for part in parts:
            if part.member.live and self._writes:
                told = export_conditions(
                    part.declared, part.service, merged, sorted(set(turn.waiting)), turn.failed, now_s
                )
                held = part.member.held_export(name)
                steps = list(says(part.member.name, words.exports(part.member.version), held, told))
                places |= {step.place for step in steps}
                self._admit(key, Turn(steps=turn.steps), part.member.name, steps, now_s)
        self._forget_troubles(key, places)
        return turn.steps

    def _steps(self, key: ServiceKey, member: Member, *known: Any) -> list[Step]:
        """Of imports; none where they are another implementation's."""
        return list(self._planner.steps(key, member, *known)) if self._writes else []

    def _forget_troubles(self, key: ServiceKey, places: set[Place]) -> None:
        """What is not wanted any more is no trouble any more."""
        for place in self._troubled.pop(key, set()):
            if place in places:
                self._troubled.setdefault(key, set()).add(place)
            elif place not in self._under_way:
                self.troubles.over(place)
                self._keys_of.pop(place, None)

    def _admit(self, key: ServiceKey, turn: Turn, cluster: str, steps: Iterable[Step], now_s: float) -> None:
        """Steps that nothing stands in the way of; of the others, why they wait."""
        for step in steps:
            if step.verb != DELETE and not step.body and self.troubles.get(step.place) is None:
                self._trouble(key, step, FOREIGN, now_s)
            trouble = self.troubles.get(step.place)
            if trouble is not None and trouble.failure.person:
                turn.failed.append(f"{cluster}: {step.object}: {trouble.failure.message}")
            elif step.verb == APPLY and not step.uid and step.kind.kind != words.SLICE.kind:
                turn.waiting.append(cluster)
            if step.place in self._under_way or self.troubles.holds(step.place, step.hash, now_s):
                continue
            if step.verb != DELETE and not step.body:
                continue  # a trouble without a remedy of ours
            turn.steps.append(step)

    def _parts(self, members: Iterable[Member], name: Name) -> tuple[tuple[Part, ...], frozenset[str]]:
        """Every export, and the clusters with one that says nothing which can be read: nothing is concluded from it."""
        parts, blurred = [], set()
        for member in members:
            try:
                if (declared := member.export(name)) is not None:
                    parts.append(Part(member, declared, member.service(name), member.slices(name)))
            except UNREADABLE:
                blurred.add(member.name)
        return tuple(parts), frozenset(blurred)

    def _unknown(self, members: Iterable[Member]) -> frozenset[str]:
        """Clusters of which nobody knows what they export: not seen yet, or not in the configuration any more while
        the table still knows them."""
        unseen = {member.name for member in members if not member.listed}
        return frozenset(unseen | (self._known.sources.keys() - self._clusters.keys()))
