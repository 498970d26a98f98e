"""``tcp://:PORT``: passes when a TCP connection is established."""

from trafficfed.model import HealthCheck, ProbeResult
from trafficfed_healthchecks.connection import Connection, probe


class TcpProbe:
    """Connects, and closes at once with a reset so that neither side keeps state."""

    async def __call__(self, address: str, port: int, check: HealthCheck) -> ProbeResult:
        return await probe(address, port, check, _nothing_more)


async def _nothing_more(connection: Connection) -> None:
    """The connection was all that is asked for."""
