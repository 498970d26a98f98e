"""The prober's numbers for Prometheus, read from plain ints when asked."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from trafficfed.errors import ConfigError
from trafficfed.feed.addresses import host_and_port
from trafficfed.vantage.status import Numbers


class Collector:
    """Turns numbers into metrics at each scrape."""

    def __init__(self, numbers: Callable[[], Numbers]) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        now = self._numbers()
        probes = CounterMetricFamily("trafficfed_prober_probes", "Probes that came back.", labels=["result"])
        for result, count in (("passed", now.passed), ("failed", now.failed), ("impossible", now.impossible)):
            probes.add_metric([result], count)
        yield probes
        dropped = "Results that a controller was never told: too old, or too many, before it could be reached."
        yield CounterMetricFamily("trafficfed_prober_dropped_results", dropped, value=now.dropped)
        for name, text, value in (
            ("services", "Services whose endpoints are probed, the anchors as one of them.", now.services),
            ("targets", "Addresses that are probed.", now.targets),
            ("in_flight", "Probes under way.", now.in_flight),
            ("waiting", "Probes that are due but wait for the bounds.", now.waiting),
            ("targets_followed", "1 while a controller that is connected says what to probe.", now.followed),
        ):
            yield GaugeMetricFamily(f"trafficfed_prober_{name}", text, value=float(value))
        yield from _of_controllers(now)


def _of_controllers(now: Numbers) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        "trafficfed_prober_controller_connected", "1 while a controller is connected.", labels=["controller"]
    )
    unsent = GaugeMetricFamily(
        "trafficfed_prober_unsent_results", "Results that a controller was not told yet.", labels=["controller"]
    )
    for address, stands, waiting in now.controllers:
        connected.add_metric([address], float(stands))
        unsent.add_metric([address], float(waiting))
    yield connected
    yield unsent


@asynccontextmanager
async def exposed(address: str, numbers: Callable[[], Numbers]) -> AsyncIterator[None]:
    """Serve /metrics, /livez and /readyz until the block ends. Raises ConfigError where the address is taken."""
    registry = CollectorRegistry()
    registry.register(Collector(numbers))

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        ready = numbers().services > 0
        return web.Response(text="ok\n" if ready else "nothing to probe yet\n", status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", livez), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _start(web.TCPSite(runner, *host_and_port(address, "prober.metrics")), address)
        yield
    finally:
        await runner.cleanup()


async def _start(site: web.TCPSite, address: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise ConfigError(f"prober.metrics {address}: {error.strerror}; choose another") from error
