"""How far an API server is: the kernel's round-trip time of one TCP connection to it."""

import asyncio
import socket

from trafficfed.model import HealthCheck
from trafficfed.ports import Probe


class RoundTrip:
    """Asks a TCP probe, so that latencies are the same wherever they are used."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    async def __call__(self, host: str, port: int) -> float | None:
        """Seconds, None where it cannot be measured now."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return None
        for *_, address in found:
            result = await self._probe(str(address[0]), port, HealthCheck(port=port))
            if result.rtt_s is not None:
                return result.rtt_s
        return None
