"""One controller among several: what it shares with its peers, how it is elected, and what it does once it is."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from random import Random

from trafficfed.assembly import Parts, credentials_of, provider_of
from trafficfed.config.settings import ElectorSettings, LeadershipSettings, Settings
from trafficfed.controller import Holder
from trafficfed.feed.client import Following
from trafficfed.feed.messages import BEAT_S, Resume, Standing
from trafficfed.feed.notes import Tell
from trafficfed.feed.server import FeedServer
from trafficfed.feed.serving import Accept
from trafficfed.kubernetes_api.late_transport import LateTransport
from trafficfed.kubernetes_api.mirror_place import ConfigMapPlace
from trafficfed.leadership.elector import Elector
from trafficfed.leadership.leader import Leadership
from trafficfed.leadership.lease_elector import LeaseElector
from trafficfed.leadership.zone_elector import ZoneElector
from trafficfed.observe.views import LeadershipView
from trafficfed.ports import Clock, Provider
from trafficfed.reports import Report
from trafficfed.roles.following import LeadersTable
from trafficfed.roles.leading import Leading, Reach, Work, highest_term
from trafficfed.roles.orders import Orders
from trafficfed.roles.source import ControllerSource
from trafficfed.steering.orders import Order
from trafficfed.table.mirroring import Mirror, newest
from trafficfed.table.table import Delta, Snapshot, Table

TEND_S = 0.5
"""How exactly a controller notices that it has heard no leader for a lease time, and what terms others have met."""
LOAD_S = 3.0
"""How long a starting controller waits for the electors' copies of the table before it asks again."""


class Places:
    """The electors as ways into clusters: each has a Lease and a copy of the table."""

    def __init__(self, settings: Settings, among: LeadershipSettings, clock: Clock) -> None:
        self._settings, self._among, self._clock = settings, among, clock
        self._providers: list[Provider] = []
        self._apis = {
            place.name: LateTransport(
                place.cluster,
                functools.partial(credentials_of, settings.access[place.cluster], clock, settings.allow_exec),
            )
            for place in among.electorate
            if place.cluster
        }
        self.mirrors = tuple(ConfigMapPlace(name, api, among.namespace) for name, api in self._apis.items())

    def electors(self) -> tuple[Elector, ...]:
        """One voice each. Raises ConfigError for a zone whose provider cannot compare before it writes."""
        return tuple(map(self._elector, self._among.electorate))

    def _elector(self, place: ElectorSettings) -> Elector:
        if place.cluster:
            return LeaseElector(place.name, self._apis[place.name], self._among.namespace, clock=self._clock)
        provider = provider_of(self._settings, place.provider)  # its own: a long batch would hold up a renewal
        self._providers.append(provider)
        return ZoneElector(place.name, provider, place.zone)

    async def newest(self, disk: Snapshot | None, deadline_s: float) -> tuple[Snapshot | None, bool]:
        """The newest table there is, and whether all answered that there is none: a new fleet."""
        loaded = await newest(self.mirrors, disk, deadline_s, key=self._among.key, owner=self._settings.owner)
        return loaded.snapshot, loaded.is_new_fleet

    async def close(self) -> None:
        for api in self._apis.values():
            await api.close()
        for provider in self._providers:
            await provider.close()


class Fed:
    """The feed as one that holds the table, at its followers. ``epoch`` names a history that is another's."""

    def __init__(self, feed: FeedServer, epoch: Callable[[], str] = lambda: "") -> None:
        self._feed, self._epoch = feed, epoch

    def append(self, delta: Delta) -> None:
        self._feed.publish(delta)

    def replace(self) -> None:
        self._feed.restart(self._epoch())


class Mirrored:
    """The mirror as one that holds the table: it notices a new one by itself."""

    def __init__(self, mirror: Mirror) -> None:
        self.append = mirror.append

    def replace(self) -> None:
        """It looks for what it should hold whenever it writes."""


class Membership:
    """Everything that one controller among several has besides. Make it inside the running loop."""

    def __init__(
        self,
        settings: Settings,
        among: LeadershipSettings,
        places: Places,
        is_new_fleet: bool,
        clock: Clock,
        parts: Parts,
        table: Table,
        work: Sequence[Work],
        *,
        report: Report,
        tell: Tell,
    ) -> None:
        """Raises ConfigError for an elector or a peer that cannot be one."""
        self._among, self._places, self._table, self._parts, self._clock = among, places, table, parts, clock
        self._controller = controller = parts.controller
        self._is_new_fleet, self._noted = is_new_fleet, 0
        publication = controller.publication
        self.reach = Reach(publication, clock, among.lease_s)
        self.mirror = Mirror(places.mirrors, table, among.key, settings.owner, clock, report, leads=self.leads)
        self.leadership = Leadership(
            among.name,
            settings.owner,
            places.electors(),
            clock,
            won=lambda term: self.leading.won(term),
            lost=lambda why: self.leading.lost(why),
            report=report,
            lease_s=among.lease_s,
            renew_s=among.renew_s,
            ready=self._is_ready,
        )
        self.source = ControllerSource(
            controller,
            clock,
            among.lease_s,
            lambda: self.leadership.leads,
            lambda: self.leadership.leader,
            lambda: self.following.highest_term,
            lambda: self.reach.is_good,
        )
        self.leaders_table = LeadersTable(controller, self.source.heard)
        self.following = Following(
            [str(peer.feed) for peer in among.peers],
            f"controller/{among.name}",
            among.key,
            self.leaders_table,
            tell,
            Random(),
            among.lease_s,
            takes=(Standing.LEADS,),
            can_publish=self.source.can_publish,
            beat_s=self.beat_s,
        )
        self.orders = Orders(controller, self.mirror, self.following.propose, clock)
        self.leading = Leading(
            controller,
            self.leadership,
            self._newest,
            self._is_current,
            work,
            clock,
            begun=self._begun,
            ended=self._stood,
        )
        self._publication = publication
        self._feed: FeedServer | None = None
        self._standing = Standing.ALONE

    @property
    def beat_s(self) -> float:
        """How often it says to its followers and peers that it lives: as a leader renews its lease."""
        return min(BEAT_S, self._among.renew_s)

    def use(self, feed: FeedServer) -> None:
        """Whose followers are to be told where this controller stands."""
        self._feed = feed

    def view(self) -> LeadershipView:
        """How this controller stands to the others."""
        leads = self.leads()
        kept = [each for each in self.mirror.kept_in if leads and each.term == self._table.term and not each.problem]
        return LeadershipView(
            name=self._among.name,
            standing=str(self.source.standing()),
            leads=leads,
            leader=self.leadership.leader,
            reason=self.leadership.reason,
            kept=tuple(each.place for each in kept),
            unkept=tuple(f"{each.place}: {each.problem}" for each in self.mirror.kept_in if leads and each.problem),
            overlaid=len(self._controller.pipeline.overlay),
        )

    @property
    def propose(self) -> Accept:
        """Takes the orders that peers bring."""
        return self.orders.propose

    @property
    def accept(self) -> Callable[[Order], Awaitable[str]]:
        """Carries operators' orders out, here or at the leader."""
        return self.orders.accept

    @property
    def holders(self) -> tuple[Holder, ...]:
        return (Mirrored(self.mirror),)

    def may_lead(self) -> bool:
        """Whether the lease still runs, if there is one: asked before every commit."""
        return self.leadership.leads

    def leads(self) -> bool:
        """Whether this controller may write now."""
        return self._controller.pipeline.leads and self.leadership.leads

    def epoch(self) -> str:
        """What the history of the table is called where it is another leader's; empty where it is our own."""
        return "" if self._controller.pipeline.leads else self.leaders_table.epoch

    def objection(self, resume: Resume) -> str:
        """Why a follower gets no table yet: there is none, or what a new fleet offers was not probed yet."""
        if not self._table.generation:
            return "this controller has no table yet"
        waiting = self._controller.gate.waiting_for() if self._controller.pipeline.leads else ()
        return waiting[0] if waiting else ""

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to follow, to stand for leader, and to lead when elected."""
        for name, part in (
            ("leadership", self.leadership.run()),
            ("leading", self.leading.run()),
            ("peers", self.following.run()),
            ("mirror", self.mirror.run()),
            ("standing", self._tend()),
            ("reach", self._look()),
            ("orders", self._hand_over()),
            ("preparation", self._prepare()),
            ("table", self._load()),
        ):
            tasks.create_task(part, name=name)

    # ------------------------------------------------------------------ when it may stand, and what it begins with

    def _is_ready(self) -> bool:
        self._note_terms()
        return self._controller.gate.is_open and (self._table.generation > 0 or self._is_new_fleet)

    async def _load(self) -> None:
        """Ask the electors until there is a table, or all of them have said that there is none."""
        while not (self._table.generation or self._is_new_fleet):
            found, self._is_new_fleet = await self._places.newest(None, LOAD_S)
            if found is not None and not self._table.generation:
                self._controller.mirror(found)
            await asyncio.sleep(TEND_S)

    async def _newest(self, deadline_s: float) -> Snapshot | None:
        return (await self._places.newest(None, deadline_s))[0]

    def _is_current(self, term: int) -> bool:
        """Whether the table is the last leader's as it left it: heard from itself, and nobody led in between."""
        return self._table.term == term - 1 and self.source.heard_s() < 3 * self._among.lease_s

    def _begun(self) -> None:
        self.orders.settle()
        self.reach.begin()
        self._stood()

    def _stood(self) -> None:
        self._standing = self.source.standing()
        if self._feed is not None:
            self._feed.standing_changed()

    # ------------------------------------------------------------------ what goes on all the time

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_S)
            self._note_terms()
            if self.source.standing() is not self._standing:
                self._stood()
            if self.leads() and self.reach.gives_way(self._others_can_publish()):
                self.leadership.release(self._among.lease_s)

    def _note_terms(self) -> None:
        met = [self.following.highest_term, self.mirror.seen_term, self._feed.highest_term if self._feed else 0]
        highest = highest_term(self._table, self._publication, *met)
        if highest > self._noted:  # asked before every step of the election, which a term that is news sets off
            self._noted = highest
            self.leadership.note_term(highest)

    def _others_can_publish(self) -> bool:
        followers = self._feed.followers if self._feed is not None else ()
        return any(each.can_publish for each in followers if each.identity.startswith("controller/"))

    async def _look(self) -> None:
        while True:
            if not self.leads():
                await self.reach.look()
            await asyncio.sleep(self._among.lease_s / 2)

    async def _prepare(self) -> None:
        """Once for each silence of a leader that is longer than beats that came late."""
        prepared = False
        while True:
            await asyncio.sleep(TEND_S)
            is_silent = not self.leads() and self._table.generation > 0 and self.source.heard_s() > 2 * self.beat_s
            if is_silent and not prepared:
                await self.reach.prepare()
            prepared = is_silent

    async def _hand_over(self) -> None:
        while True:
            await asyncio.sleep(TEND_S)
            if self.orders.pending:
                self.orders.apply_here()
                if self.following.followed is not None:
                    await self.orders.hand_over()
