"""Load balancers' hostnames resolved to addresses, refreshed by their TTL, with the last answer kept on failure."""

import asyncio
import heapq
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver

from trafficfed.errors import Transient
from trafficfed.model import ServiceKey, Value
from trafficfed.ports import Clock

Family = Literal["A", "AAAA"]
FAMILIES: tuple[Family, ...] = ("A", "AAAA")

SOONEST_S = 5.0
"""A TTL below this is asked for at this pace: own choice, a tenth of the usual 60 s of cloud load balancers."""

LATEST_S = 300.0
"""However long the TTL and however often it failed, a name is asked for again after this."""

DEADLINE_S = 5.0
AT_ONCE = 32


class Answer(Value, frozen=True):
    """Addresses of one family, empty where the name exists without any, and for how long they hold."""

    addresses: tuple[str, ...]
    ttl_s: float


class Lookup(Protocol):
    """One question to the DNS. Raises Transient where there is no usable answer (the name not existing included)."""

    async def __call__(self, hostname: str, family: Family, deadline_s: float) -> Answer: ...


class DnsLookup:
    """Lookup by the system's resolvers, or by those given."""

    def __init__(self, nameservers: tuple[str, ...] = (), port: int = 53) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not nameservers)
        if nameservers:
            self._resolver.nameservers = list(nameservers)
            self._resolver.port = port

    async def __call__(self, hostname: str, family: Family, deadline_s: float) -> Answer:
        try:
            answer = await self._resolver.resolve(
                f"{hostname}.", family, raise_on_no_answer=False, lifetime=deadline_s, search=False
            )
        except dns.exception.DNSException as error:
            raise Transient(f"{hostname} {family}: {error}") from error
        addresses = tuple(sorted(record.to_text() for record in answer.rrset or ()))
        return Answer(addresses, float(answer.chaining_result.minimum_ttl))


class _Known:
    """What is known of one hostname."""

    def __init__(self) -> None:
        self.answers: dict[Family, tuple[str, ...]] = {}
        self.users: set[ServiceKey] = set()
        self.failure = ""
        self.failures = 0
        self.due_s = 0.0

    @property
    def addresses(self) -> tuple[str, ...] | None:
        return tuple(sorted({address for found in self.answers.values() for address in found})) or None


class Names:
    """The hostnames in use, each refreshed on its own: a slow or broken one delays no other.

    ``sink`` is told which services have a hostname whose addresses changed.
    """

    def __init__(self, lookup: Lookup, clock: Clock, sink: Callable[[frozenset[ServiceKey]], None]) -> None:
        self._lookup, self._clock, self._sink = lookup, clock, sink
        self._known: dict[str, _Known] = {}
        self._wanted: dict[ServiceKey, frozenset[str]] = {}
        self._due: list[tuple[float, str]] = []
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)

    def want(self, service: ServiceKey, hostnames: frozenset[str]) -> None:
        """Follow these hostnames for a service, and no others; none ends it. Those in use already cost nothing."""
        before = self._wanted.pop(service, frozenset())
        if hostnames:
            self._wanted[service] = hostnames
        for hostname in before - hostnames:
            self._known[hostname].users.discard(service)
            if not self._known[hostname].users:
                del self._known[hostname]
        for hostname in hostnames - before:
            if hostname not in self._known:
                self._known[hostname] = _Known()
                self._schedule(hostname, 0.0)
            self._known[hostname].users.add(service)

    def addresses(self, hostname: str) -> tuple[str, ...] | None:
        """The last known addresses, sorted; None where none was ever known."""
        known = self._known.get(hostname)
        return known.addresses if known is not None else None

    @property
    def failures(self) -> Mapping[str, str]:
        """Hostnames whose last question failed, with the reason; their last addresses stay."""
        return {hostname: known.failure for hostname, known in sorted(self._known.items()) if known.failure}

    async def run(self) -> None:
        """Ask for what is due, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                for hostname in self._take_due():
                    group.create_task(self._refresh(hostname), name=f"resolve {hostname}")
                await self._until_due()

    def _take_due(self) -> list[str]:
        now_s, due = self._clock.monotonic_s(), []
        while self._due and self._due[0][0] <= now_s:
            due_s, hostname = heapq.heappop(self._due)
            known = self._known.get(hostname)
            if known is not None and known.due_s == due_s:  # else left over from an earlier wish for this name
                due.append(hostname)
        return due

    async def _until_due(self) -> None:
        delay_s = self._due[0][0] - self._clock.monotonic_s() if self._due else None
        try:
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        except TimeoutError:
            pass  # the next one is due
        self._wake.clear()

    def _schedule(self, hostname: str, delay_s: float) -> None:
        known = self._known[hostname]
        known.due_s = self._clock.monotonic_s() + delay_s
        heapq.heappush(self._due, (known.due_s, hostname))
        self._wake.set()

    async def _refresh(self, hostname: str) -> None:
        known = self._known[hostname]
        async with self._slots:
            found = await asyncio.gather(*(self._ask(hostname, family) for family in FAMILIES))
        if self._known.get(hostname) is not known:
            return  # nobody wants it any more, or somebody wants it anew
        before = known.addresses
        answers = {family: answer for family, answer in zip(FAMILIES, found, strict=True) if isinstance(answer, Answer)}
        self._keep(known, answers, "; ".join(str(failure) for failure in found if isinstance(failure, Transient)))
        self._schedule(hostname, _pause_s(known, answers))
        if known.addresses != before:
            self._sink(frozenset(known.users))

    def _keep(self, known: _Known, answers: Mapping[Family, Answer], failure: str) -> None:
        """A family that failed keeps what it had; a name that has no address at all now is a failure as well."""
        after = known.answers | {family: answer.addresses for family, answer in answers.items()}
        if any(after.values()):
            known.answers = after
        elif not failure:
            failure = "the name has no address"
        known.failure, known.failures = failure, known.failures + 1 if failure else 0

    async def _ask(self, hostname: str, family: Family) -> Answer | Transient:
        try:
            return await self._lookup(hostname, family, DEADLINE_S)
        except Transient as failure:
            return failure


def _pause_s(known: _Known, answers: Mapping[Family, Answer]) -> float:
    """The shortest TTL of what was answered with addresses; where nothing was, twice as long after each failure."""
    ttls = [answer.ttl_s for answer in answers.values() if answer.addresses]
    pause_s = min(ttls) if ttls else SOONEST_S * 2.0 ** min(known.failures - 1, 10)
    return min(max(pause_s, SOONEST_S), LATEST_S)
