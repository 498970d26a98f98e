"""A policy that selects a Service and its ServiceExport has it run and exported in the same members."""

from collections.abc import Callable

import pytest

from trafficfed.services.definitions import manifests
from trafficfed.testing.propagation_world import PropagationWorld, policy
from trafficfed.testing.services_world import make_export, make_service

pytestmark = pytest.mark.looptime
KINDS = (("v1", "Service"), ("multicluster.x-k8s.io/v1beta1", "ServiceExport"))


async def test_a_service_is_exported_where_its_policy_places_it(make: Callable[..., PropagationWorld]) -> None:
    world = make(kinds=KINDS)
    world.learn("multicluster.x-k8s.io/v1beta1", "ServiceExport", "serviceexports")
    for server in (world.hub, *world.servers.values()):
        world.write(*manifests(("v1beta1",)), at=server)
    placed = policy(*KINDS, placement={"clusterAffinity": {"clusterNames": ["eu", "us"]}})
    world.write(placed, make_service(), make_export(exportedLabels={"team": "a"}))
    async with world.running(20.0):
        assert world.holders("Service", "web") == {"eu", "us"}
        assert world.holders("ServiceExport", "web") == {"eu", "us"}
        found = world.get("ServiceExport", "web", at=world.servers["eu"])
        assert found is not None
        assert found["spec"]["exportedLabels"] == {"team": "a"}
        world.report(world.servers["eu"], "ServiceExport", "web", {"conditions": []})
        world.writes(world.servers["eu"])
        world.remove("ServiceExport", "web")
    async with world.running(20.0):
        assert world.holders("ServiceExport", "web") == set()
        assert world.holders("Service", "web") == {"eu", "us"}
