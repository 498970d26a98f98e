"""Names, types and labels of the prober's metrics are what dashboards rely on."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from trafficfed.errors import ConfigError
from trafficfed.testing.processes import free_port
from trafficfed.vantage.metrics import Collector, exposed
from trafficfed.vantage.status import Numbers

NUMBERS = Numbers(
    passed=5,
    failed=2,
    impossible=1,
    services=3,
    targets=4,
    in_flight=6,
    waiting=7,
    followed=True,
    dropped=8,
    controllers=(("192.0.2.1:9053", True, 0), ("192.0.2.2:9053", False, 9)),
)
LINES = """\
trafficfed_prober_probes_total{result="passed"} 5.0
trafficfed_prober_probes_total{result="failed"} 2.0
trafficfed_prober_probes_total{result="impossible"} 1.0
trafficfed_prober_dropped_results_total 8.0
trafficfed_prober_services 3.0
trafficfed_prober_targets 4.0
trafficfed_prober_in_flight 6.0
trafficfed_prober_waiting 7.0
trafficfed_prober_targets_followed 1.0
trafficfed_prober_controller_connected{controller="192.0.2.1:9053"} 1.0
trafficfed_prober_controller_connected{controller="192.0.2.2:9053"} 0.0
trafficfed_prober_unsent_results{controller="192.0.2.1:9053"} 0.0
trafficfed_prober_unsent_results{controller="192.0.2.2:9053"} 9.0
"""


def test_each_number_has_its_line() -> None:
    registry = CollectorRegistry()
    registry.register(Collector(lambda: NUMBERS))
    text = generate_latest(registry).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == LINES.splitlines()


async def test_they_are_served_with_whether_it_lives_and_is_ready() -> None:
    numbers = [NUMBERS]
    address = f"127.0.0.1:{free_port()}"
    async with exposed(address, lambda: numbers[0]), aiohttp.ClientSession(f"http://{address}") as client:
        async with client.get("/metrics") as answer:
            assert "trafficfed_prober_targets 4.0" in await answer.text()
        for path, status in (("/livez", 200), ("/readyz", 200)):
            async with client.get(path) as answer:
                assert answer.status == status
        numbers[0] = Numbers(
            passed=0, failed=0, impossible=0, services=0, targets=0, in_flight=0, waiting=0, followed=False, dropped=0,
            controllers=(),
        )  # fmt: skip
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "nothing to probe yet\n")
        async with client.get("/livez") as answer:
            assert answer.status == 200


async def test_a_taken_address_is_one_reason() -> None:
    address = f"127.0.0.1:{free_port()}"
    async with exposed(address, lambda: NUMBERS):
        with pytest.raises(ConfigError, match=rf"prober\.metrics {address}: .*; choose another"):
            async with exposed(address, lambda: NUMBERS):
                pass
