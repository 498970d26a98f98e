"""Credentials that can be used: what is wrong with them is told, and they are read again until somebody mended it."""

import asyncio
from collections.abc import Awaitable, Callable

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.context import Credentials

RETRY_S = 10.0
"""A kubeconfig that could not be used is read again at this pace: somebody has to mend it first."""

Connect = Callable[[], Awaitable[Credentials]]
"""Where a cluster is and how it is entered. Raises ConfigError where a person has to mend that first."""


async def usable(connect: Connect, tell: Callable[[str], None], retry_s: float = RETRY_S) -> Credentials:
    """The credentials, once there are any; ``tell`` is told each new reason why not."""
    said = ""
    while True:
        try:
            return await connect()
        except ConfigError as error:
            if str(error) != said:
                said = str(error)
                tell(said)
            await asyncio.sleep(retry_s)
