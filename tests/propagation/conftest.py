"""A hub and a member as real API servers, and the schemas that emulated ones share."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.propagation_world import PropagationWorld


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFarm]:
    with ClusterFarm(tmp_path_factory.mktemp("clusters")) as farm:
        yield farm


@pytest.fixture(scope="session")
def pair(farm: ClusterFarm) -> tuple[RealCluster, RealCluster]:
    """Hub and member, each with the namespace that the tests' objects are in."""
    hub, member = farm.start("hub", "eu")
    for cluster in (hub, member):
        cluster.ensure_namespace("shop")
    return hub, member


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """Reading them takes a second."""
    return Schemas()


@pytest.fixture
def make(schemas: Schemas, tmp_path: Path) -> Callable[..., PropagationWorld]:
    """Called inside the test: its clock is the test's event loop."""
    return partial(PropagationWorld, schemas, tmp_path)
