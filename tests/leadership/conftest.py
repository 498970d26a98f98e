"""Worlds in which elections are held, and real API servers."""

from collections.abc import Callable, Iterator

import pytest

from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.elections import World

THREE = ("ap", "eu", "us")


@pytest.fixture
def world() -> Callable[..., World]:
    """A world in which every message arrives in time, with all controllers running on exact clocks."""

    def make(controllers: int = 2, places: tuple[str, ...] = THREE, *, started: bool = True, seed: int = 1) -> World:
        made = World(seed, places, [1.0] * controllers)
        for controller in made.controllers if started else ():
            controller.start()
        return made

    return make


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFarm]:
    with ClusterFarm(tmp_path_factory.mktemp("clusters")) as farm:
        yield farm


@pytest.fixture(scope="session")
def eu(farm: ClusterFarm) -> RealCluster:
    """For tests that leave the server as it is; each uses a Lease of its own."""
    return farm.start_one("eu")
