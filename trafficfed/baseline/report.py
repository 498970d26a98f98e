"""What is wrong where: violations by cluster, baseline and rule, each since it is known. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from trafficfed.model import Value


class RulePlace(NamedTuple):
    """One rule in one cluster."""

    cluster: str
    baseline: str
    rule: str


class Violation(Value, frozen=True, kw_only=True):
    """``object`` as it is told to people: kind, namespace and name; ``since_s`` is UTC seconds."""

    cluster: str
    baseline: str
    rule: str
    object: str
    path: str = ""
    message: str = ""
    since_s: float = 0.0


class Report:
    """All that is known to be wrong."""

    def __init__(self) -> None:
        self._of: dict[RulePlace, dict[str, Violation]] = {}
        self._known_s: dict[tuple[RulePlace, str], float] = {}
        self.changed: set[str] = set()
        self.checked = 0

    def recall(self, place: RulePlace, object: str, since_s: float) -> None:
        """That this was wrong since then, as somebody said who reported before us."""
        self._known_s[place, object] = since_s

    def put(self, place: RulePlace, object: str, path: str, message: str, now_s: float) -> None:
        """This is wrong there now."""
        found = self._of.setdefault(place, {})
        before = found.get(object)
        since_s = before.since_s if before else self._known_s.pop((place, object), now_s)
        told = Violation(
            cluster=place.cluster,
            baseline=place.baseline,
            rule=place.rule,
            object=object,
            path=path,
            message=message,
            since_s=since_s,
        )
        if told != before:
            found[object] = told
            self.changed.add(place.baseline)

    def clear(self, place: RulePlace, object: str) -> None:
        """This is in order there now."""
        self._known_s.pop((place, object), None)
        if self._of.get(place, {}).pop(object, None) is not None:
            self.changed.add(place.baseline)

    def keep_only(self, place: RulePlace, objects: Iterable[str]) -> None:
        """All others are no longer what the rule is about there."""
        for each in self._of.get(place, {}).keys() - set(objects):
            self.clear(place, each)

    def drop(self, places: Iterable[RulePlace]) -> None:
        """These rules are not kept there any more."""
        for place in list(places):
            if self._of.pop(place, None):
                self.changed.add(place.baseline)

    @property
    def places(self) -> tuple[RulePlace, ...]:
        return tuple(self._of)

    def of(self, baseline: str) -> Iterator[Violation]:
        """In the order in which people look: by cluster, rule and object."""
        for place in sorted(each for each in self._of if each.baseline == baseline):
            for _, violation in sorted(self._of[place].items()):
                yield violation

    def objects(self, place: RulePlace) -> tuple[str, ...]:
        return tuple(self._of.get(place, ()))

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """By baseline and cluster."""
        found: Counter[tuple[str, str]] = Counter()
        for place, violations in self._of.items():
            found[place.baseline, place.cluster] += len(violations)
        return found
