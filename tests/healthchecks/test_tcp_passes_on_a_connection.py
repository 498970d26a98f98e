"""A TCP check passes when a connection stands; our own troubles are no evidence against anyone."""

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from trafficfed.errors import ConfigError, Transient
from trafficfed.model import HealthCheck
from trafficfed_healthchecks.http import HttpProbe
from trafficfed_healthchecks.tcp import TcpProbe

Serve = Callable[..., Awaitable[int]]

HERE = "127.0.73.1"
CHECK = HealthCheck(timeout_s=5.0)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("address", [HERE, "::1"])
async def test_a_server_that_accepts_and_says_nothing_passes(serve: Serve, address: str) -> None:
    result = await TcpProbe()(address, await serve(silent, address), CHECK)
    assert result.error == ""
    assert result.rtt_s is not None
    assert result.rtt_s <= result.total_s


async def test_a_closed_port_fails(closed_port: int) -> None:
    result = await TcpProbe()(HERE, closed_port, CHECK)
    assert (result.error, result.rtt_s) == ("connection refused", None)


async def test_a_target_that_drops_packets_fails_at_the_deadline(full_port: int) -> None:
    result = await TcpProbe()(HERE, full_port, HealthCheck(timeout_s=0.2))
    assert (result.error, result.rtt_s) == ("no connection within 0.2 s", None)
    assert result.total_s >= 0.2


async def test_latency_is_the_kernels_and_not_the_loops(serve: Serve) -> None:
    """Two hundred probes at once wait for each other in this loop; the round trip over loopback stays what it is."""
    port = await serve(silent, backlog=512)
    results = await asyncio.gather(*(TcpProbe()(HERE, port, CHECK) for _ in range(200)))
    rtts = sorted(result.rtt_s or 0.0 for result in results)
    totals = sorted(result.total_s for result in results)
    assert 0 < rtts[100] < totals[100]


async def test_it_is_closed_with_a_reset_so_that_nothing_lingers(serve: Serve) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
            ended.set_result("end of stream")
        except ConnectionResetError:
            ended.set_result("reset")

    await TcpProbe()(HERE, await serve(listen), CHECK)
    assert await asyncio.wait_for(ended, 5) == "reset"


@pytest.mark.parametrize("probe", [TcpProbe(), HttpProbe()])
async def test_no_free_file_descriptor_is_no_evidence(probe: TcpProbe | HttpProbe) -> None:
    with no_more_files(), pytest.raises(Transient, match=f"no socket for probing {HERE}: too many open files"):
        await probe(HERE, 1, HealthCheck(scheme="http"))


async def test_no_way_to_an_address_from_here_is_no_evidence() -> None:
    """The kernel refuses to begin a TCP connection to a broadcast address, as it does where there is no route."""
    with pytest.raises(Transient, match=r"255\.255\.255\.255 cannot be tried from here: network is unreachable"):
        await TcpProbe()("255.255.255.255", 1, CHECK)


@pytest.mark.parametrize("address", ["web.fed.test", "localhost", "127.1", "", "::1%lo", "127.0.0.1 "])
async def test_only_ip_literals_are_probed_so_nothing_is_ever_resolved(address: str) -> None:
    with pytest.raises(ConfigError, match="only addresses can be probed"):
        await TcpProbe()(address, 1, CHECK)
