"""One API server as propagation uses it: read, followed and written to."""

from collections.abc import Callable
from typing import Protocol

from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.transport import Reader, Writer


class Api(Reader, Writer, Protocol):
    """A connection; ``kubernetes_api.transport.Transport`` is the one over HTTP."""

    async def close(self) -> None: ...


Open = Callable[[Credentials], Api]
