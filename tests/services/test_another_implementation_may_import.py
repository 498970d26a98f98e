"""Where another implementation imports, ours steps back, reads, and still gives public names to exports."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.testing.services_world import ServicesWorld, make_export

pytestmark = pytest.mark.looptime
Make = Callable[..., ServicesWorld]
Json = dict[str, Any]


def theirs(name: str = "web") -> Json:
    return {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceImport",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"type": "ClusterSetIP", "ports": [{"port": 80}], "ips": ["10.0.0.9"]},
    }


async def test_nothing_of_imports_is_written(make: Make) -> None:
    world = make(writes=False)
    world.export("eu", "web", "10.1.0.1")
    world.write("us", theirs())
    async with world.running() as services:
        assert [world.writes(at) for at in ("ap", "eu", "us")] == [[], [], []]
        assert services.exports == {"ap": 0, "eu": 1, "us": 0}
        assert services.imports == {"ap": 0, "eu": 0, "us": 1}
        assert services.refusals == ()
        world.write("ap", theirs("other"))
        await asyncio.sleep(1.0)
        assert services.imports["ap"] == 1
        assert world.condition("eu", "Ready") == ("", "")


async def test_an_annotated_export_still_gives_its_service_a_public_name_and_takes_it_back(make: Make) -> None:
    world = make(writes=False)
    world.export("eu", "web", "10.1.0.1")
    export = make_export("web")
    export["metadata"]["annotations"] = {"trafficfed.io/hostname": "web.fed.test"}
    world.write("eu", export)

    def hostname() -> str:
        found = world.get("eu", "Service", "web")
        assert found is not None
        return str((found["metadata"].get("annotations") or {}).get("trafficfed.io/hostname", ""))

    async with world.running():
        assert hostname() == "web.fed.test"
        assert world.imported("us") == {}
        world.remove("eu", "ServiceExport", "web")
        await asyncio.sleep(10.0)
        assert hostname() == ""
