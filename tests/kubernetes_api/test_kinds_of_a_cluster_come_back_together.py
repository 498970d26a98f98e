"""After an outage the first kind that is answered again wakes the others, and none ever keeps another awake."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import msgspec
import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api import identity
from trafficfed.kubernetes_api.backoff import Recovery
from trafficfed.kubernetes_api.cluster_watch import ClusterWatch
from trafficfed.kubernetes_api.failures import Unavailable
from trafficfed.kubernetes_api.resource import ENDPOINT_SLICES, NODES, SERVICES
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params
from trafficfed.kubernetes_api.wire import EndpointSlice, Event, Listed, Node, Resumed, Service
from trafficfed.testing.scripted_api import LoopClock, bookmark, page, running

pytestmark = pytest.mark.looptime

T = TypeVar("T")
KINDS = {Service, EndpointSlice, Node}
BROKEN = Transient("the connection broke off")


@dataclass(slots=True)
class Server:
    """An API server without objects that can be down as a whole, or refuse single kinds by their path."""

    down: bool = False
    refusals: dict[str, Exception] = field(default_factory=dict)
    lives_s: float | None = None
    chance: Random | None = None
    asked: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    broken: asyncio.Event = field(default_factory=asyncio.Event)

    def fall(self) -> None:
        self.down = True
        self.broken.set()

    def rise(self) -> None:
        self.down = False
        self.broken = asyncio.Event()

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        if self.down:
            raise Transient("connection refused")
        answer = {"metadata": {"uid": "uid-1"}} if path == identity.PATH else page(7)
        return msgspec.json.decode(msgspec.json.encode(answer), type=type)

    async def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        self.asked[path].append(asyncio.get_running_loop().time())
        if path in self.refusals:
            raise self.refusals[path]
        if self.chance and self.chance.random() < 0.5:
            raise Transient("500 Internal Server Error")
        yield [bookmark(7, ends_list=True)] if "sendInitialEvents" in params else []
        try:
            async with asyncio.timeout(self.lives_s):
                await self.broken.wait()
        except TimeoutError:
            pass
        raise BROKEN


class Watched:
    """A ClusterWatch over it; what was told, and when."""

    def __init__(self, server: Server, seed: int = 3) -> None:
        self.told: list[tuple[float, Event]] = []
        self.watch = ClusterWatch("eu", server, self.sink, LoopClock(), random=Random(seed))

    def sink(self, cluster: str, event: Event) -> None:
        self.told.append((asyncio.get_running_loop().time(), event))

    def moments(self, kind: type[Listed[Service]] | type[Resumed]) -> dict[object, float]:
        return {event.kind: at_s for at_s, event in self.told if isinstance(event, kind)}


@pytest.mark.parametrize("seed", range(8))
async def test_all_kinds_are_followed_again_with_the_first(seed: int) -> None:
    server = Server()
    watched = Watched(server, seed)
    async with running(watched.watch.run):
        await asyncio.sleep(100)
        server.fall()
        await asyncio.sleep(300)
        server.rise()
        await asyncio.sleep(30)
        resumed = watched.moments(Resumed)
    assert resumed.keys() == KINDS
    assert len(set(resumed.values())) == 1


async def test_kinds_that_never_were_listed_are_woken_too() -> None:
    server = Server(down=True)
    watched = Watched(server)
    async with running(watched.watch.run):
        await asyncio.sleep(300)
        server.rise()
        await asyncio.sleep(30)
    listed = watched.moments(Listed)
    assert listed.keys() == KINDS
    assert len(set(listed.values())) == 1


async def test_who_is_refused_when_woken_starts_with_a_short_backoff() -> None:
    """As where a server that has just started does not know the permissions for a moment."""
    server = Server(down=True, refusals={NODES.path: Refused("403 Forbidden")})
    watched = Watched(server)
    async with running(watched.watch.run):
        await asyncio.sleep(300)
        server.rise()
        await asyncio.sleep(30)
    back_s = watched.moments(Listed)[Service]
    first, second, *_ = (at_s for at_s in server.asked[NODES.path] if at_s >= back_s)
    assert first == back_s
    assert second - first <= 0.8


async def test_what_the_server_asked_for_is_waited_out_all_the_same() -> None:
    server = Server(down=True, refusals={NODES.path: Unavailable("429 Too Many Requests", 429, retry_after_s=50.0)})
    watched = Watched(server)
    async with running(watched.watch.run):
        server.rise()
        await asyncio.sleep(1)
        server.fall()
        await asyncio.sleep(10)
        server.rise()
        await asyncio.sleep(80)
    first, second, *_ = server.asked[NODES.path]
    assert watched.moments(Resumed).keys() == KINDS - {Node}
    assert second - first >= 50.0


async def test_a_kind_that_stays_refused_is_not_asked_more_often_because_others_live() -> None:
    alone, together = Server(down=True), Server()
    for server in (alone, together):
        server.refusals[NODES.path] = Refused("403 Forbidden: nodes is forbidden")
    alone.down = False
    alone.refusals |= dict.fromkeys((SERVICES.path, ENDPOINT_SLICES.path), Refused("403 Forbidden"))
    for server in (alone, together):
        async with running(Watched(server).watch.run):
            await asyncio.sleep(3600)
    assert abs(len(alone.asked[NODES.path]) - len(together.asked[NODES.path])) < 60
    assert len(together.asked[NODES.path]) < 3 * 3600 / 30


@pytest.mark.parametrize("seed", range(3))
async def test_kinds_that_come_and_go_do_not_wake_each_other_for_ever(seed: int) -> None:
    """A server that answers and breaks off at once, then refuses, and so on, for each kind in its own turn."""
    server = Server(lives_s=0.0, chance=Random(seed))
    async with running(Watched(server, seed).watch.run):
        await asyncio.sleep(3600)
    assert sum(map(len, server.asked.values())) < 3 * 8 * 3600 / 30


async def test_a_wake_is_for_those_who_wait_already() -> None:
    recovery = Recovery()
    recovery.tell()
    assert await recovery.wait(5.0) is False
    assert asyncio.get_running_loop().time() == 5.0
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(recovery.wait(60.0), name=f"waiting {number}") for number in range(2)]
        await asyncio.sleep(1)
        recovery.tell()
    assert [task.result() for task in waiting] == [True, True]
    assert asyncio.get_running_loop().time() == 6.0
