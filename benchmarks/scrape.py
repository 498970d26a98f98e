"""What it costs to scrape a controller with many services: over HTTP as Prometheus asks, compressed or not.

Each service has an endpoint in three clusters, and two vantages that probed it.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp
from aiohttp.test_utils import TestServer

from benchmarks.measures import clock_s
from trafficfed.model import Decision, GlobalService, Observation, Row, ServiceKey, Source, State, Verdict
from trafficfed.observe import http_api
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.reports import Observed
from trafficfed.testing.operations import ScriptedOperations

CLUSTERS = ("eu", "us", "ap")
VANTAGES = ("probe-eu", "probe-us")
ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
TIMES = 9
LIMIT = 20_000
"""The default of metrics.series."""


class Result(NamedTuple):
    """Of one scrape: seconds in all and of CPU, the longest that other work waited, and octets as told and as sent."""

    services: int
    kept: bool
    took_s: float
    cpu_s: float
    held_up_s: float
    size: int
    sent: int


def measure(services: int, *, each: bool) -> Result:
    """``each``: with series of each service."""
    return asyncio.run(_measure(filled(services, each=each), services, each))


def filled(count: int, *, each: bool) -> Metrics:
    rows = tuple(map(row, range(count)))
    metrics = Metrics(lambda: Gauges(rows=rows, sources=tuple(map(source, CLUSTERS))), LIMIT, services=each)
    for made in rows:
        for verdict in made.verdicts:
            for vantage in VANTAGES:
                metrics(Observed(seen(made.key, verdict, vantage)))
    return metrics


def row(number: int) -> Row:
    key = ServiceKey("default", "shop", f"web-{number}")
    verdicts = tuple(
        Verdict(cluster=cluster, address=f"192.0.2.{at}", state=State.SERVING, serving=True)
        for at, cluster in enumerate(CLUSTERS)
    )
    service = GlobalService(key=key, hostnames=(f"web-{number}.fed.test",))
    return Row(service=service, verdicts=verdicts, decision=Decision(service=key, hostnames=(), rules=()))


def source(cluster: str) -> Source:
    return Source(cluster=cluster)


def seen(key: ServiceKey, verdict: Verdict, vantage: str) -> Observation:
    return Observation(
        vantage=vantage,
        service=key,
        cluster=verdict.cluster,
        address=verdict.address,
        at_s=1.0,
        passed=True,
        rtt_s=0.012,
    )


async def _measure(metrics: Metrics, services: int, each: bool) -> Result:
    async with TestServer(http_api.application(ScriptedOperations(), metrics, "token")) as server:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as client:
            taken = [await _scrape(client, str(server.make_url("/metrics"))) for _ in range(TIMES)]
    took_s, cpu_s, held_up_s = (statistics.median(numbers) for numbers in list(zip(*taken, strict=True))[:3])
    return Result(services, each, took_s, cpu_s, held_up_s, len(metrics.render(open_metrics=True)), taken[-1][3])


async def _scrape(client: aiohttp.ClientSession, url: str) -> tuple[float, float, float, int]:
    """Seconds, CPU seconds of both sides, the longest that the loop was held up, and octets that came."""
    waits = [0.0]
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(_held_up(waits))
        began_s, cpu_s = clock_s(), time.process_time()
        async with client.get(url, headers={"Accept": ACCEPT, "Accept-Encoding": "gzip"}) as answer:
            size = len(await answer.read())
        took_s, cpu_s = clock_s() - began_s, time.process_time() - cpu_s
        watch.cancel()
    return took_s, cpu_s, max(waits), size


async def _held_up(waits: list[float]) -> None:
    while True:
        before_s = clock_s()
        await asyncio.sleep(0.001)
        waits.append(clock_s() - before_s - 0.001)


def report(results: Sequence[Result]) -> str:
    """A table in Markdown."""
    lines = [
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}",
        "",
        "| services | series of each | scrape ms | CPU ms | other work waits ms | MiB as told | MiB as sent |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_line, results)])


def _line(each: Result) -> str:
    times = (f"{1000 * seconds:.0f}" for seconds in (each.took_s, each.cpu_s, each.held_up_s))
    sizes = (f"{octets / 2**20:.2f}" for octets in (each.size, each.sent))
    return f"| {' | '.join((f'{each.services:,}', 'yes' if each.kept else 'no', *times, *sizes))} |"
