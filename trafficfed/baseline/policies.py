"""Which admission policies stand in each API server, and what has to be written so that the right ones do. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from trafficfed.baseline.admission import Made, mentions_cluster, policies
from trafficfed.baseline.marks import BINDINGS_OF_POLICIES, OWNER_LABEL, POLICIES
from trafficfed.baseline.mending import policy_steps
from trafficfed.baseline.rulebook import Rulebook
from trafficfed.baseline.structs import Mode
from trafficfed.baseline.view import Kind, View
from trafficfed.discovery.absence import FEW, SHARE
from trafficfed.propagation.objects import HUB, TemplateKind
from trafficfed.services.steps import Step

POLICY_KINDS: tuple[Kind, ...] = tuple((kind.api_version, kind.kind) for kind in (POLICIES, BINDINGS_OF_POLICIES))


class Policies:
    """``views`` are the members', ``facts`` what each states of itself."""

    def __init__(
        self, owner: str, rulebook: Rulebook, views: Mapping[str, View], facts: Mapping[str, dict[str, Any]]
    ) -> None:
        self._owner, self._rulebook, self._views, self._facts = owner, rulebook, views, facts

    def steps(self, place: str, view: View, hub_uid: str, live: bool) -> Iterator[Step]:
        """What is to be written in one API server; ``live``: the hub shows which baselines there are."""
        if view.unseen(POLICY_KINDS) or any(kind in view.absent for kind in POLICY_KINDS):
            return
        is_hub = place == HUB
        wished: list[Made] = []
        for baseline in self._rulebook.baselines.values():
            if baseline.mode is not Mode.DENY or not (
                baseline.is_for_all if is_hub else self._is_for(baseline.name, place)
            ):
                continue
            for rule in self._rulebook.usable(baseline):
                if not is_hub or not mentions_cluster(rule):
                    kinds = self._stated_kinds(view, baseline.name)
                    facts = None if is_hub else self._facts[place]
                    wished += policies(self._owner, hub_uid, baseline, rule, kinds, facts)
        standing = [
            seen for kind in POLICY_KINDS for seen in view.all(kind) if seen.labels.get(OWNER_LABEL) == self._owner
        ]
        steps = tuple(policy_steps(place, wished, standing, (POLICIES, BINDINGS_OF_POLICIES), hub_uid if live else ""))
        deletes = sum(1 for step in steps if step.verb == "delete" and step.kind == POLICIES)
        policies_there = sum(1 for seen in standing if seen.key.kind == POLICIES.kind)
        braked = deletes > FEW and SHARE * deletes > policies_there and bool(self._rulebook.doubt or not wished)
        yield from (step for step in steps if not (braked and step.verb == "delete"))

    def _is_for(self, name: str, cluster: str) -> bool:
        return cluster in self._rulebook.clusters_of(name)

    def _stated_kinds(self, view: View, baseline: str) -> dict[Kind, TemplateKind]:
        """Of the hub only kinds of policies are discovered: what it calls others, a member that has them says."""
        found = dict(view.kinds)
        for name in self._rulebook.clusters_of(baseline):
            for kind, known in self._views[name].kinds.items():
                found.setdefault(kind, known)
        return found
