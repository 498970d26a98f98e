"""One API server as propagation uses it: read, followed and written to."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.transport import Reader, Writer


class Api(Reader, Writer, Protocol):
    """A connection; ``kubernetes_api.transport.Transport`` is the one over HTTP."""

    async def close(self) -> None: ...


Connect = Callable[[], Awaitable[Credentials]]
"""Where a cluster is and how it is entered. Raises ConfigError where a person has to mend that first."""

Open = Callable[[Credentials], Api]
