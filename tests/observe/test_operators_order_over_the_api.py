"""Controls over HTTP: read by anyone, ordered with the token, and every mistake of a body is one clear sentence."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from trafficfed.config.settings import ListenAddress
from trafficfed.errors import ConfigError, TrafficfedError, Transient
from trafficfed.observe.http_api import serving
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.views import ControlView, StatusView
from trafficfed.steering.orders import BadOrder
from trafficfed.testing.operations import ScriptedOperations

TOKEN = "t" * 43
BEARER = {"Authorization": f"Bearer {TOKEN}"}
DRAIN = {"kind": "drain", "cluster": "eu", "who": "ann", "why": "kernel upgrade", "for_s": 7200}
Post = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def operations() -> ScriptedOperations:
    return ScriptedOperations()


@pytest.fixture
async def address(operations: ScriptedOperations) -> AsyncIterator[ListenAddress]:
    listen = ListenAddress("127.0.0.1", 0)
    async with serving(operations, Metrics(Gauges), listen=listen, token=TOKEN) as bound:
        yield bound


@pytest.fixture
async def post(address: ListenAddress) -> AsyncIterator[Post]:
    async with aiohttp.ClientSession() as session:

        async def send(path: str, body: object, **headers: str) -> tuple[int, Any]:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            async with session.post(f"http://{address}{path}", data=data, headers=headers or BEARER) as answer:
                return answer.status, json.loads(await answer.read())

        yield send


async def test_a_control_is_ordered_by_what_it_is(post: Post, operations: ScriptedOperations) -> None:
    assert await post("/api/control", DRAIN) == (200, {"message": "drain of eu"})
    assert operations.wanted == [
        ControlRequest(kind="drain", cluster="eu", who="ann", why="kernel upgrade", for_s=7200.0)
    ]


async def test_it_is_ended_by_what_it_is_or_by_its_id(post: Post, operations: ScriptedOperations) -> None:
    assert (await post("/api/undo", {"kind": "drain", "cluster": "eu"}))[0] == 200
    assert (await post("/api/undo", {"id": "7f3a90c1"}))[0] == 200
    assert operations.wanted == [UndoRequest(kind="drain", cluster="eu"), UndoRequest(id="7f3a90c1")]


async def test_those_in_force_are_read_without_the_token(
    address: ListenAddress, operations: ScriptedOperations
) -> None:
    control = ControlView(id="7f3a90c1", kind="drain", cluster="eu", who="ann", why="w", since_s=5.0)
    operations.view = StatusView(owner="demo", at_s=9.0, controls=(control,))
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/api/controls") as answer:
        body = await answer.json()
    assert answer.status == 200
    assert (body["owner"], body["live"], body["controls"][0]["service"]) == ("demo", True, "")


@pytest.mark.parametrize("path", ["/api/control", "/api/undo"])
async def test_nothing_is_ordered_without_the_token(path: str, post: Post, operations: ScriptedOperations) -> None:
    status, body = await post(path, DRAIN, Authorization="Bearer none")
    assert (status, operations.wanted) == (401, [])
    assert "bearer token" in body["error"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is no ControlRequest"),
        (b"\xff", "the body is no ControlRequest"),
        ([], "Expected `object`, got `array`"),
        ({}, "missing required field `kind`"),
        ({"kind": 5}, "Expected `str`, got `int` - at `$.kind`"),
        ({**DRAIN, "for_s": "2h"}, "Expected `float`, got `str` - at `$.for_s`"),
        ({**DRAIN, "untill": 5}, "unknown field `untill`"),
    ],
)
async def test_a_body_that_says_nothing_sensible_is_told_why(
    body: object, said: str, post: Post, operations: ScriptedOperations
) -> None:
    status, answer = await post("/api/control", body)
    assert (status, operations.wanted) == (400, [])
    assert said in answer["error"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadOrder("say why"), 400),
        (ConfigError("no cluster eu"), 404),
        (Transient("the controller is starting"), 503),
    ],
)
async def test_each_error_of_an_order_has_its_status(
    error: TrafficfedError, status: int, post: Post, operations: ScriptedOperations
) -> None:
    operations.failure = error
    assert await post("/api/control", DRAIN) == (status, {"error": str(error)})
    assert await post("/api/undo", {"id": "x"}) == (status, {"error": str(error)})
