"""A real API server that has the definitions, applied as a user applies them."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from trafficfed.testing.clusters import ClusterFarm, RealCluster


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with ClusterFarm(tmp_path_factory.mktemp("hub")) as farm:
        hub = farm.start_one("hub")
        command = [sys.executable, "-m", "trafficfed", "crds"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        hub.kubectl("apply", "--server-side", "-f", "-", stdin=printed)
        hub.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        hub.ensure_namespace("shop")
        yield hub
