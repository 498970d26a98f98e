"""A Connection tells once why its kubeconfig cannot be used, takes it once it can, and leaves nothing open."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from trafficfed.clock import SystemClock
from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.connection import Connection
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.events import Note, Subject
from trafficfed.kubernetes_api.usable import RETRY_S
from trafficfed.kubernetes_api.wire import EndpointSlice, Event, Listed, Lost, Node, Service
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.kinds import EVENT, NAMESPACE
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.server import ApiServer
from trafficfed.testing.followed import Heard
from trafficfed.testing.scripted_api import LoopClock, bookmark, running

KINDS = {Service, EndpointSlice, Node}
EARLY, CONFLICT = (Note(Subject("shop", "web", "uid-of-web"), reason, "said") for reason in ("Early", "Conflict"))

BODY = b'{"metadata":{"uid":"uid-1"}}'
UID = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
LINE = bookmark(4, ends_list=True) + b"\n"
WATCH = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(LINE), LINE)


class Member:
    """One Connection, what it told, and how often it looked for its kubeconfig."""

    def __init__(self, connect: Callable[[], Any], clock: Any = None, retry_s: float = RETRY_S) -> None:
        self.heard, self.found, self.looks = Heard(), list[str](), list[float]()
        self._connect = connect
        self.connection = Connection(
            "eu", self._look, self._sink, clock or SystemClock(), lambda event: None, self.found.append, retry_s
        )

    async def _look(self) -> Credentials:
        self.looks.append(asyncio.get_running_loop().time())
        credentials = self._connect()
        return credentials if isinstance(credentials, Credentials) else await credentials

    def _sink(self, cluster: str, event: Event) -> None:
        assert cluster == "eu"
        self.heard(event)

    @property
    def lost(self) -> list[tuple[type, str]]:
        return [(event.kind, event.reason) for event in self.heard.events if isinstance(event, Lost)]


def refusing(*messages: str) -> Callable[[], Credentials]:
    """Raises these in turn, the last one for ever."""
    left = list(messages)

    def connect() -> Credentials:
        raise ConfigError(left.pop(0) if len(left) > 1 else left[0])

    return connect


def at(url: str) -> Credentials:
    return Credentials(name="context eu", server=url, means="token")


# ---------------------------------------------------------------------- without a usable kubeconfig, in virtual time


@pytest.mark.looptime
async def test_a_bad_kubeconfig_is_lost_once_for_each_kind_and_read_again_and_again() -> None:
    member = Member(refusing("/etc/eu: there is no such file; name a kubeconfig that exists"), LoopClock())
    async with running(member.connection.run):
        await asyncio.sleep(600)
    assert {kind for kind, _ in member.lost} == KINDS
    assert [reason for _, reason in member.lost] == [
        "/etc/eu: there is no such file; name a kubeconfig that exists"
    ] * 3
    assert member.looks == [RETRY_S * number for number in range(len(member.looks))]
    assert len(member.looks) == 60
    assert member.found == []


@pytest.mark.looptime
async def test_another_reason_is_told_too() -> None:
    member = Member(refusing("no such file", "no such file", "is no YAML"), LoopClock())
    async with running(member.connection.run):
        await asyncio.sleep(600)
    assert [reason for _, reason in member.lost] == ["no such file"] * 3 + ["is no YAML"] * 3


@pytest.mark.looptime
async def test_events_are_dropped_while_there_is_nobody_to_write_them() -> None:
    member = Member(refusing("no such file"), LoopClock())
    member.connection.tell(CONFLICT)
    async with running(member.connection.run):
        await asyncio.sleep(60)
        member.connection.tell(CONFLICT)
        await asyncio.sleep(60)
    assert {type(event) for event in member.heard.events} == {Lost}


# ---------------------------------------------------------------------- over real sockets


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    return Schemas()


@pytest.fixture
async def server(schemas: Schemas) -> AsyncIterator[ApiServer]:
    async with ApiServer(SystemClock(), ["eu"], schemas=schemas) as server:
        server.cluster("eu").create(Target(kind=NAMESPACE), {"metadata": {"name": "shop"}}, Intent(manager="test"))
        yield server


def written(cluster: Cluster) -> list[str]:
    """The reasons of all Events there."""
    return [json.loads(event)["reason"] for event in cluster.store.objects(EVENT).values()]


async def until_written(cluster: Cluster) -> None:
    async with asyncio.timeout(10):
        while not written(cluster):
            await cluster.store.changed.wait()


async def until_listed(member: Member) -> None:
    for kind in KINDS:
        await member.heard.until(lambda event, kind=kind: isinstance(event, Listed) and event.kind is kind)  # type: ignore[misc]


@pytest.mark.real
async def test_a_mended_kubeconfig_is_taken(server: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    member = Member(partial(load_kubeconfig, path, "eu", SystemClock()), retry_s=0.02)
    async with running(member.connection.run):
        missing = await member.heard.lost()
        path.write_text("clusters: [")
        broken = await member.heard.lost(3)
        server.write_kubeconfig(path)
        await until_listed(member)
    assert "there is no such file" in missing
    assert "is no YAML" in broken
    assert len(member.lost) == 6
    assert not any(isinstance(event, Lost) for event in member.heard.events[6:])


@pytest.mark.real
async def test_the_servers_address_is_told_once_it_is_known(server: ApiServer) -> None:
    by_name = Member(lambda: at(server.url("eu").replace("127.0.0.1", "localhost")))
    async with running(by_name.connection.run):
        await until_listed(by_name)
    assert f"http://127.0.0.1:{server.port}" in by_name.found
    assert not any("localhost" in url for url in by_name.found)


@pytest.mark.real
@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://127.0.0.1", ["https://127.0.0.1:443"]),
        ("http://127.0.0.1/clusters/eu", ["http://127.0.0.1:80"]),
        ("https://[::1]:6443", ["https://[::1]:6443"]),
        ("https://no..name:6443", []),
    ],
)
async def test_every_form_of_url_leads_to_an_address_or_to_none(url: str, found: list[str]) -> None:
    member = Member(lambda: at(url))
    async with running(member.connection.run):
        await member.heard.lost()
    assert member.found == found


@pytest.mark.real
async def test_an_event_is_written_only_where_somebody_is_connected(server: ApiServer) -> None:
    member = Member(lambda: at(server.url("eu")))
    member.connection.tell(EARLY)
    async with running(member.connection.run):
        await until_listed(member)
        member.connection.tell(CONFLICT)
        await until_written(server.cluster("eu"))
    member.connection.tell(EARLY)
    assert written(server.cluster("eu")) == ["Conflict"]


class Counting:
    """An empty cluster's API server that counts the connections to it: those in use, and those kept for later."""

    def __init__(self) -> None:
        self.open = 0
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(UID if b"/kube-system " in head else WATCH)
        except asyncio.IncompleteReadError:
            writer.close()
        finally:
            self.open -= 1
            if not self.open:
                self.left.set()


@pytest.mark.real
async def test_when_it_is_cancelled_every_connection_is_closed() -> None:
    counting = Counting()
    async with await asyncio.start_server(counting.serve, "127.0.0.1", 0) as server, asyncio.timeout(10):
        port = server.sockets[0].getsockname()[1]
        member = Member(lambda: at(f"http://127.0.0.1:{port}"))
        async with running(member.connection.run):
            await until_listed(member)
            assert counting.open > len(KINDS), "the watches, and at least one that waits for the next request"
        await counting.left.wait()
