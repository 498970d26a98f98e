"""The emulated API server under test, and a real one where a claim is checked against both."""

from collections.abc import Iterator

import pytest

from trafficfed.clock import SystemClock
from trafficfed.sandbox.apiserver.kinds import KINDS
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.testing.clusters import ClusterFarm, RealCluster

pytest.register_assert_rewrite(
    "trafficfed.testing.apiserver_contract",
    "trafficfed.testing.definition_contract",
    "trafficfed.testing.kubectl_contract",
)


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """Read once: it takes over a second."""
    schemas = Schemas()
    for kind in KINDS:
        schemas.of(kind)
    return schemas


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture(scope="session")
def real_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """With an etcd of its own, since a test has it forget its history."""
    with ClusterFarm(tmp_path_factory.mktemp("clusters")) as farm:
        yield farm.start_one("contract", own_etcd=True)
