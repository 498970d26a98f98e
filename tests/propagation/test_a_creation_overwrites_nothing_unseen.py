"""Where nothing was seen, a creation is refused by what stands there; what is ours is changed only as it was read.

A leader that was overtaken may still have a request under way: it must not put an older content over a newer one.
"""

import asyncio
from functools import partial
from typing import Any

import orjson
import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params
from trafficfed.propagation.engine import Job
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey
from trafficfed.propagation.plan import Apply, Delete
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure
from trafficfed.propagation.writer import NEVER, MemberWriter
from trafficfed.testing.scripted_api import LoopClock, running

pytestmark = pytest.mark.looptime
ONE = ObjectKey("", "ConfigMap", "shop", "one")
APPLY = Apply(cluster="eu", object=ONE, body=b'{"metadata": {"name": "one"}}', hash="1")
CONFLICT = Unavailable("409 Conflict: the object has been modified", 409)
GONE = Rejected('404 Not Found: configmaps "one" not found', 404)
OURS = b'{"metadata": {"resourceVersion": "7", "uid": "u-7", "labels": {"trafficfed.io/propagated-by": "demo"}}}'
THEIRS = b'{"metadata": {"resourceVersion": "7"}}'
Answer = bytes | Exception


class Member:
    """An API server that answers as a test wrote down."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        stated: dict[str, Any] = orjson.loads(body or b"{}")
        self.asked.append((method, str(stated.get("metadata", {}).get("resourceVersion", ""))))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Outcomes:
    """How it ended."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def done(self, deed: Deed, answer: bytes) -> None:
        self.told.append("done")

    def absent(self, deed: Deed) -> None:
        self.told.append("absent")

    def found(self, deed: Deed, body: bytes) -> None:
        self.told.append("found")

    def failed(self, deed: Deed, found: Failure) -> None:
        self.told.append(found.reason)


async def carried_out(
    deed: Deed, *answers: Answer, only_looks: bool = False
) -> tuple[list[tuple[str, str]], list[str]]:
    """What the member was asked (method and resourceVersion), and how the step ended."""
    member, outcomes = Member(*answers), Outcomes()
    writer = MemberWriter("demo", DEFAULT_KINDS, outcomes, LoopClock(), only_looks=only_looks)
    writer.submit(Job(deed=deed, urgent=False))
    async with running(partial(writer.run, member)):
        await asyncio.sleep(1)
    return member.asked, outcomes.told


async def test_where_nothing_stands_one_request_creates() -> None:
    assert await carried_out(APPLY, b"{}") == ([("PATCH", NEVER)], ["done"])


async def test_what_is_not_ours_is_found_and_left() -> None:
    assert await carried_out(APPLY, CONFLICT, THEIRS) == ([("PATCH", NEVER), ("GET", "")], ["found"])


async def test_what_is_ours_is_changed_only_as_it_was_read() -> None:
    asked, told = await carried_out(APPLY, CONFLICT, OURS, b"{}")
    assert asked == [("PATCH", NEVER), ("GET", ""), ("PATCH", "7")]
    assert told == ["done"]


async def test_where_it_changed_since_it_was_read_the_step_is_planned_anew() -> None:
    _, told = await carried_out(APPLY, CONFLICT, OURS, CONFLICT)
    assert told == ["Outdated"]


async def test_a_server_that_creates_nothing_with_a_revision_is_asked_without() -> None:
    asked, told = await carried_out(APPLY, CONFLICT, GONE, b"{}")
    assert asked == [("PATCH", NEVER), ("GET", ""), ("PATCH", "")]
    assert told == ["done"]


@pytest.mark.parametrize(("answer", "told"), [(THEIRS, "found"), (OURS, "done"), (GONE, "done")])
async def test_who_only_looks_asks_what_stands_and_writes_nothing(answer: Answer, told: str) -> None:
    assert await carried_out(APPLY, answer, only_looks=True) == ([("GET", "")], [told])


async def test_who_only_looks_asks_nothing_about_what_is_seen_anyway() -> None:
    delete = Delete(cluster="eu", object=ONE, uid="1", resource_version="7")
    assert await carried_out(delete, only_looks=True) == ([], ["done"])


@pytest.mark.parametrize("error", [Transient("connection refused"), Refused("no")])
async def test_whatever_goes_wrong_is_told_and_the_next_step_is_taken(error: Exception) -> None:
    _, told = await carried_out(APPLY, error)
    assert told in (["Unreachable"], ["Refused"])
