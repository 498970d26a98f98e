"""What exports of all members come to, decided one Service at a time from what members show. No I/O.

The laws are kept by what is known of whom: a member that was not seen yet takes nothing away, as nothing says that its
exports are gone; one that is out of sight keeps what it had, and its endpoints follow the verdicts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import Cluster, Freshness, OperatorControl, Refusal, Row, ServiceKey, Source
from trafficfed.propagation.objects import TemplateKind
from trafficfed.propagation.troubles import Failure, Place, Troubles
from trafficfed.services import kinds as words
from trafficfed.services import wishes
from trafficfed.services.conditions import export_conditions, import_conditions, is_valid
from trafficfed.services.exports import Common, Export, ImportType, Merged
from trafficfed.services.giving import Offer, dead_clusters, given
from trafficfed.services.member import Made, Member, Name
from trafficfed.services.merge import merge, served_ports
from trafficfed.services.preference import preferred
from trafficfed.services.reading import Backing, Declared, Slice
from trafficfed.services.steps import (
    APPLY,
    DELETE,
    Step,
    addresses_of,
    applies,
    copies_of,
    deletes,
    removals,
    says,
    sources_of,
    told_by,
)
from trafficfed.unreadable import UNREADABLE

FOREIGN = Failure(
    reason="ForeignImport", message="a ServiceImport of this name stands there that is not ours", person=True
)
FAMILY = "IPFamil"
"""What API servers say where a Service wants an address family that the cluster does not have."""


@dataclass(slots=True)
class Known:
    """What the table has that decides here: read as it is at the moment."""

    rows: Mapping[ServiceKey, Row]
    sources: Mapping[str, Source]
    controls: Callable[[], tuple[OperatorControl, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """One member's part in a Service: its export, as far as it is one, with what is behind it."""

    member: Member
    declared: Declared
    service: Backing | None
    slices: tuple[Slice, ...] = ()

    @property
    def export(self) -> Export | None:
        if self.service is None or not is_valid(self.service):
            return None
        common = self.service.common
        told = Common(
            type=common.type,
            session_affinity=common.session_affinity,
            affinity_timeout_s=common.affinity_timeout_s,
            ip_families=common.ip_families,
            internal_traffic_policy=common.internal_traffic_policy,
            traffic_distribution=common.traffic_distribution,
            labels=self.declared.labels,
            annotations=self.declared.annotations,
            preference=self.declared.preference,
        )
        return Export(
            cluster=self.member.name, created_s=self.declared.created_s, common=told, ports=self.service.ports
        )


@dataclass(slots=True)
class Turn:
    """What one look at a Service came to."""

    steps: list[Step] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Engine:
    """``turn`` tells the steps that are due; how each ended is told to ``done``, ``absent`` and ``failed``."""

    def __init__(self, owner: str, clusters: Mapping[str, Cluster], known: Known) -> None:
        self._owner, self._clusters, self._known = owner, clusters, known
        uids = {name: source.uid for name, source in known.sources.items()}
        self.members = {name: Member(name, owner, uids.get(name, "")) for name in clusters}
        self.troubles = Troubles()
        self._due: dict[ServiceKey, float] = {}
        self._under_way: dict[Place, tuple[Step, ServiceKey, float]] = {}
        self._keys_of: dict[Place, ServiceKey] = {}
        self._troubled: dict[ServiceKey, set[Place]] = {}
        self._dead: frozenset[str] = frozenset()
        self._sourced = frozenset(known.sources)

    # ------------------------------------------------------------------ what comes in

    def take(self, cluster: str, kind: TemplateKind, event: Event, now_s: float) -> None:
        self._touch(cluster, self.members[cluster].take(kind, event, now_s), now_s)

    def begin(self, cluster: str, version: str) -> tuple[TemplateKind, ...]:
        """A member is followed from now on, in this version of the standard's API: the kinds to follow."""
        followed = words.kinds(version)
        self.members[cluster].begin(followed, version)
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
        dead, sourced = dead_clusters(self._known.rows), frozenset(self._known.sources)
        if (dead, sourced) != (self._dead, self._sourced):
            self._dead, self._sourced = dead, sourced
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
        names = member.put(step.kind, answer) if step.verb != DELETE else self._gone(step)
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

    def turn(self, now_s: float, most: int = 50) -> list[Step]:
        """The steps that are due, of at most so many Services."""
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
                steps = list(self._steps(key, member, merged, parts, exports, unknown, now_s))
                places |= {step.place for step in steps}
                self._admit(turn, member.name, steps, now_s)
        for part in parts:
            if part.member.live:
                told = export_conditions(
                    part.declared, part.service, merged, sorted(set(turn.waiting)), turn.failed, now_s
                )
                held = part.member.held_export(name)
                steps = list(says(part.member.name, words.exports(part.member.version), held, told))
                places |= {step.place for step in steps}
                self._admit(Turn(steps=turn.steps), part.member.name, steps, now_s)
        self._forget_troubles(key, places)
        return turn.steps

    def _forget_troubles(self, key: ServiceKey, places: set[Place]) -> None:
        """What is not wanted any more is no trouble any more."""
        for place in self._troubled.pop(key, set()):
            if place in places:
                self._troubled.setdefault(key, set()).add(place)
            elif place not in self._under_way:
                self.troubles.over(place)
                self._keys_of.pop(place, None)

    def _admit(self, turn: Turn, cluster: str, steps: Iterable[Step], now_s: float) -> None:
        """Steps that nothing stands in the way of; of the others, why they wait."""
        for step in steps:
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

    def _steps(
        self,
        key: ServiceKey,
        member: Member,
        merged: Merged | None,
        parts: Iterable[Part],
        exports: Mapping[str, Export],
        unknown: frozenset[str],
        now_s: float,
    ) -> Iterator[Step]:
        name: Name = (key.namespace, key.name)
        made, told = member.made(name), told_by(member.made(name).import_)
        kept = unknown & {*told.clusters, *sources_of(made)}
        if key.namespace not in member.namespaces or (merged is None and not kept):
            yield from removals(member.name, member.version, made)
            return
        if made.foreign:
            yield self._foreign(key, member, now_s)
            return
        if merged is not None:
            yield from self._import_steps(member, name, merged, made, frozen=bool(kept))
        if made.import_ is None:
            return
        type = told.type if kept or merged is None else merged.common.type
        parent = wishes.parent_of(member.version, name[1], made.import_.uid)
        if merged is not None:
            yield from self._service_steps(member, name, merged, made, parent, frozen=bool(kept))
        sources = self._sources(key, member.name, merged, parts, exports, made, kept, now_s)
        yield from self._slice_steps(member, name, type, made, sources, kept, parent)
        clusters = {*exports, *(kept & {*told.clusters})}
        yield from self._import_status(member, type, made, clusters, now_s)

    def _foreign(self, key: ServiceKey, member: Member, now_s: float) -> Step:
        kind = words.imports(member.version)
        step = Step(cluster=member.name, verb=APPLY, kind=kind, namespace=key.namespace, name=key.name)
        if self.troubles.get(step.place) is None:
            self._trouble(key, step, FOREIGN, now_s)
        return step

    def _import_steps(self, member: Member, name: Name, merged: Merged, made: Made, *, frozen: bool) -> Iterator[Step]:
        """Where a cluster that is not known now has a part in it, the import stays as it is: who is the oldest is not
        known either."""
        if made.import_ is not None and frozen:
            return
        wish = wishes.import_wish(self._owner, member.version, *name, merged, addresses_of(made.service))
        yield from applies(member.name, wish, made.import_)

    def _service_steps(
        self, member: Member, name: Name, merged: Merged, made: Made, parent: wishes.Json, *, frozen: bool
    ) -> Iterator[Step]:
        if frozen and made.service is not None:
            return
        if merged.common.type is ImportType.HEADLESS:
            yield from deletes(member.name, words.SERVICE, made.service)
        elif merged.ports:
            wish = wishes.service_wish(self._owner, *name, merged, parent)
            yield from applies(member.name, wish, made.service)

    def _slice_steps(
        self,
        member: Member,
        name: Name,
        type: ImportType,
        made: Made,
        sources: Iterable[wishes.Source],
        kept: frozenset[str],
        parent: wishes.Json,
    ) -> Iterator[Step]:
        wanted = {wish.name: wish for wish in wishes.slice_wishes(self._owner, *name, type, sources, parent)}
        for wish in wanted.values():
            yield from applies(member.name, wish, made.slices.get(wish.name))
        for held in made.slices.values():
            if held.name not in wanted and held.labels.get(words.SOURCE_CLUSTER) not in kept:
                yield from deletes(member.name, words.SLICE, held)

    def _sources(
        self,
        key: ServiceKey,
        importer: str,
        merged: Merged | None,
        parts: Iterable[Part],
        exports: Mapping[str, Export],
        made: Made,
        kept: frozenset[str],
        now_s: float,
    ) -> list[wishes.Source]:
        """Every cluster's part as one member gets it; of clusters that nobody sees, what it has of them."""
        found = [
            wishes.Source(
                cluster=part.member.name,
                ports=served_ports(merged, exports[part.member.name]),
                slices=part.slices,
            )
            for part in parts
            if merged is not None and part.member.name in exports
        ]
        found += [wishes.Source(cluster=each, slices=copies_of(made, each), copied=True) for each in sorted(kept)]
        clusters = {each.cluster: self._clusters.get(each.cluster) or Cluster(name=each.cluster) for each in found}
        common = merged.common if merged is not None else Common()
        ranks = preferred(common, self._clusters[importer], clusters.values())
        offers = [
            Offer(
                cluster=each.cluster,
                ready=_ready(each),
                reachable=self._is_live(each.cluster),
                tier=ranks[each.cluster],
            )
            for each in found
            if each.cluster in ranks
        ]
        row, controls = self._known.rows.get(key), self._known.controls()
        out = given(key, offers, row, self._dead, clusters, controls, now_s)
        return [replace(each, given=each.cluster in out) for each in found]

    def _is_live(self, cluster: str) -> bool:
        return cluster in self.members and self.members[cluster].live

    def _import_status(
        self, member: Member, type: ImportType, made: Made, clusters: Iterable[str], now_s: float
    ) -> Iterator[Step]:
        assert made.import_ is not None
        told = told_by(made.import_)
        conditions = import_conditions(
            told.conditions,
            headless=type is ImportType.HEADLESS,
            addressed=bool(addresses_of(made.service)),
            unsupported=self._unsupported(member, made),
            generation=told.generation,
            now_s=now_s,
        )
        exporting = [{"cluster": each} for each in sorted(clusters)]
        kind = words.imports(member.version)
        yield from says(member.name, kind, made.import_, conditions, clusters=exporting)

    def _unsupported(self, member: Member, made: Made) -> str:
        assert made.import_ is not None
        name = wishes.derived_name(made.import_.namespace, made.import_.name)
        step = Step(cluster=member.name, verb=APPLY, kind=words.SERVICE, namespace=made.import_.namespace, name=name)
        trouble = self.troubles.get(step.place)
        return trouble.failure.message if trouble is not None and FAMILY in trouble.failure.message else ""


def _ready(source: wishes.Source) -> int:
    """Endpoints that their own cluster would send clients to."""
    return len(
        {
            end.address
            for each in source.slices
            for end in each.endpoints
            if (end.serving and not end.terminating if source.copied else end.ready)
        }
    )
