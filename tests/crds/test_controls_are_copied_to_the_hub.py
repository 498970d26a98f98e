"""What is in force is seen on the hub: one write for each beginning and end, none in between, nothing of others'."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from trafficfed.clock import SystemClock
from trafficfed.crds.control_copies import COPY_OF, PATH, Write, name_of, writes
from trafficfed.crds.definitions import DEFINITIONS, manifest
from trafficfed.crds.operatorcontrol import OperatorControlObject
from trafficfed.hub_controls import AGAIN_S, LOOK_S, SOON_S, HubControls
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params, Transport
from trafficfed.model import OperatorControl
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.steering.orders import named
from trafficfed.table.table import Delta
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.emulated_api import EmulatedApi, EmulatedServer
from trafficfed.testing.fleets import row
from trafficfed.testing.hubs import make_hub
from trafficfed.testing.scripted_api import LoopClock

Json = dict[str, Any]
T = TypeVar("T")
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DRAIN = named(OperatorControl(kind="drain", cluster="eu", who="ann", why="kernel upgrade", since_s=1.0))
FREEZE = named(OperatorControl(kind="freeze", service="default/shop/web", who="bob", why="moving", since_s=2.0))


# ---------------------------------------------------------------------- what has to be written

CONTROLS = st.lists(
    st.builds(
        OperatorControl,
        kind=st.sampled_from(("drain", "freeze", "force-up")),
        cluster=st.sampled_from(("eu", "us")),
        service=st.sampled_from(("", "default/shop/web")),
        why=st.sampled_from(("upgrade", "moving")),
        since_s=st.sampled_from((1.0, 2.5)),
        until_s=st.sampled_from((0.0, 9e9)),
    ).map(named),
    max_size=5,
    unique_by=lambda control: control.id,
).map(tuple)


class Hub:
    """The hub as far as these objects go: it does what a Write says."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self._made = 0

    def do(self, write: Write) -> None:
        body, name = json.loads(write.body), write.path.removeprefix(f"{PATH}/").removesuffix("/status")
        if write.method == "POST":
            name = body["metadata"]["name"]
            assert name not in self.objects, "409 AlreadyExists"
            self._made += 1
            body["metadata"] |= {"uid": f"uid-{self._made}", "creationTimestamp": "2026-03-01T12:00:00Z"}
            self.objects[name] = body
        elif write.method == "DELETE":
            assert self.objects[name]["metadata"]["uid"] == body["preconditions"]["uid"]
            del self.objects[name]
        else:
            self.objects[name] |= body

    def found(self) -> list[OperatorControlObject]:
        return [msgspec.convert(each, OperatorControlObject) for each in self.objects.values()]

    def become(self, controls: tuple[OperatorControl, ...]) -> int:
        steps = writes(self.found(), controls, "demo")
        for step in steps:
            self.do(step)
        return len(steps)


@settings(max_examples=60, deadline=None)
@given(st.lists(CONTROLS, max_size=4))
def test_whatever_was_there_the_copies_become_the_controls_and_then_nothing_is_written(
    stages: list[tuple[OperatorControl, ...]],
) -> None:
    hub = Hub()
    for controls in stages:
        hub.become(controls)
        assert set(hub.objects) == {name_of(each) for each in controls if each.kind != "force-up"}
        assert hub.become(controls) == 0, "the second run writes nothing"
        assert hub.become(tuple(reversed(controls))) == 0, "the order does not matter"


def test_a_copy_says_who_what_and_why_and_whose_it_is() -> None:
    hub = Hub()
    hub.become((DRAIN,))
    (copy,) = hub.objects.values()
    assert copy["metadata"]["labels"] == {COPY_OF: "demo"}
    assert copy["spec"] == {"action": "drain", "cluster": "eu", "who": "ann", "why": "kernel upgrade"}
    assert copy["status"]["id"] == DRAIN.id
    assert [(each["type"], each["status"]) for each in copy["status"]["conditions"]] == [
        ("Accepted", "True"),
        ("InForce", "True"),
    ]


def test_one_control_more_costs_its_own_copy() -> None:
    hub = Hub()
    hub.become((DRAIN,))
    assert hub.become((DRAIN, FREEZE)) == 2, "the object and its status"
    assert hub.become((FREEZE,)) == 1


def test_an_edited_copy_is_made_anew() -> None:
    hub = Hub()
    hub.become((DRAIN,))
    hub.objects[name_of(DRAIN)]["spec"]["cluster"] = "us"
    hub.become((DRAIN,))
    assert hub.objects[name_of(DRAIN)]["spec"]["cluster"] == "eu"


# ---------------------------------------------------------------------- over time, at an emulated hub


class Copying:
    """HubControls at an emulated hub; ``controls`` are those in force."""

    def __init__(self, server: EmulatedServer) -> None:
        self.server, self.clock = server, LoopClock()
        self.admin: EmulatedApi = server.connect()
        self.controls: tuple[OperatorControl, ...] = ()
        self.copies = HubControls(server.connect, lambda: self.controls, "demo", self.clock)

    def now(self, *controls: OperatorControl) -> None:
        self.controls = controls
        self.copies.append(Delta(term=1, generation=1, controls=controls))

    async def names(self) -> list[str]:
        listed = json.loads(await self.admin.request("GET", PATH))
        return sorted(each["metadata"]["name"] for each in listed["items"])

    async def make(self, name: str) -> None:
        """Somebody's own object."""
        spec = {"action": "drain", "cluster": "us", "why": "w"}
        body = {
            "metadata": {"name": name},
            "spec": spec,
            "apiVersion": "trafficfed.io/v1alpha1",
            "kind": "OperatorControl",
        }
        await self.admin.request("POST", PATH, json.dumps(body).encode())

    async def define(self) -> None:
        (definition,) = (each for each in DEFINITIONS if each.kind == "OperatorControl")
        await self.admin.request("POST", CRDS, json.dumps(manifest(definition)).encode())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.copies.run(), name="copies")
            yield
            task.cancel()


def hub_without_definitions() -> Copying:
    return Copying(EmulatedServer(Cluster("hub", LoopClock(), Schemas()), 0.01))


async def hub_with_definitions() -> Copying:
    copying = hub_without_definitions()
    await copying.define()
    return copying


@pytest.mark.looptime
async def test_controls_come_and_go_with_one_look_each() -> None:
    copying = await hub_with_definitions()
    async with copying.running():
        copying.now(DRAIN)
        await asyncio.sleep(1)
        assert await copying.names() == [name_of(DRAIN)]
        copying.now(DRAIN, FREEZE)
        await asyncio.sleep(1)
        assert await copying.names() == sorted([name_of(DRAIN), name_of(FREEZE)])
        copying.now()
        await asyncio.sleep(1)
        assert await copying.names() == []
    assert copying.copies.reason == ""


@pytest.mark.looptime
async def test_what_ends_by_itself_leaves_the_hub_then() -> None:
    copying = await hub_with_definitions()
    async with copying.running():
        copying.now(named(replace(DRAIN, until_s=copying.clock.now_s() + 60.0)))
        await asyncio.sleep(59)
        assert len(await copying.names()) == 1
        await asyncio.sleep(2)
        assert await copying.names() == []


@pytest.mark.looptime
async def test_nothing_of_others_is_touched() -> None:
    copying = await hub_with_definitions()
    await copying.make("by-hand")
    async with copying.running():
        copying.now(DRAIN)
        await asyncio.sleep(1)
        copying.now()
        await asyncio.sleep(LOOK_S * 2)
        assert await copying.names() == ["by-hand"]


@pytest.mark.looptime
async def test_in_quiet_times_nothing_is_written() -> None:
    copying = await hub_with_definitions()
    async with copying.running():
        copying.now(DRAIN)
        await asyncio.sleep(1)
        copying.server.calls.clear()
        copying.copies.append(Delta(term=1, generation=2, rows=(row(),)))
        await asyncio.sleep(LOOK_S * 3)
    assert copying.server.calls == []


@pytest.mark.looptime
async def test_a_new_leader_finds_the_copies_of_the_last_one_right() -> None:
    copying = await hub_with_definitions()
    copying.controls = (DRAIN,)
    async with copying.running():
        await asyncio.sleep(1)
    copying.server.calls.clear()
    again = Copying(copying.server)
    again.controls = (DRAIN,)
    async with again.running():
        again.copies.replace()
        await asyncio.sleep(1)
    assert copying.server.calls == []


@pytest.mark.looptime
async def test_a_hub_that_is_away_gets_them_when_it_is_back() -> None:
    copying = await hub_with_definitions()
    async with copying.running():
        copying.server.go()
        copying.now(DRAIN)
        await asyncio.sleep(AGAIN_S * 3)
        assert "connection refused" in copying.copies.reason
        copying.server.come_back()
        await asyncio.sleep(AGAIN_S + 1)
        assert await copying.names() == [name_of(DRAIN)]
        assert copying.copies.reason == ""


@pytest.mark.looptime
async def test_what_a_hub_says_while_it_starts_is_soon_over() -> None:
    copying = await hub_with_definitions()
    copying.server.go()
    async with copying.running():
        copying.now(DRAIN)
        await asyncio.sleep(SOON_S / 2)
        copying.server.come_back()
        await asyncio.sleep(SOON_S)
        assert await copying.names() == [name_of(DRAIN)]


@pytest.mark.looptime
async def test_a_hub_without_the_definition_gets_them_once_it_has_it() -> None:
    hub_of_nobody = hub_without_definitions()
    async with hub_of_nobody.running():
        hub_of_nobody.now(DRAIN)
        await asyncio.sleep(1)
        assert "404" in hub_of_nobody.copies.reason
        await hub_of_nobody.define()
        await asyncio.sleep(AGAIN_S + 1)
        assert await hub_of_nobody.names() == [name_of(DRAIN)]


# ---------------------------------------------------------------------- a real hub, with the permissions of deploy/


@pytest.fixture(scope="module")
def real_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with ClusterFarm(tmp_path_factory.mktemp("copies")) as farm:
        yield make_hub(farm.start_one("hub"))


class Asked:
    """A connection that keeps what it was asked for."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.calls: list[str] = []
        self.once = asyncio.Event()

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        return msgspec.json.decode(await self.request("GET", path, params=params), type=type)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        self.calls.append(method)
        answer = await self._transport.request(method, path, body, content_type, params)
        self.once.set()
        return answer

    async def close(self) -> None:
        await self._transport.close()


async def asked(hub: RealCluster) -> Asked:
    return Asked(Transport(await load_kubeconfig(hub.kubeconfig, None, SystemClock())))


@contextlib.asynccontextmanager
async def copied(hub: Asked, controls: Callable[[], tuple[OperatorControl, ...]]) -> AsyncIterator[HubControls]:
    copies = HubControls(lambda: hub, controls, "demo", SystemClock())
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(copies.run(), name="copies")
        yield copies
        task.cancel()


async def shown(hub: RealCluster, *words: str, without: str = "") -> None:
    """Wait until kubectl shows all these words, and not the other."""
    async with asyncio.timeout(20):
        while True:
            found = hub.kubectl("get", "operatorcontrols", "--no-headers")
            if all(word in found for word in words) and not (without and without in found):
                return
            await asyncio.sleep(0.05)  # the server is another party; there is nothing to wait on but its answer


@pytest.mark.real
async def test_a_real_hub_shows_them_with_the_permissions_it_gives(real_hub: RealCluster) -> None:
    controls: tuple[OperatorControl, ...] = (DRAIN, FREEZE)
    async with copied(await asked(real_hub), lambda: controls) as copies:
        await shown(real_hub, name_of(DRAIN), name_of(FREEZE), "ann", "bob", "True")
        controls = (FREEZE,)
        copies.replace()
        await shown(real_hub, name_of(FREEZE), without=name_of(DRAIN))
    assert copies.reason == ""
    again = await asked(real_hub)
    async with copied(again, lambda: controls):
        await again.once.wait()
    assert again.calls == ["GET"], "the second run writes nothing"
