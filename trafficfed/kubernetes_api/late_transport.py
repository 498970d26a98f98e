"""One API server that may not be known yet: its credentials are loaded at the first request, not at the start."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from trafficfed.errors import ConfigError, Transient
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params, Transport

T = TypeVar("T")


class LateTransport:
    """Requests as a Transport makes them. What is wrong with the credentials is Transient: somebody may mend them, and
    one cluster's file ends nothing else.
    """

    def __init__(self, name: str, connect: Callable[[], Awaitable[Credentials]]) -> None:
        """``name`` is the cluster's, for messages."""
        self._name, self._connect = name, connect
        self._transport: Transport | None = None
        self._loading = asyncio.Lock()

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        """Raises Transient or Refused."""
        return await (await self._ready()).get_json(path, type, params)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        """Raises Transient or Refused."""
        return await (await self._ready()).request(method, path, body, content_type, params)

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.close()

    async def _ready(self) -> Transport:
        async with self._loading:
            if self._transport is None:
                try:
                    self._transport = Transport(await self._connect())
                except ConfigError as error:
                    raise Transient(f"cluster {self._name} cannot be asked: {error}") from error
            return self._transport
