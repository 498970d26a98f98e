"""What is said on the hub of policies and templates: computed when something changed and has settled, written once for
each change of meaning."""

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from trafficfed.model import Refusal, Value
from trafficfed.propagation.aggregate import CopyState, invalid_status, policy_status
from trafficfed.propagation.copy_states import CopyStates
from trafficfed.propagation.followed import CLUSTER_POLICIES, POLICIES
from trafficfed.propagation.hub_view import HubView
from trafficfed.propagation.objects import HUB, ObjectKey, PolicyKey, Template, TemplateKind
from trafficfed.propagation.place import Chosen
from trafficfed.propagation.policy import PolicyStatus
from trafficfed.propagation.remarks import Remark, Remarks
from trafficfed.propagation.statuses import Aim, CopyStatus, aggregate

Json = dict[str, Any]

SETTLE_S = 0.25
"""What changes within this is said together: each member reports for itself, and each replica once more."""

LONGEST_S = 2.0
"""While copies are under way it waits no longer than this."""

PACE_S = 0.05
"""All that may be due is looked through no more often than this, as there may be thousands amid a burst."""

AGAIN_S = 5.0
"""After the hub did not take it."""

WITHOUT_STATUS_S = 300.0
"""After the hub said that it has no status of a kind: somebody has to install its definition anew."""

STATUS_MANAGER = "trafficfed-status"
"""The field manager of statuses, apart from that of copies."""

_OF_THE_POLICY = {
    "InvalidPolicy",
    "KindNotListed",
    "KindNotOnHub",
    "NoClusterFits",
    "NothingSelected",
    "WaitingForMeasurement",
}
"""Reasons of conditions that no copy tells of."""


class StatusWrite(Value, frozen=True, kw_only=True):
    """One status to write by server-side apply at ``path``, under a field manager of its own."""

    subject: ObjectKey | PolicyKey
    path: str
    body: bytes


class Standing:
    """``copies`` are the states of all copies by object; ``ruled`` the objects of each policy."""

    def __init__(self, hub: HubView) -> None:
        self._hub = hub
        self._kinds = {(kind.group, kind.kind): kind for kind in hub.kinds}
        self.copies = CopyStates()
        self.ruled: dict[PolicyKey, set[ObjectKey]] = {}
        self._policy_of: dict[ObjectKey, PolicyKey] = {}
        self._due: dict[ObjectKey | PolicyKey, tuple[float, float]] = {}
        self._earliest_s = math.inf
        self._look_s = 0.0
        self._written: dict[PolicyKey, tuple[str, PolicyStatus]] = {}
        self._said: dict[ObjectKey, tuple[str, bytes]] = {}
        self._hints: dict[ObjectKey, tuple[CopyState, ...]] = {}
        self._remarks = Remarks()
        self._at_first: dict[PolicyKey, PolicyStatus] = {}
        self._pending: list[Remark] = []
        self._without_status: dict[tuple[str, str], float] = {}
        self.runs_templates = False

    # ------------------------------------------------------------------ what changed

    def assign(self, key: ObjectKey, policy: PolicyKey | None, now_s: float) -> PolicyKey | None:
        """Which policy an object's record names, None where it has none any more; the policy that lost it by that."""
        before = self._policy_of.get(key)
        if before == policy:
            return None
        if before is not None:
            self.ruled[before].discard(key)
            self.touch(before, now_s)
        if policy is None:
            self._policy_of.pop(key, None)
            self.copies.drop(key)
            self._said.pop(key, None)
            self._hints.pop(key, None)
            self._remarks.forget(key)
            return before
        self._policy_of[key] = policy
        self.ruled.setdefault(policy, set()).add(key)
        self.touch(policy, now_s)
        return before

    def stand(self, key: ObjectKey, states: Mapping[str, CopyState], now_s: float) -> None:
        """How an object's copies stand now."""
        if self.copies.put(key, states) and (policy := self._policy_of.get(key)) is not None:
            self.touch(policy, now_s)
        self.touch(key, now_s)

    def hint(self, key: ObjectKey, hints: tuple[CopyState, ...], now_s: float) -> None:
        """What of an object's copies is not as one would wish, though they are in place."""
        if self._hints.get(key, ()) != hints:
            self._hints[key] = hints
            if (policy := self._policy_of.get(key)) is not None:
                self.touch(policy, now_s)
            self.touch(key, now_s)

    def arrived(self, cluster: str, key: ObjectKey, now_s: float) -> None:
        """One copy is as it should be now."""
        self.copies.put_one(CopyState(cluster=cluster, object=key))
        if (policy := self._policy_of.get(key)) is not None:
            self.touch(policy, now_s)
        self.touch(key, now_s)

    def touch(self, subject: ObjectKey | PolicyKey, now_s: float) -> None:
        first_s, _ = self._due.get(subject, (now_s, 0.0))
        self._put_off(subject, first_s, max(now_s, min(now_s + SETTLE_S, first_s + LONGEST_S)))

    def _put_off(self, subject: ObjectKey | PolicyKey, first_s: float, at_s: float) -> None:
        self._due[subject] = first_s, at_s
        self._earliest_s = min(self._earliest_s, at_s)

    @property
    def next_s(self) -> float | None:
        """When something may be due: not before that moment."""
        return max(self._earliest_s, self._look_s) if self._due else None

    # ------------------------------------------------------------------ what stands in the way

    def refusals(self, chosen: Mapping[PolicyKey, Chosen], now_s: float) -> Iterator[Refusal]:
        """Everything of policies and copies that is not as somebody wished, each by its reason."""
        for key in sorted({*self._hub.policies, *self._hub.invalid}):
            said = self._said_of(key, chosen, PolicyStatus(), now_s).conditions
            its_own = (each for each in said if each.status == "False" and each.reason in _OF_THE_POLICY)
            if (first := next(its_own, None)) is not None:
                yield Refusal(cluster=HUB, object=str(key), reason=first.reason, message=first.message)
        for state in self.copies.troubled():
            yield _refusal(state)
        for _, hints in sorted(self._hints.items()):
            yield from map(_refusal, hints)
        for (group, kind), until_s in sorted(self._without_status.items()):
            if now_s < until_s:
                yield _no_status(group, kind)

    # ------------------------------------------------------------------ what is written

    def due(
        self,
        chosen: Mapping[PolicyKey, Chosen],
        statuses_of: Callable[[ObjectKey], Iterable[CopyStatus]],
        under_way: Container[ObjectKey],
        most: int,
        now_s: float,
    ) -> tuple[StatusWrite, ...]:
        """What has settled and differs from what stands there. ``under_way`` are objects that have steps without an
        answer."""
        if now_s < max(self._earliest_s, self._look_s):
            return ()
        found: list[StatusWrite] = []
        for subject in [subject for subject, (_, at_s) in self._due.items() if at_s <= now_s]:
            if len(found) >= most:
                break
            if subject in under_way and self._waits(subject, now_s):
                continue
            del self._due[subject]
            if isinstance(subject, ObjectKey):
                self._remark(subject)
                write = self._object(subject, statuses_of, now_s)
            else:
                write = self._policy(subject, chosen, now_s)
            if write is not None:
                found.append(write)
        self._earliest_s = min((at_s for _, at_s in self._due.values()), default=math.inf)
        self._look_s = now_s + PACE_S
        return tuple(found)

    def failed(self, subject: ObjectKey | PolicyKey, now_s: float) -> None:
        """The hub did not take it: it is worked out again."""
        if isinstance(subject, PolicyKey):
            self._written.pop(subject, None)
        else:
            self._said.pop(subject, None)
        self._put_off(subject, now_s, now_s + AGAIN_S)

    def without_status(self, subject: ObjectKey | PolicyKey, now_s: float) -> None:
        """The hub has no statuses of this kind: none is written for a while."""
        kind = kind_with_status(subject)
        self._without_status[kind] = now_s + WITHOUT_STATUS_S
        self.failed(subject, now_s + WITHOUT_STATUS_S)

    def _has_status(self, subject: ObjectKey | PolicyKey, now_s: float) -> bool:
        return self._without_status.get(kind_with_status(subject), 0.0) <= now_s

    def remarks(self) -> tuple[Remark, ...]:
        """What is to be said beside the objects on the hub; each is told once."""
        found, self._pending = tuple(self._pending), []
        return found

    def _remark(self, key: ObjectKey) -> None:
        template, policy = self._hub.templates.get(key), self._policy_of.get(key)
        if template is None or policy is None:
            return
        before = self._at_first.setdefault(policy, self._hub.statuses.get(policy, PolicyStatus()))
        states = (*self.copies.of(key).values(), *self._hints.get(key, ()))
        self._pending += self._remarks.of_object(key, template.uid, policy, states, before)

    def _waits(self, key: ObjectKey | PolicyKey, now_s: float) -> bool:
        first_s, _ = self._due[key]
        if now_s - first_s > LONGEST_S:
            return False
        self._put_off(key, first_s, now_s + SETTLE_S)
        return True

    def _policy(self, key: PolicyKey, chosen: Mapping[PolicyKey, Chosen], now_s: float) -> StatusWrite | None:
        uid = self._hub.uids.get(key)
        if uid is None:
            self._written.pop(key, None)
            self._at_first.pop(key, None)
            self._remarks.forget(key)
            return None
        if not self._has_status(key, now_s):
            return None
        written = self._written.get(key)
        before = written[1] if written and written[0] == uid else self._hub.statuses.get(key, PolicyStatus())
        after = self._said_of(key, chosen, before, now_s)
        self._at_first.setdefault(key, before)
        self._pending += self._remarks.of_policy(key, uid, before, after)
        if after == before:
            return None
        self._written[key] = uid, after
        return _policy_write(key, after)

    def _said_of(
        self, key: PolicyKey, chosen: Mapping[PolicyKey, Chosen], before: PolicyStatus, now_s: float
    ) -> PolicyStatus:
        if (invalid := self._hub.invalid.get(key)) is not None:
            return invalid_status(*invalid, before, now_s)
        keys = self.ruled.get(key, set())
        refusals: tuple[Refusal, ...] = tuple(each for who, each in self._hub.selection.unlisted() if who == key)
        states = (state for each in keys for state in self.copies.of(each).values())
        return policy_status(
            self._hub.policies[key].generation,
            _steady(chosen.get(key, Chosen(waiting="the members to be seen"))),
            states,
            sum(each in self._hub.templates for each in keys),
            before,
            now_s,
            refusals,
            (hint for each in keys for hint in self._hints.get(each, ())),
        )

    def _object(
        self, key: ObjectKey, statuses_of: Callable[[ObjectKey], Iterable[CopyStatus]], now_s: float
    ) -> StatusWrite | None:
        template, kind = self._hub.templates.get(key), self._kinds.get((key.group, key.kind))
        if template is None or kind is None or key not in self._policy_of or not self._has_status(key, now_s):
            return None
        if self.runs_templates:
            return self._given_up(kind, template)
        stated = orjson.loads(template.body)
        present = _without_nulls(stated.get("status") or {})
        aim = Aim(
            generation=template.generation,
            observed=int(present.get("observedGeneration") or 0),
            type=str((stated.get("spec") or {}).get("type", "")),
        )
        status = aggregate(key, aim, statuses_of(key))
        if status is None:
            return None
        text = orjson.dumps(status, option=orjson.OPT_SORT_KEYS)
        if self._said.get(key) == (template.uid, text) or _without_nulls(status) == present:
            return None
        self._said[key] = template.uid, text
        return _object_write(kind, template, status)

    def _given_up(self, kind: TemplateKind, template: Template) -> StatusWrite | None:
        """The hub is a member, whose own controllers write the statuses of what stands there: summing up others' beside
        them would be a quarrel, and a sum of load balancers' addresses would pass for the hub's own. What was said
        before it was a member is taken back, once.
        """
        if STATUS_MANAGER.encode() not in template.body or self._said.get(template.key) == (template.uid, b""):
            return None
        self._said[template.key] = template.uid, b""
        return _object_write(kind, template, {})


def kind_with_status(subject: ObjectKey | PolicyKey) -> tuple[str, str]:
    """Group and kind of what a status is about."""
    if isinstance(subject, ObjectKey):
        return subject.group, subject.kind
    kind = POLICIES if subject.namespace else CLUSTER_POLICIES
    return kind.group, kind.kind


def _no_status(group: str, kind: str) -> Refusal:
    name = f"{kind}.{group}" if group else kind
    message = "the hub has no /status of this kind: what becomes of its objects is not shown there"
    if group == POLICIES.group:
        message += "; install the definitions again: trafficfed crds | kubectl apply --server-side -f -"
    return Refusal(cluster=HUB, object=name, reason="NoStatusSubresource", message=message)


def _refusal(state: CopyState) -> Refusal:
    message = state.message or state.reason
    return Refusal(cluster=state.cluster, object=str(state.object), reason=state.reason, message=message)


def _steady(chosen: Chosen) -> Chosen:
    """A cluster that fits says so, whether it was chosen now or before: looking again changes no meaning."""
    findings = (replace(each, reason="Fits") if each.reason == "Kept" else each for each in chosen.findings)
    return replace(chosen, findings=tuple(findings))


def _without_nulls(value: Any) -> Any:
    """API servers answer null for some fields that are not there; a load balancer without addresses is empty."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None and each != {}}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _policy_write(key: PolicyKey, status: PolicyStatus) -> StatusWrite:
    kind = POLICIES if key.namespace else CLUSTER_POLICIES
    return _write(key, kind, key.namespace, key.name, msgspec.to_builtins(status))


def _object_write(kind: TemplateKind, template: Template, status: Json) -> StatusWrite:
    return _write(template.key, kind, template.key.namespace, template.key.name, status)


def _write(subject: ObjectKey | PolicyKey, kind: TemplateKind, namespace: str, name: str, status: Json) -> StatusWrite:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": status}
    return StatusWrite(
        subject=subject,
        path=f"{kind.path(namespace, name)}/status",
        body=orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
    )
