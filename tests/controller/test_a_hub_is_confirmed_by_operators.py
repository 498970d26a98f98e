"""A Suspect hub is shown as held, and taken as it is by ``confirm hub``; where there is none, nothing is said of it."""

import asyncio

import pytest

from trafficfed.errors import ConfigError
from trafficfed.testing.controlling import Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


class Hub:
    """What propagation says, and what it was told."""

    def __init__(self, held: str = "", reason: str = "") -> None:
        self.held, self.reason = held, reason
        self.forgotten: list[str] = []

    def confirm(self) -> int:
        if not self.held:
            raise ConfigError("the hub is not Suspect; there is nothing to confirm")
        self.held = ""
        return 7

    def forget(self, cluster: str) -> None:
        self.forgotten.append(cluster)


async def test_a_suspect_hub_is_held_until_it_is_confirmed() -> None:
    operations = Bench(Memory()).operated(Hub("another API server answers", "another API server answers"))
    (held,) = operations.status().held
    assert (held.confirm_id, held.message) == ("hub", "another API server answers")
    done = await operations.confirm("hub")
    assert "the copies of 7 objects leave" in done.message
    assert operations.status().held == ()


async def test_a_hub_that_is_not_suspect_cannot_be_confirmed() -> None:
    with pytest.raises(ConfigError, match="not Suspect"):
        await Bench(Memory()).operated(Hub()).confirm("hub")


async def test_without_a_hub_there_is_nothing_of_that_name() -> None:
    bench = Bench(Memory())
    with pytest.raises(ConfigError, match="nothing is held under hub"):
        await bench.operations.confirm("hub")
    assert bench.operations.status().refusals == ()


async def test_why_the_hub_is_not_followed_is_shown() -> None:
    (shown,) = Bench(Memory()).operated(Hub(reason="connection refused")).status().refusals
    assert (shown.cluster, shown.reason, shown.message) == ("hub", "HubNotFollowed", "connection refused")


async def test_a_forgotten_cluster_is_forgotten_by_propagation_too() -> None:
    bench, hub = Bench(Memory()), Hub()
    async with bench.running():
        bench.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
        await asyncio.sleep(1)
        await bench.operated(hub).forget("eu")
    assert hub.forgotten == ["eu"]
