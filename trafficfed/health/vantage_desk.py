"""The controller's side of its vantages: probers elsewhere get the targets here, and tell here what they saw.

Each connection is served on its own; what one vantage sends or does not send harms nobody but itself. Its name is that
of the identity it authenticated as, whatever its messages say.
"""

import asyncio
import math
from collections.abc import Callable, Collection, MutableMapping

from trafficfed.errors import Refused, Transient
from trafficfed.feed.channel import Channel
from trafficfed.feed.messages import SILENCE_S, Message, Observations, ServiceTargets, Suspect, Targets, encode
from trafficfed.feed.notes import Note, Tell
from trafficfed.health.hearing import Allowance, SenderClock, hear
from trafficfed.health.prober import TICK_S
from trafficfed.model import HealthCheck, Observation, ServiceKey, Target, Value
from trafficfed.ports import Clock
from trafficfed.reports import Observed, Report

SPARE_PER_S = 100.0
"""Observations a second that any vantage may send besides twice those that its targets take."""

Place = tuple[str, str]
"""Cluster and address: one target of a service."""


class Reporting(Value, frozen=True, kw_only=True):
    """One vantage that has been heard: the cluster it runs in (empty = none) and its region, when it last said
    anything, how many results were taken and how many not, and whether it is connected now.
    """

    name: str
    cluster: str = ""
    region: str = ""
    connected: bool = False
    heard_s: float = 0.0
    taken: int = 0
    dropped: int = 0


class _Vantage:
    """What is known of one vantage, over all its connections."""

    def __init__(self, name: str, now_s: float) -> None:
        self.name = name
        self.cluster = ""
        self.region = ""
        self.allowance = Allowance(now_s)
        self.heard_s = 0.0
        self.taken = 0
        self.dropped = 0
        self.said: set[str] = set()
        self.session: _Session | None = None


class _Session:
    """One connection: what has changed since it was last told, by key, so that a slow one costs no more than that."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.services: set[ServiceKey] = set()
        self.suspicions: dict[tuple[ServiceKey, Place], bool] = {}
        self.replaced = False
        self.clock = SenderClock()


class VantageDesk:
    """Gives vantages their targets and takes what they see. ``set_targets`` and ``suspect`` are told as the prober is.

    ``homes`` names the cluster each vantage runs in; those it has no word on say so themselves and are written into
    it. ``observe`` and ``report`` get every result that counts; ``tell`` gets what is odd about a vantage, once.
    ``clusters`` are the members there are, so that a home which is none of them is told; None = any.
    """

    def __init__(
        self,
        homes: MutableMapping[str, str],
        observe: Callable[[Observation], None],
        report: Report,
        *,
        clock: Clock,
        tell: Tell = lambda note: None,
        clusters: Collection[str] | None = None,
    ) -> None:
        self._homes = homes
        self._stated = frozenset(homes)
        self._observe = observe
        self._report = report
        self._clock = clock
        self._tell = tell
        self._clusters = clusters
        self._targets: dict[ServiceKey, tuple[Target, ...]] = {}
        self._checks: dict[ServiceKey, dict[Place, HealthCheck]] = {}
        self._suspected: set[tuple[ServiceKey, Place]] = set()
        self._vantages: dict[str, _Vantage] = {}
        self._per_s = SPARE_PER_S

    @property
    def reporting(self) -> tuple[Reporting, ...]:
        """Every vantage that was heard since the start, by name."""
        return tuple(
            Reporting(
                name=each.name,
                cluster=self._homes.get(each.name, ""),
                region=each.region,
                connected=each.session is not None,
                heard_s=each.heard_s,
                taken=each.taken,
                dropped=each.dropped,
            )
            for _, each in sorted(self._vantages.items())
        )

    def set_targets(self, service: ServiceKey, targets: tuple[Target, ...]) -> None:
        """Make these the targets of one service; none stops it. Anchors are targets of a service of their own."""
        self._per_s += 2 * (_pace(targets) - _pace(self._targets.pop(service, ())))
        self._checks.pop(service, None)
        if targets:
            self._targets[service] = targets
            self._checks[service] = {(target.cluster, target.address): target.check for target in targets}
        kept = self._checks.get(service, {})
        self._suspected = {each for each in self._suspected if each[0] != service or each[1] in kept}
        for session in self._sessions():
            session.services.add(service)
            session.wake.set()

    def suspect(self, service: ServiceKey, cluster: str, address: str, on: bool) -> None:
        """Have a target probed at the pace of suspicion, or at its own again. Unknown targets are ignored."""
        place = cluster, address
        if place not in self._checks.get(service, {}):
            return
        (self._suspected.add if on else self._suspected.discard)((service, place))
        for session in self._sessions():
            session.suspicions[service, place] = on
            session.wake.set()

    async def serve(self, channel: Channel, name: str) -> None:
        """One vantage's connection until it ends: raises Transient or Refused, one or a group of them."""
        vantage = self._vantages.setdefault(name, _Vantage(name, self._clock.monotonic_s()))
        if vantage.session is not None:
            vantage.session.replaced = True
            vantage.session.wake.set()
        session = vantage.session = _Session()
        self._tell(Note("VantageConnected", f"vantage {name} is connected"))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(channel, vantage, session), name=f"vantage {name}")
                await self._instruct(channel, session)
        finally:
            if vantage.session is session:
                vantage.session = None

    def _sessions(self) -> list[_Session]:
        return [each.session for each in self._vantages.values() if each.session is not None]

    async def _instruct(self, channel: Channel, session: _Session) -> None:
        """Everything first, then what changes."""
        everything = tuple(ServiceTargets(key, targets) for key, targets in self._targets.items())
        suspected = [Suspect(key, *place, True) for key, place in self._suspected]
        await channel.send(encode(Targets(everything, full=True)))
        await _send_all(channel, suspected)
        while True:
            await session.wake.wait()
            session.wake.clear()
            if session.replaced:
                raise Refused("another prober has connected under this name; give each a name of its own")
            services, session.services = session.services, set()
            suspicions, session.suspicions = session.suspicions, {}
            if services:
                changed = tuple(ServiceTargets(key, self._targets.get(key, ())) for key in sorted(services))
                await channel.send(encode(Targets(changed)))
            await _send_all(channel, [Suspect(key, *place, on) for (key, place), on in suspicions.items()])

    async def _listen(self, channel: Channel, vantage: _Vantage, session: _Session) -> None:
        while True:
            message = await channel.receive(SILENCE_S)
            self._take(_observations(message), vantage, session)

    def _take(self, message: Observations, vantage: _Vantage, session: _Session) -> None:
        now_s = self._clock.now_s()
        if not vantage.allowance.takes(len(message.seen), self._per_s, self._clock.monotonic_s()):
            raise Refused(f"vantage {vantage.name} sends far more results than it was given targets for")
        if not math.isfinite(message.sent_s):
            raise Refused(f"vantage {vantage.name} sends a time that is no number")
        vantage.heard_s, vantage.region = now_s, message.region
        self._lodge(vantage, message.cluster)
        ahead_s = session.clock.ahead_s(message.sent_s, now_s)
        if ahead_s is None:
            raise Transient(
                "what it sends is late beyond belief: a clock was set or a process stood still; it begins anew"
            )
        for seen in message.seen:
            check = self._checks.get(seen.service, {}).get((seen.cluster, seen.address))
            heard = hear(seen, vantage.name, check, ahead_s, now_s)
            if heard.odd:
                self._odd(vantage, heard.odd)
            if heard.observation is None:
                vantage.dropped += 1
                continue
            vantage.taken += 1
            self._observe(heard.observation)
            self._report(Observed(heard.observation))

    def _lodge(self, vantage: _Vantage, cluster: str) -> None:
        """Note where a vantage says it runs, unless the configuration says it."""
        if vantage.cluster == cluster or vantage.name in self._stated:
            return
        vantage.cluster = cluster
        if self._clusters is not None and cluster and cluster not in self._clusters:
            self._odd(
                vantage, f"that it runs in {cluster}, which is no member here; it votes as one outside all of them"
            )
        if cluster:
            self._homes[vantage.name] = cluster
        else:
            self._homes.pop(vantage.name, None)

    def _odd(self, vantage: _Vantage, what: str) -> None:
        if what not in vantage.said:
            vantage.said.add(what)
            self._tell(Note("VantageOdd", f"vantage {vantage.name} tells {what}"))


async def _send_all(channel: Channel, messages: list[Suspect]) -> None:
    for message in messages:
        await channel.send(encode(message))


def _observations(message: Message) -> Observations:
    """Raises Refused where it is anything else."""
    if not isinstance(message, Observations):
        raise Refused(f"a vantage tells what it sees and does not send {type(message).__name__}")
    return message


def _pace(targets: Collection[Target]) -> float:
    """How many results a second these targets give at the most."""
    return sum(1 / max(TICK_S, min(target.check.interval_s, target.check.suspicion_s)) for target in targets)
