"""Rules that need no expressions, held against what is seen of a cluster: what is wrong is reported, and what mends it
is told. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trafficfed.baseline.federated import BINDINGS, Bindings, granted_outside, hub_bindings, objections, wanted
from trafficfed.baseline.fields import Difference
from trafficfed.baseline.having import Having, Wanted, lacks
from trafficfed.baseline.marks import BASELINES, OWNER_LABEL, RULE_ANNOTATION
from trafficfed.baseline.mending import Mending, apply_of, delete_of
from trafficfed.baseline.reading import NAMESPACES
from trafficfed.baseline.report import Report
from trafficfed.baseline.rulebook import Applied
from trafficfed.baseline.structs import Mode
from trafficfed.baseline.view import Kind, Seen, View
from trafficfed.discovery.absence import too_many
from trafficfed.errors import ConfigError
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.portable import OWNER_LABEL as PROPAGATED_BY
from trafficfed.services.kinds import OWNER_LABEL as IMPORTED_BY
from trafficfed.services.steps import Step

Json = dict[str, Any]
BASELINE: Kind = (BASELINES.api_version, BASELINES.kind)
SECRET = ("", "Secret")
TEMPLATE = "template"
"""Stands for the object where a rule does not fit a cluster at all."""


class Checks:
    """``hub`` and ``views`` are what is seen of each API server; ``facts`` what each cluster states of itself."""

    def __init__(
        self,
        owner: str,
        hub: View,
        views: Mapping[str, View],
        facts: Mapping[str, Json],
        report: Report,
        mending: Mending,
    ) -> None:
        self._owner, self._hub, self._views, self._facts = owner, hub, views, facts
        self._report, self._mending = report, mending
        self._bindings = Bindings()

    # ------------------------------------------------------------------ what must be there

    def template(self, applied: Applied) -> Having | None:
        """What a template asks for in its cluster; None where it does not fit."""
        try:
            return self._having(applied)
        except ConfigError:
            return None

    def _having(self, applied: Applied) -> Having:
        assert applied.rule.must_have is not None, "asked of such rules only"
        cluster = applied.place.cluster
        return Having(applied.rule.must_have, self._facts[cluster], self._views[cluster])

    def must_have(self, applied: Applied, keys: Iterable[ObjectKey], now_s: float) -> Iterator[Step]:
        """One rule in one cluster, of these objects. A template that does not fit there is told once."""
        view, have = self._views[applied.place.cluster], applied.rule.must_have
        assert have is not None, "asked of such rules only"
        try:
            asked = self._having(applied)
        except ConfigError as error:
            path, _, message = str(error).partition(": ")
            self._report.put(applied.place, TEMPLATE, path, message, now_s)
            return
        self._report.clear(applied.place, TEMPLATE)
        kind = (str(have.template.get("apiVersion", "")), str(have.template.get("kind", "")))
        if not view.is_listed(kind) or (have.namespaces is not None and not view.is_listed(NAMESPACES)):
            return  # nothing is missing until everything was seen; its list marks all of it
        for key in keys:
            want = asked.wanted_for(key)
            if want is None:
                self._report.clear(applied.place, str(key))
            elif kind in view.absent:
                self._report.put(applied.place, str(key), "", f"{kind[1]} of {kind[0]} is not served there", now_s)
            else:
                yield from self._hold(applied, want, view.get(key), now_s)

    def _hold(self, applied: Applied, want: Wanted, seen: Seen | None, now_s: float) -> Iterator[Step]:
        place, cluster = applied.place, applied.place.cluster
        differs = lacks(want, seen)
        if differs is not None and (want.key.group, want.key.kind) == SECRET and seen is not None:
            differs = Difference(path=differs.path, message="is not as it must be")  # what it says is nobody's to read
        if differs is None:
            self._report.clear(place, str(want.key))
            return
        why = self._mending.why(cluster, want.key)
        said = _joined(applied.rule.message, differs.message, why)
        self._report.put(place, str(want.key), differs.path, said, now_s)
        kind = self._views[cluster].kinds.get((want.api_version, want.key.kind))
        if applied.baseline.mode is Mode.ENFORCE and kind is not None:
            yield apply_of(cluster, kind, applied, want, seen, self._owner)

    # ------------------------------------------------------------------ what must not be there

    def must_not_have(self, applied: Applied, offending: Mapping[ObjectKey, Seen], now_s: float) -> Iterator[Step]:
        """All objects that are there and must not be; those that may be deleted are."""
        place, selector = applied.place, applied.rule.must_not_have
        assert selector is not None, "asked of such rules only"
        view = self._views[place.cluster]
        kind: Kind = (selector.api_version, selector.kind)
        enforced, hub_is_live = applied.baseline.mode is Mode.ENFORCE, self._hub_is_live(BASELINE)
        for key, seen in sorted(offending.items()):
            placed = seen.labels.get(PROPAGATED_BY) or seen.labels.get(IMPORTED_BY)
            spared = ""
            if placed:
                spared = f"it is placed there by {placed}: change the policy that places it, or the rule"
            elif not hub_is_live:
                spared = "it is not deleted while the hub cannot be seen"
            elif too_many(len(offending), view.count(kind)):
                of = f"{len(offending)} of {view.count(kind)}"
                spared = f"{of} are too many to be deleted at once: delete them, or narrow the rule"
            why = (enforced and spared) or self._mending.why(place.cluster, key)
            self._report.put(place, str(key), "", _joined(applied.rule.message or "must not be there", why), now_s)
            if enforced and not spared and (found := view.kinds.get(kind)) is not None:
                yield delete_of(place.cluster, found, seen)

    # ------------------------------------------------------------------ who may do what

    def federated(self, applied: Applied, now_s: float) -> Iterator[Step]:
        """The hub's bindings in one cluster, and what was granted beside them."""
        rule, view, place = applied.rule.federated_access, self._views[applied.place.cluster], applied.place
        assert rule is not None, "asked of such rules only"
        seen_all = all(self._hub.is_listed(kind) for kind in BINDINGS)
        if not seen_all or not all(map(view.is_listed, (*BINDINGS, NAMESPACES))):
            return
        bindings = hub_bindings(rule, self._hub, self._bindings)
        asked = {want.key: want for want in wanted(bindings, view)}
        told: dict[str, tuple[str, str]] = {}
        for grant in objections(bindings, view):
            told.setdefault(str(grant.key), (grant.path, grant.message))
        ours = {seen.key: seen for seen in self._ours(applied, view)}
        stale = {key: seen for key, seen in ours.items() if key not in asked}
        if rule.audit:
            for grant in granted_outside(bindings, {*asked, *stale}, view, self._bindings):
                told.setdefault(str(grant.key), (grant.path, grant.message))
        braked = too_many(len(stale), len(ours))
        why = "; too many at once to be revoked by itself" if braked else ""
        for key in stale:
            told.setdefault(str(key), ("", f"the hub no longer grants it{why}"))
        for key, want in asked.items():
            if (differs := lacks(want, view.get(key))) is not None:
                told[str(key)] = differs.path, _joined(differs.message, self._mending.why(place.cluster, key))
        for object, (path, message) in told.items():
            self._report.put(place, object, path, _joined(applied.rule.message, message), now_s)
        self._report.keep_only(place, told)
        if applied.baseline.mode is Mode.ENFORCE:
            yield from self._bind(applied, asked, {} if braked else stale)

    def _bind(
        self, applied: Applied, asked: Mapping[ObjectKey, Wanted], stale: Mapping[ObjectKey, Seen]
    ) -> Iterator[Step]:
        cluster = applied.place.cluster
        view = self._views[cluster]
        for key, want in asked.items():
            seen, kind = view.get(key), view.kinds.get((want.api_version, key.kind))
            if kind is not None and lacks(want, seen) is not None:
                yield apply_of(cluster, kind, applied, want, seen, self._owner)
        for seen in stale.values():
            kind = next((each for at, each in view.kinds.items() if at[1] == seen.key.kind), None)
            if kind is not None and self._hub_is_live(*BINDINGS):
                yield delete_of(cluster, kind, seen)

    def _hub_is_live(self, *kinds: Kind) -> bool:
        """Whether it shows these kinds now: nothing is deleted by what it said before."""
        return not self._hub.unseen(kinds) and len(self._hub.uids) == 1

    def _ours(self, applied: Applied, view: View) -> Iterator[Seen]:
        """Bindings that were made for this very rule."""
        name = f"{applied.baseline.name}/{applied.rule.name}"
        for kind in BINDINGS:
            for seen in view.all(kind):
                if seen.labels.get(OWNER_LABEL) == self._owner and seen.annotations.get(RULE_ANNOTATION) == name:
                    yield seen


def _joined(*parts: str) -> str:
    return "; ".join(each for each in parts if each)
