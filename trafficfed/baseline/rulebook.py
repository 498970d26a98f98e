"""The baselines that are in force, and which of their rules applies where. Pure.

A baseline leaves by a watched deletion, or by its absence from a complete list of the same hub; where more than
max(5, 20 %) are gone at once nothing is concluded, as an emptied or restored hub would look like that (law 1).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from trafficfed.baseline.judging import Fault, Program
from trafficfed.baseline.problem import TOO_COSTLY
from trafficfed.baseline.reading import Baseline, kinds_of, program_of, selectors
from trafficfed.baseline.report import RulePlace
from trafficfed.baseline.structs import BaselineRule
from trafficfed.baseline.view import Kind
from trafficfed.discovery.absence import too_many
from trafficfed.model import Cluster, Value

RuleName = tuple[str, str]
"""Baseline and rule."""


class Applied(Value, frozen=True, kw_only=True):
    """One rule in one cluster; ``kinds`` is what has to be seen of that."""

    place: RulePlace
    baseline: Baseline
    rule: BaselineRule
    program: Program | None = None
    kinds: frozenset[Kind] = frozenset()


class Rulebook:
    """``unreadable`` are objects on the hub that are no baselines, by name, with the reason; ``faults`` what is wrong
    with single rules, which are kept nowhere, ``left`` names of those that were seen to leave."""

    def __init__(self, clusters: Mapping[str, Cluster]) -> None:
        self._clusters = clusters
        self.baselines: dict[str, Baseline] = {}
        self.unreadable: dict[str, str] = {}
        self.faults: dict[RuleName, str] = {}
        self.costly: set[RuleName] = set()
        self._unchecked: dict[RuleName, Program] = {}
        self.doubt = ""
        self.left: set[str] = set()
        self._applied: dict[str, dict[RulePlace, Applied]] = {name: {} for name in clusters}
        self._about: dict[str, dict[tuple[str, str], list[Applied]]] = {name: {} for name in clusters}
        self._kinds: dict[str, frozenset[Kind]] = dict.fromkeys(clusters, frozenset())
        self._clusters_of: dict[str, tuple[str, ...]] = {}

    # ------------------------------------------------------------------ what comes in

    def put(self, baseline: Baseline) -> bool:
        """Whether anything is decided otherwise now."""
        before = self.baselines.get(baseline.name)
        self.baselines[baseline.name] = baseline
        self.left.discard(baseline.name)
        self.unreadable.pop(baseline.name, None)
        if before is not None and before.same_rules(baseline):
            self._reindex(baseline.name)
            return False
        self._forget_faults(baseline.name)
        for rule in baseline.rules:
            if (program := program_of(rule)) is not None:
                self._unchecked[baseline.name, rule.name] = program
        self._reindex(baseline.name)
        return True

    def missing(self, listed: Iterable[str]) -> tuple[str, ...]:
        """Baselines that a complete list no longer has, and that are gone therefore; none where they are too many."""
        gone = self.baselines.keys() - set(listed)
        if too_many(len(gone), len(self.baselines)):
            self.doubt = (
                f"{len(gone)} baselines are missing at once; they are kept until they are back, or deleted there"
            )
            return ()
        self.doubt = ""
        return tuple(sorted(gone))

    def remove(self, name: str) -> None:
        self.left.add(name)
        self.baselines.pop(name, None)
        self.unreadable.pop(name, None)
        self._forget_faults(name)
        self._reindex(name)

    def refuse(self, name: RuleName, reason: str, *, costly: bool = False) -> None:
        """A rule that cannot be used: kept nowhere until its baseline changes."""
        self.faults[name] = reason
        if costly:
            self.costly.add(name)
        self._reindex(name[0])

    def _forget_faults(self, baseline: str) -> None:
        for known in (self.faults, self._unchecked):
            for name in [each for each in known if each[0] == baseline]:
                del known[name]
        self.costly = {each for each in self.costly if each[0] != baseline}

    # ------------------------------------------------------------------ expressions

    @property
    def unchecked(self) -> tuple[tuple[RuleName, Program], ...]:
        """Programs that have to be compiled before their rules are used."""
        return tuple(self._unchecked.items())

    def is_unchecked(self, baseline: str, rule: str) -> bool:
        """Whether nobody knows yet if it can be used."""
        return (baseline, rule) in self._unchecked

    def checked(self, name: RuleName, program: Program, faults: Iterable[Fault]) -> None:
        """The rule is used from now on, or refused; nothing where it is another one by now."""
        if self._unchecked.get(name) != program:
            return
        del self._unchecked[name]
        told = [f"{self.path_of(name)}.mustHold.{each.where}: {each.problem}" for each in faults]
        if told:
            self.refuse(name, "; ".join(told), costly=any(each.problem.reason == TOO_COSTLY for each in faults))
        else:
            self._reindex(name[0])

    def path_of(self, name: RuleName) -> str:
        """Where a rule stands in its baseline."""
        rules = self.baselines[name[0]].rules
        return f"spec.rules[{next(at for at, rule in enumerate(rules) if rule.name == name[1])}]"

    def usable(self, baseline: Baseline) -> tuple[BaselineRule, ...]:
        """Its rules but for those that are refused or not compiled yet."""
        held = self.faults.keys() | self._unchecked.keys()
        return tuple(rule for rule in baseline.rules if (baseline.name, rule.name) not in held)

    # ------------------------------------------------------------------ which rules apply where

    def _reindex(self, name: str) -> None:
        baseline = self.baselines.get(name)
        self._clusters_of.pop(name, None)
        if baseline is not None:
            chosen = (each for each, properties in sorted(self._clusters.items()) if baseline.is_for(properties))
            self._clusters_of[name] = tuple(chosen)
        for cluster in self._clusters:
            kept = {place: each for place, each in self._applied[cluster].items() if place.baseline != name}
            if baseline is not None and cluster in self._clusters_of[name]:
                kept |= self._places_of(baseline, cluster)
            self._applied[cluster] = kept
            self._kinds[cluster] = frozenset().union(*(each.kinds for each in kept.values()))
            about: defaultdict[tuple[str, str], list[Applied]] = defaultdict(list)
            for applied in kept.values():
                for group, kind in {
                    (each.api_version.rpartition("/")[0], each.kind) for each in selectors(applied.rule)
                }:
                    about[group, kind].append(applied)
            self._about[cluster] = dict(about)

    def _places_of(self, baseline: Baseline, cluster: str) -> dict[RulePlace, Applied]:
        found = {}
        for rule in self.usable(baseline):
            place = RulePlace(cluster, baseline.name, rule.name)
            found[place] = Applied(
                place=place, baseline=baseline, rule=rule, program=program_of(rule), kinds=kinds_of(rule)
            )
        return found

    def find(self, place: RulePlace) -> Applied | None:
        return self._applied.get(place.cluster, {}).get(place)

    def of(self, cluster: str) -> Iterator[Applied]:
        """All rules that apply in a cluster."""
        return iter(tuple(self._applied[cluster].values()))

    def of_baseline(self, name: str) -> Iterator[Applied]:
        """Where a baseline applies, rule by rule."""
        for rules in self._applied.values():
            yield from [each for place, each in rules.items() if place.baseline == name]

    def about(self, cluster: str, group: str, kind: str) -> Iterable[Applied]:
        """The rules that look at each object of a kind there."""
        return self._about[cluster].get((group, kind), ())

    def kinds(self, cluster: str) -> frozenset[Kind]:
        """What has to be seen of a cluster."""
        return self._kinds[cluster]

    def clusters_of(self, name: str) -> tuple[str, ...]:
        """The clusters that a baseline is for."""
        return self._clusters_of.get(name, ())
