"""A listener for Prometheus and for probes of a process's own health, for processes that have no other HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from trafficfed.errors import ConfigError


class Moment:
    """Metrics as they were at one moment."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """These."""
        return self._families


@asynccontextmanager
async def scraped(
    key: str, where: tuple[str, int], collector: Any, not_ready: Callable[[], str]
) -> AsyncIterator[None]:
    """Serve /metrics, /livez and /readyz until the block ends; OpenMetrics to whoever asks for it.

    ``not_ready`` says why the process is of no use yet, empty where it is. Raises ConfigError, naming the ``key`` of
    the configuration, where the address is taken.
    """

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        registry = CollectorRegistry()
        registry.register(Moment(tuple(collector.collect())))
        # What the process is for goes on meanwhile: thousands of series take a tenth of a second to write.
        body = await asyncio.to_thread(encode, registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        why = not_ready()
        return web.Response(text=f"{why or 'ok'}\n", status=503 if why else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", livez), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, *where).start()
        except OSError as error:
            raise ConfigError(f"{key} {where[0]}:{where[1]}: {error.strerror}; choose another") from error
        yield
    finally:
        await runner.cleanup()
