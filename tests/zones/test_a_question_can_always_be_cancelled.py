"""Whoever asks an authority can be told to stop at any moment: a leader that is none any more must not hang on."""

import asyncio
from collections.abc import Callable
from typing import cast

import dns.flags
import dns.message
import dns.rrset
import pytest

from trafficfed.cancellation import heed_cancellation
from trafficfed.model import NameChange, RecordSet
from trafficfed.reports import ReportEvent
from trafficfed.testing.scripted_api import LoopClock
from trafficfed.zones.verify import Verifier, ask_udp

NAME = "web.fed.test"
TURNS = 12
"""So many turns of the loop after an answer was sent, it has been received and taken in."""


class Authority(asyncio.DatagramProtocol):
    """Answers everything with one address, and says when."""

    def __init__(self, answered: Callable[[], None]) -> None:
        self._answered = answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        response = dns.message.make_response(dns.message.from_wire(data))
        response.flags |= dns.flags.AA
        response.answer = [dns.rrset.from_text(f"{NAME}.", 30, "IN", "A", "192.0.2.1")]
        self._transport.sendto(response.to_wire(), addr)
        self._answered()


async def ends_when_cancelled(turns: int, start: Callable[[str], asyncio.Task[None]]) -> bool:
    """Whether a task that asks an authority ends by being cancelled so many turns of the loop after the answer."""
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Authority(answered.set), ("127.0.0.1", 0))
    try:
        host, port = transport.get_extra_info("sockname")
        task = start(f"{host}:{port}")
        async with asyncio.timeout(10):
            await answered.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=1)
        ended = task.cancelled()
        task.cancel()
        return ended
    finally:
        transport.close()


@pytest.mark.parametrize("turns", range(TURNS))
async def test_one_who_asks_for_ever_ends_whenever_it_is_cancelled(turns: int) -> None:
    async def ask_for_ever(authority: str) -> None:
        while True:
            assert await ask_udp(authority, NAME, "A") in (frozenset({"192.0.2.1"}), None)

    async with asyncio.TaskGroup() as group:
        assert await ends_when_cancelled(turns, lambda authority: group.create_task(ask_for_ever(authority)))


@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_verifier_ends_whenever_it_is_cancelled(turns: int) -> None:
    reports: list[ReportEvent] = []

    def start(authority: str) -> asyncio.Task[None]:
        verifier = Verifier("bind", "fed.test", (authority,), LoopClock(), reports.append)
        wanted = RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",))
        verifier.expect(NameChange(name=NAME, after=(wanted,)), 0.0)
        return group.create_task(verifier.run())

    async with asyncio.TaskGroup() as group:
        assert await ends_when_cancelled(turns, start)


async def test_one_that_nobody_has_cancelled_goes_on() -> None:
    heed_cancellation()


async def test_a_deadline_that_has_passed_is_none_of_its_concern() -> None:
    """A timeout cancels too, and takes it back."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.sleep(1)
    heed_cancellation()
