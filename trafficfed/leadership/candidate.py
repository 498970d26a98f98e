"""One controller's part in the election: what to read and write where and when, and whether it leads. Pure.

A candidate follows, stands, or leads. It stands, with a term above all it knows, when it may ask a majority of the
electors for their votes; leads while a majority of them has granted it that term, from the start of each request for
nine tenths of a lease; and gives back at once what it holds without a majority. Electors are asked one call at a
time, each at its own pace, so that one that hangs delays nothing. ``sight`` has the rules for a single vote.
"""

import math
from collections.abc import Iterator
from enum import StrEnum

from msgspec.structs import replace

from trafficfed.leadership import words
from trafficfed.leadership.elector import Seen
from trafficfed.leadership.record import Record, controller_of
from trafficfed.leadership.sight import Rules, Sight, answered
from trafficfed.model import Value

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5
"""After a majority was missed: long against a call, so that who meets a rival once does not meet it again and again."""

UNOPPOSED_SHARE = 0.25
"""Of the longest pause, for whoever met no rival: there is nobody to avoid."""


class Phase(StrEnum):
    FOLLOWING = "following"
    STANDING = "standing"
    LEADING = "leading"


class Read(Value, frozen=True):
    """Ask an elector; the answer counts from ``at_s``."""

    elector: str
    at_s: float


class Write(Value, frozen=True):
    """Have an elector take a record; what it grants counts from ``at_s``."""

    elector: str
    record: Record
    over: Seen
    at_s: float


class Won(Value, frozen=True):
    """It leads from now on."""

    term: int


class Lost(Value, frozen=True):
    """It leads no more; ``reason`` is a sentence."""

    reason: str


Call = Read | Write
Action = Call | Won | Lost


class Candidate:
    """Call ``step`` at the moment ``wake_s`` names and after whatever it was told; carry out what it returns.

    Each Call is to be followed by exactly one of ``answered``, ``conflicted`` or ``failed``. Moments are seconds of a
    clock that never stops or jumps, also while the machine sleeps.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.phase = Phase.FOLLOWING
        self.term = 0
        self._sights = {name: Sight() for name in rules.electorate}
        self._floor = 0
        self._attempted: set[str] = set()
        self._written: set[str] = set()
        self._met_rival = False
        self._pause_until_s = -math.inf
        self._stand_down_until_s = -math.inf

    # What it is told.

    def note_term(self, term: int) -> None:
        """A term was seen elsewhere: in a table, at a name server, in a fence. A new one will exceed it."""
        self._floor = max(self._floor, term)

    def answered(self, call: Call, seen: Seen, now_s: float) -> None:
        """The elector took the record, or told what stands there."""
        before = self._sights[call.elector]
        self._written.discard(call.elector)
        rules = self.rules
        lease_s = max([rules.lease_s, *(each.record.lease_s for each in self._sights.values() if each.record)])
        after = answered(before, seen, call.at_s, now_s, rules, lease_s, wrote=isinstance(call, Write))
        due_s = self._next_look_s(now_s)
        if isinstance(call, Write) and call.record.holder == rules.holder:
            after = replace(after, granted_s=call.at_s)
            due_s = call.at_s + rules.renew_s
        elif self.phase is Phase.LEADING and self._ours(after):
            due_s = after.granted_s + rules.renew_s
        self._sights[call.elector] = replace(after, due_s=due_s)

    def conflicted(self, call: Write, now_s: float) -> None:
        """Something else stood there than the record was to replace."""
        self._met_rival = True
        self._written.discard(call.elector)
        self._sights[call.elector] = replace(self._sights[call.elector], unsure=True, busy=False, due_s=now_s)

    def failed(self, call: Call, error: str, now_s: float) -> None:
        """No answer, or a refusal; a write may have been done all the same."""
        before = self._sights[call.elector]
        self._written.discard(call.elector)
        unsure = before.unsure or isinstance(call, Write)
        after = replace(before, unsure=unsure, busy=False, due_s=self._next_look_s(now_s), error=error)
        self._sights[call.elector] = after

    def release(self, now_s: float, stand_down_s: float = 0.0) -> None:
        """Lead no more, from this moment; stand again only after ``stand_down_s``."""
        self._stand_down_until_s = max(self._stand_down_until_s, now_s + stand_down_s)
        if self.phase is not Phase.FOLLOWING:
            self._follow(now_s)

    # What it does.

    def step(self, now_s: float, *, ready: bool, luck: float) -> tuple[Action, ...]:
        """Bring its phase up to date, then name the calls that are due. ``luck`` is between 0 and 1."""
        events: list[Action] = []
        if self.phase is Phase.LEADING and (reason := self._why_lost(now_s)):
            self._follow(now_s)
            events.append(Lost(reason))
        elif self.phase is Phase.STANDING:
            events += self._count(now_s, ready, luck)
        if self.phase is Phase.FOLLOWING and ready and self._may_stand(now_s):
            self._stand()
        return (*events, *self._calls(now_s))

    def wake_s(self, now_s: float) -> float:
        """When to call ``step`` next if nothing happens until then."""
        moments = [sight.due_s for sight in self._sights.values() if not sight.busy]
        if self.phase is Phase.LEADING:
            moments.append(self.valid_until_s)
        elif self.phase is Phase.FOLLOWING:
            moments += [moment for moment in (self._stand_s(now_s),) if moment > now_s]
        return min(moments, default=math.inf)

    # What it knows.

    @property
    def valid_until_s(self) -> float:
        """Until when it leads; long ago where it does not."""
        return self._votes_until_s() if self.phase is Phase.LEADING else -math.inf

    def leader(self, now_s: float) -> str:
        """The controller that holds a majority as far as can be seen from here, empty where none is known to."""
        if now_s < self.valid_until_s:
            return controller_of(self.rules.holder)
        live = [sight.record for sight in self._sights.values() if sight.record and now_s < sight.lapses_s]
        holders = [record.holder for record in live]
        for record in live:
            if holders.count(record.holder) >= self.rules.majority and record.holder != self.rules.holder:
                return record.controller
        return ""

    def trouble(self, elector: str) -> str:
        """What is wrong at one elector, empty where nothing is."""
        sight = self._sights[elector]
        return sight.error or words.disagreement(self.rules, elector, sight)

    def reason(self, now_s: float, ready: bool) -> str:
        """Why it does not lead, in a sentence that stays the same while its cause does; empty where it leads."""
        if now_s < self.valid_until_s:
            return ""
        leader = self.leader(now_s)
        reasons = (
            self._blocked(now_s),
            f"{leader} leads" if leader else "",
            "" if ready else words.NOT_READY,
            words.STOOD_DOWN if now_s < self._stand_down_until_s else "",
            self._shortage(now_s),
        )
        return next((reason for reason in reasons if reason), words.UNDER_WAY)

    # Phases.

    def _why_lost(self, now_s: float) -> str:
        if now_s >= self.valid_until_s:
            return words.lapsed(self.rules)
        if self._floor > self.term:
            return words.outdated(self._floor)
        return self._blocked(now_s)

    def _count(self, now_s: float, ready: bool, luck: float) -> list[Action]:
        """Lead where a majority granted its vote; give up where it can no longer."""
        may_lead = ready and not self._blocked(now_s) and self._floor < self.term
        if may_lead and now_s < self._votes_until_s():
            self.phase = Phase.LEADING
            return [Won(self.term)]
        if not may_lead or self._hopeless(now_s):
            longest_s = LONGEST_PAUSE_S if self._met_rival else LONGEST_PAUSE_S * UNOPPOSED_SHARE
            self._pause_until_s = now_s + SHORTEST_PAUSE_S + luck * (longest_s - SHORTEST_PAUSE_S)
            self._follow(now_s)
        return []

    def _hopeless(self, now_s: float) -> bool:
        possible = sum(
            self._counts(sight, now_s)
            or (name in self._written if name in self._attempted else self._open(sight, now_s))
            for name, sight in self._sights.items()
        )
        return possible < self.rules.majority

    def _follow(self, now_s: float) -> None:
        self.phase = Phase.FOLLOWING
        for name, sight in self._sights.items():
            self._sights[name] = replace(sight, due_s=now_s)

    def _may_stand(self, now_s: float) -> bool:
        return now_s >= self._stand_s(now_s) and not self._blocked(now_s)

    def _stand(self) -> None:
        self.phase = Phase.STANDING
        self.term = 1 + max(self._floor, self.term, *(sight.term for sight in self._sights.values()))
        self._attempted = set()
        self._met_rival = False

    def _stand_s(self, now_s: float) -> float:
        """From when on a majority may be asked for their votes, unless anything changes until then."""
        opens = sorted(self._opens_s(sight, now_s) for sight in self._sights.values())
        return max(opens[self.rules.majority - 1], self._pause_until_s, self._stand_down_until_s)

    # Votes.

    def _votes_until_s(self) -> float:
        granted = sorted((s.granted_s if self._ours(s) else -math.inf for s in self._sights.values()), reverse=True)
        return granted[self.rules.majority - 1] + self.rules.valid_s

    def _counts(self, sight: Sight, now_s: float) -> bool:
        return self._ours(sight) and now_s < sight.granted_s + self.rules.valid_s

    def _ours(self, sight: Sight) -> bool:
        """Whether this process holds it for its present term."""
        return sight.held_by(self.rules.holder) and sight.term == self.term

    def _open(self, sight: Sight, now_s: float) -> bool:
        return now_s >= self._opens_s(sight, now_s)

    def _opens_s(self, sight: Sight, now_s: float) -> float:
        """From when on its vote may be asked for, as things stand now; never where it has to be read first."""
        rules = self.rules
        if sight.seen is None or sight.unsure or sight.silent(now_s, rules.silence_s):
            return math.inf
        if sight.last_s < self._pause_until_s <= now_s or (sight.record and not rules.agrees(sight.record)):
            return math.inf
        lapses_s = -math.inf if sight.free_for(rules.holder) else sight.lapses_s
        return lapses_s if self._beyond_doubt(sight, now_s) else max(lapses_s, sight.doubt_until_s)

    def _beyond_doubt(self, sight: Sight, now_s: float) -> bool:
        """Whether no other vote can have been forgotten there, although the elector was not watched for a lease.

        Either we lead, and it shows what we left there: nobody else can have had a majority since. Or every elector
        answers and none is anybody's: at most a minority can have forgotten at once, so nobody holds a majority. That
        they all forgot is told by a term that is known from elsewhere.
        """
        if now_s < self.valid_until_s and self._ours(sight) and not sight.went_back:
            return True
        sights = self._sights.values()
        terms = [each.term for each in sights]
        return self._floor <= max(terms) and all(
            each.free_for(self.rules.holder)
            and not each.unsure
            and not each.silent(now_s, self.rules.silence_s)
            and not (each.went_back and now_s < each.doubt_until_s)
            for each in sights
        )

    # Calls.

    def _calls(self, now_s: float) -> Iterator[Call]:
        for name, sight in self._sights.items():
            if sight.busy:
                continue
            call = self._call(name, sight, now_s)
            if call is not None:
                self._sights[name] = replace(sight, busy=True)
                yield call

    def _call(self, name: str, sight: Sight, now_s: float) -> Call | None:
        if sight.seen is not None and self._wants_write(name, sight, now_s):
            self._attempted.add(name)
            self._written.add(name)
            return Write(name, self._record(sight.seen), sight.seen, now_s)
        return Read(name, now_s) if now_s >= sight.due_s else None

    def _wants_write(self, name: str, sight: Sight, now_s: float) -> bool:
        if self.phase is Phase.FOLLOWING:
            return sight.held_by(self.rules.holder) and not sight.unsure
        if not self._open(sight, now_s):
            return False
        if self.phase is Phase.STANDING:
            return name not in self._attempted
        # A higher term is left alone, as terms at an elector never fall; whoever leads next will exceed it.
        return now_s >= sight.due_s and sight.term <= self.term

    def _record(self, over: Seen) -> Record:
        """A follower gives back what it holds; everybody else takes or renews."""
        if self.phase is Phase.FOLLOWING and over.record is not None:
            return self.rules.released(over.record)
        return self.rules.claim(over, self.term)

    def _next_look_s(self, now_s: float) -> float:
        """A look once more at the end of a pause, as what was seen before it is old by then."""
        look_s = now_s + self.rules.poll_s
        return min(look_s, self._pause_until_s) if now_s < self._pause_until_s else look_s

    # Words.

    def _blocked(self, now_s: float) -> str:
        """Why it must not lead: a live lease of a fleet or electorate that is not its own."""
        for name, sight in self._sights.items():
            if now_s < sight.lapses_s and (found := words.disagreement(self.rules, name, sight)):
                return found
        return ""

    def _shortage(self, now_s: float) -> str:
        """Which votes cannot be asked for yet, and why."""
        lacks = []
        for name, sight in self._sights.items():
            in_doubt = now_s < sight.doubt_until_s and not self._beyond_doubt(sight, now_s)
            if why := words.lack(self.rules, name, sight, now_s, in_doubt=in_doubt):
                lacks.append((name, why))
        return words.shortage(self.rules, lacks)
