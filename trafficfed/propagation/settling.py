"""One object: what it is to have where, what is to be done for it now, and how its copies stand meanwhile."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from trafficfed.model import Refusal
from trafficfed.propagation.aggregate import CopyState, crowded
from trafficfed.propagation.assign import assign
from trafficfed.propagation.assignment import Assignment, left, withdrawn
from trafficfed.propagation.choosing import Choosing
from trafficfed.propagation.objects import ObjectKey, PolicyKey, Template
from trafficfed.propagation.plan import Apply, Delete, Done, Keep, Release, Site, Step, in_place, plan_object
from trafficfed.propagation.policy import ConflictResolution
from trafficfed.propagation.render import Rendered, render
from trafficfed.propagation.select import Policy
from trafficfed.propagation.situation import Situation
from trafficfed.propagation.standing import Standing
from trafficfed.propagation.statuses import CopyStatus
from trafficfed.propagation.troubles import Failure, Place, Troubles
from trafficfed.propagation.under_way import UnderWay

CONTESTED_AFTER = 5
CONTESTED_FOR_S = 600.0
"""Who takes our fields so many times within this is left alone and reported, until it is over."""

Deed = Apply | Delete | Release
Wanted = Mapping[str, Rendered | Refusal]


class _Copies(NamedTuple):
    """What was rendered for an object, and from what."""

    template: Template
    policy: Policy
    assignment: Assignment
    of: Wanted

    def are_of(self, template: Template | None, policy: Policy | None, assignment: Assignment) -> bool:
        """Whether rendering again would give the same."""
        if template is None or (self.policy, self.assignment) != (policy, assignment):
            return False
        return self.template.same_content(template)


class Settling:
    """``under_way`` are the steps that have no answer yet."""

    def __init__(
        self,
        situation: Situation,
        choosing: Choosing,
        standing: Standing,
        troubles: Troubles,
        touch: Callable[[ObjectKey], None],
        under_way: UnderWay,
    ) -> None:
        self._situation, self._choosing, self._standing = situation, choosing, standing
        self._troubles, self._touch = troubles, touch
        self.under_way = under_way
        self._overtaken: set[Place] = set()
        self._awaiting: dict[ObjectKey, bool] = {}
        self._measuring: dict[ObjectKey, float] = {}
        self._replacing: set[ObjectKey] = set()
        self._rendered: dict[ObjectKey, _Copies] = {}
        self._drifts: dict[Place, list[float]] = {}
        self._all_moved: dict[PolicyKey, bool] = {}

    # ------------------------------------------------------------------ what waits for something

    def recorded(self) -> list[tuple[ObjectKey, bool]]:
        """Objects that waited for the hub to take their record, with whether they are urgent."""
        records = self._situation.known_records
        return [(key, self._awaiting.pop(key)) for key in list(self._awaiting) if records.is_recorded(key)]

    def awaits(self, key: ObjectKey) -> bool:
        """Whether an object waits for the hub to take its record."""
        return key in self._awaiting

    @property
    def measures(self) -> bool:
        """Whether anything waits for free capacity to be measured."""
        return bool(self._measuring)

    def measured(self) -> None:
        """Whoever waits for free capacity is looked at again."""
        waiting, self._measuring = self._measuring, {}
        for key in waiting:
            self._touch(key)

    def overdue(self, now_s: float) -> None:
        """Who has waited long enough for free capacity goes on without."""
        for key in [key for key, at_s in self._measuring.items() if at_s <= now_s]:
            del self._measuring[key]
            self._touch(key)

    @property
    def next_s(self) -> float | None:
        return min(self._measuring.values(), default=None)

    def copies_changed(self) -> None:
        """Whoever waits for its replacement is looked at again."""
        waiting, self._replacing = self._replacing, set()
        for key in waiting:
            self._touch(key)

    # ------------------------------------------------------------------ deciding

    def begin(self) -> None:
        """A new turn: what was asked once for all objects of a policy is asked again."""
        self._all_moved.clear()

    def settle(self, key: ObjectKey, urgent: bool, now_s: float) -> list[Deed]:
        """Decide on one object; the steps for it where that is recorded."""
        records = self._situation.known_records
        self._decide(key, now_s)
        assignment = records.assignments.get(key)
        before = self._standing.assign(key, assignment.policy if assignment else None, now_s)
        if before is not None:
            self._choosing.forget(before)
        if assignment is None:
            self._rendered.pop(key, None)
            self._awaiting.pop(key, None)
            return []
        chosen_too = assignment.policy not in records.choices or records.is_recorded(assignment.policy)
        if not records.is_recorded(key) or (assignment.shares and not chosen_too):
            self._awaiting[key] = urgent or self._awaiting.get(key, False)
            return []
        try:
            return self._plan(key, assignment, urgent, now_s)
        except Exception as error:  # noqa: BLE001 - the one supervisor of objects: one must not stop all others
            self._standing.stand(key, _failed(assignment, f"{type(error).__name__}: {error}"), now_s)
            return []

    def _decide(self, key: ObjectKey, now_s: float) -> None:
        situation, records = self._situation, self._situation.known_records
        before = records.assignments.get(key)
        template = situation.hub.templates.get(key)
        ruling = situation.hub.selection.ruling(template) if template is not None else None
        if template is None or ruling is None:
            if before is not None and before.shares and self._may_leave(key, before):
                records.stage(withdrawn(before))
            return
        choice = records.choices.get(ruling.key)
        if choice is None:
            return
        measured = self._choosing.measured(ruling.key, now_s)
        found = assign(template, ruling, choice, situation.candidates, measured, before)
        if found.assignment is not None:
            records.stage(found.assignment)
        elif found.waiting:
            self._measuring[key] = self._choosing.final_s(ruling.key, now_s)

    def _may_leave(self, key: ObjectKey, before: Assignment) -> bool:
        """Whether what no policy rules any more was seen to be so: not missing at once, of no policy that is unreadable
        now, of a kind that is still looked for."""
        hub = self._situation.hub
        if key in hub.known.missing or before.policy in hub.invalid or key in hub.unreadable:
            return False
        return hub.known.current and hub.selection.lists(key)

    # ------------------------------------------------------------------ what became of it

    def ended(self, place: Place) -> bool:
        """A step had its answer; whether it was looked at again meanwhile, and waited for that."""
        aside = self.under_way.end(place)
        if aside is not None:
            self._touch(aside)
        overtaken = place in self._overtaken
        self._overtaken.discard(place)
        return overtaken

    def arrive(self, deed: Apply, now_s: float) -> bool:
        """A copy was taken as it was applied. Whether that is still what it is to be, so that nothing else of its
        object has to be looked at."""
        key, situation = deed.object, self._situation
        known, assignment = self._rendered.get(key), situation.assignment(key)
        if known is None or assignment is None or assignment.leaving or key in self._awaiting:
            return False
        template, policy = situation.hub.templates.get(key), situation.hub.policies.get(assignment.policy)
        wanted = known.of.get(deed.cluster)
        if (
            not known.are_of(template, policy, assignment)
            or not isinstance(wanted, Rendered)
            or wanted.hash != deed.hash
        ):
            return False
        self._standing.arrived(deed.cluster, key, now_s)
        return True

    # ------------------------------------------------------------------ planning

    def _plan(self, key: ObjectKey, assignment: Assignment, urgent: bool, now_s: float) -> list[Deed]:
        situation = self._situation
        wanted = self._render(key, assignment)
        policy = situation.hub.policies.get(assignment.policy)
        overwrite = policy is not None and policy.spec.conflict_resolution is ConflictResolution.OVERWRITE
        moved = not (assignment.leaving and assignment.shares) or self._moved(assignment.policy, now_s)
        sites = self._sites(key, assignment, wanted, now_s)
        known, owner = situation.hub.known, situation.owner
        steps = plan_object(assignment, wanted, sites, known, owner, overwrite=overwrite, moved=moved)
        deeds: list[Deed] = []
        states = {step.cluster: self._state(step, deeds, urgent, now_s) for step in steps if not isinstance(step, Done)}
        self._standing.stand(key, states, now_s)
        self._standing.hint(key, tuple(crowded(name, key) for name in assignment.crowded), now_s)
        self._let_go(assignment, [step for step in steps if isinstance(step, Done)])
        for deed in deeds:
            self._note_drift(deed, now_s)
        return deeds

    def _let_go(self, assignment: Assignment, gone: Iterable[Done]) -> None:
        """What the record need not remember any more."""
        before = assignment
        for step in gone:
            assignment = left(assignment, step.cluster)
            self._troubles.over((step.cluster, step.object))
        if assignment != before:
            self._situation.known_records.stage(assignment)
            self._touch(assignment.object)

    def _state(self, step: Step, deeds: list[Deed], urgent: bool, now_s: float) -> CopyState:
        """How a copy stands with this step ahead of it; adds the step to ``deeds`` where it can be taken now."""
        assert not isinstance(step, Done), "those are told apart before"
        if isinstance(step, Keep):
            return self._kept(step, now_s)
        place = (step.cluster, step.object)
        if place in self.under_way:
            self._overtaken.add(place)
        elif self._troubles.holds(place, content_of(step), now_s) is None and self.under_way.takes(
            place, urgent=urgent
        ):
            deeds.append(step)
        told = self._troubles.get(place)
        if told is not None:
            return _standing(step, told.failure.reason, told.failure.message)
        return _standing(step, "Applying" if isinstance(step, Apply) else "Leaving", step.reason)

    def _kept(self, step: Keep, now_s: float) -> CopyState:
        place = (step.cluster, step.object)
        if step.reason == "WaitsForReplacement":
            self._replacing.add(step.object)
        if step.reason != "AlreadyExists":
            self._troubles.over(place)
        elif (found := self._troubles.get(place)) is None or found.at_s <= now_s:
            # nobody tells when what is not ours goes away: it is asked for again
            failure = Failure(reason=step.reason, message=step.message, person=True)
            self._troubles.failed(place, failure, "", now_s)
        if step.object in self._situation.hub.known.missing:
            return _standing(step, "HubSuspect", self._situation.hub.known.reason)
        return _standing(step, step.reason, step.message)

    def _note_drift(self, deed: Deed, now_s: float) -> None:
        if deed.reason == "Drifted":
            self._drifts.setdefault((deed.cluster, deed.object), []).append(now_s)

    def _sites(self, key: ObjectKey, assignment: Assignment, wanted: Wanted, now_s: float) -> dict[str, Site]:
        sites: dict[str, Site] = {}
        for name in concerned(assignment):
            member, copy = self._situation.members.get(name), wanted.get(name)
            if member is not None:
                body, hash = (copy.body, copy.hash) if isinstance(copy, Rendered) else (b"", "")
                sites[name] = self._contested((name, key), member.site(key, body, hash), now_s)
        return sites

    def _contested(self, place: Place, site: Site, now_s: float) -> Site:
        drifts = self._drifts.get(place)
        if drifts is None or site.copy is None or site.copy.intact:
            return site
        drifts[:] = [at_s for at_s in drifts if now_s - at_s < CONTESTED_FOR_S]
        if len(drifts) < CONTESTED_AFTER:
            return site
        message = f"somebody took our fields {len(drifts)} times in {CONTESTED_FOR_S:.0f} s: left to them for now"
        return replace(site, copy=replace(site.copy, contested=message))

    def _render(self, key: ObjectKey, assignment: Assignment) -> Wanted:
        template = self._situation.hub.templates.get(key)
        policy = self._situation.hub.policies.get(assignment.policy)
        if template is None or policy is None:
            return {}
        known = self._rendered.get(key)
        if known is not None and known.are_of(template, policy, assignment):
            return known.of
        made = render(template, policy, assignment, self._situation.clusters, self._situation.owner)
        self._rendered[key] = _Copies(template, policy, assignment, made)
        return made

    def _moved(self, policy: PolicyKey, now_s: float) -> bool:
        """Whether all objects of a policy are where they go, so that what leaves is not the last."""
        if policy not in self._all_moved:
            ruled = self._standing.ruled.get(policy, ())
            self._all_moved[policy] = all(self._is_in_place(key, now_s) for key in ruled)
        return self._all_moved[policy]

    def _is_in_place(self, key: ObjectKey, now_s: float) -> bool:
        assignment = self._situation.known_records.assignments[key]
        if not assignment.shares:
            return True
        wanted = self._render(key, assignment)
        return in_place(assignment, wanted, self._sites(key, assignment, wanted, now_s), self._situation.owner)

    # ------------------------------------------------------------------ what copies report

    def statuses(self, key: ObjectKey) -> Iterable[CopyStatus]:
        """What each copy reports of itself."""
        assignment = self._situation.assignment(key)
        if assignment is None:
            return
        wanted = self._render(key, assignment)
        for name in assignment.clusters:
            member, copy = self._situation.members.get(name), wanted.get(name)
            if member is None or member.holds_templates:
                continue
            seen = member.seen(key)
            current = seen is not None and isinstance(copy, Rendered) and seen.copy.hash == copy.hash and seen.settled
            yield CopyStatus(cluster=name, status=seen.status if seen else b"", current=current)


def _standing(step: Step, reason: str, message: str) -> CopyState:
    return CopyState(cluster=step.cluster, object=step.object, reason=reason, message=message)


def _failed(assignment: Assignment, message: str) -> dict[str, CopyState]:
    key = assignment.object
    return {
        name: CopyState(cluster=name, object=key, reason="InternalError", message=message)
        for name in concerned(assignment)
    }


def concerned(assignment: Assignment) -> tuple[str, ...]:
    """All clusters where anything of an object is, or is to be."""
    return (*assignment.clusters, *(each.cluster for each in assignment.leaving))


def content_of(deed: Deed) -> str:
    """What makes a step another one than that which was refused."""
    return deed.hash if isinstance(deed, Apply) else type(deed).__name__
