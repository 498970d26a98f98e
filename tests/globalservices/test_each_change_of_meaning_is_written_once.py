"""Statuses on the hub: one write for each change of meaning, none for a probe, none by who does not lead."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from trafficfed.discovery.declared import HUB
from trafficfed.globalservices.statuses import SPACING_S, Statuses, StatusWrite
from trafficfed.kubernetes_api import wire
from trafficfed.model import OperatorControl
from trafficfed.pipeline import Pipeline
from trafficfed.step import Step
from trafficfed.testing.declaring import ToldHub, written
from trafficfed.testing.folding import balanced
from trafficfed.testing.piping import PipedFleet

Json = dict[str, Any]


class Desk:
    """A piped fleet with a hub, and the statuses it wants written; what is written comes back as a watched event."""

    def __init__(self) -> None:
        self.fleet = PipedFleet(has_hub=True)
        self.hub: ToldHub[Step] = ToldHub(self.take)
        self.objects: dict[str, wire.Foreign] = {}
        self.leads = True
        self.problem = ""
        self.tries = 0
        self.wrote: list[tuple[str, Json]] = []
        self.statuses = self.opened()

    def opened(self) -> Statuses:
        self.heard = 0
        return Statuses(self.fleet.pipeline, self.put, self, lambda: self.leads)

    def monotonic_s(self) -> float:
        return self.fleet.now_s

    def now_s(self) -> float:
        return self.fleet.now_s

    def take(self, cluster: str, event: wire.Event) -> Step:
        step = self.fleet.take(cluster, event)
        if cluster == HUB:
            self.statuses.hear(event)
        self.hear()
        return step

    def hear(self) -> None:
        for event in self.fleet.reports[self.heard :]:
            self.statuses.report(event)
        self.heard = len(self.fleet.reports)

    def write(self, name: str, *hostnames: str, generation: int = 1, **spec: Any) -> None:
        """What a user applies."""
        self.objects[name] = written(name, *hostnames, generation=generation, **spec)
        self.hub.put(self.objects[name])

    async def put(self, write: StatusWrite) -> str:
        self.tries += 1
        if self.problem:
            return self.problem
        body = json.loads(write.body)
        namespace, name = write.name
        assert write.path.endswith(f"/namespaces/{namespace}/globalservices/{name}/status")
        assert body["metadata"]["uid"] == f"uid-hub-{name}"
        self.wrote.append((name, body["status"]))
        known = json.loads(self.objects[name].body)
        known["status"] = body["status"]
        found = wire.Foreign(self.objects[name].metadata, json.dumps(known).encode())
        self.objects[name] = found
        self.hub.put(found)
        return ""

    async def settle(self) -> list[tuple[str, Json]]:
        """Write whatever is due; what was written."""
        self.hear()
        before = len(self.wrote)
        while writes := self.statuses.turn():
            for each in writes:
                await self.put(each)
        return self.wrote[before:]

    def restart(self) -> None:
        self.fleet.restart()
        self.statuses = self.opened()


@pytest.fixture
async def desk() -> Desk:
    """One declared service with an endpoint in eu and us, told."""
    made = Desk()
    made.fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    made.fleet.listed("us", balanced("web", "web.example.org", ["198.51.100.1"]))
    made.objects["web"] = written("web", "web.example.org")
    made.hub.listed(made.objects["web"])
    made.fleet.probe("web", times=3)
    await made.settle()
    return made


async def test_probes_that_confirm_write_nothing(desk: Desk) -> None:
    assert desk.wrote[-1][1]["serving"] == "2/2"
    for _ in range(20):
        desk.fleet.probe("web")
        assert await desk.settle() == []


async def test_a_failover_is_one_write_and_a_return_two_with_its_wait(desk: Desk) -> None:
    desk.fleet.probe("web", failing=["us"], times=3)
    ((_, status),) = await desk.settle()
    assert status["serving"] == "1/2"
    returned = []
    for _ in range(90):
        desk.fleet.probe("web")
        returned += await desk.settle()
    told = [(status["serving"], status["endpoints"][1]["reason"]) for _, status in returned]
    assert told == [("1/2", "FailbackHold"), ("2/2", "ProbesPassing")]


async def test_an_edit_is_told_with_its_generation(desk: Desk) -> None:
    desk.write("web", "shop.example.org", generation=2)
    wrote = await desk.settle()
    assert wrote[-1][1]["observedGeneration"] == 2
    assert wrote[-1][1]["hostnames"] == ["shop.example.org"]


async def test_a_mistake_and_its_end_are_told(desk: Desk) -> None:
    desk.write("web", "web.example.org", generation=2, ttl=0)
    wrote = await desk.settle()
    accepted = wrote[-1][1]["conditions"][0]
    assert (accepted["status"], accepted["reason"]) == ("False", "InvalidSpec")
    assert wrote[-1][1]["hostnames"] == ["web.example.org"], "what was said before holds"
    desk.write("web", "web.example.org", generation=3)
    assert (await desk.settle())[-1][1]["conditions"][0]["status"] == "True"


async def test_a_second_run_writes_nothing(desk: Desk) -> None:
    desk.restart()
    desk.hub.listed(*desk.objects.values())
    assert await desk.settle() == []
    desk.fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    desk.fleet.listed("us", balanced("web", "web.example.org", ["198.51.100.1"]))
    desk.fleet.probe("web", times=3)
    assert await desk.settle() == []


async def test_who_does_not_lead_writes_nothing_and_tells_all_when_it_does(desk: Desk) -> None:
    desk.leads = False
    desk.fleet.probe("web", failing=["us"], times=3)
    assert await desk.settle() == []
    desk.leads = True
    ((_, status),) = await desk.settle()
    assert status["serving"] == "1/2"


async def test_nothing_is_written_to_a_hub_that_is_lost_or_doubted(desk: Desk) -> None:
    desk.hub.lose()
    desk.fleet.probe("web", failing=["us"], times=3)
    assert await desk.settle() == []
    desk.hub.resume()
    assert [status["serving"] for _, status in await desk.settle()] == ["1/2"]
    desk.hub.listed(uid="uid-other")
    desk.fleet.probe("web", times=3)
    desk.fleet.wait(120)
    assert await desk.settle() == []


async def test_what_is_still_to_be_settled_is_not_told_yet(desk: Desk) -> None:
    key = desk.fleet.key("web")
    desk.fleet.pipeline.take(HUB, wire.Upserted(written("web", "late.example.org", generation=2), 50), desk.now_s())
    desk.statuses.hear(wire.Upserted(written("web", "late.example.org", generation=2), 50))
    assert desk.fleet.pipeline.is_waiting(key)
    assert desk.statuses.turn() == ()
    desk.objects["web"] = written("web", "late.example.org", generation=2)
    desk.fleet.settle()
    assert (await desk.settle())[-1][1]["hostnames"] == ["late.example.org"]


async def test_what_others_wrote_over_it_is_mended(desk: Desk) -> None:
    desk.objects["web"] = written("web", "web.example.org", status={"serving": "9/9"})
    desk.hub.put(desk.objects["web"])
    assert [status["serving"] for _, status in await desk.settle()] == ["2/2"]


async def test_what_is_on_its_way_is_not_written_again(desk: Desk) -> None:
    desk.fleet.probe("web", failing=["us"], times=3)
    desk.hear()
    (write,) = desk.statuses.turn()
    for event in desk.fleet.reports[-3:]:
        desk.statuses.report(event)
    assert desk.statuses.turn() == (), "the hub has not said yet that it took it"
    assert json.loads(write.body)["status"]["serving"] == "1/2"


async def test_an_edit_under_a_freeze_says_that_it_waits(desk: Desk) -> None:
    freeze = OperatorControl(kind="freeze", service="default/shop/web", who="ops", since_s=desk.now_s())
    desk.fleet.pipeline.control((freeze,))
    desk.fleet.settle()
    assert await desk.settle() == [], "what says the same as the answer does not wait for anything"
    desk.write("web", "web.example.org", generation=2, ttl=7)
    wrote = await desk.settle()
    accepted = wrote[-1][1]["conditions"][0]
    assert (accepted["status"], accepted["reason"]) == ("False", "Frozen")
    desk.fleet.pipeline.control(())
    desk.fleet.settle()
    accepted = (await desk.settle())[-1][1]["conditions"][0]
    assert (accepted["status"], accepted["reason"]) == ("True", "Accepted")


async def test_an_object_that_is_gone_is_told_nothing(desk: Desk) -> None:
    desk.hub.remove(desk.objects["web"])
    assert await desk.settle() == []


async def test_an_object_made_anew_has_a_status_of_its_own(desk: Desk) -> None:
    desk.hub.remove(desk.objects["web"])
    desk.write("web", "web.example.org")
    assert [status["serving"] for _, status in await desk.settle()] == ["2/2"]


@asynccontextmanager
async def running(run: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run(), name="statuses")
        try:
            yield
        finally:
            task.cancel()


@pytest.mark.looptime
async def test_a_write_that_failed_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    desk.hub.listed()
    desk.problem = "403 Forbidden"
    async with running(desk.statuses.run):
        desk.write("web", "web.example.org")
        await asyncio.sleep(SPACING_S * 5)
        assert desk.tries > 1
        assert [record.getMessage() for record in caplog.records].count(
            "the status of GlobalService shop/web: 403 Forbidden"
        ) == 1
        desk.problem = ""
        await asyncio.sleep(SPACING_S * 3)
        tries = desk.tries
        await asyncio.sleep(60)
    assert len(desk.wrote) == 1
    assert desk.tries == tries


@pytest.mark.looptime
async def test_what_changes_at_once_is_one_write() -> None:
    desk = Desk()
    desk.fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    desk.hub.listed()
    async with running(desk.statuses.run):
        desk.write("web", "web.example.org")
        await asyncio.sleep(SPACING_S / 10)
        for generation in range(2, 12):
            desk.write("web", f"v{generation}.example.org", generation=generation)
            await asyncio.sleep(SPACING_S / 100)
        await asyncio.sleep(SPACING_S * 5)
    assert len(desk.wrote) == 2
    assert desk.wrote[-1][1]["hostnames"] == ["v11.example.org"]


def test_the_pipeline_tells_what_concerns_one_service() -> None:
    fleet = PipedFleet(has_hub=True)
    pipeline: Pipeline = fleet.pipeline
    hub: ToldHub[Step] = ToldHub(fleet.take)
    hub.listed(written("web", "web.example.net"), written("api", "api.example.org"))
    assert [each.reason for each in pipeline.refusals_of(fleet.key("web"))] == ["OutsideZones"]
    assert pipeline.refusals_of(fleet.key("api")) == ()
