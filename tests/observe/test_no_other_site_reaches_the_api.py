"""A user's browser runs other sites' pages: what they ask of the API through it is refused before anything is done."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from trafficfed.config.settings import ListenAddress
from trafficfed.observe.http_api import serving
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.origin import is_foreign
from trafficfed.testing.operations import ScriptedOperations

TOKEN = "t" * 43
ORDER = json.dumps({"kind": "drain", "cluster": "eu", "who": "ann", "why": "w"}).encode()
HOST = "127.0.0.1:8080"


@pytest.fixture
def operations() -> ScriptedOperations:
    return ScriptedOperations()


@pytest.fixture
async def address(operations: ScriptedOperations) -> AsyncIterator[ListenAddress]:
    listen = ListenAddress("127.0.0.1", 0)
    async with serving(operations, Metrics(Gauges), listen=listen, token=TOKEN, hosts=["tf.example.org"]) as bound:
        yield bound


async def ask(address: ListenAddress, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{address}{path}", data=body or None, headers=sent) as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    "origin", ["http://evil.example.org", "http://127.0.0.1:1", "null", "", "https://127.0.0.1.evil.test", "file://"]
)
async def test_a_forged_origin_is_refused_even_with_the_token(
    origin: str, address: ListenAddress, operations: ScriptedOperations
) -> None:
    status, said = await ask(address, "POST", "/api/control", ORDER, Origin=origin, Authorization=f"Bearer {TOKEN}")
    assert (status, operations.wanted) == (403, [])
    assert "pages of other sites may not call this" in said


@pytest.mark.parametrize("path", ["/", "/api/status", "/api/stream", "/metrics"])
async def test_nothing_can_be_read_from_another_site_either(path: str, address: ListenAddress) -> None:
    assert (await ask(address, "GET", path, Origin="http://evil.example.org"))[0] == 403
    assert (await ask(address, "GET", path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"))[0] == 403


async def test_the_page_itself_and_a_configured_proxy_may_order(
    address: ListenAddress, operations: ScriptedOperations
) -> None:
    for origin in (f"http://{address}", "https://tf.example.org", "https://tf.example.org:8443"):
        got = await ask(address, "POST", "/api/control", ORDER, Origin=origin, Authorization=f"Bearer {TOKEN}")
        assert got[0] == 200
    assert len(operations.wanted) == 3


async def test_a_link_to_the_page_may_be_followed_from_anywhere(address: ListenAddress) -> None:
    assert (await ask(address, "GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"))[0] == 200


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"Origin": f"http://{HOST}"}, False),
        ({"Origin": f"HTTP://{HOST}"}, False),
        ({"Origin": f"ftp://{HOST}"}, True),
        ({"Origin": HOST}, True),
        ({"Origin": "http://"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, False),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, True),
    ],
)
def test_a_call_is_foreign_by_what_the_browser_says(headers: dict[str, str], foreign: bool) -> None:
    assert is_foreign({"Host": HOST, **headers}, ()) is foreign


async def test_a_request_that_is_too_large_is_refused_and_nothing_else(
    address: ListenAddress, operations: ScriptedOperations
) -> None:
    large = json.dumps({"kind": "drain", "cluster": "eu", "who": "ann", "why": "w" * 100_000}).encode()
    status, said = await ask(address, "POST", "/api/control", large, Authorization=f"Bearer {TOKEN}")
    assert (status, operations.wanted) == (413, [])
    assert "Request Entity Too Large" in said
    assert (await ask(address, "GET", "/livez", Cookie="c" * 20_000))[0] == 400
    assert (await ask(address, "GET", f"/api/explain?host={'h' * 20_000}"))[0] in (400, 414)
    assert await ask(address, "GET", "/livez") == (200, "ok\n")
