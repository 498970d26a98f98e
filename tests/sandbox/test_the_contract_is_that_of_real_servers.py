"""The contract that the emulated API server keeps is the one of a real kube-apiserver, not one of its own making."""

import asyncio

import pytest

from trafficfed.testing.apiserver_contract import ApiServerContract
from trafficfed.testing.apiserver_subject import Subject
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.definition_contract import DefinitionContract, DeploymentContract


@pytest.mark.real
class TestRealApiServer(ApiServerContract, DefinitionContract, DeploymentContract):
    @pytest.fixture
    def subject(self, real_cluster: RealCluster) -> Subject:
        async def forget() -> None:
            # Its memory of recent changes goes with its process, that of etcd by compaction.
            await asyncio.to_thread(real_cluster.compact)
            await asyncio.to_thread(real_cluster.restart)

        return Subject(real_cluster.admin_kubeconfig, real_cluster.context, forget)
