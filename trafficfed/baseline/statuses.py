"""Which statuses are to be written on the hub, and when: one for a change of meaning, and none amid a change. Pure."""

from collections.abc import Callable, Iterator, Mapping

import orjson

from trafficfed.baseline.admission import policy_name
from trafficfed.baseline.agenda import Agenda
from trafficfed.baseline.marks import BASELINES, BINDINGS_OF_POLICIES, MANAGER, POLICIES
from trafficfed.baseline.mending import Mending
from trafficfed.baseline.policies import POLICY_KINDS
from trafficfed.baseline.reading import Baseline, selectors
from trafficfed.baseline.report import Report
from trafficfed.baseline.rulebook import Rulebook
from trafficfed.baseline.structs import BaselineStatus, Mode
from trafficfed.baseline.telling import as_json, status_of
from trafficfed.baseline.view import Kind, View
from trafficfed.propagation.objects import HUB, ObjectKey, TemplateKind
from trafficfed.services.steps import STATUS, Step

TELL_EVERY_S = 0.3
"""One baseline's status is written no more often."""

PATIENCE_S = 5.0
"""So long a status waits for what is still to be looked at, or to be seen at all."""


class Statuses:
    """``doubt`` says why an API server is not the one it should be; without ``writes`` only statuses are written."""

    def __init__(
        self,
        rulebook: Rulebook,
        report: Report,
        mending: Mending,
        views: Mapping[str, View],
        agenda: Agenda,
        doubt: Callable[[str], str],
        *,
        writes: bool,
    ) -> None:
        self._rulebook, self._report, self._mending = rulebook, report, mending
        self._views, self._agenda, self._doubt, self._writes = views, agenda, doubt, writes
        self._untold: dict[str, float] = {}
        self._told_s: dict[str, float] = {}

    def touch(self, baseline: str, now_s: float) -> None:
        """Its status may be another one now."""
        self._untold.setdefault(baseline, now_s)

    def moments(self, now_s: float) -> Iterator[float]:
        """When those that are to be told may be."""
        self._hear(now_s)
        busy = self._busy()
        for name in self._untold:
            yield self._tell_at_s(name, busy)

    def due(self, now_s: float) -> Iterator[Step]:
        """Those to be written now."""
        self._hear(now_s)
        busy = self._busy()
        for name in list(self._untold):
            baseline = self._rulebook.baselines.get(name)
            if baseline is None:
                del self._untold[name]
                continue
            if now_s < self._tell_at_s(name, busy):
                continue
            status = status_of(
                baseline,
                self._rulebook.clusters_of(name),
                tuple(self._report.of(name)),
                self.unseen(name),
                self.faults(name),
                costly=any(each[0] == name for each in self._rulebook.costly),
                now_s=now_s,
            )
            if status == baseline.status:
                del self._untold[name]
                continue
            step = _step(baseline, status)
            self._told_s[name] = now_s
            if self._mending.admit(step, now_s):
                del self._untold[name]
                yield step

    def _hear(self, now_s: float) -> None:
        for name in self._report.changed:
            self.touch(name, now_s)
        self._report.changed.clear()

    def _tell_at_s(self, name: str, busy: set[str]) -> float:
        """When a status that is to be told may be."""
        soonest_s = self._told_s.get(name, 0.0) + TELL_EVERY_S
        return max(soonest_s, self._untold[name] + PATIENCE_S) if name in busy else soonest_s

    def _busy(self) -> set[str]:
        """Baselines of which more will be known in a moment."""
        busy = {place.baseline for place in self._agenda.unsettled} | {
            name for (name, _), _ in self._rulebook.unchecked
        }
        untried = {name for name, view in self._views.items() if not view.tried(self._rulebook.kinds(name))}
        return busy | {name for name in self._untold if not untried.isdisjoint(self._rulebook.clusters_of(name))}

    # ------------------------------------------------------------------ what is shown

    def faults(self, name: str) -> tuple[str, ...]:
        """What of a baseline cannot be used, or is not carried out."""
        told = [said for (baseline, _), said in sorted(self._rulebook.faults.items()) if baseline == name]
        mode = self._rulebook.baselines[name].mode
        if not self._writes and mode is not Mode.INFORM:
            told.append(f"spec.mode: {mode} is not carried out: the controller only reads (baselines.members: read)")
        for place in (HUB, *self._views):
            for kind in (POLICIES, BINDINGS_OF_POLICIES):
                for key in self._policy_keys(kind, name):
                    why = self._mending.why(place, key)
                    told += [f"{place}: {key}: {why}"] if why else []
        return tuple(told)

    def _policy_keys(self, kind: TemplateKind, name: str) -> Iterator[ObjectKey]:
        baseline = self._rulebook.baselines[name]
        if baseline.mode is Mode.DENY:
            for rule in baseline.rules:
                for at in range(len(selectors(rule))):
                    yield ObjectKey(kind.group, kind.kind, "", policy_name(name, rule.name, at))

    def unseen(self, name: str) -> dict[str, str]:
        """Of each cluster of a baseline, why not everything that its rules ask about is seen and looked at."""
        due = {place.cluster for place in self._agenda.unsettled if place.baseline == name}
        unchecked = any(baseline == name for (baseline, _), _ in self._rulebook.unchecked)
        denies = self._rulebook.baselines[name].mode is Mode.DENY
        found = {}
        for cluster in self._rulebook.clusters_of(name):
            kinds: set[Kind] = set()
            for applied in self._rulebook.of(cluster):
                if applied.place.baseline == name:
                    kinds |= applied.kinds
            if denies:
                kinds |= set(POLICY_KINDS)
            reason = self._doubt(cluster) or self._views[cluster].unseen(kinds)
            found[cluster] = reason or ("still being looked at" if cluster in due or unchecked else "")
        return found


def _step(baseline: Baseline, status: BaselineStatus) -> Step:
    body = {
        "apiVersion": BASELINES.api_version,
        "kind": BASELINES.kind,
        "metadata": {"name": baseline.name, "uid": baseline.uid},
        "status": as_json(status),
    }
    return Step(
        cluster=HUB,
        verb=STATUS,
        kind=BASELINES,
        namespace="",
        name=baseline.name,
        body=orjson.dumps(body),
        uid=baseline.uid,
        hash=str(baseline.revision),
        manager=MANAGER,
    )
