"""Elections in a world of their own: places with votes that lose, forget and restore, and controllers with clocks that
drift, that pause, crash and come back. Everything is an event in one queue of true time; nothing waits.

Whatever a test makes happen, after every event at most one controller leads and each leadership has a term above all
before it; ``World`` raises AssertionError where that is broken.
"""

import heapq
import itertools
from collections.abc import Callable, Sequence
from random import Random

from trafficfed.leadership.candidate import Action, Call, Candidate, Lost, Won, Write
from trafficfed.leadership.elector import Seen
from trafficfed.leadership.record import Record, holder_of
from trafficfed.leadership.sight import Rules

LEASE_S, RENEW_S, POLL_S = 10.0, 2.0, 0.5
RESTORE_S = 7.5
"""How long a place that is restored is away: longer than candidates take for a silence, with a call on top."""


class Place:
    """One elector's vote, as a server keeps it. A restored one repeats its old versions, as a restored etcd may."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = Seen(uid=f"{name}/")
        self.up = True
        self._kept = self.seen
        self._writes = 0

    @property
    def term(self) -> int:
        return self.seen.record.term if self.seen.record else 0

    def take(self, record: Record, over: Seen) -> Seen | None:
        """What stands then; None where anything else stands than ``over``."""
        if (self.seen.version, self.seen.uid) != (over.version, over.uid):
            return None
        self._writes += 1
        self.seen = Seen(record, str(self._writes), f"{self.name}/1")
        return self.seen

    def keep(self) -> None:
        """Make a backup."""
        self._kept = self.seen

    def restore(self) -> None:
        self.seen = self._kept
        self._writes = int(self.seen.version or 0)

    def wipe(self) -> None:
        self.seen = Seen(uid=f"{self.name}/")
        self._writes = 0


class Weather:
    """How long messages take, and which are lost: mostly milliseconds, at times seconds, rarely very long.

    ``lossy`` is the share of those that are lost or late.
    """

    def __init__(self, random: Random, lossy: float) -> None:
        self._random = random
        self.lossy = lossy

    def delay_s(self) -> float | None:
        """None where the message is lost."""
        luck = self._random.random()
        if luck < self.lossy / 2:
            return None
        if luck < self.lossy:
            return self._random.choice((self._random.uniform(0.5, 3.0), self._random.uniform(3.0, 30.0)))
        return self._random.uniform(0.001, 0.02)


class Controller:
    """One process after another under one name, on a clock that runs ``rate`` times as fast as true time.

    ``disk_term`` is the newest term that its table knows, which outlives the process.
    """

    def __init__(self, world: "World", name: str, rate: float, offset_s: float) -> None:
        self.world, self.name, self.rate, self.offset_s = world, name, rate, offset_s
        self.ready = True
        self.paused = False
        self.cut_from: set[str] = set()
        self.disk_term = 0
        self.candidate: Candidate | None = None
        self._life = 0
        self._held_back: list[Callable[[], None]] = []
        self._wakes_at_s = 0.0

    def local_s(self) -> float:
        return self.offset_s + self.rate * self.world.now_s

    @property
    def leads(self) -> bool:
        """By its clock, also while it is paused: what it has sent by then may still be on its way."""
        return self.candidate is not None and self.local_s() < self.candidate.valid_until_s

    def start(self) -> None:
        self._life += 1
        rules = Rules(
            owner="prod",
            holder=holder_of(self.name, f"{self._life:08x}"),
            electorate=tuple(sorted(self.world.places)),
            lease_s=LEASE_S,
            renew_s=RENEW_S,
            poll_s=POLL_S,
        )
        self.candidate = Candidate(rules)
        self.candidate.note_term(self.disk_term)
        self.step()

    def crash(self) -> None:
        self._life += 1
        self.candidate, self.paused, self._held_back = None, False, []

    def pause(self) -> None:
        self.paused = self.candidate is not None

    def resume(self) -> None:
        """What fell due meanwhile comes in any order: a loop finds its timers and its sockets ready at once."""
        self.paused = False
        waiting, self._held_back = self._held_back, []
        self.world.random.shuffle(waiting)
        for happening in waiting:
            happening()

    def release(self, stand_down_s: float) -> None:
        if self.candidate is not None and not self.paused:
            self.candidate.release(self.local_s(), stand_down_s)
            self.step()

    def note_term(self, term: int) -> None:
        """Hear of a term as a table, a name server or a fence tells it."""
        if self.candidate is not None and not self.paused:
            self.disk_term = max(self.disk_term, term)
            self.candidate.note_term(term)
            self.step()

    def step(self) -> None:
        if self.candidate is None:
            return
        local_s = self.local_s()
        for action in self.candidate.step(local_s, ready=self.ready, luck=self.world.random.random()):
            self._carry_out(action)
        self._sleep_until(self.candidate.wake_s(local_s))

    def _carry_out(self, action: Action) -> None:
        if isinstance(action, Won):
            self.disk_term = action.term
            self.world.won(self, action.term)
        elif not isinstance(action, Lost):
            self._send(action)

    def _sleep_until(self, wake_s: float) -> None:
        wakes_at_s = self._wakes_at_s = max(self.world.now_s, (wake_s - self.offset_s) / self.rate)
        self._later(wakes_at_s, lambda: self.step() if self._wakes_at_s == wakes_at_s else None, self._life)

    def _later(self, at_s: float, happening: Callable[[], None], life: int) -> None:
        """At that moment, or once resumed; never in another life."""

        def happen() -> None:
            if life != self._life:
                return
            if self.paused:
                self._held_back.append(happen)
            else:
                happening()

        self.world.at(at_s, happen)

    def _send(self, call: Call) -> None:
        assert self.candidate is not None
        life, over = self._life, self._until_over(call)
        self._later(self.world.now_s + self.candidate.rules.call_s / self.rate, lambda: over(self._fail), life)
        there_s, back_s = self.world.weather.delay_s(), self.world.weather.delay_s()
        if there_s is None or call.elector in self.cut_from:
            return

        def arrive() -> None:
            place = self.world.places[call.elector]
            if place.up:
                seen = place.take(call.record, call.over) if isinstance(call, Write) else place.seen
                if back_s is not None:
                    at_s = self.world.now_s + back_s
                    self._later(at_s, lambda: over(lambda made: self._hear(made, seen)), life)

        self.world.at(self.world.now_s + there_s, arrive)

    def _until_over(self, call: Call) -> Callable[[Callable[[Call], None]], None]:
        """Only the first of deadline and answer counts."""
        open_calls = [call]

        def over(end: Callable[[Call], None]) -> None:
            if open_calls:
                end(open_calls.pop())
                self.step()

        return over

    def _fail(self, call: Call) -> None:
        assert self.candidate is not None
        self.candidate.failed(call, "no answer", self.local_s())

    def _hear(self, call: Call, seen: Seen | None) -> None:
        assert self.candidate is not None
        if seen is not None:
            self.candidate.answered(call, seen, self.local_s())
        elif isinstance(call, Write):
            self.candidate.conflicted(call, self.local_s())


class World:
    """True time, places, and a controller for each rate. ``leaderships`` are (when, who, term), the oldest first."""

    def __init__(self, seed: int, places: Sequence[str], rates: Sequence[float], lossy: float = 0.0) -> None:
        self.random = Random(seed)
        self.weather = Weather(self.random, lossy)
        self.now_s = 0.0
        self.places = {name: Place(name) for name in places}
        self.controllers = [
            Controller(self, f"c{number}", rate, self.random.uniform(0, 1e6)) for number, rate in enumerate(rates)
        ]
        self.leaderships: list[tuple[float, str, int]] = []
        self._forgot_s = -100.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    @property
    def leading(self) -> list[str]:
        return [controller.name for controller in self.controllers if controller.leads]

    @property
    def term(self) -> int:
        """Of the newest leadership."""
        return max((term for _, _, term in self.leaderships), default=0)

    def at(self, at_s: float, happening: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at_s, next(self._count), happening))

    def run(self, until_s: float) -> None:
        while self._queue and self._queue[0][0] <= until_s:
            self.now_s, _, happening = heapq.heappop(self._queue)
            happening()
            leading = self.leading
            assert len(leading) <= 1, f"{' and '.join(leading)} lead at {self.now_s:.3f} s"
        self.now_s = until_s

    def run_for(self, seconds: float) -> None:
        self.run(self.now_s + seconds)

    def won(self, controller: Controller, term: int) -> None:
        assert term > self.term, f"{controller.name} leads with term {term} after {self.leaderships}"
        self.leaderships.append((self.now_s, controller.name, term))

    # Faults of places, one at a time: an election by majority outlives no more.

    def lose(self, place: Place, seconds: float) -> None:
        if all(each.up for each in self.places.values()):
            place.up = False
            self.at(self.now_s + seconds, lambda: setattr(place, "up", True))

    def forget(self, place: Place, how: Callable[[], None]) -> None:
        """Have a minority forget: not before the votes lost last time have run out, nor the newest term with it."""
        others = [each for each in self.places.values() if each is not place]
        soon = self.now_s < self._forgot_s + RESTORE_S + 1.2 * LEASE_S
        if soon or not place.up or len(others) < 2 or any(not each.up or each.term < self.term for each in others):
            return
        self._forgot_s = self.now_s
        place.up = False

        def return_() -> None:
            how()
            place.up = True

        self.at(self.now_s + RESTORE_S, return_)

    def heal(self) -> None:
        """Everything runs and is reached again."""
        self.weather.lossy = 0.0
        for controller in self.controllers:
            controller.cut_from.clear()
            if controller.candidate is None:
                controller.start()
            elif controller.paused:
                controller.resume()
