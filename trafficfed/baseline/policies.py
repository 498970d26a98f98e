"""Which admission policies stand in each API server, and what has to be written so that the right ones do. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from trafficfed.baseline.admission import Made, mentions_cluster, policies
from trafficfed.baseline.marks import BINDINGS_OF_POLICIES, OWNER_LABEL, POLICIES, RULE_ANNOTATION
from trafficfed.baseline.mending import policy_steps
from trafficfed.baseline.reading import selectors
from trafficfed.baseline.rulebook import Rulebook
from trafficfed.baseline.structs import Mode
from trafficfed.baseline.view import Kind, Seen, View
from trafficfed.discovery.absence import too_many
from trafficfed.propagation.objects import HUB, TemplateKind
from trafficfed.services.steps import DELETE, Step

POLICY_KINDS: tuple[Kind, ...] = tuple((kind.api_version, kind.kind) for kind in (POLICIES, BINDINGS_OF_POLICIES))


class Policies:
    """``views`` are the members', ``facts`` what each states of itself; ``held`` tells what is not deleted."""

    def __init__(
        self, owner: str, rulebook: Rulebook, views: Mapping[str, View], facts: Mapping[str, dict[str, Any]]
    ) -> None:
        self._owner, self._rulebook, self._views, self._facts = owner, rulebook, views, facts
        self.held: dict[str, str] = {}

    def steps(self, place: str, view: View, hub_uid: str, live: bool) -> Iterator[Step]:
        """What is to be written in one API server; ``live``: the hub shows which baselines there are."""
        if view.unseen(POLICY_KINDS) or any(kind in view.absent for kind in POLICY_KINDS):
            return
        wished, undecided = self._wished(place, view, hub_uid)
        standing = [
            seen for kind in POLICY_KINDS for seen in view.all(kind) if seen.labels.get(OWNER_LABEL) == self._owner
        ]
        decided = [seen for seen in standing if seen.annotations.get(RULE_ANNOTATION) not in undecided]
        steps = tuple(policy_steps(place, wished, decided, (POLICIES, BINDINGS_OF_POLICIES), hub_uid if live else ""))
        orphans = [step for step in steps if step.verb == DELETE and not self._is_known(view.get(step.object))]
        braked = too_many(len(orphans), len(standing))
        self.held.pop(place, None)
        if braked:
            self.held[place] = (
                f"{len(orphans)} admission policies and bindings are of baselines that the hub does not have: bring "
                f"those back, or delete these: kubectl delete vap,vapbinding -l {OWNER_LABEL}={self._owner}"
            )
        yield from (step for step in steps if not (braked and step in orphans))

    def _wished(self, place: str, view: View, hub_uid: str) -> tuple[list[Made], set[str]]:
        """What must stand there; and the rules of which that is not known yet: what stands of those is left alone."""
        is_hub = place == HUB
        wished: list[Made] = []
        undecided: set[str] = set()
        for baseline in self._rulebook.baselines.values():
            concerned = baseline.is_for_all if is_hub else self._is_for(baseline.name, place)
            if baseline.mode is not Mode.DENY or not concerned:
                continue
            kinds = self._stated_kinds(view, baseline.name)
            usable = self._rulebook.usable(baseline)
            for rule in baseline.rules:
                known = {*kinds, *(() if is_hub else view.absent)}
                if self._rulebook.is_unchecked(baseline.name, rule.name) or not known.issuperset(
                    (each.api_version, each.kind) for each in selectors(rule)
                ):
                    undecided.add(f"{baseline.name}/{rule.name}")
                elif rule in usable and not (is_hub and mentions_cluster(rule)):
                    facts = None if is_hub else self._facts[place]
                    wished += policies(self._owner, hub_uid, baseline, rule, kinds, facts)
        return wished, undecided

    def _is_known(self, seen: Seen | None) -> bool:
        """Whether its baseline is there, or was seen to leave: its absence alone says less (law 1)."""
        name = seen.annotations.get(RULE_ANNOTATION, "").partition("/")[0] if seen is not None else ""
        return name in self._rulebook.baselines or name in self._rulebook.left

    def _is_for(self, name: str, cluster: str) -> bool:
        return cluster in self._rulebook.clusters_of(name)

    def _stated_kinds(self, view: View, baseline: str) -> dict[Kind, TemplateKind]:
        """Of the hub only kinds of policies are discovered: what it calls others, a member that has them says."""
        found = dict(view.kinds)
        for name in self._rulebook.clusters_of(baseline):
            for kind, known in self._views[name].kinds.items():
                found.setdefault(kind, known)
        return found
