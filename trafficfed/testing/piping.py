"""A pipeline under full control: objects of clusters, probe results, time and restarts, one call each, no I/O."""

from collections.abc import Iterable, Sequence

from trafficfed.discovery.inventory import Inventory
from trafficfed.health.records import Records
from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Decision, HealthCheck, Observation, Row, ServiceKey, Source, Verdict, Zone
from trafficfed.pipeline import Pipeline
from trafficfed.reports import ReportEvent
from trafficfed.step import Step
from trafficfed.table.codec import decode_snapshot, encode_snapshot
from trafficfed.table.table import Table
from trafficfed.testing.folding import NAMESPACE

CHECK = HealthCheck()
KINDS: tuple[type[wire.Watched], ...] = (wire.Service, wire.EndpointSlice, wire.Node)


class PipedFleet:
    """Members, a zone that takes what they claim, and one vantage.

    Every call settles; ``last`` is its Step, ``steps`` and ``reports`` are all so far.
    """

    def __init__(
        self,
        clusters: Iterable[Cluster | str] = ("eu", "us", "ap"),
        zones: Sequence[Zone] = (Zone(name="example.org", open=True),),
        vantage: str = "here",
        *,
        leads: bool = True,
        has_hub: bool = False,
    ) -> None:
        known = (Cluster(name=each) if isinstance(each, str) else each for each in clusters)
        self.clusters = {cluster.name: cluster for cluster in known}
        self.zones, self.vantage, self.leads, self.has_hub = zones, vantage, leads, has_hub
        self.now_s = 1_000_000.0
        self.servers = {name: f"uid-{name}" for name in self.clusters}
        self._revision = 0
        self.reports: list[ReportEvent] = []
        self.steps: list[Step] = []
        self.open(Table())

    def open(self, table: Table) -> None:
        """A new process over a table."""
        inventory = Inventory(self.clusters, self.zones, table.rows, table.sources, has_hub=self.has_hub)
        self.pipeline = Pipeline(table, inventory, Records({}, self.now_s), self.clusters, leads=self.leads)
        self.last = self._heard(self.pipeline.open(self.now_s))

    def restart(self) -> None:
        """The process ends; the next one has what the disk has."""
        self.open(Table(decode_snapshot(encode_snapshot(self.table.snapshot()))))

    @property
    def table(self) -> Table:
        return self.pipeline.table

    def settle(self) -> Step:
        self.last = self._heard(self.pipeline.settle(self.now_s))
        return self.last

    def _heard(self, step: Step) -> Step:
        self.reports += step.reports
        self.steps.append(step)
        return step

    # ------------------------------------------------------------------ leaders

    def mirror(self, leader: "PipedFleet") -> Step:
        """Hold another controller's table, as its feed brings it."""
        self.pipeline.mirror(decode_snapshot(encode_snapshot(leader.table.snapshot())), self.now_s)
        return self.settle()

    def hear(self, leader: "PipedFleet") -> Step:
        """Follow by every change that another controller has committed since."""
        for step in leader.steps:
            if step.delta is not None and step.delta.generation > self.table.generation:
                self.pipeline.mirror_change(step.delta, self.now_s)
        return self.settle()

    def lead(self, term: int) -> Step:
        self.leads = True
        self.last = self._heard(self.pipeline.lead(term, self.now_s))
        return self.last

    def follow(self) -> Step:
        self.leads = False
        self.pipeline.follow()
        return self.settle()

    # ------------------------------------------------------------------ clusters

    def take(self, cluster: str, event: wire.Event) -> Step:
        self.pipeline.take(cluster, event, self.now_s)
        return self.settle()

    def listed(self, cluster: str, *services: wire.Service, slices: Sequence[wire.EndpointSlice] = ()) -> Step:
        """Complete lists of all three kinds from the cluster's present API server."""
        revision = self._next()
        uid = self.servers[cluster]
        self.pipeline.take(cluster, wire.Listed(wire.Node, (), revision, uid), self.now_s)
        self.pipeline.take(cluster, wire.Listed(wire.EndpointSlice, tuple(slices), revision, uid), self.now_s)
        return self.take(cluster, wire.Listed(wire.Service, services, revision, uid))

    def upsert(self, cluster: str, object_: wire.Watched) -> Step:
        return self.take(cluster, wire.Upserted(object_, self._next()))

    def remove(self, cluster: str, object_: wire.Watched) -> Step:
        return self.take(cluster, wire.Removed(object_, self._next()))

    def lose(self, cluster: str, reason: str = "connection refused") -> Step:
        for kind in KINDS:
            self.pipeline.take(cluster, wire.Lost(kind, reason), self.now_s)
        return self.settle()

    def resume(self, cluster: str) -> Step:
        for kind in KINDS:
            self.pipeline.take(cluster, wire.Resumed(kind), self.now_s)
        return self.settle()

    def replace_server(self, cluster: str) -> None:
        """From the next list on, another API server answers behind the same address."""
        self.servers[cluster] += "-other"

    def confirm(self, cluster: str) -> Step:
        self.pipeline.confirm(cluster, self.now_s)
        return self.settle()

    def forget(self, cluster: str) -> Step:
        self.pipeline.forget(cluster)
        return self.settle()

    # ------------------------------------------------------------------ probes and time

    def observe(self, name: str, cluster: str, address: str, passed: bool, vantage: str = "") -> Step:
        """One probe result of one target."""
        self.pipeline.observe(
            Observation(
                vantage=vantage or self.vantage,
                service=self.key(name),
                cluster=cluster,
                address=address,
                at_s=self.now_s,
                passed=passed,
                rtt_s=0.001 if passed else None,
                error="" if passed else "connection refused",
            ),
            self.now_s,
        )
        return self.settle()

    def probe(self, name: str, failing: Iterable[str] = (), times: int = 1, spacing_s: float = 1.0) -> Step:
        """Probe all targets of a service; those of ``failing`` clusters fail."""
        for _ in range(times):
            self.now_s += spacing_s
            row = self.table.rows.get(self.key(name))
            for endpoint in row.endpoints if row else ():
                for address in endpoint.targets:
                    self.observe(name, endpoint.cluster, address, endpoint.cluster not in failing)
        return self.last

    def wait(self, seconds: float) -> Step:
        """Time passes; the pipeline is woken whenever it asked to be."""
        end_s = self.now_s + seconds
        while (wake_s := self.pipeline.next_wake_s()) is not None and wake_s <= end_s:
            self.now_s = max(self.now_s, wake_s)
            self.settle()
        self.now_s = end_s
        return self.settle()

    # ------------------------------------------------------------------ what came of it

    def key(self, name: str) -> ServiceKey:
        return ServiceKey("default", NAMESPACE, name)

    def row(self, name: str) -> Row:
        """The row as this controller judges it: the table's, or its own over a leader's."""
        key = self.key(name)
        return self.pipeline.overlay.get(key) or self.table.rows[key]

    def decision(self, name: str) -> Decision:
        decision = self.row(name).decision
        assert decision is not None, "every row has a decision once it was settled"
        return decision

    def answer(self, name: str) -> tuple[str, ...]:
        """What a client of unknown place may be given."""
        rule = self.decision(name).default
        return tuple(sorted(a for member in rule.pool for a in member.addresses)) if rule else ()

    def verdict(self, name: str, cluster: str) -> Verdict:
        """The verdict on the one target that a cluster offers."""
        (found,) = [verdict for verdict in self.row(name).verdicts if verdict.cluster == cluster]
        return found

    def source(self, cluster: str) -> Source:
        return self.table.sources[cluster]

    def _next(self) -> int:
        self._revision += 1
        return self._revision
