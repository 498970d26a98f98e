"""One socket, several clusters: who is let in, what each shows of itself, and the faults that can be had."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from trafficfed.clock import SystemClock
from trafficfed.sandbox.apiserver.faults import Faults, Rule
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.server import ApiServer
from trafficfed.testing.kubernetes_http import Access, Api

pytestmark = pytest.mark.real
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"

GROUPS = (
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apps",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
)


@pytest.fixture
async def server(clock: SystemClock, schemas: Schemas) -> AsyncIterator[ApiServer]:
    async with ApiServer(clock, ["eu", "us"], secure=True, schemas=schemas) as server:
        yield server


@pytest.fixture
async def eu(server: ApiServer, tmp_path: Path) -> AsyncIterator[Api]:
    async with Access.of(server.write_kubeconfig(tmp_path / "kubeconfig"), "eu").open() as api:
        yield api


async def test_only_the_token_opens_a_secured_server(server: ApiServer, tmp_path: Path) -> None:
    access = Access.of(server.write_kubeconfig(tmp_path / "kubeconfig"), "us")
    for token, status in ((access.token, 200), ("wrong", 401), ("", 401)):
        async with Access(access.server, access.tls, token).open() as api:
            reply = await api.get("/api/v1/namespaces")
            assert reply.status == status
            assert status == 200 or reply.body["reason"] == "Unauthorized"


async def test_plain_http_asks_for_no_token(clock: SystemClock, schemas: Schemas, tmp_path: Path) -> None:
    async with ApiServer(clock, ["eu"], schemas=schemas) as server:
        config = server.write_kubeconfig(tmp_path / "kubeconfig")
        assert yaml.safe_load(config.read_text())["users"] == [{"name": "sandbox", "user": {}}]
        async with Access.of(config, "eu").open() as api:
            assert (await api.get("/readyz")).body == "ok"


async def test_clusters_are_strangers_to_each_other(server: ApiServer, tmp_path: Path) -> None:
    config = server.write_kubeconfig(tmp_path / "kubeconfig", ["us", "eu"])
    assert yaml.safe_load(config.read_text())["current-context"] == "us"
    async with Access.of(config, "eu").open() as eu, Access.of(config, "us").open() as us:
        await eu.post(CONFIG_MAPS, {"metadata": {"name": "c"}})
        assert (await us.get(f"{CONFIG_MAPS}/c")).status == 404
        identities = {(await api.get("/api/v1/namespaces/kube-system")).body["metadata"]["uid"] for api in (eu, us)}
        assert len(identities) == 2


async def test_a_wrong_path_names_the_right_ones(server: ApiServer, eu: Api) -> None:
    async with eu.session.get(server.url("ap") + "/api") as response:
        assert response.status == 404
        assert "the clusters are at /clusters/eu, /clusters/us" in await response.text()


async def test_it_says_what_it_serves(eu: Api) -> None:
    assert (await eu.get("/version")).body["minor"] == "37"
    assert (await eu.get("/api")).body["versions"] == ["v1"]
    groups = [group["name"] for group in (await eu.get("/apis")).body["groups"]]
    assert groups == list(GROUPS)
    assert (await eu.get("/apis/discovery.k8s.io")).body["preferredVersion"]["version"] == "v1"
    resources = {one["name"]: one for one in (await eu.get("/api/v1")).body["resources"]}
    assert resources["services"]["shortNames"] == ["svc"]
    assert resources["services/status"]["verbs"] == ["get", "patch", "update"]
    assert resources["pods"]["verbs"] == ["get", "list", "watch"]
    for path in ("/apis/example.org", "/apis/example.org/v1", "/api/v2", "/openapi/v3/api/v2", "/nothing"):
        assert (await eu.get(path)).status == 404


async def test_openapi_has_the_schema_of_every_kind(server: ApiServer, eu: Api) -> None:
    paths = (await eu.get("/openapi/v3")).body["paths"]
    assert set(paths) == {"api/v1", *(f"apis/{group}/v1" for group in GROUPS)}
    url = paths["api/v1"]["serverRelativeURL"].removeprefix("/clusters/eu")
    document = (await eu.get(url)).body
    schemas = document["components"]["schemas"]
    ports = schemas["io.k8s.ServiceSpec"]["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]
    assert ports["x-kubernetes-patch-merge-key"] == "port"
    post = document["paths"]["/api/v1/namespaces/{namespace}/services"]["post"]
    assert "fieldValidation" in [parameter["name"] for parameter in post["parameters"]]
    named = {part["$ref"].rsplit("/", 1)[1] for part in _references(document)}
    assert named <= set(schemas)


def _references(node: object) -> list[dict[str, str]]:
    if isinstance(node, dict):
        own = [node] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{CONFIG_MAPS}/c", 405),
        ("PUT", CONFIG_MAPS, 405),
        ("PATCH", CONFIG_MAPS, 405),
        ("DELETE", "/api/v1/configmaps", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("POST", "/api/v1/namespaces/default/pods", 405),
        ("POST", "/version", 405),
        ("POST", "/api/v1/namespaces/default/pods/web/exec", 404),
    ],
)
async def test_what_has_no_meaning_is_refused(eu: Api, method: str, path: str, status: int) -> None:
    assert (await eu.send(method, path, {})).status == status


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{x", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"a: [", "application/yaml", 400),
        (b"metadata: {name: fromyaml}", "application/yaml", 201),
        (b"x", "text/plain", 415),
        (b'{"kind":"Service","apiVersion":"v1"}', "application/json", 400),
    ],
)
async def test_bodies_are_read_or_refused(eu: Api, content: bytes, media_type: str, status: int) -> None:
    headers = {"Content-Type": media_type}
    async with eu.session.post(eu.server + CONFIG_MAPS, data=content, headers=headers) as response:
        assert response.status == status


async def test_options_of_a_deletion_are_an_object(eu: Api) -> None:
    await eu.post(CONFIG_MAPS, {"metadata": {"name": "c"}})
    assert (await eu.delete(f"{CONFIG_MAPS}/c", ["Background"])).status == 400
    assert (await eu.delete(f"{CONFIG_MAPS}/c?propagationPolicy=Orphan")).status == 501
    assert (await eu.delete(f"{CONFIG_MAPS}/c", {"dryRun": ["All"]})).status == 200
    assert (await eu.delete(f"{CONFIG_MAPS}/c", {"propagationPolicy": "Background"})).body["status"] == "Success"


async def test_a_client_that_wants_no_json_gets_406(eu: Api) -> None:
    assert (await eu.get(CONFIG_MAPS, accept="text/html")).status == 406


async def test_metadata_alone_can_be_asked_for(eu: Api) -> None:
    await eu.post(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "b"}})
    one = await eu.get(f"{CONFIG_MAPS}/c", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
    assert (one.body["kind"], "data" in one.body) == ("PartialObjectMetadata", False)
    many = await eu.get(CONFIG_MAPS, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    assert [item["metadata"]["name"] for item in many.body["items"]] == ["c"]


async def test_a_list_from_the_future_is_too_large_a_version(eu: Api) -> None:
    reply = await eu.get(f"{CONFIG_MAPS}?resourceVersion=999999")
    assert (reply.status, reply.body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")
    assert reply.headers["Retry-After"] == "1"


async def test_a_token_of_another_making_is_refused(eu: Api) -> None:
    assert (await eu.get(f"{CONFIG_MAPS}?limit=1&continue=nonsense")).status == 400


async def test_requests_are_refused_as_often_as_asked(server: ApiServer, eu: Api) -> None:
    server.faults("eu").fail(Rule(code=500, method="GET", path="configmaps", times=2))
    assert (await eu.get("/api/v1/services")).status == 200
    assert [(await eu.get(CONFIG_MAPS)).status for _ in range(3)] == [500, 500, 200]


async def test_a_server_may_ask_for_patience(server: ApiServer, eu: Api) -> None:
    server.faults("eu").too_many_requests(retry_after_s=7)
    reply = await eu.get(CONFIG_MAPS)
    assert (reply.status, reply.headers["Retry-After"], reply.body["reason"]) == (429, "7", "TooManyRequests")


async def test_faults_of_one_cluster_are_its_own(server: ApiServer, eu: Api, tmp_path: Path) -> None:
    server.faults("us").refuse = True
    assert (await eu.get(CONFIG_MAPS)).status == 200
    async with Access.of(server.write_kubeconfig(tmp_path / "again"), "us").open() as us:
        with pytest.raises(aiohttp.ClientConnectionError):
            await us.get(CONFIG_MAPS)
        server.faults("us").clear()
        assert (await us.get(CONFIG_MAPS)).status == 200


async def test_a_paused_server_answers_when_it_goes_on(server: ApiServer, eu: Api) -> None:
    server.faults("eu").pause()
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(eu.get(CONFIG_MAPS), name="asked")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.shield(asked)
        server.faults("eu").resume()
    assert asked.result().status == 200


@pytest.mark.looptime
async def test_latency_delays_each_answer() -> None:
    faults, loop = Faults(lambda: None), asyncio.get_running_loop()
    faults.latency_s = 2.5
    began_s = loop.time()
    await faults.delay()
    assert loop.time() - began_s == pytest.approx(2.5)


async def test_open_watches_do_not_hold_up_the_end(clock: SystemClock, schemas: Schemas, tmp_path: Path) -> None:
    server = await ApiServer(clock, ["eu"], schemas=schemas).__aenter__()
    access = Access.of(server.write_kubeconfig(tmp_path / "kubeconfig"), "eu")
    async with access.open() as api, api.watch(f"{CONFIG_MAPS}?watch=true&resourceVersion=5") as events:
        async with asyncio.timeout(10):
            await server.__aexit__(None, None, None)
        with pytest.raises(aiohttp.ClientError):
            await events.next()
