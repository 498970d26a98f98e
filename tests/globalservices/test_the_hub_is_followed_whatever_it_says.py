"""The link to the hub: what it cannot do has one reason, is tried again, and disturbs nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from trafficfed.clock import SystemClock
from trafficfed.crds.definitions import crds_yaml
from trafficfed.discovery.declared import UNDEFINED
from trafficfed.errors import ConfigError
from trafficfed.globalservices.hub_link import GLOBAL_SERVICES, Defined, HubLink
from trafficfed.globalservices.statuses import StatusWrite
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.reflector import Reflector
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.usable import RETRY_S
from trafficfed.kubernetes_api.wire import Event, Foreign, Listed, Lost, Removed, Upserted
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.server import ApiServer
from trafficfed.testing.scripted_api import LoopClock, ScriptedApi

PATH = "/apis/trafficfed.io/v1alpha1/namespaces/default/globalservices"
MISSING = Rejected("404 Not Found: 404 page not found", 404)


class Lowest(Random):
    """No waiting longer than it has to be, so that tests are quick."""

    def uniform(self, a: float, b: float) -> float:
        return min(b, 0.05)


@pytest.mark.looptime
async def test_a_kubeconfig_that_cannot_be_used_is_told_once_and_read_again() -> None:
    events: list[Event] = []
    tries = 0

    async def connect() -> Credentials:
        nonlocal tries
        tries += 1
        raise ConfigError("no such context" if tries < 4 else "no such file")

    link = HubLink(connect, events.append, LoopClock())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(RETRY_S * 4.5):
            await link.run()
    assert tries == 5
    assert events == [Lost(Foreign, "no such context"), Lost(Foreign, "no such file")]
    assert await link.put(StatusWrite(name=("a", "b"), path="/", body=b"")) == "the hub is not connected"


@pytest.mark.looptime
async def test_a_missing_definition_is_named_and_looked_for_again() -> None:
    api, events = ScriptedApi(), list[Event]()
    api.streams.extend([MISSING])
    api.lists.extend([MISSING, MISSING, MISSING, {"metadata": {"resourceVersion": "7"}, "items": []}])
    reflector = Reflector(Defined(api), GLOBAL_SERVICES, events.append, LoopClock(), random=Random(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(120):
            await reflector.run()
    assert events[:2] == [Lost(Foreign, UNDEFINED), Listed(Foreign, (), 7, "uid-1")]


@pytest.mark.looptime
async def test_any_other_refusal_is_told_as_it_is() -> None:
    api, events = ScriptedApi(), list[Event]()
    api.streams.extend([Rejected("403 Forbidden: no", 403)])
    api.lists.extend([Rejected("403 Forbidden: no", 403)] * 99)
    reflector = Reflector(Defined(api), GLOBAL_SERVICES, events.append, LoopClock(), random=Random(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await reflector.run()
    assert events == [Lost(Foreign, "403 Forbidden: no")]


# ---------------------------------------------------------------------- over HTTP, against the emulated API server


class Linked:
    """A link that runs against an emulated hub without any definition yet."""

    def __init__(self, link: HubLink, events: list[Event], admin: Transport) -> None:
        self.link, self.events, self.admin = link, events, admin
        self.heard: list[Event] = []
        link.listeners.append(self.heard.append)

    async def until(self, reached: Callable[[Event], bool]) -> Event:
        """The next event of which this holds; the test's own timeout ends it."""
        async with asyncio.timeout(30):
            while True:
                for event in self.events:
                    if reached(event):
                        assert event in self.heard, "whoever listens hears it too"
                        return event
                await asyncio.sleep(0.01)  # the server is another party; there is nothing to wait on but its answer

    async def define(self) -> None:
        for manifest in yaml.safe_load_all(crds_yaml()):
            await self.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", manifest)

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        text = yaml.safe_dump(body).encode() if body is not None else None
        answer = await self.admin.request(method, path, text, "application/yaml")
        return yaml.safe_load(answer)

    async def create(self, name: str) -> str:
        body = {
            "apiVersion": "trafficfed.io/v1alpha1",
            "kind": "GlobalService",
            "metadata": {"name": name},
            "spec": {"hostnames": [f"{name}.example.org"]},
        }
        return str((await self.send("POST", PATH, body))["metadata"]["uid"])


def status_write(name: str, uid: str, serving: str) -> StatusWrite:
    body = {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "GlobalService",
        "metadata": {"namespace": "default", "name": name, "uid": uid},
        "status": {"serving": serving},
    }
    return StatusWrite(name=("default", name), path=f"{PATH}/{name}/status", body=yaml.safe_dump(body).encode())


@asynccontextmanager
async def linked(directory: Path) -> AsyncIterator[Linked]:
    clock = SystemClock()
    async with ApiServer(clock, ["hub"], secure=True, schemas=Schemas()) as server:
        kubeconfig = server.write_kubeconfig(directory / "kubeconfig")

        async def connect() -> Credentials:
            return await load_kubeconfig(kubeconfig, "hub", clock, ())

        events: list[Event] = []
        link = HubLink(connect, events.append, clock, Lowest())
        admin = Transport(await connect())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run(), name="link")
            try:
                yield Linked(link, events, admin)
            finally:
                running.cancel()
                await admin.close()


def is_of(kind: type[Upserted[Any]] | type[Removed[Any]], name: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, kind) and event.object.metadata.name == name


@pytest.mark.slow
async def test_objects_are_followed_as_soon_as_they_are_defined(tmp_path: Path) -> None:
    async with linked(tmp_path) as hub:
        await hub.until(lambda event: event == Lost(Foreign, UNDEFINED))
        await hub.define()
        await hub.until(lambda event: isinstance(event, Listed))
        await hub.create("web")
        event = await hub.until(is_of(Upserted, "web"))
        assert isinstance(event, Upserted)
        assert isinstance(event.object, Foreign)
        assert b"web.example.org" in event.object.body
        await hub.send("DELETE", f"{PATH}/web")
        await hub.until(is_of(Removed, "web"))


@pytest.mark.slow
async def test_a_status_reaches_its_own_object_only(tmp_path: Path) -> None:
    async with linked(tmp_path) as hub:
        await hub.define()
        await hub.until(lambda event: isinstance(event, Listed))
        uid = await hub.create("web")
        assert await hub.link.put(status_write("web", uid, "2/3")) == ""
        stands = await hub.send("GET", f"{PATH}/web")
        assert stands["status"]["serving"] == "2/3"
        assert await hub.link.put(status_write("web", uid, "2/3")) == ""
        assert await hub.send("GET", f"{PATH}/web") == stands, "saying the same again writes nothing"
        await hub.send("DELETE", f"{PATH}/web")
        await hub.create("web")
        assert await hub.link.put(status_write("web", uid, "1/3")) != "", "another object of the same name"
        assert await hub.link.put(status_write("gone", uid, "1/3")) == "", "nobody is left to be told"
        assert "status" not in await hub.send("GET", f"{PATH}/web")
