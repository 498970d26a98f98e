"""Which clusters each policy has: chosen when it or the members change, and waiting for what was not measured yet."""

from collections.abc import Callable

from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.propagation.place import Chosen, Measured, choose
from trafficfed.propagation.select import Policy
from trafficfed.propagation.situation import Situation
from trafficfed.propagation.standing import Standing

FIRST_LOOK_S = 10.0
"""How long first choices wait for members to be seen and measured at all."""


class Choosing:
    """``marked`` policies are looked at in the next turn. ``touch`` is told objects that this concerns."""

    def __init__(self, situation: Situation, standing: Standing, touch: Callable[[ObjectKey], None]) -> None:
        self._situation, self._standing, self._touch = situation, standing, touch
        self.marked: set[PolicyKey] = set()
        self.chosen: dict[PolicyKey, Chosen] = {}
        self._asked_s: dict[PolicyKey, float] = {}

    def mark_all(self, now_s: float) -> None:
        hub = self._situation.hub
        self.marked |= {*hub.policies, *hub.invalid, *self.chosen}
        for policy in self.marked:
            self._standing.touch(policy, now_s)

    def mark_waiting(self) -> None:
        """Something was measured."""
        self.marked |= {key for key, chosen in self.chosen.items() if chosen.waiting}

    def measured(self, key: PolicyKey, now_s: float) -> Measured:
        """As far as it is known, and whether more is worth waiting for."""
        return self._situation.measured._replace(final=now_s >= self.final_s(key, now_s))

    def final_s(self, key: PolicyKey, now_s: float) -> float:
        """From when on a policy waits for no measurement any more."""
        return self._asked_s.get(key, now_s) + FIRST_LOOK_S

    def run(self, now_s: float) -> None:
        """Choose for what is marked, or has waited long enough; what waits for members to be seen stays marked."""
        hub = self._situation.hub
        overdue = {
            key for key, asked_s in self._asked_s.items() if asked_s + FIRST_LOOK_S <= now_s and self._waits(key)
        }
        for key in sorted(self.marked | overdue):
            policy = hub.policies.get(key)
            if policy is None:
                self.forget(key)
            elif not self._choose(policy, now_s):
                continue
            self.marked.discard(key)

    @property
    def next_s(self) -> float | None:
        waits = (asked_s + FIRST_LOOK_S for key, asked_s in self._asked_s.items() if self._waits(key))
        return min(waits, default=None)

    def _waits(self, key: PolicyKey) -> bool:
        chosen = self.chosen.get(key)
        return chosen is None or bool(chosen.waiting)

    def _choose(self, policy: Policy, now_s: float) -> bool:
        """Whether it was chosen, or is known to wait."""
        situation, key = self._situation, policy.key
        self._asked_s.setdefault(key, now_s)
        measured = self.measured(key, now_s)
        before = situation.known_records.choices.get(key)
        if before is None and not measured.final and not situation.all_tried:
            return False
        chosen = choose(policy, situation.candidates, measured, before)
        self.chosen[key] = chosen
        self._standing.touch(key, now_s)
        if chosen.choice is not None:
            situation.known_records.stage(chosen.choice)
        for each in self._ruled(policy):
            self._touch(each)
        return True

    def _ruled(self, policy: Policy) -> set[ObjectKey]:
        """Objects it rules, by the record or by what it selects now."""
        templates, namespace = self._situation.hub.templates, policy.key.namespace
        found = set(self._standing.ruled.get(policy.key, ()))
        for selector in policy.spec.resource_selectors:
            if selector.name and namespace:
                found.add(ObjectKey(selector.group, selector.kind, namespace, selector.name))
                continue
            kind = (selector.group, selector.kind)
            of_kind = (key for key in templates if (key.group, key.kind) == kind)
            found |= {key for key in of_kind if namespace in ("", key.namespace)}
        return found

    def forget(self, key: PolicyKey) -> None:
        """Gone from the hub, or not to be read: what it placed is judged object by object."""
        situation = self._situation
        for each in self._standing.ruled.get(key, ()):
            self._touch(each)
        if key in situation.hub.invalid or key in situation.hub.policies:
            return
        self._asked_s.pop(key, None)
        self.chosen.pop(key, None)
        if situation.hub.known.current and not self._standing.ruled.get(key):
            self._standing.ruled.pop(key, None)
            situation.known_records.drop(key)
