"""A reflector of Services over a scripted API server, and the farm of real ones."""

from collections.abc import Callable, Iterator

import pytest

from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.scripted_api import Script


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFarm]:
    with ClusterFarm(tmp_path_factory.mktemp("clusters")) as farm:
        yield farm


@pytest.fixture(scope="session")
def eu(farm: ClusterFarm) -> RealCluster:
    """For tests that leave the server as it is."""
    return farm.start_one("eu")


@pytest.fixture
def fragile(farm: ClusterFarm) -> Iterator[Callable[..., RealCluster]]:
    """Starts a cluster that the test may break."""
    started: list[RealCluster] = []

    def start(**options: object) -> RealCluster:
        started.append(farm.start_one("fragile", **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for cluster in started:
        cluster.stop()
