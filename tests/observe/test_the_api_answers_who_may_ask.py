"""The real HTTP API on a loopback port: what it says, whom it obeys, and that one failure is one clear answer."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from trafficfed.config.settings import ListenAddress
from trafficfed.errors import ConfigError, Refused, TrafficfedError, Transient, Unsafe
from trafficfed.observe.http_api import serving
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.views import ChangeView, EventView, ExplainView, PlanView, StatusView
from trafficfed.testing.operations import ScriptedOperations

TOKEN = "t" * 43
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LOOPBACK = ListenAddress("127.0.0.1", 0)


class Caller:
    """Calls one API and gives status and body."""

    def __init__(self, address: ListenAddress, session: aiohttp.ClientSession) -> None:
        self.address = address
        self._session = session

    async def __call__(self, method: str, path: str, **headers: str) -> tuple[int, Any]:
        async with self._session.request(method, f"http://{self.address}{path}", headers=headers) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(body) if is_json else body.decode()


@pytest.fixture
def operations() -> ScriptedOperations:
    return ScriptedOperations()


@pytest.fixture
async def call(operations: ScriptedOperations) -> AsyncIterator[Caller]:
    metrics = Metrics(lambda: Gauges(generation=7))
    async with (
        serving(operations, metrics, listen=LOOPBACK, token=TOKEN, hosts=("tf.example.org",)) as address,
        aiohttp.ClientSession() as session,
    ):
        yield Caller(address, session)


async def test_a_process_that_runs_is_alive_even_when_not_ready(call: Caller, operations: ScriptedOperations) -> None:
    operations.reasons = ("no cluster was ever read",)
    assert await call("GET", "/livez") == (200, "ok\n")


async def test_readiness_tells_each_reason(call: Caller, operations: ScriptedOperations) -> None:
    assert await call("GET", "/readyz") == (200, "ok\n")
    operations.reasons = ("no table was loaded", "own: no feed")
    assert await call("GET", "/readyz") == (503, "no table was loaded\nown: no feed\n")


async def test_metrics_are_prometheus_text(call: Caller) -> None:
    status, body = await call("GET", "/metrics")
    assert status == 200
    assert "trafficfed_table_generation 7.0" in body


async def test_status_and_plan_are_their_views_with_every_field(call: Caller, operations: ScriptedOperations) -> None:
    operations.planned = PlanView(
        owner="demo", changes=(ChangeView(provider="bind", zone="fed.test", name="web.fed.test", action="create"),)
    )
    status, body = await call("GET", "/api/status")
    assert (status, body["owner"], body["live"], body["clusters"]) == (200, "demo", True, [])
    status, body = await call("GET", "/api/plan")
    assert body["changes"][0]["before"] == []


async def test_events_go_on_where_the_last_answer_ended(call: Caller, operations: ScriptedOperations) -> None:
    told = tuple(EventView(at_s=float(at), kind="cluster", text=f"n={at}") for at in range(3))
    operations.view = StatusView(owner="demo", at_s=5.0, events=told)
    status, body = await call("GET", "/api/events")
    assert (status, body["seen"], len(body["events"])) == (200, 3, 3)
    status, body = await call("GET", "/api/events?after=2")
    assert [each["text"] for each in body["events"]] == ["n=2"]


async def test_explain_takes_a_name_in_any_spelling(call: Caller, operations: ScriptedOperations) -> None:
    view = ExplainView(hostname="web.fed.test", client="192.0.2.7", service="s", where="any", answer=("a",), ttl=30)
    operations.explanations["web.fed.test", "192.0.2.7"] = view
    status, body = await call("GET", "/api/explain?host=Web.Fed.Test.&client=192.0.2.7")
    assert (status, body["answer"]) == (200, ["a"])


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/explain", 400, "host is missing"),
        ("/api/explain?host=web.fed.test&client=dublin", 400, "client 'dublin' is no IP address"),
        ("/api/explain?host=none.fed.test", 404, "none.fed.test: no service has this name"),
        ("/api/events?after=-1", 400, "after '-1' is no count"),
        (f"/api/events?after={'9' * 40}", 400, "after '9999"),
        ("/api/nothing", 404, "GET /api/nothing: Not Found"),
        ("/api/confirm/7f3a", 405, "GET /api/confirm/7f3a: Method Not Allowed"),
    ],
)
async def test_a_wrong_question_is_told_what_is_wrong(call: Caller, path: str, status: int, said: str) -> None:
    got, body = await call("GET", path)
    assert got == status
    assert body["error"].startswith(said)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("no such id"), 404),
        (Unsafe("held"), 409),
        (Refused("not allowed"), 502),
        (Transient("later"), 503),
        (TrafficfedError("odd"), 500),
    ],
)
async def test_each_error_has_its_status_and_its_text(
    call: Caller, operations: ScriptedOperations, error: TrafficfedError, status: int
) -> None:
    operations.failure = error
    assert await call("POST", "/api/confirm/7f3a", **BEARER) == (status, {"error": str(error)})
    assert await call("GET", "/api/status") == (status, {"error": str(error)})


async def test_an_order_with_the_token_is_carried_out(call: Caller, operations: ScriptedOperations) -> None:
    assert await call("POST", "/api/confirm/7f3a", **BEARER) == (200, {"message": "7f3a goes on"})
    assert await call("POST", "/api/forget/eu%2Fwest", **BEARER) == (200, {"message": "eu/west is forgotten"})
    assert operations.orders == [("confirm", "7f3a"), ("forget", "eu/west")]


@pytest.mark.parametrize(
    "given", ["", "Bearer ", f"Bearer {TOKEN[1:]}", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "\xfc"]
)
async def test_an_order_without_the_token_is_not(call: Caller, operations: ScriptedOperations, given: str) -> None:
    status, body = await call("POST", "/api/forget/eu", Authorization=given)
    assert (status, operations.orders) == (401, [])
    assert "bearer token" in body["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_no_other_method_gets_in_without_the_token(call: Caller, method: str) -> None:
    assert (await call(method, "/api/status"))[0] == 401


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "localhost:1", "LOCALHOST", "tf.example.org"]
)
async def test_addresses_localhost_and_configured_names_are_served(call: Caller, host: str) -> None:
    assert (await call("GET", "/livez", Host=host))[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example.org", "tf.example.org.evil.test", "127.0.0.1.evil.test", "", "localhost.evil"]
)
async def test_a_name_that_only_resolves_here_is_not_served(
    call: Caller, operations: ScriptedOperations, host: str
) -> None:
    """DNS rebinding: a web page's own name, made to point at loopback, sends that name as Host."""
    assert (await call("GET", "/api/status", Host=host))[0] == 421
    assert (await call("POST", "/api/forget/eu", Host=host, **BEARER))[0] == 421
    assert operations.orders == []


async def test_a_taken_port_is_one_error_that_names_address_and_key(call: Caller) -> None:
    with pytest.raises(ConfigError) as caught:
        async with serving(ScriptedOperations(), Metrics(Gauges), listen=call.address, token=TOKEN):
            pass
    assert str(caught.value) == (f"api: {call.address} is taken by another process; stop that, or set another address")


async def test_an_address_of_another_machine_is_one_error_too() -> None:
    with pytest.raises(ConfigError, match=r"api: cannot listen on 192\.0\.2\.1:0 .*; set an address of this machine"):
        async with serving(ScriptedOperations(), Metrics(Gauges), listen=ListenAddress("192.0.2.1", 0), token=TOKEN):
            pass


async def test_the_address_is_free_again_afterwards() -> None:
    async with serving(ScriptedOperations(), Metrics(Gauges), listen=LOOPBACK, token=TOKEN) as address:
        pass
    async with serving(ScriptedOperations(), Metrics(Gauges), listen=address, token=TOKEN) as again:
        assert again == address


async def test_answers_are_kept_by_no_cache(call: Caller) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://{call.address}/api/status") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
