"""What the live page asks beyond the status: a service's chain, previews, a country's answer, and what it may do."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from trafficfed.config.settings import ListenAddress
from trafficfed.observe.http_api import serving
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.views import ChainView, ExplainView
from trafficfed.testing.operations import ScriptedOperations

TOKEN = "t" * 43
Get = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def operations() -> ScriptedOperations:
    return ScriptedOperations()


@pytest.fixture
async def get(operations: ScriptedOperations) -> AsyncIterator[Get]:
    listen = ListenAddress("127.0.0.1", 0)
    async with (
        serving(operations, Metrics(Gauges), listen=listen, token=TOKEN) as address,
        aiohttp.ClientSession() as session,
    ):

        async def ask(path: str, **headers: str) -> tuple[int, Any]:
            async with session.get(f"http://{address}{path}", headers=headers) as answer:
                return answer.status, json.loads(await answer.read())

        yield ask


async def test_a_chain_is_asked_for_by_the_services_key(get: Get, operations: ScriptedOperations) -> None:
    operations.chains["default/shop/web"] = ChainView(service="default/shop/web")
    status, chain = await get("/api/chain?service=default/shop/web")
    assert (status, chain) == (200, {"service": "default/shop/web", "copies": [], "observations": [], "records": []})
    assert (await get("/api/chain?service=none"))[0] == 404
    assert (await get("/api/chain"))[0] == 404


async def test_a_preview_needs_no_token_and_gives_no_order(get: Get, operations: ScriptedOperations) -> None:
    status, seen = await get("/api/preview?kind=drain&cluster=eu&service=&for_s=3600&why=kernel%20upgrade")
    assert (status, seen["order"]) == (200, "drain of cluster eu")
    assert operations.previewed == [ControlRequest(kind="drain", cluster="eu", why="kernel upgrade", for_s=3600.0)]
    assert (await get("/api/preview?id=7f3a90c1"))[0] == 200
    assert operations.previewed[1:] == [UndoRequest(id="7f3a90c1")]
    assert operations.wanted == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "missing required field `kind`"),
        ("kind=drain&for_s=soon", "at `$.for_s`"),
        ("kind=drain&unknown=1", "unknown field `unknown`"),
        ("id=1&cluster=eu&unknown=1", "the query is no UndoRequest"),
    ],
)
async def test_a_preview_of_nothing_sensible_is_told_why(
    query: str, said: str, get: Get, operations: ScriptedOperations
) -> None:
    status, answer = await get(f"/api/preview?{query}")
    assert (status, operations.previewed) == (400, [])
    assert said in answer["error"]


async def test_a_client_may_be_a_country(get: Get, operations: ScriptedOperations) -> None:
    view = ExplainView(hostname="web.fed.test", client="", service="s", where="country IE", answer=("a",), ttl=30)
    operations.explanations["web.fed.test", "IE"] = view
    assert (await get("/api/explain?host=web.fed.test&client=IE"))[1]["where"] == "country IE"
    for nowhere in ("ZZ", "IRL", "I"):
        status, answer = await get(f"/api/explain?host=web.fed.test&client={nowhere}")
        assert (status, answer["error"]) == (
            400,
            f"client '{nowhere}' is no IP address, and no country's code of two letters",
        )


async def test_who_may_order_is_told_so(get: Get) -> None:
    assert await get("/api/access", Authorization=f"Bearer {TOKEN}") == (200, {"orders": True})
    for wrong in ("", "Bearer ", f"Bearer {TOKEN}x", TOKEN):
        assert await get("/api/access", Authorization=wrong) == (200, {"orders": False})
    assert await get("/api/access") == (200, {"orders": False})
