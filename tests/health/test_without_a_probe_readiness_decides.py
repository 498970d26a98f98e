"""Where no probe is possible readiness alone decides; where nothing tells that either the endpoint serves (NoCheck)."""

from msgspec.structs import replace

from trafficfed.health import reasons
from trafficfed.health.targets import judged_addresses, probeable, targets
from trafficfed.model import Endpoint, Freshness, GlobalService, HealthCheck, Row, State
from trafficfed.testing.judging import SERVICE, Scene


def unprobed(ready: int | None) -> Scene:
    return Scene("eu", "us", ready=ready, ports=())


def test_nothing_to_go_by_counts_as_serving() -> None:
    scene = unprobed(None)
    assert scene.serving == {"eu", "us"}
    verdict = scene.verdict("eu")
    assert (verdict.state, verdict.reason, verdict.passed) == (State.SERVING, reasons.NO_CHECK, True)


def test_ready_serves_and_not_ready_does_not() -> None:
    scene = unprobed(2)
    assert scene.verdict("eu").reason == reasons.READY
    scene.ready("eu", 0)
    assert (scene.serving, scene.verdict("eu").reason) == ({"us"}, reasons.NOT_READY)


def test_it_comes_back_after_the_failback_hold() -> None:
    scene = unprobed(2)
    scene.ready("eu", 0)
    scene.ready("eu", 1)
    scene.wait(59.9)
    assert scene.serving == {"us"}
    scene.wait(0.1)
    assert scene.serving == {"eu", "us"}


def test_what_was_not_ready_from_the_start_serves_as_soon_as_it_is() -> None:
    scene = unprobed(2)
    scene.join("ap", ready=0)
    scene.row = replace(scene.row, endpoints=tuple(replace(e, ports=()) for e in scene.row.endpoints))
    scene.ready("ap", 0)
    assert scene.serving == {"eu", "us"}
    scene.ready("ap", 1)
    assert scene.serving == {"ap", "eu", "us"}


def test_stale_readiness_is_unknown_after_300_s_and_keeps_the_last_verdict() -> None:
    scene = unprobed(2)
    scene.ready("us", 0)
    for cluster in ("eu", "us"):
        scene.api_server(cluster, Freshness.STALE)
    scene.wait(299.9)
    assert scene.state("us") is State.NOT_SERVING
    scene.wait(0.1)
    assert [scene.state("eu"), scene.state("us")] == [State.UNKNOWN, State.UNKNOWN]
    assert scene.verdict("eu").reason == reasons.STALE_READINESS
    scene.wait(1e6)
    assert scene.serving == {"eu"}


def row_with(endpoint: Endpoint, check: HealthCheck | None = None, host: str = "web.fed.test") -> Row:
    service = GlobalService(key=SERVICE, hostnames=(host,), health_check=check or HealthCheck())
    return Row(service=service, endpoints=(endpoint,))


def test_a_target_takes_its_port_from_the_check_or_else_the_endpoints_first() -> None:
    endpoint = Endpoint(cluster="eu", addresses=("192.0.2.1",), ports=(8443, 80))
    assert [t.port for t in targets(row_with(endpoint))] == [8443]
    assert [t.port for t in targets(row_with(endpoint, HealthCheck(port=81)))] == [81]
    own = replace(endpoint, health_check=HealthCheck(port=82))
    assert [t.port for t in targets(row_with(own, HealthCheck(port=81)))] == [82]


def test_without_a_port_or_an_address_there_is_nothing_to_probe() -> None:
    portless = Endpoint(cluster="eu", addresses=("192.0.2.1",))
    named = Endpoint(cluster="eu", hostnames=("lb.example.org",), ports=(443,))
    for endpoint in (portless, named):
        row = row_with(endpoint)
        assert targets(row) == ()
        assert not probeable(row.service, endpoint)


def test_every_address_is_a_target_and_a_hostname_is_judged_only_while_unresolved() -> None:
    endpoint = Endpoint(cluster="eu", hostnames=("lb.example.org",), ports=(443,))
    assert judged_addresses(endpoint) == ("lb.example.org",)
    resolved = replace(endpoint, resolved=("2001:db8::1", "192.0.2.1"))
    assert judged_addresses(resolved) == ("192.0.2.1", "2001:db8::1")
    assert [t.address for t in targets(row_with(resolved))] == ["192.0.2.1", "2001:db8::1"]


def test_the_host_asked_for_is_the_checks_or_else_the_first_name_of_the_service() -> None:
    endpoint = Endpoint(cluster="eu", addresses=("192.0.2.1",), ports=(443,))
    hosts = [
        targets(row_with(endpoint))[0].check.host,
        targets(row_with(endpoint, HealthCheck(host="internal.example.org")))[0].check.host,
        targets(row_with(endpoint, host="*.shop.fed.test"))[0].check.host,
    ]
    assert hosts == ["web.fed.test", "internal.example.org", "health.shop.fed.test"]
