"""A whole controller in virtual time: real pipeline, prober and publisher; scripted probes and a zone in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable

from trafficfed.controller import Controller
from trafficfed.discovery.inventory import Inventory
from trafficfed.discovery.resolver import Answer, Family, Names
from trafficfed.errors import Transient
from trafficfed.gate import Gate
from trafficfed.health.prober import Prober
from trafficfed.health.records import Records
from trafficfed.kubernetes_api import wire
from trafficfed.model import Client, Cluster, HealthCheck, ProbeResult, Zone
from trafficfed.observe.journal import Journal
from trafficfed.observe.showing import no_rtt
from trafficfed.operations import ControllerOperations, Propagates
from trafficfed.pipeline import Pipeline
from trafficfed.ports import Provider
from trafficfed.reports import ReportEvent
from trafficfed.roles.leading import Leading
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing.electing import ScriptedElection
from trafficfed.testing.piping import KINDS
from trafficfed.testing.scripted_api import LoopClock
from trafficfed.zones.publication import Outlet, Publication
from trafficfed.zones.publisher import ZonePublisher

ZONE = Zone(name="example.org", open=True, providers=("zone",), approximate=("geo", "weighted"))
QUICK_PACE = HealthCheck(interval_s=2.0, timeout_s=1.0, failback_s=5.0)


class Bench:
    """One controller over clusters whose events the test tells. Make it inside a running loop.

    ``down`` are addresses whose probes fail; ``lookups`` what load balancers' names resolve to; ``deltas`` and
    ``reports`` are all that was heard, ``replaced`` how often the table was another as a whole.

    With ``elected`` False it is one of several, and leads when ``election`` says so. The electors then keep ``newest``
    (``asked`` counts how often it was asked for), ``current`` tells whether that is known to be needless, and ``works``
    how many pieces of a leader's work go on.
    """

    def __init__(
        self,
        provider: Provider,
        clusters: Iterable[str] = ("eu", "us"),
        table: Table | None = None,
        *,
        pace: HealthCheck = QUICK_PACE,
        settle_s: float = 15.0,
        newest: Snapshot | None = None,
        elected: bool = True,
        has_hub: bool = False,
    ) -> None:
        self.clock = LoopClock()
        self.election = ScriptedElection(self.clock)
        self.newest, self.asked = newest, 0
        self._elected = elected
        self.table = table or Table()
        self.down: set[str] = set()
        self.lookups: dict[str, tuple[str, ...]] = {}
        self.deltas: list[Delta] = []
        self.replaced = 0
        self.on_append: Callable[[], object] = lambda: None
        self.reports: list[ReportEvent] = []
        self.journal = Journal(self.clock)
        self.opened = asyncio.Event()
        self.provider = provider
        self._revision = 100
        known = self.clusters = {name: Cluster(name=name) for name in clusters}
        self.names = Names(self.look_up, self.clock, lambda keys: self.controller.resolved(keys))
        inventory = Inventory(known, [ZONE], self.table.rows, self.table.sources, pace, has_hub=has_hub)
        self.publisher = ZonePublisher(provider, ZONE, "zone", "test", self.clock, self.tell)
        publication = Publication([ZONE], self.clock, self.tell)
        publication.add(Outlet("zone", "memory", ZONE), provider, self.publisher)
        publication.add_fed(Outlet("own", "embedded", ZONE), lambda: True)
        self.controller = Controller(
            Pipeline(
                self.table, inventory, Records({}, self.clock.now_s()), known, self.names.addresses, leads=elected
            ),
            publication,
            Gate(known, self.clock.now_s(), settle_s, has_hub=has_hub),
            self.clock,
            self.tell,
            holders=[self],
            opened=self.opened.set,
            may_lead=lambda: elected or self.election.leads,
        )
        self.prober = Prober({"tcp": self.probe}, self.clock, "here", self.controller.observe)
        self.controller.use(self.names, self.prober)
        self.operations = self.operated()
        self.leading = Leading(
            self.controller, self.election, self._ask_electors, self._is_current, [self._work], self.clock
        )
        self.election.won, self.election.lost = self.leading.won, self.leading.lost
        self.current = True
        self.works = 0

    def append(self, delta: Delta) -> None:
        self.on_append()
        self.deltas.append(delta)

    def replace(self) -> None:
        self.replaced += 1

    def tell(self, event: ReportEvent) -> None:
        self.reports.append(event)
        self.journal(event)

    def operated(self, propagation: Propagates | None = None) -> ControllerOperations:
        """What operators call, with propagation or without."""
        return ControllerOperations(
            self.controller,
            self.clusters,
            "test",
            self.clock,
            self.journal,
            no_rtt,
            lambda address: Client(address),
            propagation,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything runs while the context lasts; publishing begins when the gate opens."""
        async with asyncio.TaskGroup() as tasks:
            started = [
                tasks.create_task(part, name=name)
                for name, part in (
                    ("controller", self.controller.run()),
                    ("prober", self.prober.run()),
                    ("names", self.names.run()),
                    ("publisher", self._publish()),
                )
            ]
            try:
                yield
            finally:
                for task in started:
                    task.cancel()

    async def _publish(self) -> None:
        if not self._elected:
            await self.leading.run()
        await self.opened.wait()
        await self.publisher.run()

    async def _ask_electors(self, deadline_s: float) -> Snapshot | None:
        self.asked += 1
        return self.newest

    def _is_current(self, term: int) -> bool:
        return self.current

    async def _work(self) -> None:
        self.works += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.works -= 1

    async def probe(self, address: str, port: int, check: HealthCheck) -> ProbeResult:
        """A probe that takes a moment and fails where the test says so."""
        await asyncio.sleep(0.01)
        return ProbeResult(error="connection refused") if address in self.down else ProbeResult(rtt_s=0.001)

    async def look_up(self, hostname: str, family: Family, deadline_s: float) -> Answer:
        if hostname not in self.lookups:
            raise Transient(f"{hostname}: no such name")
        return Answer(self.lookups[hostname] if family == "A" else (), 30.0)

    # ------------------------------------------------------------------ what clusters tell

    def listed(self, cluster: str, *services: wire.Service, uid: str = "") -> None:
        """Complete lists of every kind."""
        self._revision += 1
        for kind in KINDS:
            objects = services if kind is wire.Service else ()
            self.controller.take(cluster, wire.Listed(kind, objects, self._revision, uid or f"uid-{cluster}"))

    def upsert(self, cluster: str, service: wire.Service) -> None:
        self._revision += 1
        self.controller.take(cluster, wire.Upserted(service, self._revision))

    def remove(self, cluster: str, service: wire.Service) -> None:
        self._revision += 1
        self.controller.take(cluster, wire.Removed(service, self._revision))

    def lost(self, cluster: str) -> None:
        for kind in KINDS:
            self.controller.take(cluster, wire.Lost(kind, "connection refused"))
