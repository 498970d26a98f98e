"""Whether the authorities answer what was published: they are asked, as any resolver would ask them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode

from trafficfed.cancellation import heed_cancellation
from trafficfed.model import NameChange, RecordSet, Value
from trafficfed.ports import Clock
from trafficfed.reports import Report, Verified

DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before each attempt. Secondaries follow by NOTIFY and transfer, within seconds where they are well set up."""

IN_SYNC_S = 120.0
"""How long a provider that tracks its changes may take; Route 53 states 60 s as a rule."""

QUERY_S = 2.0
AT_ONCE = 16

Ask = Callable[[str, str, str], Awaitable[frozenset[str] | None]]
"""Authority (``host:port``), name and type to the values answered, empty where there are none, None: no answer."""


class Expectation(Value, frozen=True, kw_only=True):
    """What shall be answered at a name by type; an empty tuple: not ``gone`` (a wildcard may answer something else)."""

    name: str
    values: tuple[tuple[str, tuple[str, ...]], ...]
    gone: tuple[tuple[str, tuple[str, ...]], ...] = ()
    event_at_s: float = 0.0
    service: str = ""


class Checked(Value, frozen=True):
    """How the authorities answered for a name last: ``right`` None while they are being asked."""

    right: bool | None
    at_s: float = 0.0


def expectation(change: NameChange, event_at_s: float, service: str = "") -> Expectation:
    """What clients shall see after a change; of types that the provider steers, each client sees something else."""
    before, after = _data(change.name, change.before), _data(change.name, change.after)
    return Expectation(
        name=change.name,
        values=tuple(sorted(after.items())),
        gone=tuple(sorted((rdtype, values) for rdtype, values in before.items() if rdtype not in after)),
        event_at_s=event_at_s,
        service=service,
    )


class Verifier:
    """Asks every authority of a zone for each name published, until it answers rightly or patience ends.

    ``in_sync`` is asked before, where the provider itself tells when its name servers have what was written.
    """

    def __init__(
        self,
        provider: str,
        zone: str,
        authorities: Sequence[str],
        clock: Clock,
        report: Report,
        ask: Ask | None = None,
        in_sync: Callable[[float], Awaitable[bool]] | None = None,
    ) -> None:
        self._provider = provider
        self._zone = zone
        self._authorities = tuple(authorities)
        self._clock = clock
        self._report = report
        self._ask = ask or ask_udp
        self._in_sync = in_sync
        self._expected: dict[str, Expectation] = {}
        self._checked: dict[str, Checked] = {}
        self._queue: asyncio.Queue[Expectation] = asyncio.Queue()

    def checked(self, name: str) -> Checked | None:
        """What came of a name's newest change, None where none was followed up."""
        return Checked(right=None) if name in self._expected else self._checked.get(name)

    def expect(self, change: NameChange, event_at_s: float, service: str = "") -> None:
        """The newest expectation of a name replaces the one before."""
        if self._authorities or self._in_sync:
            expected = expectation(change, event_at_s, service)
            self._expected[change.name] = expected
            self._queue.put_nowait(expected)

    def forget(self) -> None:
        """Expect nothing any more: somebody else writes there now."""
        self._expected.clear()
        self._checked.clear()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(self._work(), name=f"verify {self._zone} {number}")

    async def _work(self) -> None:
        while True:
            expected = await self._queue.get()
            right = await self._verify(expected)
            if right is not None:
                del self._expected[expected.name]
                self._checked[expected.name] = Checked(right, self._clock.now_s())
                since_s = max(0.0, self._clock.now_s() - expected.event_at_s)
                told = Verified(self._provider, self._zone, expected.name, right, since_s, expected.service)
                self._report(told)

    async def _verify(self, expected: Expectation) -> bool | None:
        """None where a newer change of the name has overtaken this one."""
        if self._in_sync is not None and not await self._in_sync(IN_SYNC_S):
            return False if self._expected.get(expected.name) is expected else None
        open_ones = self._authorities
        for delay_s in DELAYS_S:
            await asyncio.sleep(delay_s)
            if self._expected.get(expected.name) is not expected:
                return None
            open_ones = tuple([server for server in open_ones if not await self._answers(server, expected)])
            if not open_ones:
                break
        return not open_ones if self._expected.get(expected.name) is expected else None

    async def _answers(self, authority: str, expected: Expectation) -> bool:
        for rdtype, values in expected.values:
            if await self._ask(authority, expected.name, rdtype) != frozenset(values):
                return False
        for rdtype, values in expected.gone:
            answered = await self._ask(authority, expected.name, rdtype)
            if answered is None or answered == frozenset(values):
                return False
        return True


async def ask_udp(authority: str, name: str, rdtype: str) -> frozenset[str] | None:
    """One query over UDP, or TCP where the answer is truncated. Anything but a clear answer is None."""
    request = dns.message.make_query(dns.name.from_text(name), rdtype)
    response = await _response(authority, request)
    heed_cancellation()
    if response is None or response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    question = request.question[0]
    found = (there for there in response.answer if (there.rdtype, there.name) == (question.rdtype, question.name))
    return frozenset(rdata.to_text().lower() for rrset in found for rdata in rrset)


async def _response(authority: str, request: dns.message.Message) -> dns.message.Message | None:
    host, _, port = authority.rpartition(":")
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port))
        response, _ = await dns.asyncquery.udp_with_fallback(
            request, str(addresses[0][4][0]), timeout=QUERY_S, port=int(port), ignore_unexpected=True
        )
    except (OSError, dns.exception.DNSException):
        return None
    return response


def _data(name: str, record_sets: Sequence[RecordSet]) -> dict[str, tuple[str, ...]]:
    routed = {found.type for found in record_sets if found.routing or found.alias}
    return {found.type: found.values for found in record_sets if found.name == name and found.type not in routed}
