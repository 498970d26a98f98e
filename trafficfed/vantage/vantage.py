"""One vantage: a prober that every controller may instruct, and that tells every controller what it saw.

It probes what the best controller of those it hears wants probed, by the rule that name servers follow, and looks
again at what any of them suspects. Each controller gets all results over a connection of its own. Without any of them
it goes on with the targets it has; a controller that is gone, or comes back, changes nothing about what is probed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

from trafficfed.errors import Transient
from trafficfed.feed.channel import NotAuthentic
from trafficfed.feed.choice import Choice, choose
from trafficfed.feed.links import Link, Links
from trafficfed.feed.messages import BEAT_S, SILENCE_S, Beat, Message, Observations, Suspect, Targets
from trafficfed.feed.notes import Note, Tell
from trafficfed.health.evidence import horizon_s
from trafficfed.health.prober import Prober
from trafficfed.model import Observation
from trafficfed.ports import Clock, Probe
from trafficfed.reports import Observed, ProbeImpossible, Report, ReportEvent
from trafficfed.vantage.instructions import Instructions
from trafficfed.vantage.outbox import Outbox
from trafficfed.vantage.status import Numbers


class Vantage:
    """Put together from its parts; ``run`` probes and tells until cancelled."""

    def __init__(
        self,
        name: str,
        controllers: Sequence[str],
        key: bytes,
        probes: Mapping[str, Probe],
        clock: Clock,
        tell: Tell,
        report: Report,
        luck: Random,
        *,
        cluster: str = "",
        region: str = "",
        lease_s: float = SILENCE_S,
    ) -> None:
        """Raises ConfigError for a bad address."""
        self._links = Links(controllers, f"vantage/{name}", key, self, tell, luck, lease_s)
        self._choice = Choice(controllers, lease_s, clock.monotonic_s())
        self._outboxes = {address: Outbox() for address in controllers}
        self._joined = {address: asyncio.Event() for address in controllers}
        self._clock = clock
        self._tell = tell
        self._report = report
        self._home = cluster, region
        self._passed = self._failed = self._impossible = 0
        self.prober = Prober(probes, clock, name, self._saw, self._count)
        self._instructions = Instructions(self.prober)

    def numbers(self) -> Numbers:
        """Everything that metrics show."""
        return Numbers(
            passed=self._passed,
            failed=self._failed,
            impossible=self._impossible,
            services=self._instructions.services,
            targets=sum(1 for _ in self.prober.targets()),
            in_flight=self.prober.in_flight,
            waiting=self.prober.waiting,
            followed=bool(self._instructions.followed),
            dropped=sum(outbox.dropped for outbox in self._outboxes.values()),
            controllers=tuple(
                (address, address in self._links.live, len(outbox)) for address, outbox in self._outboxes.items()
            ),
        )

    async def run(self) -> None:
        """Until cancelled; nothing that a controller or a target does ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.prober.run(), name="prober")
            group.create_task(self._links.run(), name="links")
            for address in self._outboxes:
                group.create_task(self._send(address), name=f"results for {address}")

    async def joined(self, link: Link) -> None:
        """A controller is connected: what was seen goes to it, and first of all who sees it."""
        self._joined[link.address].set()

    async def received(self, link: Link, message: Message) -> None:
        """What a controller wants of us, and what it says of itself."""
        if isinstance(message, Targets):
            self._instructions.take(link.address, message)
            self._choose()
        elif isinstance(message, Suspect):
            self._instructions.suspect(link.address, message)
        elif isinstance(message, Beat):
            self._choice.hear(link.address, message, self._clock.monotonic_s())
            self._choose()
        else:
            raise NotAuthentic(f"a controller sends no {type(message).__name__} to a vantage")

    def gone(self, link: Link) -> None:
        """A controller is no longer connected."""
        self._joined[link.address].clear()
        self._choice.gone(link.address)
        self._instructions.gone(link.address)
        self._choose()

    def _choose(self) -> None:
        """Follow the best. Whoever has nothing to probe yet need not wait whether a leader shows up."""
        best = self._choice.pick(0, self._clock.monotonic_s())
        if not best and not self._instructions.services:
            best = choose(self._choice.heard, "", 0, alone=True)
        before = self._instructions.followed
        self._instructions.follow(best)
        now = self._instructions.followed
        if now and now != before:
            self._tell(Note("TargetsFrom", f"probing what the controller at {now} wants probed"))

    def _saw(self, seen: Observation) -> None:
        check = self._instructions.check_of(seen)
        if check is not None:
            for outbox in self._outboxes.values():
                outbox.add(seen, seen.at_s + horizon_s(check))

    def _count(self, event: ReportEvent) -> None:
        if isinstance(event, Observed):
            self._passed += event.observation.passed
            self._failed += not event.observation.passed
        elif isinstance(event, ProbeImpossible):
            self._impossible += 1
        self._report(event)

    async def _send(self, address: str) -> None:
        """One controller's results, whenever it is connected; an empty message now and then says that we live."""
        outbox, joined = self._outboxes[address], self._joined[address]
        while True:
            await joined.wait()
            link = self._links.live.get(address)
            if link is None:
                continue  # it was gone again before it was this task's turn
            try:
                await link.send(self._message(outbox))
            except Transient:
                outbox.give_back()
                joined.clear()  # until it is made anew
                link.drop()
            else:
                await outbox.wait(BEAT_S)

    def _message(self, outbox: Outbox) -> Observations:
        now_s = self._clock.now_s()
        cluster, region = self._home
        return Observations(outbox.take(now_s), sent_s=now_s, cluster=cluster, region=region)
