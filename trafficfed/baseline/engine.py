"""Decides what of the baselines does not hold where, and what has to be written. Pure: told what API servers show and
what expressions came to, it tells what to ask and which steps are due.

Its cost follows the change: an object that changes is held against the rules about its kind, a rule that changes
against the objects it is about.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from trafficfed.baseline.admission import denial
from trafficfed.baseline.agenda import WHOLE, Agenda
from trafficfed.baseline.checking import Checks
from trafficfed.baseline.federated import BINDINGS
from trafficfed.baseline.judging import Fault, Item, Program, Verdict
from trafficfed.baseline.marks import BASELINES, BINDINGS_OF_POLICIES, POLICIES
from trafficfed.baseline.mending import Mending
from trafficfed.baseline.policies import POLICY_KINDS, Policies
from trafficfed.baseline.reading import read_baseline, selectors
from trafficfed.baseline.report import Report, RulePlace
from trafficfed.baseline.rulebook import Applied, Rulebook, RuleName
from trafficfed.baseline.selecting import selects
from trafficfed.baseline.statuses import Statuses
from trafficfed.baseline.structs import Mode
from trafficfed.baseline.template import facts_of
from trafficfed.baseline.view import Changes, Kind, Seen, View
from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.wire import Event, Foreign, Listed, Removed, Upserted
from trafficfed.model import Cluster, Freshness, Source
from trafficfed.propagation.objects import HUB, ObjectKey, TemplateKind
from trafficfed.propagation.troubles import Failure
from trafficfed.services.steps import APPLY, DELETE, STATUS, Step

AT_ONCE = 1000
"""Objects looked at in one turn: everything else waits meanwhile."""

MOST_COSTLY = 3
"""A rule that costs too much of so many objects is refused altogether: it costs everybody else's turn."""

_FIRST_FIELD = re.compile(r"\bobject((?:\.\??[A-Za-z_][A-Za-z0-9_]*)+)")


GONE = Failure(
    reason="NotThere", message="what it stands in is not there: a namespace, or the object itself", person=True
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Expressions to evaluate: of these objects, each as it stood at that revision."""

    place: RulePlace
    program: Program
    cluster: bytes
    keys: tuple[ObjectKey, ...]
    items: tuple[Item, ...]


@dataclass(slots=True)
class Turn:
    """What one look came to."""

    asks: list[Ask] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


class Engine:
    """``sources`` is the table's live view of who the members are. Without ``writes`` only statuses are written."""

    def __init__(
        self, owner: str, clusters: Mapping[str, Cluster], sources: Mapping[str, Source], *, writes: bool = True
    ) -> None:
        self._clusters, self._sources, self._writes = clusters, sources, writes
        self.rulebook, self.report, self.mending = Rulebook(clusters), Report(), Mending()
        self.hub = View(HUB)
        self.views = {name: View(name) for name in clusters}
        self.facts: dict[str, dict[str, Any]] = {name: facts_of(each) for name, each in clusters.items()}
        self._checks = Checks(owner, self.hub, self.views, self.facts, self.report, self.mending)
        self._agenda = Agenda(self.rulebook, self.views, self.report, self._checks)
        self.policies = Policies(owner, self.rulebook, self.views, self.facts)
        self._offending: dict[RulePlace, dict[ObjectKey, Seen]] = {}
        self._policies_due: set[str] = set()
        self.statuses = Statuses(
            self.rulebook, self.report, self.mending, self.views, self._agenda, self.doubt, writes=writes
        )
        self._costly: dict[RuleName, set[tuple[str, ObjectKey]]] = {}
        self._hub_uid = ""

    # ------------------------------------------------------------------ what is followed

    def wanted(self, place: str) -> frozenset[Kind]:
        """The kinds to follow there, beside baselines and policies."""
        if place != HUB:
            return self.rulebook.kinds(place)
        federated = any(
            rule.federated_access for baseline in self.rulebook.baselines.values() for rule in baseline.rules
        )
        return frozenset(BINDINGS) if federated else frozenset()

    def view(self, place: str) -> View:
        return self.hub if place == HUB else self.views[place]

    def begin(
        self, place: str, kinds: Iterable[TemplateKind], absent: Iterable[Kind], version: str, now_s: float
    ) -> set[TemplateKind]:
        """An API server is followed in these kinds; those that are new are told."""
        view = self.view(place)
        before = (view.version, view.absent)
        new = view.begin(kinds, absent, version)
        self._policies_due |= {place, HUB}  # what the hub calls a kind is told by members
        if place != HUB and before != (view.version, view.absent):
            self.facts[place] = facts_of(self._clusters[place], version)
            for applied in self.rulebook.of(place):
                self._agenda.mark_rule(applied)
        self._tell_about(place, now_s)
        return new

    def lose(self, place: str, reason: str, now_s: float) -> None:
        self.view(place).lost = reason
        self._tell_about(place, now_s)

    def take(self, place: str, kind: TemplateKind, event: Event, now_s: float) -> None:
        """One event of one API server."""
        if kind == BASELINES:
            self._take_baseline(event, now_s)
        view = self.view(place)
        live = view.streams.live
        changed = view.take(kind, event)
        if live != view.streams.live:
            self._tell_about(place, now_s)
            if place == HUB:
                self._look_at_offending_again()
        self._mark_seen(place, kind, changed, listed=isinstance(event, Listed))

    def _mark_seen(self, place: str, kind: TemplateKind, changed: Changes, *, listed: bool) -> None:
        if kind in (POLICIES, BINDINGS_OF_POLICIES):
            self._policies_due |= {place, HUB}  # which members there are decides about the hub's
        elif place != HUB:
            self._agenda.mark_changes(place, kind, changed, listed=listed)
        elif kind != BASELINES and (changed or listed):
            self._agenda.mark_federated(self._clusters)

    def _take_baseline(self, event: Event, now_s: float) -> None:
        match event:
            case Listed() if self._hub_uid not in ("", event.server_uid):
                self.rulebook.doubt = "another API server answers for the hub; restart to take its baselines"
            case Listed():
                self._hub_uid = event.server_uid
                names = [each.metadata.name for each in event.objects if isinstance(each, Foreign)]
                for name in self.rulebook.missing([*names, *event.unreadable]):
                    self._leave(name)
                for each in event.objects:
                    if isinstance(each, Foreign):
                        self._put_baseline(each, now_s)
            case Upserted(object=Foreign() as found):
                self._put_baseline(found, now_s)
            case Removed(object=Foreign() as found):
                self._leave(found.metadata.name)

    def _put_baseline(self, found: Foreign, now_s: float) -> None:
        name = found.metadata.name
        revision = found.metadata.resource_version
        try:
            baseline = read_baseline(found.body, int(revision) if revision.isdecimal() else 0)
        except ConfigError as error:
            self.rulebook.unreadable[name] = str(error)
            return
        is_new = name not in self.rulebook.baselines
        if is_new:
            for each in baseline.status.violations:
                place = RulePlace(each.cluster, name, each.rule)
                self.report.recall(place, each.object, _seconds(each.since, now_s))
        if self.rulebook.put(baseline):
            self._costly = {rule: places for rule, places in self._costly.items() if rule[0] != name}
            self._rules_changed(name)
        self.statuses.touch(name, now_s)

    def _leave(self, name: str) -> None:
        self.rulebook.remove(name)
        self._rules_changed(name)

    def _rules_changed(self, name: str) -> None:
        """Whatever a baseline says now, and where: what it said before is forgotten."""
        kept = {applied.place: applied for applied in self.rulebook.of_baseline(name)}
        self._agenda.drop(name)
        self._offending = {place: found for place, found in self._offending.items() if place.baseline != name}
        self.report.drop(place for place in self.report.places if place.baseline == name and place not in kept)
        for applied in kept.values():
            self._agenda.mark_rule(applied)
        self._policies_due.update((HUB, *self.views))

    # ------------------------------------------------------------------ what is due

    def _tell_about(self, place: str, now_s: float) -> None:
        for name in self.rulebook.baselines:
            if place == HUB or place in self.rulebook.clusters_of(name):
                self.statuses.touch(name, now_s)

    @property
    def waiting(self) -> int:
        """Objects that are still to be looked at."""
        return len(self._agenda)

    def next_s(self, now_s: float) -> float | None:
        """When to look again, if nothing happens until then."""
        if self._agenda or self._policies_due:
            return now_s
        moments = [*self.statuses.moments(now_s)] if self._tells else []
        if (retry_s := self.mending.troubles.next_s) is not None:
            moments.append(retry_s)
        return min(moments, default=None)

    # ------------------------------------------------------------------ deciding

    def turn(self, now_s: float, most: int = AT_ONCE) -> Turn:
        """What is due, of at most so many objects."""
        turn = Turn()
        for cluster, key in self.mending.troubles.due(now_s):
            self._again(cluster, key)
        left = most
        for place in self._agenda.places:
            if left <= 0:
                break
            taken = self._agenda.take(place, left)
            left -= len(taken)
            if (applied := self.rulebook.find(place)) is not None:
                self._look(applied, taken, turn, now_s)
        for name in list(self._policies_due):
            self._policies_due.discard(name)
            if name != HUB or (self._members_are_known and not self._hub_is_a_member):
                steps = self.policies.steps(name, self.view(name), self._hub_uid, self._hub_is_live)
                self._admit(turn, steps, now_s)
        if self._tells:
            turn.steps += self.statuses.due(now_s)
        return turn

    def _look(self, applied: Applied, keys: list[ObjectKey], turn: Turn, now_s: float) -> None:
        rule, place = applied.rule, applied.place
        if rule.federated_access is not None:
            self._admit(turn, self._checks.federated(applied, now_s), now_s)
        elif rule.must_have is not None:
            self._admit(turn, self._checks.must_have(applied, keys, now_s), now_s)
        elif rule.must_not_have is not None:
            self._look_for_offending(applied, keys)
            if place not in self._agenda:
                steps = self._checks.must_not_have(applied, self._offending.get(place, {}), now_s)
                self._admit(turn, steps, now_s)
        elif applied.program is not None:
            self._ask(applied, applied.program, keys, turn)

    def _look_at_offending_again(self) -> None:
        """Whether they may be deleted is told by the hub."""
        for place, found in self._offending.items():
            for key in found:
                self._agenda.mark(place, key)

    def _look_for_offending(self, applied: Applied, keys: Iterable[ObjectKey]) -> None:
        assert applied.rule.must_not_have is not None, "asked of such rules only"
        view, found = self.views[applied.place.cluster], self._offending.setdefault(applied.place, {})
        for key in keys:
            seen = view.get(key)
            if seen is not None and selects(applied.rule.must_not_have, key, seen.labels, view):
                found[key] = seen
            else:
                found.pop(key, None)
                self.report.clear(applied.place, str(key))

    def _ask(self, applied: Applied, program: Program, keys: Iterable[ObjectKey], turn: Turn) -> None:
        place, view = applied.place, self.views[applied.place.cluster]
        facts = orjson.dumps(self.facts[place.cluster])
        asked: list[ObjectKey] = []
        items: list[Item] = []
        for key in keys:
            if key == WHOLE:
                asked.append(key)
                items.append(Item())
                continue
            seen = view.get(key)
            if seen is None or not any(selects(each, key, seen.labels, view) for each in selectors(applied.rule)):
                self.report.clear(place, str(key))
                continue
            asked.append(key)
            items.append(Item(seen.body, self.namespace_of(place.cluster, key) if program.wants_namespace else b""))
        if asked:
            self._agenda.asked.add(place)
            turn.asks.append(Ask(place, program, facts, tuple(asked), tuple(items)))

    def namespace_of(self, cluster: str, key: ObjectKey) -> bytes:
        """The namespace of an object as it stands in a cluster; empty where there is none."""
        found = self.views[cluster].namespace(key.namespace) if key.namespace else None
        return found.body if found is not None else b""

    def _again(self, cluster: str, key: ObjectKey) -> None:
        """What could not be done is tried again."""
        if cluster == HUB or key.group == POLICIES.group:
            self._policies_due.add(cluster)
        else:
            self._agenda.mark_object(cluster, key)

    # ------------------------------------------------------------------ what expressions came to

    def checked(self, name: RuleName, program: Program, faults: Iterable[Fault], now_s: float) -> None:
        """A program was compiled."""
        self.rulebook.checked(name, program, faults)
        self._rules_changed(name[0])
        self.statuses.touch(name[0], now_s)

    def unjudged(self, ask: Ask) -> None:
        """It could not be evaluated now."""
        self._agenda.asked.discard(ask.place)
        if self.rulebook.find(ask.place) is not None:
            for key in ask.keys:
                self._agenda.mark(ask.place, key)

    def judged(self, ask: Ask, verdicts: Iterable[Verdict], now_s: float) -> None:
        """What it came to; nothing where the rule is another one by now."""
        self._agenda.asked.discard(ask.place)
        applied = self.rulebook.find(ask.place)
        if applied is None or applied.program != ask.program:
            return
        view = self.views[ask.place.cluster]
        name: RuleName = (ask.place.baseline, ask.place.rule)
        for key, verdict in zip(ask.keys, verdicts, strict=True):
            object = f"Cluster {ask.place.cluster}" if key == WHOLE else str(key)
            if verdict.holds or (key != WHOLE and view.get(key) is None):
                self.report.clear(ask.place, object)
                continue
            holds = applied.rule.must_hold
            assert holds is not None, "only such rules are asked about"
            said = (
                verdict.message or applied.rule.message or f"does not hold: {' '.join(holds.expression.split())[:200]}"
            )
            self.report.put(ask.place, object, path_in(holds.expression), said, now_s)
            if verdict.costly:
                self._costly.setdefault(name, set()).add((ask.place.cluster, key))
        if len(self._costly.get(name, ())) >= MOST_COSTLY:
            said = (
                f"{self.rulebook.path_of(name)}.mustHold.expression: costs too much of {MOST_COSTLY} objects and more"
            )
            self.rulebook.refuse(name, said, costly=True)
            self._rules_changed(name[0])
            self.statuses.touch(name[0], now_s)

    # ------------------------------------------------------------------ what is written

    def _admit(self, turn: Turn, steps: Iterable[Step], now_s: float) -> None:
        for step in steps:
            if not self._writes or self.doubt(step.cluster):
                continue
            untroubled = self.mending.troubles.get(step.place) is None
            if self.mending.admit(step, now_s):
                turn.steps.append(step)
            elif untroubled and self.mending.troubles.get(step.place) is not None:
                self._again(step.cluster, step.object)  # why it is not mended is told

    def doubt(self, place: str) -> str:
        """Why nothing is written there; empty where it is who it should be."""
        view = self.view(place)
        if len(view.uids) > 1:
            return "another API server answers at its address"
        source = self._sources.get(place)
        if source is None or place == HUB:
            return ""
        if source.freshness is Freshness.SUSPECT and not source.missing:
            return source.reason
        if source.uid and view.uids and source.uid not in view.uids:
            return "another API server answers at its address"
        return ""

    @property
    def _tells(self) -> bool:
        return self._hub_is_live and not self.doubt(HUB)

    @property
    def _hub_is_live(self) -> bool:
        """Whether it shows which baselines there are."""
        stream = self.hub.streams.of.get(BASELINES)
        return stream is not None and stream.live and not self.rulebook.doubt

    @property
    def _members_are_known(self) -> bool:
        return all(view.tried(POLICY_KINDS) for view in self.views.values())

    @property
    def _hub_is_a_member(self) -> bool:
        """Then its policies are a member's, which may be others than those of a hub."""
        return any(view.uids & self.hub.uids for view in self.views.values())

    def done(self, step: Step, answer: bytes, now_s: float) -> None:
        """It was carried out; ``answer`` is the object as it stands then."""
        self._ended(step, None, now_s)
        if step.verb == APPLY:
            learned = self.view(step.cluster).learn(step.kind, answer)
            self._mark_seen(step.cluster, step.kind, learned, listed=False)

    def absent(self, step: Step, now_s: float) -> None:
        """What it was about is not there."""
        if step.verb == DELETE:
            self.done(step, b"", now_s)
        else:
            self.failed(step, GONE, now_s)

    def failed(self, step: Step, found: Failure, now_s: float) -> None:
        """It was not carried out."""
        self._ended(step, found, now_s)
        if step.verb != STATUS:
            self._again(step.cluster, step.object)

    def _ended(self, step: Step, found: Failure | None, now_s: float) -> None:
        self.mending.ended(step, found, now_s)
        if step.verb == STATUS:
            self.statuses.touch(step.name, now_s)
        elif step.kind in (POLICIES, BINDINGS_OF_POLICIES):
            for name, baseline in self.rulebook.baselines.items():
                if baseline.mode is Mode.DENY:  # whether it is carried out may be told otherwise now
                    self.statuses.touch(name, now_s)

    # ------------------------------------------------------------------ what is shown

    def denying(self, cluster: str, key: ObjectKey, labels: dict[str, str]) -> tuple[Applied, ...]:
        """The rules of denying baselines that an object would have to keep in a cluster."""
        view = self.views[cluster]
        return tuple(
            applied
            for applied in self.rulebook.about(cluster, key.group, key.kind)
            if applied.baseline.mode is Mode.DENY
            and any(selects(each, key, labels, view) for each in selectors(applied.rule))
        )

    def refusal(self, applied: Applied, verdict: Verdict | None) -> str:
        """Why an object may not be placed by a rule; ``verdict`` None: it must not be there at all."""
        return denial(applied.baseline, applied.rule, verdict.message if verdict is not None else "")


def path_in(expression: str) -> str:
    """The first field of the object that an expression looks at: where to look first.

    >>> path_in("!has(object.spec.hostNetwork) || !object.spec.hostNetwork"), path_in("object.rules.all(r, true)")
    ('spec.hostNetwork', 'rules')
    """
    found = _FIRST_FIELD.search(expression)
    if found is None:
        return ""
    parts = found[1].replace("?", "").strip(".").split(".")
    is_call = expression[found.end() :].lstrip().startswith("(")
    return ".".join(parts[:-1] if is_call else parts)


def _seconds(moment: str, default_s: float) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return default_s
