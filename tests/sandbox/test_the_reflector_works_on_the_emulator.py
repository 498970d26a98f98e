"""The product's own reflector follows an emulated cluster, and sees each injected fault as it would a real one."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.wire import Listed, Removed, Resumed, Upserted
from trafficfed.sandbox.apiserver.cluster import Intent, Target
from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.sandbox.apiserver.kinds import NAMESPACE, SERVICE, Json
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.server import ApiServer
from trafficfed.testing.followed import Heard, following, names

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]
USER = Intent(manager="test")


class Emulated:
    """An emulated cluster with Services that the test writes."""

    def __init__(self, server: ApiServer, kubeconfig: Path) -> None:
        self.server, self.kubeconfig = server, kubeconfig
        self.faults = server.faults("eu")
        self.fill()

    @property
    def uid(self) -> str:
        return self.server.cluster("eu").uid

    def fill(self) -> None:
        self.server.cluster("eu").create(Target(kind=NAMESPACE), {"metadata": {"name": "shop"}}, USER)

    def write(self, *services: str) -> None:
        for name in services:
            manifest: Json = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
            self.server.cluster("eu").create(Target(kind=SERVICE, namespace="shop"), manifest, USER)

    def delete(self, name: str) -> None:
        self.server.cluster("eu").delete(Target(kind=SERVICE, namespace="shop", name=name), {}, USER)

    def following(self, silence_s: float = 90.0) -> AbstractAsyncContextManager[Heard]:
        return following(self.kubeconfig, silence_s=silence_s)


@pytest.fixture
async def eu(clock: SystemClock, schemas: Schemas, tmp_path: Path) -> AsyncIterator[Emulated]:
    async with ApiServer(clock, ["eu"], secure=True, schemas=schemas) as server:
        yield Emulated(server, server.write_kubeconfig(tmp_path / "kubeconfig"))


async def upserted(heard: Heard, name: str, after: int = 0) -> None:
    await heard.until(lambda event: isinstance(event, Upserted) and event.object.metadata.name == name, after)


async def test_it_lists_and_follows(eu: Emulated) -> None:
    eu.write("a", "b")
    async with eu.following() as heard:
        listed = await heard.listed()
        assert (names(listed), listed.server_uid) == ({"a", "b"}, eu.uid)
        assert listed.revision == eu.server.cluster("eu").store.revision
        eu.write("c")
        await upserted(heard, "c")
        eu.delete("a")
        removed = await heard.until(lambda event: isinstance(event, Removed))
        assert isinstance(removed, Removed)
        assert removed.object.metadata.name == "a"


async def test_a_server_without_watch_lists_is_listed_in_pages(eu: Emulated) -> None:
    eu.faults.watch_lists = False
    eu.write(*(f"s{number}" for number in range(501)))
    async with eu.following() as heard:
        assert len(names(await heard.listed())) == 501
        eu.write("late")
        await upserted(heard, "late")


async def test_a_cut_watch_is_taken_up_where_it_stopped(eu: Emulated) -> None:
    eu.write("a")
    async with eu.following() as heard:
        await heard.listed()
        eu.faults.cut_watches()
        eu.write("b")
        await heard.until(lambda event: isinstance(event, Resumed))
        await upserted(heard, "b")
        assert sum(isinstance(event, Listed) for event in heard.events) == 1


async def test_an_expired_watch_is_listed_anew(eu: Emulated) -> None:
    eu.write("a", "b")
    async with eu.following() as heard:
        await heard.listed()
        eu.faults.cut_watches()
        eu.delete("a")
        eu.server.cluster("eu").store.compact()
        assert names(await heard.listed(after=1)) == {"b"}


async def test_a_410_in_the_middle_of_a_watch_is_listed_anew(eu: Emulated) -> None:
    eu.write("a")
    async with eu.following() as heard:
        await heard.listed()
        eu.faults.expire_watches()
        assert names(await heard.listed(after=1)) == {"a"}


async def test_refusals_are_told_and_outlived(eu: Emulated) -> None:
    eu.faults.fail(Rule(code=500, path="/services", times=2))
    eu.write("a")
    async with eu.following() as heard:
        assert "500" in await heard.lost()
        assert names(await heard.listed()) == {"a"}


async def test_a_server_that_answers_nothing_is_lost_by_the_silence_deadline(eu: Emulated) -> None:
    async with eu.following(silence_s=0.2) as heard:
        await heard.listed()
        eu.faults.pause()
        assert await heard.lost()
        eu.faults.resume()
        await heard.until(lambda event: isinstance(event, (Listed, Resumed)), len(heard.events))


async def test_another_cluster_behind_the_same_address_has_another_uid(eu: Emulated) -> None:
    eu.write("a")
    before = eu.uid
    async with eu.following() as heard:
        first = await heard.listed()
        eu.server.empty("eu")
        second = await heard.listed(after=heard.events.index(first) + 1)
    assert first.server_uid == before != eu.uid == second.server_uid
    assert names(second) == set()


async def test_a_restored_backup_has_the_same_uid_and_an_older_version(eu: Emulated) -> None:
    backup = eu.server.backup("eu")
    eu.write("a")
    async with eu.following() as heard:
        first = await heard.listed()
    eu.server.restore("eu", backup)
    async with eu.following() as heard:
        second = await heard.listed()
    assert second.server_uid == first.server_uid
    assert (second.revision < first.revision, names(second)) == (True, set())
