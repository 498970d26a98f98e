"""Where a provider tells when its name servers have a change, that is awaited, and then they are asked, if known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from trafficfed.model import NameChange, RecordSet, Routing
from trafficfed.reports import ReportEvent, Verified
from trafficfed.testing.publishing import ZONE
from trafficfed.testing.scripted_api import LoopClock
from trafficfed.zones.verify import IN_SYNC_S, Expectation, Verifier, expectation

pytestmark = pytest.mark.looptime

NAME = f"web.{ZONE}"
SERVER = "192.0.2.53:53"
PLAIN = RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",))
CHANGE = NameChange(name=NAME, after=(PLAIN,))


class Vendor:
    """Is in sync ``after_s`` after it is asked, if at all; its servers answer ``values``."""

    def __init__(self, after_s: float | None, *values: str) -> None:
        self._after_s = after_s
        self._values = frozenset(values)
        self.asked_at_s: list[float] = []

    async def in_sync(self, deadline_s: float) -> bool:
        assert deadline_s == IN_SYNC_S
        await asyncio.sleep(deadline_s if self._after_s is None else self._after_s)
        return self._after_s is not None

    async def ask(self, authority: str, name: str, rdtype: str) -> frozenset[str] | None:
        self.asked_at_s.append(asyncio.get_running_loop().time())
        return self._values


@asynccontextmanager
async def verifying(vendor: Vendor, reports: list[ReportEvent], *authorities: str) -> AsyncIterator[Verifier]:
    verifier = Verifier("aws", ZONE, authorities, LoopClock(), reports.append, vendor.ask, vendor.in_sync)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(verifier.run())
        yield verifier
        task.cancel()


def verdicts(reports: list[ReportEvent]) -> list[tuple[str, bool]]:
    return [(event.name, event.right) for event in reports if isinstance(event, Verified)]


async def test_without_known_servers_its_word_is_enough() -> None:
    reports: list[ReportEvent] = []
    vendor = Vendor(30.0)
    async with verifying(vendor, reports) as verifier:
        verifier.expect(CHANGE, 0.0)
        await asyncio.sleep(29)
        assert reports == []
        await asyncio.sleep(2)
    assert verdicts(reports) == [(NAME, True)]
    assert vendor.asked_at_s == []


async def test_known_servers_are_asked_after_it() -> None:
    reports: list[ReportEvent] = []
    vendor = Vendor(30.0, "192.0.2.1")
    async with verifying(vendor, reports, SERVER) as verifier:
        started_s = asyncio.get_running_loop().time()
        verifier.expect(CHANGE, 0.0)
        await asyncio.sleep(31)
    assert verdicts(reports) == [(NAME, True)]
    assert min(vendor.asked_at_s) >= started_s + 30


async def test_its_word_does_not_stand_against_its_servers() -> None:
    reports: list[ReportEvent] = []
    async with verifying(Vendor(0.0, "192.0.2.9"), reports, SERVER) as verifier:
        verifier.expect(CHANGE, 0.0)
        await asyncio.sleep(60)
    assert verdicts(reports) == [(NAME, False)]


async def test_never_in_sync_is_reported_as_wrong() -> None:
    reports: list[ReportEvent] = []
    async with verifying(Vendor(None), reports) as verifier:
        verifier.expect(CHANGE, 0.0)
        await asyncio.sleep(IN_SYNC_S + 1)
    assert verdicts(reports) == [(NAME, False)]


async def test_a_newer_change_takes_the_place_of_the_older() -> None:
    reports: list[ReportEvent] = []
    async with verifying(Vendor(10.0), reports) as verifier:
        verifier.expect(CHANGE, 0.0)
        await asyncio.sleep(5)
        verifier.expect(CHANGE, 0.0)
        await asyncio.sleep(20)
    assert verdicts(reports) == [(NAME, True)]


def test_what_each_client_sees_otherwise_is_not_asked_for() -> None:
    """Of a type that the provider steers nobody can say what one query from here has to bring."""
    routed = RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",), routing=Routing(set_id="eu", weight=1))
    six = RecordSet(name=NAME, type="AAAA", ttl=30, values=("2001:db8::1",))
    assert expectation(NameChange(name=NAME, after=(routed, six)), 0.0) == Expectation(
        name=NAME, values=(("AAAA", ("2001:db8::1",)),)
    )
