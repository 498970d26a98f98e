"""What is to be looked at: rules in clusters, and of each the objects that may stand otherwise now. Pure."""

from collections.abc import Iterable, Mapping

from trafficfed.baseline.checking import Checks
from trafficfed.baseline.reading import NAMESPACES, selectors
from trafficfed.baseline.report import Report, RulePlace
from trafficfed.baseline.rulebook import Applied, Rulebook
from trafficfed.baseline.selecting import kind_of
from trafficfed.baseline.view import Changes, View
from trafficfed.propagation.objects import ObjectKey, TemplateKind

WHOLE = ObjectKey("", "Cluster", "", "")
"""Stands for everything that a rule is about, where it is not looked at object by object."""


class Agenda:
    """Its length follows the change: an object marks the rules about its kind, a rule the objects it is about.
    ``asked`` are the rules whose expressions are being evaluated."""

    def __init__(self, rulebook: Rulebook, views: Mapping[str, View], report: Report, checks: Checks) -> None:
        self._rulebook, self._views, self._report, self._checks = rulebook, views, report, checks
        self._due: dict[RulePlace, dict[ObjectKey, None]] = {}
        self.asked: set[RulePlace] = set()

    def __len__(self) -> int:
        return sum(map(len, self._due.values()))

    def __contains__(self, place: RulePlace) -> bool:
        return place in self._due

    @property
    def unsettled(self) -> set[RulePlace]:
        """Rules in clusters of which not everything is known yet."""
        return self.asked | self._due.keys()

    @property
    def places(self) -> tuple[RulePlace, ...]:
        """Rules in clusters of which something is to be looked at."""
        return tuple(self._due)

    def take(self, place: RulePlace, most: int) -> list[ObjectKey]:
        """So many of a rule's objects, which are due no more."""
        keys = self._due[place]
        taken = list(keys)[:most]
        for key in taken:
            del keys[key]
        if not keys:
            del self._due[place]
        return taken

    def drop(self, baseline: str) -> None:
        """Nothing of it is to be looked at any more."""
        for place in [each for each in self._due if each.baseline == baseline]:
            del self._due[place]

    # ------------------------------------------------------------------ marks

    def mark(self, place: RulePlace, key: ObjectKey) -> None:
        """One object of one rule."""
        self._due.setdefault(place, {})[key] = None

    def mark_rule(self, applied: Applied) -> None:
        """Everything that a rule is about."""
        view, rule, place = self._views[applied.place.cluster], applied.rule, applied.place
        known = set(self._report.objects(place))
        for selector in selectors(rule):
            for seen in view.all(kind_of(selector)):
                self.mark(place, seen.key)
                known.discard(str(seen.key))
        if rule.must_have is not None:
            if (asked := self._checks.template(applied)) is not None:
                for want in asked.all():
                    self.mark(place, want.key)
                    known.discard(str(want.key))
            else:
                self.mark(place, WHOLE)
                known.clear()
        elif not selectors(rule):
            self.mark(place, WHOLE)
            known.clear()
        for object in known:  # of which it is not any more
            self._report.clear(place, object)

    def mark_federated(self, clusters: Iterable[str]) -> None:
        """The hub's bindings are others."""
        for cluster in clusters:
            for applied in self._rulebook.of(cluster):
                if applied.rule.federated_access is not None:
                    self.mark(applied.place, WHOLE)

    def mark_changes(self, cluster: str, kind: TemplateKind, changed: Changes, *, listed: bool) -> None:
        """Objects of a member changed; ``listed``: all of a kind were seen."""
        for key in changed:
            for applied in self._rulebook.about(cluster, key.group, key.kind):
                self.mark(applied.place, key)
        namespaces = (kind.api_version, kind.kind) == NAMESPACES
        for applied in self._rulebook.of(cluster):
            rule = applied.rule
            if rule.federated_access is not None and (changed or listed):
                if (kind.api_version, kind.kind) in applied.kinds:
                    self.mark(applied.place, WHOLE)
            elif rule.must_have is not None:
                stated = rule.must_have.template
                if (stated.get("apiVersion"), stated.get("kind")) == (kind.api_version, kind.kind):
                    for key in changed:
                        self.mark(applied.place, key)
                if listed:
                    self.mark_rule(applied)
                elif namespaces and rule.must_have.namespaces is not None:
                    self._mark_templates_in(applied, changed)
            elif namespaces and NAMESPACES in applied.kinds:
                self._mark_objects_in(applied, changed)

    def _mark_templates_in(self, applied: Applied, changed: Changes) -> None:
        if (asked := self._checks.template(applied)) is not None:
            for key in changed:
                self.mark(applied.place, asked.key_in(key.name))

    def _mark_objects_in(self, applied: Applied, changed: Changes) -> None:
        """What stands in namespaces whose labels are others now."""
        names = {
            key.name
            for key, (old, new) in changed.items()
            if (old.labels if old else {}) != (new.labels if new else {})
        }
        if names:
            view = self._views[applied.place.cluster]
            for selector in selectors(applied.rule):
                for seen in view.all(kind_of(selector)):
                    if seen.key.namespace in names:
                        self.mark(applied.place, seen.key)

    def mark_object(self, cluster: str, key: ObjectKey) -> None:
        """What could not be done with it is tried again."""
        for applied in self._rulebook.of(cluster):
            if applied.rule.must_have is not None or applied.rule.must_not_have is not None:
                self.mark(applied.place, key)
            elif applied.rule.federated_access is not None:
                self.mark(applied.place, WHOLE)
