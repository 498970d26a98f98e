"""Laws 1 to 5 over random sequences of events: lists, watches, losses, other servers, probes, operators, restarts.

The machine keeps a truth of its own (what each cluster was seen to have, and by which way it left) and a zone with
other people's records in it, and checks the table and the zone after every step.
"""

import asyncio

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trafficfed.discovery.leaving import Leaving
from trafficfed.kubernetes_api import wire
from trafficfed.model import Freshness, RecordSet, ServiceKey, State, Zone
from trafficfed.testing.folding import balanced, sliced
from trafficfed.testing.piping import PipedFleet
from trafficfed.zones.publication import Outlet, Publication
from trafficfed.zones.publisher import ZonePublisher
from trafficfed_providers.memory import Memory

CLUSTERS = ("ap", "eu", "us")
NAMES = ("api", "cart", "web")
ZONE = Zone(name="example.org", open=True, providers=("memory",), approximate=("geo", "weighted"))
FOREIGN = (
    RecordSet(name="by-hand.example.org", type="A", ttl=60, values=("192.0.2.200",)),
    RecordSet(name="web.example.org", type="MX", ttl=60, values=("10 mail.example.org.",)),
    RecordSet(name="cart.example.org", type="A", ttl=60, values=("192.0.2.201",)),
)
names, clusters = st.sampled_from(NAMES), st.sampled_from(CLUSTERS)


class FleetClock:
    """The fleet's time as a Clock."""

    def __init__(self, fleet: PipedFleet) -> None:
        self._fleet = fleet

    def monotonic_s(self) -> float:
        return self._fleet.now_s

    def now_s(self) -> float:
        return self._fleet.now_s


def address(cluster: str, name: str, version: int) -> str:
    return f"203.0.{CLUSTERS.index(cluster) * 8 + NAMES.index(name)}.{version}"


class Fleet(RuleBasedStateMachine):
    """One controller, three clusters, one zone that it shares with others."""

    @initialize()
    def begin(self) -> None:
        self.fleet = PipedFleet(CLUSTERS, [ZONE])
        self.exists: dict[str, dict[str, int]] = {cluster: {} for cluster in CLUSTERS}
        self.up: dict[tuple[str, str], bool] = {}
        self.linked = dict.fromkeys(CLUSTERS, False)
        self.may_leave: set[tuple[str, str]] = set()
        self.provider = Memory()
        for record_set in FOREIGN:
            self.provider.write_by_hand(ZONE.name, record_set)
        self.start_publishing()

    def start_publishing(self) -> None:
        self.publisher = ZonePublisher(self.provider, ZONE, "memory", "test", FleetClock(self.fleet), lambda _: None)
        self.publication = Publication([ZONE], FleetClock(self.fleet), lambda _: None)
        self.publication.add(Outlet("memory", "memory", ZONE), self.provider, self.publisher)
        self.hostnames: dict[ServiceKey, tuple[str, ...]] = {}
        asyncio.run(self.publisher.load())
        for key in self.fleet.table.rows:
            self.tell(key, Leaving())

    def tell(self, key: ServiceKey, leaving: Leaving) -> None:
        row = self.fleet.table.rows.get(key)
        before = self.hostnames.pop(key, ())
        if row is not None:
            self.hostnames[key] = row.service.hostnames
        self.publication.want(key, before, row, leaving, self.fleet.now_s)

    def after_step(self) -> None:
        """Publish, and check what must hold after any step."""
        for step in self.fleet.steps:
            for key in step.decided:
                self.tell(key, step.leaving.get(key, Leaving()))
        self.fleet.steps.clear()
        self.publication.view_complete(not self.fleet.pipeline.unseen)
        asyncio.run(self.publisher.publish_once())
        self.check_nothing_left_without_leave()
        self.may_leave.clear()

    def service(self, cluster: str, name: str) -> wire.Service:
        version = self.exists[cluster][name]
        return balanced(name, f"{name}.example.org", [address(cluster, name, version)])

    def in_table(self, cluster: str) -> set[str]:
        return {
            row.key.name
            for row in self.fleet.table.rows.values()
            if any(endpoint.cluster == cluster for endpoint in row.endpoints)
        }

    # ------------------------------------------------------------------ what happens

    @rule(cluster=clusters, name=names, version=st.integers(1, 3))
    def apply(self, cluster: str, name: str, version: int) -> None:
        self.exists[cluster][name] = version
        self.up.setdefault((cluster, name), True)
        if self.linked[cluster]:
            self.known = self.snapshot()
            self.fleet.upsert(cluster, self.service(cluster, name))
            self.after_step()

    @rule(cluster=clusters, name=names)
    def delete(self, cluster: str, name: str) -> None:
        if name not in self.exists[cluster]:
            return
        service = self.service(cluster, name)
        del self.exists[cluster][name]
        if self.linked[cluster]:
            self.known = self.snapshot()
            self.may_leave.add((cluster, name))
            self.fleet.remove(cluster, service)
            self.after_step()

    @rule(cluster=clusters)
    def relist(self, cluster: str) -> None:
        """The watch broke; a complete list of whatever API server answers now."""
        self.known = self.snapshot()
        same = self.fleet.servers[cluster] == f"uid-{cluster}"
        if same:
            gone = self.in_table(cluster) - self.exists[cluster].keys()
            if len(gone) <= 5:
                self.may_leave |= {(cluster, name) for name in gone}
        shown = [self.service(cluster, name) for name in sorted(self.exists[cluster])] if same else []
        self.fleet.listed(cluster, *shown)
        self.linked[cluster] = same
        self.after_step()

    @rule(cluster=clusters)
    def lose(self, cluster: str) -> None:
        self.known = self.snapshot()
        self.linked[cluster] = False
        self.fleet.lose(cluster)
        self.after_step()

    @rule(cluster=clusters)
    def swap_server(self, cluster: str) -> None:
        """Another, empty API server answers at the cluster's address, or the old one again."""
        known = f"uid-{cluster}"
        self.fleet.servers[cluster] = known if self.fleet.servers[cluster] != known else f"{known}-other"
        self.linked[cluster] = False
        self.known = self.snapshot()
        self.fleet.lose(cluster)
        self.after_step()

    @rule(cluster=clusters, name=names, up=st.booleans())
    def backend(self, cluster: str, name: str, up: bool) -> None:
        self.up[cluster, name] = up

    @rule(cluster=clusters, name=names, ready=st.integers(0, 2))
    def readiness(self, cluster: str, name: str, ready: int) -> None:
        if self.linked[cluster]:
            self.known = self.snapshot()
            self.fleet.upsert(cluster, sliced(name, ready))
            self.after_step()

    @rule(rounds=st.integers(1, 4))
    def probe(self, rounds: int) -> None:
        for name in NAMES:
            failing = [cluster for cluster in CLUSTERS if not self.up.get((cluster, name), True)]
            for _ in range(rounds):
                self.known = self.snapshot()
                self.fleet.probe(name, failing)
                self.after_step()

    @rule(seconds=st.sampled_from([5, 35, 70, 400]))
    def wait(self, seconds: float) -> None:
        self.known = self.snapshot()
        self.fleet.wait(seconds)
        self.after_step()

    @rule()
    def restart(self) -> None:
        """A new process over the table on disk: no answer changes by that."""
        before = {key: row.decision for key, row in self.fleet.table.rows.items()}
        self.fleet.restart()
        assert {key: row.decision for key, row in self.fleet.table.rows.items()} == before, "law 8"
        self.linked = dict.fromkeys(CLUSTERS, False)
        self.known = self.snapshot()
        writes = self.provider.writes
        self.start_publishing()
        self.after_step()
        assert self.provider.writes == writes, "law 5: the second run writes nothing"

    @precondition(lambda self: bool(self.fleet.table.sources))
    @rule(cluster=clusters)
    def confirm(self, cluster: str) -> None:
        self.known = self.snapshot()
        source = self.fleet.table.sources.get(cluster)
        if source is not None and source.freshness is Freshness.SUSPECT:
            self.may_leave |= {(cluster, name) for name in NAMES}
        self.fleet.confirm(cluster)
        self.after_step()

    # ------------------------------------------------------------------ what must hold

    def snapshot(self) -> set[tuple[str, str]]:
        return {(cluster, name) for cluster in CLUSTERS for name in self.in_table(cluster)}

    def check_nothing_left_without_leave(self) -> None:
        gone = self.known - self.snapshot()
        assert gone <= self.may_leave, f"law 1: {gone - self.may_leave} left without a deletion, a list or a word"

    @invariant()
    def no_dead_endpoint_while_one_serves(self) -> None:
        for row in self.fleet.table.rows.values():
            serving = {verdict.address for verdict in row.verdicts if verdict.serving}
            assert row.decision is not None
            for rule_ in row.decision.rules:
                given = {each for member in rule_.members for each in member.addresses}
                assert given, "law 2: no client gets an empty answer while there is an endpoint"
                assert not serving or given <= serving, "law 2: no dead endpoint while one serves"

    @invariant()
    def unknown_takes_nothing_out(self) -> None:
        for row in self.fleet.table.rows.values():
            for verdict in row.verdicts:
                if verdict.state is State.UNKNOWN and verdict.passed:
                    assert verdict.reason != "ProbesFailing", "Unknown is never NotServing"

    @invariant()
    def what_others_wrote_stands(self) -> None:
        assert set(FOREIGN) <= set(self.provider.zone(ZONE.name)), "law 4: what is not ours is never touched"

    @invariant()
    def the_second_settling_changes_nothing(self) -> None:
        step = self.fleet.settle()
        assert step.delta is None, "law 5: nothing came in, nothing changes"
        assert not step.decided


Fleet.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_laws_hold_over_any_sequence_of_events = Fleet.TestCase
