"""The deciding half of the publisher: wishes and what is published go in, changes come out. It waits for nothing.

A name's removals without a cause are never part of its first step: what has a cause goes at once, the rest is kept,
waits a moment for more of its kind, and is then judged by the brakes together.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping

from trafficfed.model import NameChange, Outcome, RecordSet, Refusal, Result, ServiceKey, Value, Zone
from trafficfed.reports import Braked as BrakedReport
from trafficfed.reports import Report
from trafficfed.zones.brakes import Braked, Held, Leaving, NameValue, brake
from trafficfed.zones.plan import NameAsk, Planned, plan_name
from trafficfed.zones.refusals import Refusals, named
from trafficfed.zones.view import ZoneView
from trafficfed.zones.wish import Wish
from trafficfed.zones.wishes import Turns, Wishes

SETTLE_S = 1.0
"""How long removals without a cause wait for others of their kind, so that the brakes see how many there are."""

RECENT_S = 600.0
"""How long such a removal counts towards the zone's brake after it was carried out."""

REFUSED_RETRY_S = 60.0
PROVIDER_REFUSED = "ProviderRefused"
FAILED_RETRY_S = 5.0
CONFLICTS_AT_ONCE = 3
"""After so many conflicts in a row somebody else keeps writing there: wait before the next attempt."""


class Pending(Value, frozen=True, kw_only=True):
    """What would be written now: the changes, what brakes hold, and what is refused."""

    changes: tuple[NameChange, ...] = ()
    held: tuple[Held, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class ZoneDesk:
    """One zone at one provider. Times are seconds of a clock that never jumps."""

    def __init__(self, provider: str, zone: Zone, owner: str, report: Report) -> None:
        self._provider = provider
        self._zone = zone
        self._owner = owner
        self._report = report
        self._adopt = frozenset(zone.adopt)
        self._wishes = Wishes()
        self._turns = Turns()
        self._events: dict[str, float] = {}
        self._open: set[str] = set()
        self._refusals = Refusals(report)
        self._kept: dict[str, Leaving] = {}
        self._held: tuple[Held, ...] = ()
        self._confirmed: set[NameValue] = set()
        self._recent: deque[float] = deque()
        self._retries: dict[str, float] = {}
        self._conflicts: dict[str, int] = {}
        self._judge_at_s: float | None = None
        self.complete = False
        self.loaded = False
        self.doubtful = False
        self.view = ZoneView(zone.name, owner)
        self.uncertain: set[str] = set()

    @property
    def held(self) -> tuple[Held, ...]:
        return self._held

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return self._refusals.all()

    @property
    def waiting(self) -> int:
        """How many services have to be planned or written."""
        return len(self._turns)

    @property
    def waiting_since_s(self) -> float | None:
        """When the oldest event happened whose service has a turn or a retry to come, None where none has.

        What brakes hold, and what is refused before anybody is asked, is no part of it: it waits for people.
        """
        due = (self._events.get(service) for service in (*self._turns.all(), *self._retries))
        return min((at_s for at_s in due if at_s is not None), default=None)

    def load(self, view: ZoneView, *, doubtful: bool = False) -> None:
        """Take in a whole zone as read; everything is planned against it anew.

        ``doubtful``: others may have written since. Then causes are kept also of what is not known to be published.
        """
        self.view = view
        self.doubtful = doubtful
        self.loaded = True
        self.uncertain.clear()
        for name in self._wishes.contested():
            self._wishes.prefer(name, view.service_of(name) or "")
        for service in sorted(self._wishes.services() | view.services()):
            self.touch(service)

    def forget(self) -> None:
        """Know nothing any more of what stands in the zone; what is wished stays, with its causes."""
        self.view = ZoneView(self._zone.name, self._owner)
        self.loaded = False
        self.uncertain.clear()
        self._kept, self._held, self._judge_at_s = {}, (), None

    def want(self, wish: Wish) -> None:
        service = str(wish.service)
        before = self._wishes.get(service)
        if before is not None and service in self._open:
            known = self.loaded and not self.doubtful
            wish = wish.after(before, self._published(service) if known else before.departed)
        self._open.add(service)
        self._events.setdefault(service, wish.event_at_s)
        concerned = {service, *self._wishes.put(wish)}
        for name in wish.names:
            if self._wishes.holder(name) != service and self.view.service_of(name) == service:
                concerned.add(self._wishes.prefer(name, service) or service)
        for other in sorted(concerned):
            self.touch(other)

    def set_complete(self, complete: bool) -> None:
        """Whether every part of the fleet has been seen, so that what nobody wishes is known to be unwanted."""
        if complete == self.complete:
            return
        self.complete = complete
        self._kept, self._held = {}, ()
        for service in sorted(self.view.services() | self._open):
            self.touch(service)

    def touch(self, service: str) -> None:
        """Plan a service anew when its turn comes."""
        self._turns.add(service, urgent=bool(self.view.names_of(service)))

    def confirm(self, confirm_id: str) -> bool:
        """Let go exactly what one brake holds; False where nothing of that id is held."""
        found = [held for held in self._held if held.confirm_id == confirm_id]
        for held in found:
            self._confirmed |= held.pairs
            self._judge_at_s = 0.0
        return bool(found)

    def event_at_s(self, service: str, otherwise: float) -> float:
        return self._events.get(service, otherwise)

    def next_wake_s(self) -> float | None:
        """When time alone brings something to do."""
        times = [*self._retries.values(), *([self._judge_at_s] if self._judge_at_s is not None else [])]
        return min(times, default=None)

    def next_changes(self, limit: int, now_s: float) -> list[Planned]:
        """Plan up to ``limit`` services in their turn; after the last one, what the brakes let go."""
        for service in [service for service, at_s in self._retries.items() if at_s <= now_s]:
            del self._retries[service]
            self.touch(service)
        planned = [item for service in itertools.islice(self._turns, limit) for item in self._take(service, now_s)]
        if not self._turns and self._judge_at_s is not None and self._judge_at_s <= now_s:
            self._judge_at_s = None
            planned += self._let_go(now_s)
        return [item for item in planned if item.change]

    def settle(self, planned: Planned, result: Result, now_s: float) -> None:
        """Take in how one change ended. What is not known to be done has to be read anew before it is planned again."""
        change = planned.change
        if change is None:
            return
        if result.outcome is Outcome.DONE:
            self._conflicts.pop(planned.name, None)
            self.view.carry_out(change)
            if change.removes_without_cause:
                self._recent.append(now_s)
            self.touch(planned.service)
            return
        if result.outcome is Outcome.REFUSED:
            message = f"{planned.name}: {result.message}"
            refusal = Refusal(cluster="", object=planned.name, reason=PROVIDER_REFUSED, message=message)
            self._note(planned.service, {**self._refusals.of(planned.service), planned.name: (refusal,)})
            self._retries[planned.service] = now_s + REFUSED_RETRY_S
            return
        self.uncertain.add(planned.name)
        self._conflicts[planned.name] = self._conflicts.get(planned.name, 0) + 1
        if result.outcome is Outcome.CONFLICT and self._conflicts[planned.name] < CONFLICTS_AT_ONCE:
            self.touch(planned.service)
        else:
            self._retries[planned.service] = now_s + FAILED_RETRY_S

    def put_back(self, planned: Planned, *, unsure: bool) -> None:
        """Nothing is known to have become of a change: plan its service again, after a look where we are unsure."""
        if unsure:
            self.uncertain.add(planned.name)
        self.touch(planned.service)

    def take_in(self, name: str, found: Iterable[RecordSet]) -> None:
        """Take in what was read anew at a name and its marker, and plan anew whom it concerns where it differs."""
        self.uncertain.discard(name)
        concerned = {self._wishes.holder(name), self.view.service_of(name)}
        if self.view.replace(name, found):
            for service in concerned | {self.view.service_of(name)}:
                if service is not None:
                    self.touch(service)

    def preview(self, now_s: float) -> Pending:
        """What would be written if all turns were taken now; nothing is changed by asking."""
        planned = [item for service in self._turns.all() for item in self._plan(service)]
        leaving = dict(self._kept)
        for item in planned:
            leaving.pop(item.name, None)
            if item.kept and self.complete:
                leaving[item.name] = Leaving(name=item.name, service=item.service, values=item.kept)
        braked = self._brake(leaving, now_s)
        steps = {item.name: item.change for item in planned}
        steps |= {name: self._plan_name(leaving[name].service, name, remove=True).change for name in braked.allowed}
        by_service = itertools.groupby(planned, key=lambda item: item.service)
        refused = {
            service: {item.name: tuple(named(r, self._key(service)) for r in self._refused(item)) for item in items}
            for service, items in by_service
        }
        return Pending(
            changes=tuple(change for _, change in sorted(steps.items()) if change),
            held=braked.held,
            refusals=self._refusals.all(instead=refused),
        )

    def _take(self, service: str, now_s: float) -> list[Planned]:
        """Plan one service and remember what is refused and kept."""
        planned = self._plan(service)
        before = self._refusals.of(service)
        self._note(service, {item.name: (*_untold(item, before), *self._refused(item)) for item in planned})
        for item in planned:
            if item.kept and self.complete:
                self._kept[item.name] = Leaving(name=item.name, service=item.service, values=item.kept)
                self._judge_at_s = max(self._judge_at_s or 0.0, now_s + SETTLE_S)
            elif self._kept.pop(item.name, None):
                self._judge_at_s = max(self._judge_at_s or 0.0, now_s)
        if not any(item.change or item.kept or item.refusals for item in planned):
            self._finish(service)
        return planned

    def _finish(self, service: str) -> None:
        """All is as wished: nothing of earlier wishes needs to be remembered, if the view can be relied upon."""
        self._events.pop(service, None)
        if self.doubtful:
            return
        self._open.discard(service)
        wish = self._wishes.get(service)
        if wish is not None and not wish.names and not self.view.names_of(service):
            self._wishes.forget(service)

    def _refused(self, item: Planned) -> tuple[Refusal, ...]:
        if not item.kept or self.complete:
            return item.refusals
        message = (
            f"{item.name} keeps {', '.join(item.kept)}: nobody wishes it, but not every cluster has been seen; "
            "it goes when all have been, or when the missing one is forgotten"
        )
        kept = Refusal(cluster="", object=item.name, reason="IncompleteView", message=message)
        return (*item.refusals, kept)

    def _note(self, service: str, refusals: Mapping[str, tuple[Refusal, ...]]) -> None:
        self._refusals.note(service, self._key(service), refusals)

    def _key(self, service: str) -> ServiceKey | None:
        wish = self._wishes.get(service)
        return wish.service if wish else None

    def _plan(self, service: str) -> list[Planned]:
        wish = self._wishes.get(service)
        if wish is None and not self.complete:
            return []
        wished = wish.names if wish else ()
        names = sorted(self.view.names_of(service).union(wished))
        return [self._plan_name(service, name, remove=False) for name in names if self._is_its(service, name, wished)]

    def _is_its(self, service: str, name: str, wished: Iterable[str]) -> bool:
        """A name that another service holds now is planned with that one, also where our marker is still on it."""
        return name in wished or self._wishes.holder(name) is None

    def _plan_name(self, service: str, name: str, *, remove: bool) -> Planned:
        wish = self._wishes.get(service)
        wished = wish is not None and name in wish.names
        holder = self._wishes.holder(name)
        if wished and wish is not None:
            if holder != service:
                message = f"{name} is held by {holder}: choose another hostname, or take it off there"
                return _refuse(name, service, "Conflict", message)
            if wish.refusal:
                return _refuse(name, service, "NotExpressible", f"{name}: {wish.refusal}")
        before = self.view.service_of(name)
        giver = self._wishes.get(before) if before is not None and before != service else None
        causes = [found for found in (wish, giver) if found is not None]
        ask = NameAsk(
            name=name,
            zone=self._zone.name,
            owner=self._owner,
            service=service,
            wished=wished,
            sets=wish.sets_of(name) if wish and wished else (),
            known=frozenset().union(*(cause.known for cause in causes)),
            departed=frozenset().union(*(cause.departed for cause in causes)),
            released=any(name in cause.released for cause in causes),
            adopt=name in self._adopt,
            cut=self.view.cut_above(name),
        )
        return plan_name(ask, self.view.at(name), remove=remove)

    def _brake(self, leaving: dict[str, Leaving], now_s: float) -> Braked:
        recent = sum(at_s > now_s - RECENT_S for at_s in self._recent)
        return brake(
            tuple(leaving.values()),
            {item.service: self.view.values_of(item.service) for item in leaving.values()},
            zone=self._zone.name,
            owned_names=len(self.view),
            recent_names=recent,
            confirmed=self._confirmed,
        )

    def _let_go(self, now_s: float) -> list[Planned]:
        """Have the brakes judge all that is kept; plan the removals that they allow and report what they hold."""
        while self._recent and self._recent[0] <= now_s - RECENT_S:
            self._recent.popleft()
        braked = self._brake(self._kept, now_s)
        known = {held.confirm_id for held in self._held}
        self._held = braked.held
        for held in braked.held:
            if held.confirm_id not in known:
                self._report(BrakedReport(self._provider, self._zone.name, held.confirm_id, held.message))
        pairs = {(item.name, value) for item in self._kept.values() for value in item.values}
        self._confirmed &= pairs
        allowed = [self._plan_name(self._kept[name].service, name, remove=True) for name in braked.allowed]
        for name in braked.allowed:
            del self._kept[name]
        return allowed

    def _published(self, service: str) -> frozenset[str]:
        sets = (found for name in self.view.names_of(service) for found in self.view.at(name))
        return frozenset(value.rstrip(".").lower() for found in sets for value in found.values)


def _refuse(name: str, service: str, reason: str, message: str) -> Planned:
    refusal = Refusal(cluster="", object=name, reason=reason, message=message)
    return Planned(name=name, service=service, refusals=(refusal,))


def _untold(item: Planned, before: Mapping[str, tuple[Refusal, ...]]) -> tuple[Refusal, ...]:
    """A provider's refusal stands until the next attempt has ended otherwise."""
    found = before.get(item.name, ()) if item.change else ()
    return tuple(refusal for refusal in found if refusal.reason == PROVIDER_REFUSED)
