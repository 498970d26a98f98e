"""How long there has been something to decide: as long as it is there, and no longer."""

import asyncio

import pytest

from trafficfed.testing.controlling import Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


async def test_a_queue_is_as_old_as_what_began_it_and_has_no_age_once_it_is_empty() -> None:
    bench = Bench(Memory())
    assert bench.controller.queue_age_s == 0.0
    bench.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    await asyncio.sleep(3)
    bench.listed("us", balanced("web", "web.example.org", ["198.51.100.1"]))
    await asyncio.sleep(2)
    assert bench.controller.queue_age_s == 5.0, "nobody has settled it yet"
    async with bench.running():
        await asyncio.sleep(5)
        assert bench.controller.queue_age_s == 0.0
