"""Propagation as one sans-IO machine: events of hub and members in, what to write out, in an order that loses nothing.

``turn`` tells record writes, steps in members, and statuses. A step is told only for what the hub has recorded. One
object's step in one member is under way once at a time, and is planned anew from what is seen when it ended.
"""

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.wire import Event, Listed, Lost, Resumed
from trafficfed.model import Cluster, Refusal, Value
from trafficfed.propagation.aggregate import CopyState
from trafficfed.propagation.assign import assign
from trafficfed.propagation.assignment import Assignment, forgotten, left, withdrawn
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.hub import Hub
from trafficfed.propagation.hub_view import HubView
from trafficfed.propagation.member_view import MemberView
from trafficfed.propagation.objects import ObjectKey, PolicyKey, TemplateKind
from trafficfed.propagation.place import Candidate, Chosen, Measured, choose
from trafficfed.propagation.plan import Apply, Delete, Done, Keep, Release, Site, Step, in_place, plan_object
from trafficfed.propagation.policy import ConflictResolution, DivideBy, SchedulingType
from trafficfed.propagation.records import Records, Write
from trafficfed.propagation.render import Rendered, render
from trafficfed.propagation.select import Policy
from trafficfed.propagation.standing import Standing, StatusWrite
from trafficfed.propagation.statuses import CopyStatus
from trafficfed.propagation.troubles import Failure, Place, Troubles
from trafficfed.propagation.work import WorkQueue

MOST_BULK = 48
"""New objects looked at in one turn: what an edit meanwhile waits for is a few milliseconds."""

MOST_UNDER_WAY = 96
"""Steps of bulk work under way at once, over all members: an edit finds their queues short."""

MOST_STATUSES = 16

FIRST_LOOK_S = 10.0
"""How long first choices wait for members to be seen and measured at all."""

CONTESTED_AFTER = 5
CONTESTED_FOR_S = 600.0
"""Who takes our fields so many times within this is left alone and reported, until it is over."""

Deed = Apply | Delete | Release


class Job(Value, frozen=True, kw_only=True):
    """One step to carry out. Urgent ones go first in their member."""

    deed: Deed
    urgent: bool


class Turn(Value, frozen=True, kw_only=True):
    """What to do now: records first, as nothing is applied that is not recorded."""

    records: tuple[Write, ...] = ()
    jobs: tuple[Job, ...] = ()
    statuses: tuple[StatusWrite, ...] = ()


class _Copies(NamedTuple):
    """What was rendered for an object, and from what."""

    template: object
    policy: object
    assignment: object
    of: Mapping[str, Rendered | Refusal]


class Engine:
    """``take_*`` and the answers to what a turn told may come in any order and at any time between turns."""

    def __init__(
        self,
        owner: str,
        namespace: str,
        clusters: Mapping[str, Cluster],
        kinds: Iterable[TemplateKind],
        known: Hub,
        now_s: float,
        *,
        went_back: bool = False,
    ) -> None:
        self._owner, self._namespace, self._clusters = owner, namespace, clusters
        self._began_s = now_s
        self.hub = HubView(known, kinds, went_back=went_back)
        self.members = {name: MemberView(name, self.hub.kinds) for name in clusters}
        self.records: Records | None = None
        self.broken = ""
        self.troubles = Troubles()
        self.standing = Standing(self.hub, self._copy_statuses, lambda key: any(p[1] == key for p in self._under_way))
        self._queue = WorkQueue()
        self._policies: set[PolicyKey] = set()
        self._chosen: dict[PolicyKey, Chosen] = {}
        self._asked_s: dict[PolicyKey, float] = {}
        self._awaiting: dict[ObjectKey, bool] = {}
        self._measuring: set[ObjectKey] = set()
        self._replacing: set[ObjectKey] = set()
        self._under_way: dict[Place, bool] = {}
        self._rendered: dict[ObjectKey, _Copies] = {}
        self._drifts: dict[Place, list[float]] = {}
        self._room: dict[str, tuple[Room, ...]] = {}
        self._latency_s: dict[tuple[str, str], float] = {}
        self._measured = Measured()
        self._candidates: tuple[Candidate, ...] | None = None
        self._record_again_s: float | None = None

    # ------------------------------------------------------------------ events

    def take_hub(self, kind: TemplateKind, event: Event, now_s: float) -> None:
        """One event of one kind on the hub."""
        before = self.hub.known
        objects, policies, judge = self.hub.take(kind, event)
        is_list = isinstance(event, Listed)
        for key in objects:
            self._touch(key, urgent=not is_list and self._assignment(key) is not None)
        self._policies |= policies
        for policy in policies:
            self.standing.touch(policy, now_s)
        if judge:
            self._judge()
        if (self.hub.known.freshness, self.hub.known.missing) != (before.freshness, before.missing):
            self._touch_all(now_s)

    def take_member(self, cluster: str, kind: TemplateKind, event: Event, now_s: float) -> None:
        """One event of one kind of copies in a member."""
        member = self.members[cluster]
        before = member.reachable, member.tried
        for key in member.take(kind, event):
            self.troubles.moved((cluster, key))
            if self._assignment(key) is not None:
                self._touch(key, urgent=not isinstance(event, Listed))
                self._replacing_may_end()
        if isinstance(event, Listed | Lost | Resumed):
            self._identify(member)
            self._touch_kind(cluster, kind)
        if before != (member.reachable, member.tried):
            self._members_changed()

    def doubt(self, doubts: Mapping[str, str]) -> None:
        """Why members' views may not be used, by cluster; those not named are not in doubt."""
        for name, member in self.members.items():
            reason = doubts.get(name, "")
            if reason != member.doubt:
                member.doubt = reason
                self._members_changed()
                for key in self.records.assignments if self.records else ():
                    self._touch(key, urgent=False)

    def measure_room(self, cluster: str, room: Iterable[Room]) -> None:
        """What is free on each node of a member."""
        self._room[cluster] = tuple(room)
        self._measure()

    def measure_latency(self, rtt_s: Mapping[tuple[str, str], float]) -> None:
        """Round-trip times from a cluster to a cluster or region, by both names."""
        if any(pair not in self._latency_s for pair in rtt_s):
            self._latency_s |= rtt_s
            self._measure()
        else:
            self._latency_s |= rtt_s

    def _measure(self) -> None:
        self._measured = Measured(self._latency_s, self._room)
        self._policies |= {key for key, chosen in self._chosen.items() if chosen.waiting}
        for key in self._measuring:
            self._touch(key, urgent=False)
        self._measuring.clear()

    @property
    def wants_room(self) -> bool:
        """Whether any policy divides by what is free."""
        specs = (policy.spec.replica_scheduling for policy in self.hub.policies.values())
        return any(s.type is SchedulingType.DIVIDED and s.divide_by is DivideBy.FREE_CAPACITY for s in specs)

    # ------------------------------------------------------------------ operators

    def confirm(self, now_s: float) -> int:
        """Take the hub as it is; how many objects leave. Raises ConfigError where it is not seen completely."""
        records = Records(self._namespace, self.hub.records.values())
        if self.records is not None:
            # a hub that lost its records learns again what is where
            known = [each for each in self.records.assignments.values() if each.object not in records.assignments]
            records.stage(*(c for key, c in self.records.choices.items() if key not in records.choices), *known)
        leaving = self.hub.confirm(records.assignments)
        self.records = records
        self._withdraw(leaving)
        self._index(now_s)
        self._touch_all(now_s)
        return len(leaving)

    def forget(self, cluster: str, now_s: float) -> None:
        """A member is no more: nothing is waited for there."""
        if self.records is not None:
            self.records.stage(*(forgotten(a, cluster) for a in self.records.assignments.values()))
            self._touch_all(now_s)

    # ------------------------------------------------------------------ answers

    def recorded(self, name: str, resource_version: str) -> None:
        """The hub took a record (an empty version: deleted it)."""
        assert self.records is not None, "only records that were told are answered"
        self.records.written(name, resource_version)
        for key in [key for key in self._awaiting if self.records.is_recorded(key)]:
            self._queue.add(key, urgent=self._awaiting.pop(key))

    def not_recorded(self, name: str, again_s: float) -> None:
        """The hub did not take a record: it is told again from ``again_s`` on."""
        assert self.records is not None, "only records that were told are answered"
        self.records.failed(name)
        self._record_again_s = again_s

    def reload(self, config_maps: Iterable[bytes], now_s: float) -> None:
        """Somebody else wrote records: take theirs, and decide again. Raises ConfigError."""
        self.records = Records(self._namespace, config_maps)
        self._index(now_s)
        self._touch_all(now_s)

    def done(self, deed: Deed, answer: bytes) -> None:
        """A member took a step; ``answer`` is the object as it then stood."""
        place = (deed.cluster, deed.object)
        self._under_way.pop(place, None)
        self.troubles.over(place)
        member = self.members[deed.cluster]
        match deed:
            case Apply():
                member.wrote(deed.object, answer, deed.hash)
            case Delete():
                member.ending(deed.object)
            case Release():
                member.gone(deed.object)
        self._touch(deed.object, urgent=True)
        self._replacing_may_end()

    def absent(self, deed: Deed) -> None:
        """It was not there any more."""
        self._under_way.pop((deed.cluster, deed.object), None)
        self.members[deed.cluster].gone(deed.object)
        self._touch(deed.object, urgent=False)

    def found(self, deed: Deed, body: bytes) -> None:
        """Where nothing was seen, an object stands that does not carry our label."""
        self._under_way.pop((deed.cluster, deed.object), None)
        self.members[deed.cluster].found(deed.object, body)
        self._touch(deed.object, urgent=False)

    def failed(self, deed: Deed, found: Failure, now_s: float) -> None:
        """A member did not take a step."""
        place = (deed.cluster, deed.object)
        self._under_way.pop(place, None)
        self.troubles.failed(place, found, _hash(deed), now_s)
        self._touch(deed.object, urgent=False)

    # ------------------------------------------------------------------ the turn

    def turn(self, now_s: float) -> Turn:
        """What there is to do. Nothing while the hub is not known, or is in doubt."""
        if self.records is None or self.hub.known.doubted:
            return Turn()
        for cluster, key in self.troubles.due(now_s):
            self.members[cluster].forget_strange(key)
            self._touch(key, urgent=False)
        self._choose(now_s)
        jobs: list[Job] = []
        room = min(MOST_BULK, MOST_UNDER_WAY - sum(not urgent for urgent in self._under_way.values()))
        for key, urgent in self._queue.take(room):
            jobs += (Job(deed=deed, urgent=urgent) for deed in self._settle(key, urgent, now_s))
        for job in jobs:
            self._under_way[job.deed.cluster, job.deed.object] = job.urgent
        return Turn(
            records=self._record(now_s),
            jobs=tuple(jobs),
            statuses=self.standing.due(self._chosen, MOST_STATUSES, now_s),
        )

    def _record(self, now_s: float) -> tuple[Write, ...]:
        assert self.records is not None, "turn() looks first"
        if self._record_again_s is not None and now_s < self._record_again_s:
            return ()
        self._record_again_s = None
        return self.records.writes()

    @property
    def busy(self) -> bool:
        """Whether another turn has work at once."""
        full = sum(not urgent for urgent in self._under_way.values()) >= MOST_UNDER_WAY
        return self.records is not None and not self.hub.known.doubted and bool(len(self._queue)) and not full

    def next_wake_s(self) -> float | None:
        """When time alone may change something."""
        if self.records is None or self.hub.known.doubted:
            return None
        waits = [self.troubles.next_s, self.standing.next_s, self._record_again_s]
        waits += [asked_s + FIRST_LOOK_S for key, asked_s in self._asked_s.items() if self._waits(key)]
        return min((at_s for at_s in waits if at_s is not None), default=None)

    # ------------------------------------------------------------------ marking

    def _assignment(self, key: ObjectKey) -> Assignment | None:
        return self.records.assignments.get(key) if self.records is not None else None

    def _touch(self, key: ObjectKey, *, urgent: bool) -> None:
        self._queue.add(key, urgent=urgent)

    def _touch_all(self, now_s: float) -> None:
        self._policies |= {*self.hub.policies, *self.hub.invalid, *self._chosen}
        for policy in self._policies:
            self.standing.touch(policy, now_s)
        for key in {*self.hub.templates, *(self.records.assignments if self.records else ())}:
            self._touch(key, urgent=False)

    def _touch_kind(self, cluster: str, kind: TemplateKind) -> None:
        for key, assignment in (self.records.assignments if self.records else {}).items():
            if (key.group, key.kind) == (kind.group, kind.kind) and cluster in _concerned(assignment):
                self._touch(key, urgent=False)

    def _members_changed(self) -> None:
        self._candidates = None
        self._policies |= self.hub.policies.keys()

    def _identify(self, member: MemberView) -> None:
        """The hub may be a member too: what it holds are the templates themselves."""
        same = bool(member.uid) and member.uid == self.hub.known.uid
        if same != member.holds_templates:
            member.holds_templates = same
            self._members_changed()

    def _replacing_may_end(self) -> None:
        for key in self._replacing:
            self._touch(key, urgent=False)
        self._replacing.clear()

    # ------------------------------------------------------------------ trust

    def _judge(self) -> None:
        """A complete view of the hub: load the records by it, or compare it with them."""
        if not self.hub.complete or not self.hub.streams.live:
            return
        records = self.records
        if records is None:
            try:
                records = Records(self._namespace, self.hub.records.values())
            except ConfigError as error:
                self.broken = str(error)
                return
        self.broken = ""
        leaving = self.hub.judge(records.assignments)
        if self.hub.known.doubted:
            return
        if self.records is None:
            self.records = records
            self._index(self._began_s)
            self._touch_all(self._began_s)
            for member in self.members.values():
                self._identify(member)
        self._withdraw(leaving)

    def _withdraw(self, keys: Set[ObjectKey]) -> None:
        assert self.records is not None, "nothing leaves that is not recorded"
        self.records.stage(*(withdrawn(self.records.assignments[key]) for key in sorted(keys)))
        for key in keys:
            self._touch(key, urgent=False)

    def _index(self, now_s: float) -> None:
        assert self.records is not None, "there is nothing to index otherwise"
        for key, assignment in self.records.assignments.items():
            self.standing.assign(key, assignment.policy, now_s)

    # ------------------------------------------------------------------ choosing

    def _members(self) -> tuple[Candidate, ...]:
        if self._candidates is None:
            self._candidates = tuple(
                Candidate(
                    cluster=self._clusters[name], reachable=member.reachable, holds_templates=member.holds_templates
                )
                for name, member in self.members.items()
            )
        return self._candidates

    def _waits(self, key: PolicyKey) -> bool:
        """Whether a first choice waits for members to be seen or measured."""
        chosen = self._chosen.get(key)
        return chosen is None or bool(chosen.waiting)

    def _choose(self, now_s: float) -> None:
        assert self.records is not None, "turn() looks first"
        overdue = {k for k, s in self._asked_s.items() if s + FIRST_LOOK_S <= now_s and self._waits(k)}
        for key in sorted(self._policies | overdue):
            policy = self.hub.policies.get(key)
            if policy is None:
                self._policies.discard(key)
                self._forget_policy(key)
            elif self._choose_for(policy, now_s):
                self._policies.discard(key)
        # what waits for members to be seen stays marked

    def _choose_for(self, policy: Policy, now_s: float) -> bool:
        """Whether it was chosen, or is known to wait."""
        assert self.records is not None, "turn() looks first"
        asked_s = self._asked_s.setdefault(policy.key, now_s)
        is_final = now_s >= asked_s + FIRST_LOOK_S
        before = self.records.choices.get(policy.key)
        if before is None and not is_final and not all(member.tried for member in self.members.values()):
            return False
        measured = self._measured._replace(final=is_final)
        chosen = choose(policy, self._members(), measured, before)
        self._chosen[policy.key] = chosen
        self.standing.touch(policy.key, now_s)
        if chosen.choice is not None:
            self.records.stage(chosen.choice)
        self._touch_ruled(policy)
        return True

    def _touch_ruled(self, policy: Policy) -> None:
        """Objects it rules, by the record or by what it selects now."""
        keys = set(self.standing.ruled.get(policy.key, ()))
        for selector in policy.spec.resource_selectors:
            if selector.name and policy.key.namespace:
                keys.add(ObjectKey(selector.group, selector.kind, policy.key.namespace, selector.name))
                continue
            keys |= {
                key
                for key in self.hub.templates
                if (key.group, key.kind) == (selector.group, selector.kind)
                and policy.key.namespace in ("", key.namespace)
            }
        for key in keys:
            self._touch(key, urgent=False)

    def _forget_policy(self, key: PolicyKey) -> None:
        """Gone from the hub: what it placed is judged object by object."""
        assert self.records is not None, "turn() looks first"
        for each in self.standing.ruled.get(key, ()):
            self._touch(each, urgent=False)
        if key in self.hub.invalid:
            return
        self._asked_s.pop(key, None)
        self._chosen.pop(key, None)
        if self.hub.known.current and not self.standing.ruled.get(key):
            self.standing.ruled.pop(key, None)
            self.records.drop(key)

    # ------------------------------------------------------------------ one object

    def _settle(self, key: ObjectKey, urgent: bool, now_s: float) -> list[Deed]:
        """Decide on one object; the steps for it where that is recorded."""
        assert self.records is not None, "turn() looks first"
        self._decide(key, now_s)
        assignment = self.records.assignments.get(key)
        self.standing.assign(key, assignment.policy if assignment else None, now_s)
        if assignment is None:
            self._rendered.pop(key, None)
            return []
        chosen_too = assignment.policy not in self.records.choices or self.records.is_recorded(assignment.policy)
        if not self.records.is_recorded(key) or (assignment.shares and not chosen_too):
            self._awaiting[key] = urgent or self._awaiting.get(key, False)
            return []
        return self._plan(key, assignment, now_s)

    def _decide(self, key: ObjectKey, now_s: float) -> None:
        assert self.records is not None, "turn() looks first"
        before = self.records.assignments.get(key)
        template = self.hub.templates.get(key)
        ruling = self.hub.selection.ruling(template) if template is not None else None
        if template is None or ruling is None:
            if before is not None and before.shares and self._may_leave(key, before):
                self.records.stage(withdrawn(before))
            return
        choice = self.records.choices.get(ruling.key)
        if choice is None:
            return
        measured = self._measured._replace(final=now_s >= self._asked_s.get(ruling.key, now_s) + FIRST_LOOK_S)
        found = assign(template, ruling, choice, self._members(), measured, before)
        if found.assignment is not None:
            self.records.stage(found.assignment)
        elif found.waiting:
            self._measuring.add(key)

    def _may_leave(self, key: ObjectKey, before: Assignment) -> bool:
        """Whether what no policy rules any more was seen to be so: not missing at once, of no policy that is unreadable
        now, of a kind that is still looked for."""
        if key in self.hub.known.missing or before.policy in self.hub.invalid or key in self.hub.unreadable:
            return False
        return self.hub.known.current and self.hub.selection.lists(key)

    def _plan(self, key: ObjectKey, assignment: Assignment, now_s: float) -> list[Deed]:
        wanted = self._render(key, assignment)
        policy = self.hub.policies.get(assignment.policy)
        overwrite = policy is not None and policy.spec.conflict_resolution is ConflictResolution.OVERWRITE
        moved = not (assignment.leaving and assignment.shares) or self._moved(assignment.policy)
        sites = self._sites(key, assignment, wanted, now_s)
        steps = plan_object(assignment, wanted, sites, self.hub.known, self._owner, overwrite=overwrite, moved=moved)
        deeds: list[Deed] = []
        states = {step.cluster: self._state(step, deeds, now_s) for step in steps if not isinstance(step, Done)}
        gone = [step for step in steps if isinstance(step, Done)]
        self.standing.stand(key, states, now_s)
        if gone:
            self._leave(assignment, gone)
        return deeds

    def _leave(self, assignment: Assignment, gone: Iterable[Done]) -> None:
        assert self.records is not None, "turn() looks first"
        for step in gone:
            assignment = left(assignment, step.cluster)
            self.troubles.over((step.cluster, step.object))
        self.records.stage(assignment)
        self._touch(assignment.object, urgent=False)
        if assignment.ended:
            self._policies.add(assignment.policy)

    def _state(self, step: Step, deeds: list[Deed], now_s: float) -> CopyState:
        """How a copy stands with this step ahead of it; adds the step to ``deeds`` where it can be taken now."""
        place = (step.cluster, step.object)
        if isinstance(step, Keep):
            reason, message = step.reason, step.message
            if step.object in self.hub.known.missing:
                reason, message = "HubSuspect", self.hub.known.reason
            if reason == "WaitsForReplacement":
                self._replacing.add(step.object)
            if reason == "AlreadyExists":
                self._ask_again(place, message, now_s)
            else:
                self.troubles.over(place)
            return CopyState(cluster=step.cluster, object=step.object, reason=reason, message=message)
        assert not isinstance(step, Done), "those are told apart before"
        trouble = self.troubles.holds(place, _hash(step), now_s)
        if trouble is None and place not in self._under_way:
            deeds.append(step)
            if step.reason == "Drifted":
                self._drifts.setdefault(place, []).append(now_s)
        told = self.troubles.get(place)
        if told is not None:
            failure = told.failure
            return CopyState(cluster=step.cluster, object=step.object, reason=failure.reason, message=failure.message)
        doing = "Applying" if isinstance(step, Apply) else "Leaving"
        return CopyState(cluster=step.cluster, object=step.object, reason=doing, message=step.reason)

    def _ask_again(self, place: Place, message: str, now_s: float) -> None:
        found = self.troubles.get(place)
        if found is None or found.at_s <= now_s:
            self.troubles.failed(place, Failure(reason="AlreadyExists", message=message, person=True), "", now_s)

    def _sites(
        self, key: ObjectKey, assignment: Assignment, wanted: Mapping[str, Rendered | Refusal], now_s: float
    ) -> dict[str, Site]:
        sites: dict[str, Site] = {}
        for name in _concerned(assignment):
            member = self.members.get(name)
            if member is None:
                continue
            copy = wanted.get(name)
            body, hash = (copy.body, copy.hash) if isinstance(copy, Rendered) else (b"", "")
            sites[name] = self._contested(name, key, member.site(key, body, hash), now_s)
        return sites

    def _contested(self, name: str, key: ObjectKey, site: Site, now_s: float) -> Site:
        drifts = self._drifts.get((name, key))
        if drifts is None or site.copy is None:
            return site
        drifts[:] = [at_s for at_s in drifts if now_s - at_s < CONTESTED_FOR_S]
        if len(drifts) < CONTESTED_AFTER or site.copy.intact:
            return site
        message = (
            f"somebody took our fields {len(drifts)} times in {CONTESTED_FOR_S:.0f} s; they are left to them for now"
        )
        copy = type(site.copy)(
            **{f: getattr(site.copy, f) for f in site.copy.__struct_fields__} | {"contested": message}
        )
        return Site(copy=copy, seen=site.seen)

    def _render(self, key: ObjectKey, assignment: Assignment) -> Mapping[str, Rendered | Refusal]:
        template = self.hub.templates.get(key)
        policy = self.hub.policies.get(assignment.policy)
        if template is None or policy is None:
            return {}
        known = self._rendered.get(key)
        if known is not None and known[:3] == (template, policy, assignment):
            return known.of
        made = render(template, policy, assignment, self._clusters, self._owner)
        self._rendered[key] = _Copies(template, policy, assignment, made)
        return made

    def _moved(self, policy: PolicyKey) -> bool:
        """Whether all objects of a policy are where they go, so that what leaves is not the last."""
        assert self.records is not None, "turn() looks first"
        for key in self.standing.ruled.get(policy, ()):
            assignment = self.records.assignments[key]
            if not assignment.shares:
                continue
            wanted = self._render(key, assignment)
            if not in_place(assignment, wanted, self._sites(key, assignment, wanted, 0.0), self._owner):
                return False
        return True

    def _copy_statuses(self, key: ObjectKey) -> Iterable[CopyStatus]:
        """What each copy reports of itself."""
        assignment = self._assignment(key)
        if assignment is None:
            return
        wanted = self._render(key, assignment)
        for name in assignment.clusters:
            member, copy = self.members.get(name), wanted.get(name)
            if member is None or member.holds_templates:
                continue
            seen = member.seen(key)
            current = seen is not None and isinstance(copy, Rendered) and seen.copy.hash == copy.hash and seen.settled
            yield CopyStatus(cluster=name, status=seen.status if seen else b"", current=current)


def _concerned(assignment: Assignment) -> tuple[str, ...]:
    return (*assignment.clusters, *(each.cluster for each in assignment.leaving))


def _hash(deed: Deed) -> str:
    """What makes a step another one."""
    return deed.hash if isinstance(deed, Apply) else type(deed).__name__
