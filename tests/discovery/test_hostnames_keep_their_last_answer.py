"""Load balancers' names: refreshed by their TTL, each on its own, with the last answer kept on failure."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from trafficfed.discovery.resolver import DEADLINE_S, LATEST_S, SOONEST_S, Answer, DnsLookup, Family, Names
from trafficfed.errors import Transient
from trafficfed.model import Form, ServiceKey
from trafficfed.testing.folding import FoldingFleet, balanced

WEB, API = ServiceKey("default", "shop", "web"), ServiceKey("default", "shop", "api")
LB = "lb.example.net"


class LoopClock:
    """The test's virtual time."""

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def now_s(self) -> float:
        return self.monotonic_s()


class ScriptedDns:
    """Answers from a mapping; what is not in it fails. Notes when each question came."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.slow: dict[str, float] = {}
        self.asked: list[tuple[float, str]] = []

    async def __call__(self, hostname: str, family: Family, deadline_s: float) -> Answer:
        if family == "A":
            self.asked.append((asyncio.get_running_loop().time(), hostname))
        await asyncio.sleep(min(self.slow.get(hostname, 0.0), deadline_s))
        try:
            return self.answers[hostname, family]
        except KeyError:
            raise Transient(f"{hostname} {family}: timed out") from None

    def set(self, hostname: str, *addresses: str, ttl_s: float = 60.0) -> None:
        self.answers[hostname, "A"] = Answer(tuple(a for a in addresses if ":" not in a), ttl_s)
        self.answers[hostname, "AAAA"] = Answer(tuple(a for a in addresses if ":" in a), ttl_s)


class Followed:
    """Names over a scripted DNS, with what the sink was told."""

    def __init__(self) -> None:
        self.dns = ScriptedDns()
        self.told: list[frozenset[ServiceKey]] = []
        self.names = Names(self.dns, LoopClock(), self.told.append)


@asynccontextmanager
async def running() -> AsyncIterator[Followed]:
    followed = Followed()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(followed.names.run(), name="names")
        yield followed
        task.cancel()


@pytest.mark.looptime
async def test_a_wanted_name_is_resolved_and_its_services_told() -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.2", "192.0.2.1", "2001:db8::1")
        followed.names.want(WEB, frozenset({LB}))
        followed.names.want(API, frozenset({LB}))
        assert followed.names.addresses(LB) is None
        await asyncio.sleep(1)
        assert followed.names.addresses(LB) == ("192.0.2.1", "192.0.2.2", "2001:db8::1")
        assert followed.told == [frozenset({WEB, API})]


@pytest.mark.looptime
async def test_it_is_asked_again_when_the_ttl_is_over() -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.1", ttl_s=60)
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(59)
        assert len(followed.dns.asked) == 1
        followed.dns.set(LB, "192.0.2.9", ttl_s=60)
        await asyncio.sleep(2)
        assert followed.names.addresses(LB) == ("192.0.2.9",)
        assert len(followed.told) == 2


@pytest.mark.looptime
async def test_an_unchanged_answer_tells_nobody() -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.1", ttl_s=10)
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(100)
        assert len(followed.dns.asked) > 5
        assert len(followed.told) == 1


@pytest.mark.looptime
@pytest.mark.parametrize(("ttl_s", "pause_s"), [(0.0, SOONEST_S), (30.0, 30.0), (86400.0, LATEST_S)])
async def test_the_pace_is_the_ttl_within_bounds(ttl_s: float, pause_s: float) -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.1", ttl_s=ttl_s)
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(pause_s * 2.5)
        times = [at_s for at_s, _ in followed.dns.asked]
        assert [later - earlier for earlier, later in itertools.pairwise(times)] == [pause_s, pause_s]


@pytest.mark.looptime
async def test_the_last_answer_stays_on_failure_and_the_failure_is_told() -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.1")
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(1)
        assert followed.names.failures == {}
        followed.dns.answers.clear()
        await asyncio.sleep(600)
        assert followed.names.addresses(LB) == ("192.0.2.1",)
        assert followed.names.failures == {LB: f"{LB} A: timed out; {LB} AAAA: timed out"}
        followed.dns.set(LB, "192.0.2.2")
        await asyncio.sleep(LATEST_S)
        assert followed.names.addresses(LB) == ("192.0.2.2",)
        assert followed.names.failures == {}


@pytest.mark.looptime
async def test_a_name_without_any_address_keeps_the_last_one() -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.1", ttl_s=10)
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(1)
        followed.dns.set(LB)
        await asyncio.sleep(20)
        assert followed.names.addresses(LB) == ("192.0.2.1",)
        assert followed.names.failures == {LB: "the name has no address"}


@pytest.mark.looptime
async def test_one_family_failing_harms_not_the_other() -> None:
    """Some authorities never answer AAAA (RFC 4074); the A records keep their pace."""
    async with running() as followed:
        followed.dns.answers[LB, "A"] = Answer(("192.0.2.1",), 10.0)
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(100)
        assert followed.names.addresses(LB) == ("192.0.2.1",)
        assert len(followed.dns.asked) == 10


@pytest.mark.looptime
async def test_failures_are_asked_again_ever_more_slowly() -> None:
    async with running() as followed:
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(2000)
        times = [at_s for at_s, _ in followed.dns.asked]
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert pauses[:3] == [SOONEST_S, 2 * SOONEST_S, 4 * SOONEST_S]
        assert max(pauses) == LATEST_S


@pytest.mark.looptime
async def test_a_slow_name_delays_no_other() -> None:
    async with running() as followed:
        followed.dns.slow["slow.example.net"] = 60.0
        followed.dns.set(LB, "192.0.2.1", ttl_s=5)
        followed.names.want(API, frozenset({"slow.example.net"}))
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(1)
        assert followed.names.addresses(LB) == ("192.0.2.1",)
        await asyncio.sleep(DEADLINE_S)
        assert "slow.example.net" in followed.names.failures


@pytest.mark.looptime
async def test_a_name_that_nobody_wants_is_asked_no_more() -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.1", ttl_s=10)
        followed.names.want(WEB, frozenset({LB}))
        followed.names.want(API, frozenset({LB}))
        await asyncio.sleep(1)
        followed.names.want(WEB, frozenset())
        await asyncio.sleep(10)
        assert len(followed.dns.asked) == 2
        followed.names.want(API, frozenset())
        await asyncio.sleep(100)
        assert len(followed.dns.asked) == 2
        assert followed.names.addresses(LB) is None


@pytest.mark.looptime
async def test_a_name_dropped_and_wanted_again_keeps_one_pace() -> None:
    async with running() as followed:
        followed.dns.set(LB, "192.0.2.1", ttl_s=50)
        for _ in range(4):
            followed.names.want(WEB, frozenset({LB}))
            await asyncio.sleep(1)
            followed.names.want(WEB, frozenset())
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(1)
        before = len(followed.dns.asked)
        await asyncio.sleep(100)
        assert len(followed.dns.asked) - before == 2


@pytest.mark.looptime
async def test_an_answer_that_comes_after_the_name_was_dropped_is_dropped() -> None:
    async with running() as followed:
        followed.dns.slow[LB] = 2.0
        followed.dns.set(LB, "192.0.2.1")
        followed.names.want(WEB, frozenset({LB}))
        await asyncio.sleep(1)
        followed.names.want(WEB, frozenset())
        await asyncio.sleep(5)
        assert followed.told == []


# ---------------------------------------------------------------------- what the fold makes of it


def test_resolved_addresses_stand_beside_the_hostname(fleet: FoldingFleet) -> None:
    fleet.resolved[LB] = ("192.0.2.1", "192.0.2.2")
    fleet.listed("eu", balanced("web", "web.example.org", [LB]))
    endpoint = fleet.endpoints("web")["eu"]
    assert (endpoint.hostnames, endpoint.resolved) == ((LB,), ("192.0.2.1", "192.0.2.2"))
    assert fleet.row("web").service.form is Form.HOSTNAME


def test_after_a_restart_the_tables_answer_stands_until_there_is_a_new_one(fleet: FoldingFleet) -> None:
    fleet.resolved[LB] = ("192.0.2.1",)
    fleet.listed("eu", balanced("web", "web.example.org", [LB]))
    fleet.resolved.clear()
    fleet.restart()
    fleet.listed("eu", balanced("web", "web.example.org", [LB]))
    assert fleet.endpoints("web")["eu"].resolved == ("192.0.2.1",)


def test_a_new_answer_replaces_the_old_as_a_watched_change(fleet: FoldingFleet) -> None:
    fleet.resolved[LB] = ("192.0.2.1",)
    fleet.listed("eu", balanced("web", "web.example.org", [LB]))
    fleet.resolved[LB] = ("192.0.2.2",)
    fleet.refold([fleet.key("web")])
    assert fleet.endpoints("web")["eu"].resolved == ("192.0.2.2",)
    (departed,) = fleet.folded[fleet.key("web")].departed
    assert (departed.addresses, departed.watched) == (("192.0.2.1",), True)


@pytest.mark.parametrize("answer", [("127.0.0.1",), ("0.0.0.0", "169.254.169.254")])
def test_an_answer_inside_forbidden_ranges_is_none(fleet: FoldingFleet, answer: tuple[str, ...]) -> None:
    """A filtering resolver or a hostile name: a known endpoint keeps its last answer, a new one does not begin."""
    fleet.resolved[LB] = ("192.0.2.1",)
    fleet.listed("eu", balanced("web", "web.example.org", [LB]))
    fleet.resolved[LB] = answer
    fleet.refold([fleet.key("web")])
    assert fleet.endpoints("web")["eu"].resolved == ("192.0.2.1",)
    assert ("eu", "ForbiddenAddress") in fleet.reasons("web")
    fleet.listed("us", balanced("other", "other.example.org", [LB]))
    assert not fleet.endpoints("other")


def test_only_what_is_allowed_of_an_answer_is_taken(fleet: FoldingFleet) -> None:
    fleet.resolved[LB] = ("127.0.0.1", "192.0.2.1")
    fleet.listed("eu", balanced("web", "web.example.org", [LB]))
    assert fleet.endpoints("web")["eu"].resolved == ("192.0.2.1",)


# ---------------------------------------------------------------------- against a real socket

Respond = Callable[[dns.message.Message], dns.message.Message]


class _Authority(asyncio.DatagramProtocol):
    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._transport.sendto(self._respond(dns.message.from_wire(data)).to_wire(), addr)


@asynccontextmanager
async def authority(records: Mapping[tuple[str, str], list[str]]) -> AsyncIterator[Callable[..., Awaitable[Answer]]]:
    """A name server on loopback; names with no record at all do not exist. CNAMEs are followed as a resolver does."""

    def respond(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        name, type_ = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
        while cname := records.get((name, "CNAME")):
            response.answer.append(dns.rrset.from_text(name, 20, "IN", "CNAME", *cname))
            name = cname[0]
        if found := records.get((name, type_)):
            response.answer.append(dns.rrset.from_text(name, 60, "IN", type_, *found))
        elif not any(owner == name for owner, _ in records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Authority(respond), local_addr=("127.0.0.1", 0))
    try:
        yield DnsLookup(("127.0.0.1",), transport.get_extra_info("sockname")[1])
    finally:
        transport.close()


async def test_addresses_are_looked_up_through_aliases_with_the_shortest_ttl() -> None:
    records = {("www.example.net.", "CNAME"): ["lb.example.net."], ("lb.example.net.", "A"): ["192.0.2.2", "192.0.2.1"]}
    async with authority(records) as lookup:
        assert await lookup("www.example.net", "A", 2.0) == Answer(("192.0.2.1", "192.0.2.2"), 20.0)


async def test_a_family_that_a_name_has_not_is_empty_and_no_failure() -> None:
    async with authority({("lb.example.net.", "A"): ["192.0.2.1"]}) as lookup:
        assert (await lookup("lb.example.net", "AAAA", 2.0)).addresses == ()


async def test_a_name_that_does_not_exist_is_a_failure_with_its_name() -> None:
    async with authority({}) as lookup:
        with pytest.raises(Transient, match=r"gone\.example\.net A"):
            await lookup("gone.example.net", "A", 2.0)
