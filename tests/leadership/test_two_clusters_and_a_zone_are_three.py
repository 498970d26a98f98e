"""Real API servers and a real BIND as electors: any of the three may die, and there is a leader before and after."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.leadership.elector import Elector
from trafficfed.leadership.leader import Leadership
from trafficfed.leadership.lease_elector import LeaseElector
from trafficfed.leadership.zone_elector import ZoneElector
from trafficfed.reports import LeadershipChanged, ReportEvent
from trafficfed.testing.authorities import Bind
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed_providers.rfc2136 import Rfc2136

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ZONE = "fed.test"
LEASE_S, RENEW_S = 4.0, 0.8
PATIENCE_S = 40.0


class Region:
    """One controller's part in the election, with what it was told last; ``moved`` is set whenever that changes."""

    def __init__(self, name: str, electors: list[Elector], moved: asyncio.Event) -> None:
        self.name, self.moved = name, moved
        self.terms: list[int] = []
        self.leadership = Leadership(
            name,
            "prod",
            electors,
            SystemClock(),
            self.terms.append,
            lambda reason: None,
            self._report,
            lease_s=LEASE_S,
            renew_s=RENEW_S,
            ready=lambda: True,
        )

    def _report(self, event: ReportEvent) -> None:
        if isinstance(event, LeadershipChanged):
            self.moved.set()


class Electorate:
    def __init__(self, clusters: tuple[RealCluster, RealCluster], bind: Bind) -> None:
        self.clusters, self.bind = clusters, bind

    def kill(self, which: str) -> None:
        if which == "bind":
            self.bind.kill()
        else:
            next(cluster for cluster in self.clusters if cluster.name == which).kill()

    @asynccontextmanager
    async def ways(self) -> AsyncIterator[list[Elector]]:
        """One controller's connections to all three."""
        async with AsyncExitStack() as stack:
            electors: list[Elector] = []
            for cluster in self.clusters:
                transport = Transport(await load_kubeconfig(cluster.kubeconfig, None, SystemClock()))
                stack.push_async_callback(transport.close)
                electors.append(LeaseElector(cluster.name, transport, clock=SystemClock()))
            provider = Rfc2136.from_settings("bind", self.bind.settings)
            stack.push_async_callback(provider.close)
            yield [*electors, ZoneElector("zone", provider, ZONE)]


@pytest.fixture
def electorate(farm: ClusterFarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Electorate]:
    first, second = farm.start("eu", "us")
    with Bind(tmp_path_factory.mktemp("bind"), ZONE) as bind:
        yield Electorate((first, second), bind)
    first.stop()
    second.stop()


async def until(moved: asyncio.Event, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            moved.clear()
            await moved.wait()


@pytest.mark.parametrize("lost", ["eu", "bind"])
async def test_the_loss_of_one_elector_leaves_a_leader_and_the_next_one_is_elected_without_it(
    electorate: Electorate, lost: str
) -> None:
    moved = asyncio.Event()
    async with electorate.ways() as ways_of_first, electorate.ways() as ways_of_second, asyncio.TaskGroup() as group:
        regions = [Region("eu", ways_of_first, moved), Region("us", ways_of_second, moved)]
        tasks = {each.name: group.create_task(each.leadership.run(), name=each.name) for each in regions}
        await until(moved, lambda: any(each.leadership.leads for each in regions))
        leader = next(each for each in regions if each.leadership.leads)
        (other,) = (each for each in regions if each is not leader)
        await until(moved, lambda: other.leadership.leader == leader.name)
        await asyncio.to_thread(electorate.kill, lost)
        tasks[leader.name].cancel()
        await until(moved, lambda: other.leadership.leads)
        assert not leader.leadership.leads
        assert leader.terms[-1] < other.terms[-1]
        assert other.leadership.leader == other.name
        tasks[other.name].cancel()
