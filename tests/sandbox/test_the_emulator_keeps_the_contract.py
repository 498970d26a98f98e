"""The emulated API server does what real ones do, as far as trafficfed and kubectl can see."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.server import ApiServer
from trafficfed.testing.apiserver_contract import ApiServerContract
from trafficfed.testing.apiserver_subject import Subject
from trafficfed.testing.definition_contract import DefinitionContract, DeploymentContract


@pytest.mark.real
class TestEmulator(ApiServerContract, DefinitionContract, DeploymentContract):
    @pytest.fixture
    async def subject(self, clock: SystemClock, schemas: Schemas, tmp_path: Path) -> AsyncIterator[Subject]:
        async with ApiServer(clock, ["other", "eu"], secure=True, schemas=schemas) as server:

            async def forget() -> None:
                server.cluster("eu").store.compact()

            kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
            yield Subject(kubeconfig, "eu", forget)
