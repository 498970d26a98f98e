"""A watch's clockwork: bookmarks, its end, silence, and clients that are slower than history."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import orjson
import pytest

from trafficfed.clock import SystemClock
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.faults import Faults
from trafficfed.sandbox.apiserver.formats import Format
from trafficfed.sandbox.apiserver.kinds import CONFIG_MAP, Json
from trafficfed.sandbox.apiserver.routing import ListQuery
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.store import Store
from trafficfed.sandbox.apiserver.watching import BOOKMARK_INTERVAL_S, Cut, Watch

pytestmark = pytest.mark.looptime
MAPS = Target(kind=CONFIG_MAP, namespace="default")
USER = Intent(manager="test")


@pytest.fixture
def cluster(clock: SystemClock, schemas: Schemas) -> Cluster:
    return Cluster("eu", clock, schemas)


@pytest.fixture
def faults(cluster: Cluster) -> Faults:
    return Faults(lambda: cluster.store.touch())


class Reader:
    """A client that reads events one by one."""

    def __init__(self, watch: Watch) -> None:
        self._chunks = watch.events()
        self._lines: list[bytes] = []

    async def next(self) -> Json | None:
        while not self._lines:
            try:
                self._lines = (await anext(self._chunks)).splitlines()
            except StopAsyncIteration:
                return None
        event: Json = orjson.loads(self._lines.pop(0))
        return event

    async def close(self) -> None:
        assert isinstance(self._chunks, AsyncIterator)
        with contextlib.suppress(AttributeError):
            await self._chunks.aclose()  # type: ignore[attr-defined]


def watch(cluster: Cluster, faults: Faults, **query: object) -> Reader:
    asked = {"revision": cluster.store.revision, "watch": True, "bookmarks": True} | query
    return Reader(Watch(cluster, faults, MAPS, ListQuery(**asked), Format()))  # type: ignore[arg-type]


def write(cluster: Cluster, name: str) -> None:
    cluster.create(MAPS, {"metadata": {"name": name}}, USER)


async def test_bookmarks_come_each_minute_with_the_newest_revision(cluster: Cluster, faults: Faults) -> None:
    reader, loop = watch(cluster, faults), asyncio.get_running_loop()
    began_s = loop.time()
    for count in (1, 2):
        mark = await reader.next()
        assert mark is not None
        assert (mark["type"], mark["object"]["metadata"]) == (
            "BOOKMARK",
            {"resourceVersion": str(cluster.store.revision)},
        )
        assert loop.time() - began_s == pytest.approx(count * BOOKMARK_INTERVAL_S)
        cluster.store.put(MAPS.key, {"kind": "ConfigMap", "metadata": {"name": ""}})
        change = await reader.next()
        assert change is not None
    await reader.close()


async def test_a_watch_without_bookmarks_gets_none(cluster: Cluster, faults: Faults) -> None:
    reader, loop = watch(cluster, faults, bookmarks=False, timeout_s=300), asyncio.get_running_loop()
    began_s = loop.time()
    assert await reader.next() is None
    assert loop.time() - began_s == pytest.approx(300)


async def test_its_end_comes_with_a_last_bookmark(cluster: Cluster, faults: Faults) -> None:
    reader = watch(cluster, faults, timeout_s=30)
    mark = await reader.next()
    assert mark is not None
    assert mark["type"] == "BOOKMARK"
    assert await reader.next() is None


async def test_a_silent_watch_says_nothing_and_forgets_nothing(cluster: Cluster, faults: Faults) -> None:
    reader = watch(cluster, faults)
    faults.silent = True
    write(cluster, "a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(500):
            await reader.next()
    faults.clear()
    reader = watch(cluster, faults, revision=cluster.store.revision - 1)
    event = await reader.next()
    assert event is not None
    assert event["object"]["metadata"]["name"] == "a"
    await reader.close()


async def test_an_expired_watch_ends_with_an_error_event(cluster: Cluster, faults: Faults) -> None:
    reader = watch(cluster, faults)
    faults.expire_watches()
    event = await reader.next()
    assert event is not None
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert await reader.next() is None


async def test_a_cut_watch_breaks(cluster: Cluster, faults: Faults) -> None:
    reader = watch(cluster, faults)
    faults.cut_watches()
    with pytest.raises(Cut):
        await reader.next()


async def test_a_new_watch_is_not_met_by_an_old_fault(cluster: Cluster, faults: Faults) -> None:
    faults.cut_watches()
    faults.expire_watches()
    reader = watch(cluster, faults)
    write(cluster, "a")
    event = await reader.next()
    assert event is not None
    assert event["type"] == "ADDED"
    await reader.close()


async def test_a_reader_slower_than_history_is_told_so(clock: SystemClock, schemas: Schemas) -> None:
    cluster = Cluster("eu", clock, schemas)
    cluster.store = _short(cluster.store)
    faults = Faults(lambda: cluster.store.touch())
    reader = watch(cluster, faults)
    for number in range(30):
        write(cluster, f"c{number}")
    event = await reader.next()
    assert event is not None
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert await reader.next() is None


def _short(store: Store) -> Store:
    """The same store with room for ten changes."""
    twin = store.copy()
    twin._history = 10
    return twin


async def test_a_watch_from_forgotten_history_does_not_begin(cluster: Cluster, faults: Faults) -> None:
    cluster.store.compact()
    with pytest.raises(ApiFailure) as caught:
        watch(cluster, faults, revision=1)
    assert caught.value.code == 410
