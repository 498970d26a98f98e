"""After a publication every authority is asked until it answers as decided, or is reported as wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from trafficfed.model import NameChange, RecordSet
from trafficfed.reports import ReportEvent, Verified
from trafficfed.testing.publishing import ZONE
from trafficfed.testing.scripted_api import LoopClock
from trafficfed.zones.ownership import done_marker, marker_set
from trafficfed.zones.verify import DELAYS_S, Checked, Verifier, expectation

pytestmark = pytest.mark.looptime

NAME = f"web.{ZONE}"
EPOCH_S = 1_790_000_000.0
FAST, SLOW = "192.0.2.53:53", "192.0.2.54:53"


def a(*values: str) -> RecordSet:
    return RecordSet(name=NAME, type="A", ttl=30, values=values)


def change(before: tuple[RecordSet, ...], after: tuple[RecordSet, ...]) -> NameChange:
    marker = marker_set(NAME, done_marker("prod", "default/shop/web", after))
    return NameChange(name=NAME, before=before, after=(*after, marker) if after else ())


class Servers:
    """Answers by authority, each from a moment on; what is not said is no answer."""

    def __init__(self) -> None:
        self.said: dict[str, list[tuple[float, frozenset[str] | None]]] = {}
        self.asked = 0

    def say(self, authority: str, at_s: float, *values: str) -> None:
        self.said.setdefault(authority, []).append((at_s, frozenset(values)))

    async def __call__(self, authority: str, name: str, rdtype: str) -> frozenset[str] | None:
        self.asked += 1
        await asyncio.sleep(0.01)
        now_s = asyncio.get_running_loop().time()
        return next((values for at_s, values in reversed(self.said.get(authority, [])) if at_s <= now_s), None)


Check = Callable[[NameChange], None]


@asynccontextmanager
async def verifying(servers: Servers, reports: list[ReportEvent], *authorities: str) -> AsyncIterator[Verifier]:
    verifier = Verifier("bind", ZONE, authorities, LoopClock(), reports.append, servers)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(verifier.run())
        yield verifier
        task.cancel()


def verdicts(reports: list[ReportEvent]) -> list[tuple[str, bool]]:
    return [(event.name, event.right) for event in reports if isinstance(event, Verified)]


async def test_all_authorities_must_answer_as_decided() -> None:
    servers, reports = Servers(), list[ReportEvent]()
    servers.say(FAST, 0, "192.0.2.1")
    servers.say(SLOW, 0, "192.0.2.9")
    servers.say(SLOW, 1.2, "192.0.2.1")
    async with verifying(servers, reports, FAST, SLOW) as verifier:
        verifier.expect(change((), (a("192.0.2.1"),)), EPOCH_S)
        await asyncio.sleep(1)
        assert reports == []
        await asyncio.sleep(2)
    assert verdicts(reports) == [(NAME, True)]
    (event,) = reports
    assert isinstance(event, Verified)
    assert 1.2 < event.since_event_s < 2


async def test_one_that_already_answered_rightly_is_not_asked_again() -> None:
    servers, reports = Servers(), list[ReportEvent]()
    servers.say(FAST, 0, "192.0.2.1")
    async with verifying(servers, reports, FAST, SLOW) as verifier:
        verifier.expect(change((), (a("192.0.2.1"),)), EPOCH_S)
        await asyncio.sleep(sum(DELAYS_S) + 1)
    assert servers.asked == 1 + len(DELAYS_S)


async def test_patience_ends_and_the_wrong_answer_is_reported() -> None:
    servers, reports = Servers(), list[ReportEvent]()
    servers.say(FAST, 0, "192.0.2.9")
    async with verifying(servers, reports, FAST) as verifier:
        verifier.expect(change((), (a("192.0.2.1"),)), EPOCH_S)
        await asyncio.sleep(sum(DELAYS_S) + 1)
    assert verdicts(reports) == [(NAME, False)]


async def test_silence_is_no_proof_that_a_record_is_gone() -> None:
    servers, reports = Servers(), list[ReportEvent]()
    async with verifying(servers, reports, FAST) as verifier:
        verifier.expect(change((a("192.0.2.1"),), ()), EPOCH_S)
        await asyncio.sleep(sum(DELAYS_S) + 1)
    assert verdicts(reports) == [(NAME, False)]


@pytest.mark.parametrize("answer", [(), ("192.0.2.7",)], ids=["nothing", "a wildcard"])
async def test_a_deleted_record_is_gone_when_anything_else_is_answered(answer: tuple[str, ...]) -> None:
    servers, reports = Servers(), list[ReportEvent]()
    servers.say(FAST, 0, *answer)
    async with verifying(servers, reports, FAST) as verifier:
        verifier.expect(change((a("192.0.2.1"),), ()), EPOCH_S)
        await asyncio.sleep(1)
    assert verdicts(reports) == [(NAME, True)]


async def test_a_newer_change_overtakes_an_older_one() -> None:
    servers, reports = Servers(), list[ReportEvent]()
    servers.say(FAST, 0, "192.0.2.9")
    servers.say(FAST, 2, "192.0.2.2")
    async with verifying(servers, reports, FAST) as verifier:
        verifier.expect(change((), (a("192.0.2.1"),)), EPOCH_S)
        await asyncio.sleep(1)
        verifier.expect(change((a("192.0.2.1"),), (a("192.0.2.2"),)), EPOCH_S)
        await asyncio.sleep(sum(DELAYS_S))
    assert verdicts(reports) == [(NAME, True)]


async def test_without_authorities_nothing_is_asked() -> None:
    servers, reports = Servers(), list[ReportEvent]()
    async with verifying(servers, reports) as verifier:
        verifier.expect(change((), (a("192.0.2.1"),)), EPOCH_S)
        await asyncio.sleep(30)
    assert servers.asked == 0
    assert reports == []


def test_markers_are_no_concern_of_clients() -> None:
    six = RecordSet(name=NAME, type="AAAA", ttl=30, values=("2001:db8::1",))
    expected = expectation(change((a("192.0.2.1"),), (six,)), 1.0)
    assert expected.values == (("AAAA", ("2001:db8::1",)),)
    assert expected.gone == (("A", ("192.0.2.1",)),)


async def test_how_authorities_answered_last_is_remembered_by_name() -> None:
    servers, reports = Servers(), list[ReportEvent]()
    servers.say(FAST, 0.0, "192.0.2.1")
    async with verifying(servers, reports, FAST) as verifier:
        assert verifier.checked(NAME) is None
        verifier.expect(change((), (a("192.0.2.1"),)), EPOCH_S)
        assert verifier.checked(NAME) == Checked(right=None)
        await asyncio.sleep(1)
        first = verifier.checked(NAME)
        assert first is not None
        assert first.right is True
        verifier.expect(change((a("192.0.2.1"),), (a("192.0.2.2"),)), EPOCH_S)
        await asyncio.sleep(2 * sum(DELAYS_S))
        wrong = verifier.checked(NAME)
        assert wrong is not None
        assert wrong.right is False
        assert wrong.at_s > first.at_s
        verifier.forget()
        assert verifier.checked(NAME) is None, "somebody else writes there now"
