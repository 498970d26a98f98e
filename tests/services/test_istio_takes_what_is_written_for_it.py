"""Istio's own definitions, on a real API server: what is written for it has its shape, and no field is lost."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import yaml

from trafficfed.model import Cluster
from trafficfed.services.exports import Common, Merged, Port
from trafficfed.services.meshes import ISTIO_KINDS, istio_wishes
from trafficfed.services.reading import Slice, SlicePort, Stand
from trafficfed.services.wishes import Source
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.hubs import define_istio
from trafficfed.testing.processes import ServerFailed

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with ClusterFarm(tmp_path_factory.mktemp("clusters")) as farm:
        started = define_istio(farm.start_one("eu"))
        started.ensure_namespace("shop")
        yield started


def written() -> list[Json]:
    ports = (Port(name="http", port=80, app_protocol="http"), Port(name="db", port=5432))
    merged = Merged(common=Common(), ports=ports, clusters=("eu", "us"))
    standing = tuple(Stand(address=f"10.1.0.{number}", zone="eu-central-1a") for number in (1, 2))
    at = (SlicePort(name="http", port=8080), SlicePort(name="db", port=5432))
    one = Slice(name="web-x", address_type="IPv4", ports=at, endpoints=standing)
    clusters = {"eu": Cluster(name="eu", region="eu-central-1"), "us": Cluster(name="us", region="us-east-1", zone="b")}
    sources = [Source(cluster=name, ports=ports, slices=(one,)) for name in clusters]
    parent = {"apiVersion": "v1", "kind": "Service", "name": "web", "uid": "00000000-0000-0000-0000-000000000001"}
    wishes = istio_wishes("demo", "shop", "web", merged, ["10.96.0.1"], sources, clusters, {"eu": 30}, parent)
    return [orjson.loads(each.body()) for each in wishes]


@pytest.mark.parametrize("number", [0, 1], ids=["ServiceEntry", "DestinationRule"])
def test_the_api_server_takes_it_strictly_and_keeps_every_field(cluster: RealCluster, number: int) -> None:
    wanted = written()[number]
    cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", stdin=yaml.safe_dump(wanted))
    path = ISTIO_KINDS[number].path("shop", wanted["metadata"]["name"])
    assert cluster.admin.request("GET", path)["spec"] == wanted["spec"]


def test_its_schema_is_one_that_refuses(cluster: RealCluster) -> None:
    wrong = written()[0]
    wrong["spec"]["location"] = "MESH_NOWHERE"
    with pytest.raises(ServerFailed, match="MESH_NOWHERE"):
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(wrong))
