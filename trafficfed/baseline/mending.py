"""What has to be written so that baselines are kept: one step for an object at a time, and none in vain. Pure."""

from collections.abc import Iterable
from typing import Any

import orjson

from trafficfed.baseline.admission import Made
from trafficfed.baseline.having import Wanted
from trafficfed.baseline.marks import HASH_ANNOTATION, HUB_ANNOTATION, OWNER_LABEL, RULE_ANNOTATION, manager_of
from trafficfed.baseline.rulebook import Applied
from trafficfed.baseline.view import Seen
from trafficfed.propagation.objects import ObjectKey, TemplateKind
from trafficfed.propagation.troubles import Failure, Place, Troubles
from trafficfed.services.steps import APPLY, DELETE, Step

FIGHTS, FIGHT_S = 5, 60.0
"""Somebody who undoes what is mended so often within this time is let be for a while, and named."""

CONTESTED = Failure(
    reason="Contested",
    message=f"somebody undid it {FIGHTS} times within {FIGHT_S:.0f} s; find out who writes it, or take the rule back",
    person=True,
)


def apply_of(cluster: str, kind: TemplateKind, applied: Applied, want: Wanted, seen: Seen | None, owner: str) -> Step:
    """What is made is marked as ours; of what is another's only the rule's fields are."""
    stated: dict[str, Any] = orjson.loads(want.body)
    if seen is None or seen.labels.get(OWNER_LABEL) == owner:
        metadata = stated["metadata"]
        metadata["labels"] = {**(metadata.get("labels") or {}), OWNER_LABEL: owner}
        marks = {RULE_ANNOTATION: f"{applied.baseline.name}/{applied.rule.name}"}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **marks}
    return Step(
        cluster=cluster,
        verb=APPLY,
        kind=kind,
        namespace=want.key.namespace,
        name=want.key.name,
        body=orjson.dumps(stated),
        uid=seen.uid if seen is not None else "",
        hash=want.hash,
        manager=manager_of(applied.baseline.name, applied.rule.name),
    )


def delete_of(cluster: str, kind: TemplateKind, seen: Seen) -> Step:
    """Of exactly the object that was seen."""
    return Step(
        cluster=cluster,
        verb=DELETE,
        kind=kind,
        namespace=seen.key.namespace,
        name=seen.key.name,
        uid=seen.uid,
        revision=str(seen.revision),
    )


def policy_steps(
    place: str, wished: Iterable[Made], standing: Iterable[Seen], kinds: Iterable[TemplateKind], hub_uid: str
) -> Iterable[Step]:
    """From the policies that stand in an API server to those that should; only ours of this hub are taken away."""
    held = {seen.key: seen for seen in standing}
    wanted = {ObjectKey(made.kind.group, made.kind.kind, "", made.name): made for made in wished}
    for key, made in wanted.items():
        seen = held.get(key)
        if seen is None or seen.annotations.get(HASH_ANNOTATION) != made.hash:
            yield Step(
                cluster=place,
                verb=APPLY,
                kind=made.kind,
                namespace="",
                name=made.name,
                body=made.body,
                uid=seen.uid if seen is not None else "",
                hash=made.hash,
                manager=manager_of("policies", ""),
            )
    by_kind = {(kind.group, kind.kind): kind for kind in kinds}
    for key, seen in sorted(held.items(), key=lambda each: each[0], reverse=True):  # bindings before policies
        if key not in wanted and hub_uid and seen.annotations.get(HUB_ANNOTATION) == hub_uid:
            yield delete_of(place, by_kind[key.group, key.kind], seen)


class Mending:
    """What is under way and what stands in the way."""

    def __init__(self) -> None:
        self.troubles = Troubles()
        self.under_way: dict[Place, Step] = {}
        self._mended: dict[tuple[Place, str], list[float]] = {}

    def admit(self, step: Step, now_s: float) -> bool:
        """Whether a step may be taken now."""
        place = step.place
        if place in self.under_way or self.troubles.holds(place, step.hash, now_s) is not None:
            return False
        if step.verb == APPLY and self._is_contested((place, step.hash), now_s):
            self.troubles.failed(place, CONTESTED, step.hash, now_s)
            self._mended.pop((place, step.hash), None)
            return False
        self.under_way[place] = step
        return True

    def _is_contested(self, what: tuple[Place, str], now_s: float) -> bool:
        lately = [each for each in self._mended.get(what, ()) if each > now_s - FIGHT_S]
        self._mended[what] = [*lately, now_s]
        return len(lately) >= FIGHTS

    def ended(self, step: Step, found: Failure | None, now_s: float) -> None:
        """``found``: why it was not taken."""
        self.under_way.pop(step.place, None)
        if found is None:
            self.troubles.over(step.place)
        else:
            self.troubles.failed(step.place, found, step.hash, now_s)

    def why(self, cluster: str, key: ObjectKey) -> str:
        """Why an object is not mended; empty where nothing stands in the way."""
        trouble = self.troubles.get((cluster, key))
        return trouble.failure.message if trouble is not None else ""
