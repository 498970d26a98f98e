"""Propagation as one sans-IO machine: events of hub and members in, what to write out, in an order that loses nothing.

``turn`` tells record writes, steps in members, and statuses. A step is told only for what the hub has recorded. One
object's step in one member is under way once at a time, and is planned anew from what is seen when it ended.
"""

from collections.abc import Iterable, Mapping, Set

from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.wire import Event, Listed, Lost, Resumed
from trafficfed.model import Cluster, Refusal, Value
from trafficfed.propagation.assignment import Choice, forgotten, withdrawn
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.choosing import FIRST_LOOK_S, Choosing
from trafficfed.propagation.hub import Hub
from trafficfed.propagation.hub_view import HubView
from trafficfed.propagation.objects import ObjectKey, TemplateKind
from trafficfed.propagation.plan import Apply, Delete, Release
from trafficfed.propagation.records import Records, Write
from trafficfed.propagation.remarks import Remark
from trafficfed.propagation.settling import Deed, Settling, concerned, content_of
from trafficfed.propagation.situation import Situation
from trafficfed.propagation.standing import Standing, StatusWrite
from trafficfed.propagation.troubles import Failure, Place, Troubles
from trafficfed.propagation.under_way import MOST_UNDER_WAY, UnderWay
from trafficfed.propagation.work import WorkQueue

MOST_BULK = 32
"""New objects looked at in one turn: what an edit meanwhile waits for is a few milliseconds."""

MOST_STATUSES = 16


class Job(Value, frozen=True, kw_only=True):
    """One step to carry out. Urgent ones go first in their member."""

    deed: Deed
    urgent: bool


class Turn(Value, frozen=True, kw_only=True):
    """What to do now: records first, as nothing is applied that is not recorded."""

    records: tuple[Write, ...] = ()
    jobs: tuple[Job, ...] = ()
    statuses: tuple[StatusWrite, ...] = ()
    remarks: tuple[Remark, ...] = ()


class Engine:
    """``take_*`` and the answers to what a turn told may come in any order and at any time between turns.

    ``broken`` says why the records cannot be understood: then nothing is done at all.
    """

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
        absent: Iterable[tuple[str, str]] = (),
        most_under_way: int = MOST_UNDER_WAY,
    ) -> None:
        """``absent`` kinds are wanted, and the hub does not have them."""
        self.hub = HubView(known, kinds, went_back=went_back, absent=absent)
        self.broken = ""
        self._under_way = UnderWay(most_under_way)
        self._namespace = namespace
        self._situation = Situation(owner, clusters, self.hub, now_s)
        self.members = self._situation.members
        self._queue = WorkQueue()
        self._troubles = Troubles()
        self.standing = Standing(self.hub)
        self._choosing = Choosing(self._situation, self.standing, self._touch)
        self._settling = Settling(
            self._situation, self._choosing, self.standing, self._troubles, self._touch, self._under_way
        )
        self._record_again_s: float | None = None
        self._arrived: list[Apply] = []
        self._told_s: dict[ObjectKey, float] = {}
        self._began_s: dict[Place, float] = {}

    @property
    def records(self) -> Records | None:
        """What the hub recorded; None until it was seen completely, and believed."""
        return self._situation.records

    # ------------------------------------------------------------------ events

    def take_hub(self, kind: TemplateKind, event: Event, now_s: float) -> None:
        """One event of one kind on the hub."""
        before = self.hub.known
        objects, policies, judge = self.hub.take(kind, event)
        is_list = isinstance(event, Listed)
        for key in objects:
            self._queue.add(key, urgent=not is_list and self._situation.assignment(key) is not None)
            if not is_list:
                self._told_s.setdefault(key, now_s)
        self._choosing.marked |= policies
        for policy in policies:
            self.standing.touch(policy, now_s)
        if judge:
            self._judge(now_s)
        if (self.hub.known.freshness, self.hub.known.missing) != (before.freshness, before.missing):
            self._touch_all(now_s)

    def take_member(self, cluster: str, kind: TemplateKind, event: Event) -> None:
        """One event of one kind of copies in a member."""
        member = self.members[cluster]
        before = member.reachable, member.tried
        for key in member.take(kind, event):
            self._troubles.moved((cluster, key))
            if (cluster, key) in self._under_way:
                continue  # mostly our own step's doing, whose answer says more; that is compared with this
            if self._situation.assignment(key) is not None:
                self._queue.add(key, urgent=not isinstance(event, Listed))
                self._settling.copies_changed()
        if isinstance(event, Listed | Lost | Resumed):
            if self._situation.identify(member):
                self._members_changed()
            self._touch_kind(cluster, kind)
        if before != (member.reachable, member.tried):
            self._members_changed()

    def identify(self, uids: Mapping[str, str]) -> None:
        """Who answers as which member, as far as it is known from elsewhere: also of one that cannot be reached now."""
        for name, uid in uids.items():
            if name in self.members and self.members[name].told_uid != uid:
                self.members[name].told_uid = uid
                if self._situation.identify(self.members[name]):
                    self._members_changed()

    def doubt(self, doubts: Mapping[str, str]) -> None:
        """Why members' views may not be used, by cluster; those not named are not in doubt."""
        for name, member in self.members.items():
            reason = doubts.get(name, "")
            if reason != member.doubt:
                member.doubt = reason
                self._members_changed()
                for key in self.records.assignments if self.records else ():
                    self._touch(key)

    def measure_room(self, cluster: str, room: Iterable[Room]) -> None:
        """What is free on each node of a member."""
        self._situation.measure_room(cluster, room)
        self._choosing.mark_waiting()
        self._settling.measured()

    def measure_latency(self, rtt_s: Mapping[tuple[str, str], float]) -> None:
        """Round-trip times from a cluster to a cluster or region, by both names."""
        if self._situation.measure_latency(rtt_s):
            self._choosing.mark_waiting()

    @property
    def wants_room(self) -> bool:
        """Whether any policy divides by what is free."""
        return self._situation.wants_room

    # ------------------------------------------------------------------ operators

    def confirm(self, now_s: float) -> int:
        """Take the hub as it is; how many objects leave. Raises ConfigError where it is not seen completely."""
        records = Records(self._namespace, self.hub.records.values())
        if self.records is not None:
            # a hub that lost its records learns again what is where
            known = [each for each in self.records.assignments.values() if each.object not in records.assignments]
            records.stage(*(each for key, each in self.records.choices.items() if key not in records.choices), *known)
        leaving = self.hub.confirm(records.assignments)
        self._use(records, now_s)
        self._withdraw(leaving)
        return len(leaving)

    def forget(self, cluster: str, now_s: float) -> None:
        """A member is no more: nothing is waited for there."""
        if self.records is not None:
            self.records.stage(*[_without(each, cluster) for each in self.records.choices.values()])
            self.records.stage(*[forgotten(each, cluster) for each in self.records.assignments.values()])
            self._touch_all(now_s)

    # ------------------------------------------------------------------ answers

    def recorded(self, name: str, resource_version: str) -> None:
        """The hub took a record (an empty version: deleted it)."""
        self._situation.known_records.written(name, resource_version)
        for key, urgent in self._settling.recorded():
            self._queue.add(key, urgent=urgent)

    def not_recorded(self, name: str, again_s: float) -> None:
        """The hub did not take a record: it is told again from ``again_s`` on."""
        self._situation.known_records.failed(name)
        self._record_again_s = again_s

    def reload(self, config_maps: Iterable[bytes], now_s: float) -> None:
        """Somebody else wrote records: take theirs, and decide again. Raises ConfigError."""
        self._use(Records(self._namespace, config_maps), now_s)

    def done(self, deed: Deed, answer: bytes) -> None:
        """A member took a step; ``answer`` is the object as it then stood."""
        member = self.members[deed.cluster]
        self._began_s.pop((deed.cluster, deed.object), None)
        match deed:
            case Apply() if member.wrote(deed.object, answer, deed.hash):
                self._troubles.over((deed.cluster, deed.object))
                if self._settling.ended((deed.cluster, deed.object)):
                    self._queue.add(deed.object, urgent=True)
                else:
                    self._arrived.append(deed)
                self._settling.copies_changed()
                return
            case Delete():
                member.ending(deed.object)
            case Release():
                member.gone(deed.object)
        self._troubles.over((deed.cluster, deed.object))
        self._ended(deed, urgent=True)

    def absent(self, deed: Deed) -> None:
        """It was not there any more."""
        self.members[deed.cluster].gone(deed.object)
        self._ended(deed)

    def found(self, deed: Deed, body: bytes) -> None:
        """Where nothing was seen, an object stands that does not carry our label."""
        self.members[deed.cluster].found(deed.object, body)
        self._ended(deed)

    def failed(self, deed: Deed, found: Failure, now_s: float) -> None:
        """A member did not take a step."""
        self._troubles.failed((deed.cluster, deed.object), found, content_of(deed), now_s)
        self._ended(deed)

    def _ended(self, deed: Deed, *, urgent: bool = False) -> None:
        self._settling.ended((deed.cluster, deed.object))
        self._queue.add(deed.object, urgent=urgent)
        self._settling.copies_changed()

    # ------------------------------------------------------------------ the turn

    def turn(self, now_s: float) -> Turn:
        """What there is to do. Nothing while the hub is not known, or is in doubt."""
        if not self._at_work:
            return Turn()
        for cluster, key in self._troubles.due(now_s):
            self.members[cluster].forget_strange(key)
            self._touch(key)
        self._arrive(now_s)
        self._choosing.run(now_s)
        self._settling.overdue(now_s)
        self._settling.begin()
        jobs: list[Job] = []
        for key, urgent in self._queue.take(min(MOST_BULK, self._free)):
            deeds = self._settling.settle(key, urgent, now_s)
            jobs += (Job(deed=deed, urgent=urgent) for deed in deeds)
            self._time(key, deeds)
        for job in jobs:
            self._under_way.begin((job.deed.cluster, job.deed.object), urgent=job.urgent)
        statuses = self._say(now_s)
        return Turn(records=self._record(now_s), jobs=tuple(jobs), statuses=statuses, remarks=self.standing.remarks())

    def _arrive(self, now_s: float) -> None:
        """Most copies stand as they were applied, and then nothing of their object has to be decided again."""
        arrived, self._arrived = self._arrived, []
        for deed in arrived:
            if not self._settling.arrive(deed, now_s):
                self._queue.add(deed.object, urgent=True)

    @property
    def _at_work(self) -> bool:
        return self.records is not None and not self.hub.known.doubted

    def _time(self, key: ObjectKey, deeds: Iterable[Deed]) -> None:
        """Since when an object's steps are due: kept until they are done, however often they are tried."""
        if self._settling.awaits(key):
            return
        told_s = self._told_s.pop(key, None)
        if told_s is not None:
            self._began_s |= {(deed.cluster, key): told_s for deed in deeds if isinstance(deed, Apply)}
        if self._situation.assignment(key) is None:
            for name in self.members:
                self._began_s.pop((name, key), None)

    def began_s(self, deed: Deed) -> float | None:
        """When the hub told the change that a step carries out; None where it had another cause, or is done."""
        return self._began_s.get((deed.cluster, deed.object)) if isinstance(deed, Apply) else None

    @property
    def _free(self) -> int:
        """How much more bulk work may be under way."""
        return self._under_way.free(name for name, member in self.members.items() if member.reachable)

    def _record(self, now_s: float) -> tuple[Write, ...]:
        if self._record_again_s is not None and now_s < self._record_again_s:
            return ()
        self._record_again_s = None
        return self._situation.known_records.writes()

    def _say(self, now_s: float) -> tuple[StatusWrite, ...]:
        """Nothing at first, while members were not looked at yet: it would soon be untrue."""
        if self._looks(now_s):
            return ()
        return self.standing.due(
            self._choosing.chosen, self._settling.statuses, self._under_way.objects, MOST_STATUSES, now_s
        )

    def _looks(self, now_s: float) -> bool:
        return now_s < self._situation.began_s + FIRST_LOOK_S and not self._situation.all_tried

    @property
    def waiting(self) -> int:
        """Objects that are to be looked at."""
        return len(self._queue)

    @property
    def busy(self) -> bool:
        """Whether another turn has work at once."""
        if not self._at_work:
            return False
        return bool(self._arrived) or self._queue.has_urgent or (bool(len(self._queue)) and self._free > 0)

    def next_wake_s(self, now_s: float) -> float | None:
        """When time alone may change something."""
        if not self._at_work:
            return None
        waits = [self._troubles.next_s, self._record_again_s, self._choosing.next_s, self._settling.next_s]
        waits.append(self._situation.began_s + FIRST_LOOK_S if self._looks(now_s) else self.standing.next_s)
        return min((at_s for at_s in waits if at_s is not None), default=None)

    def refusals(self, now_s: float) -> tuple[Refusal, ...]:
        """Everything that is not as somebody wished; nothing while the hub is not believed."""
        return tuple(self.standing.refusals(self._choosing.chosen, now_s)) if self._at_work else ()

    def settled(self, now_s: float) -> bool:
        """Whether nothing is left to decide on what is seen now, and nothing is waited for that may soon be seen."""
        waits = self._choosing.next_s is not None or self._settling.measures or self._looks(now_s)
        return self._at_work and not (len(self._queue) or self._arrived or self._choosing.marked or waits)

    # ------------------------------------------------------------------ marking

    def _touch(self, key: ObjectKey) -> None:
        self._queue.add(key, urgent=False)

    def _touch_all(self, now_s: float) -> None:
        self._choosing.mark_all(now_s)
        for key in {*self.hub.templates, *(self.records.assignments if self.records else ())}:
            self._touch(key)

    def _touch_kind(self, cluster: str, kind: TemplateKind) -> None:
        for key, assignment in (self.records.assignments if self.records else {}).items():
            if (key.group, key.kind) == (kind.group, kind.kind) and cluster in concerned(assignment):
                self._touch(key)

    def _members_changed(self) -> None:
        self._situation.members_changed()
        runs_templates = any(member.holds_templates for member in self.members.values())
        if runs_templates != self.standing.runs_templates:
            self.standing.runs_templates = runs_templates
            for key in self.records.assignments if self.records else ():
                self._touch(key)
        self._choosing.marked |= self.hub.policies.keys()

    # ------------------------------------------------------------------ trust

    def _judge(self, now_s: float) -> None:
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
            self._use(records, now_s)
        self._withdraw(leaving)

    def _use(self, records: Records, now_s: float) -> None:
        self._situation.records = records
        for key, assignment in records.assignments.items():
            self.standing.assign(key, assignment.policy, now_s)
        for member in self.members.values():
            if self._situation.identify(member):
                self._members_changed()
        self._touch_all(now_s)

    def _withdraw(self, keys: Set[ObjectKey]) -> None:
        records = self._situation.known_records
        records.stage(*(withdrawn(records.assignments[key]) for key in sorted(keys)))
        for key in keys:
            self._touch(key)


def _without(choice: Choice, cluster: str) -> Choice:
    return replace(choice, clusters=tuple(name for name in choice.clusters if name != cluster))
