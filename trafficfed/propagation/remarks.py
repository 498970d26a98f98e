"""What is said to users beside their own objects: refusals, conflicts and holds, and that they are over; each once.

A policy's remarks are of its conditions. An object's are of what somebody has to do about this one object: what
concerns a member as a whole (it is away, it forbids us everything) is said once, of the policy.
"""

from collections.abc import Iterable, Iterator, Mapping

from trafficfed.model import Value
from trafficfed.propagation.aggregate import CopyState
from trafficfed.propagation.copy_states import UNDER_WAY
from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.propagation.policy import PolicyStatus

OF_OBJECTS = frozenset({"AlreadyExists", "FieldConflict", "Contested", "Invalid", "OverrideFailed", "MoreThanFits"})
OVER = "Resolved"
PASSING = UNDER_WAY | {"Terminating", "Outdated", "NotScheduled", "SeveralReasons"}
"""Reasons that say nothing yet: another one follows by itself, or stands at each object."""


class Remark(Value, frozen=True, kw_only=True):
    """One sentence about a policy or an object on the hub, to be said once. ``good``: something is over."""

    subject: ObjectKey | PolicyKey
    uid: str
    reason: str
    message: str
    good: bool = False


class Remarks:
    """What was said last, so that it is said again only when its meaning changes."""

    def __init__(self) -> None:
        self._policies: dict[PolicyKey, dict[str, str]] = {}
        self._objects: dict[ObjectKey, dict[str, str]] = {}
        self._before: dict[PolicyKey, dict[tuple[str, str], str]] = {}

    def of_policy(self, key: PolicyKey, uid: str, before: PolicyStatus, after: PolicyStatus) -> Iterator[Remark]:
        """``before`` is what its status says so far: that was said when it was written."""
        said = self._policies.get(key)
        if said is None:
            said = {each.type: each.reason for each in before.conditions if _is_bad(each.status, each.reason)}
            self._policies[key] = said
        for each in after.conditions:
            if each.status == "True":
                if (reason := said.pop(each.type, "")) and each.type == "Applied":
                    message = f"no longer {reason}: {each.message}"
                    yield Remark(subject=key, uid=uid, reason=OVER, message=message, good=True)
            elif _is_bad(each.status, each.reason) and said.get(each.type) != each.reason:
                said[each.type] = each.reason
                yield Remark(subject=key, uid=uid, reason=each.reason, message=each.message)

    def of_object(
        self, key: ObjectKey, uid: str, policy: PolicyKey, states: Iterable[CopyState], before: PolicyStatus
    ) -> Iterator[Remark]:
        """``before`` is what the policy's status said at the start: what stands there was said already."""
        said = self._objects.get(key)
        if said is None:
            said = self._objects[key] = self._said_before(key, policy, before)
        now = {each.cluster: each for each in states if each.reason in OF_OBJECTS}
        for cluster in sorted(said.keys() - now.keys()):
            message = f"{cluster}: no longer {said.pop(cluster)}"
            yield Remark(subject=key, uid=uid, reason=OVER, message=message, good=True)
        for cluster, state in sorted(now.items()):
            if said.get(cluster) != state.reason:
                said[cluster] = state.reason
                yield Remark(subject=key, uid=uid, reason=state.reason, message=f"{cluster}: {state.message}")

    def forget(self, subject: ObjectKey | PolicyKey) -> None:
        """It is no more, or another's."""
        if isinstance(subject, PolicyKey):
            self._policies.pop(subject, None)
            self._before.pop(subject, None)
        else:
            self._objects.pop(subject, None)

    def _said_before(self, key: ObjectKey, policy: PolicyKey, before: PolicyStatus) -> dict[str, str]:
        if policy not in self._before:
            stated = {(each.object, each.cluster): each.reason for each in before.problems}
            self._before[policy] = {place: reason for place, reason in stated.items() if reason in OF_OBJECTS}
        known: Mapping[tuple[str, str], str] = self._before[policy]
        return {cluster: reason for (name, cluster), reason in known.items() if name == str(key)} if known else {}


def _is_bad(status: str, reason: str) -> bool:
    return status == "False" and reason not in PASSING
