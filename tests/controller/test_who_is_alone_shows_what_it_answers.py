"""Every answer can be explained: while no leader is heard, by the judgement that followers of this controller get."""

import asyncio

import pytest

from trafficfed.feed.messages import Standing
from trafficfed.model import Client
from trafficfed.observe.journal import Journal
from trafficfed.observe.showing import no_rtt
from trafficfed.observe.views import LeadershipView
from trafficfed.operations import ControllerOperations
from trafficfed.testing.controlling import Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])


def operated(bench: Bench, standing: Standing) -> ControllerOperations:
    view = LeadershipView(name="a", standing=str(standing), leads=standing is Standing.LEADS)
    return ControllerOperations(
        bench.controller,
        bench.clusters,
        "test",
        bench.clock,
        Journal(bench.clock),
        no_rtt,
        lambda address: Client(address),
        leadership=lambda: view,
    )


@pytest.mark.parametrize(
    ("standing", "answer"),
    [
        (Standing.ALONE, ("198.51.100.1",)),
        (Standing.RELAYS, ("192.0.2.1", "198.51.100.1")),
        (Standing.LEADS, ("192.0.2.1", "198.51.100.1")),
    ],
)
async def test_a_death_after_the_last_leader_is_shown_by_whoever_answers_by_it(
    standing: Standing, answer: tuple[str, ...]
) -> None:
    bench = Bench(Memory())
    async with bench.running():
        bench.listed("eu", EU)
        bench.listed("us", US)
        await asyncio.sleep(5)
        bench.controller.follow()
        bench.down.add("192.0.2.1")
        await asyncio.sleep(30)
        operations = operated(bench, standing)
        told = operations.explain("web.example.org", "")
        (service,) = operations.status().services
    assert told.answer == answer
    assert service.rules[0].answer == answer
    dead = next(target for target in service.targets if target.cluster == "eu")
    assert dead.serving == ("192.0.2.1" in answer)
