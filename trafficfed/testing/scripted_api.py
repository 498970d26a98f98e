"""An API server that says what a test wrote down: for everything a real one cannot be made to do on demand.

Answers are taken in order, the last identity stays. Time is the event loop's, so that tests run in virtual time.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeAlias, TypeVar

import msgspec

from trafficfed.kubernetes_api import identity
from trafficfed.kubernetes_api.reflector import Reflector
from trafficfed.kubernetes_api.resource import SERVICES
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params
from trafficfed.kubernetes_api.wire import Event, Listed, Lost, Removed, Service, Upserted

T = TypeVar("T")

# A moment in 2026, so that wall clock and monotonic clock are never mixed up unnoticed.
EPOCH_S = 1_790_000_000.0


NEWEST = 1_000_000
"""A revision beyond all that tests write down."""


class LoopClock:
    """The running loop's time as both clocks; make it inside a test with looptime."""

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def now_s(self) -> float:
        return EPOCH_S + asyncio.get_running_loop().time()


class Pause(float):
    """So many seconds without a word."""


Step: TypeAlias = bytes | tuple[bytes, ...] | Pause | Exception | Callable[[], None]
"""One step of a stream: a line, lines that arrive together, a silence, a failure, something that happens meanwhile."""


class ScriptedApi:
    """A Reader. ``streams``, ``lists`` and ``uids`` are what it will say; ``asked`` is what it was asked, and when.

    A stream whose steps are used up ends; one that nobody wrote says nothing for ever.
    """

    def __init__(self) -> None:
        self.uids: deque[str | Exception] = deque(["uid-1"])
        self.lists: deque[Mapping[str, Any] | Exception] = deque()
        self.streams: deque[Sequence[Step] | Exception] = deque()
        self.asked: list[tuple[float, str, dict[str, str]]] = []
        self.open_streams = 0
        # What it says is its newest revision when a list of one object is asked for.
        self.newest: int | Exception = NEWEST

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        answer: Mapping[str, Any] | Exception
        if path == identity.PATH:
            answer = self._identity()
        elif params.get("limit") == "1":
            self._note("look", params)
            answer = self.newest if isinstance(self.newest, Exception) else page(self.newest)
        else:
            self._note("list", params)
            answer = self.lists.popleft()
        if isinstance(answer, Exception):
            raise answer
        return msgspec.json.decode(json.dumps(answer), type=type)

    async def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        self._note("watch", params)
        script = self.streams.popleft() if self.streams else None
        if isinstance(script, Exception):
            raise script
        self.open_streams += 1
        try:
            yield []
            if script is None:
                await asyncio.Event().wait()
            for step in script or ():
                if isinstance(step, bytes):
                    yield [step]
                elif isinstance(step, tuple):
                    yield list(step)
                else:
                    await _take(step)
        finally:
            self.open_streams -= 1

    def revisions(self) -> list[str | None]:
        """The revision each watch was asked from; a streaming list asks with an empty one."""
        return [params.get("resourceVersion") for _, kind, params in self.asked if kind == "watch"]

    def moments(self, kind: str = "watch") -> list[float]:
        return [at_s for at_s, asked, _ in self.asked if asked == kind]

    def _identity(self) -> Mapping[str, Any] | Exception:
        uid = self.uids[0] if len(self.uids) == 1 else self.uids.popleft()
        return uid if isinstance(uid, Exception) else {"metadata": {"name": "kube-system", "uid": uid}}

    def _note(self, kind: str, params: Params) -> None:
        self.asked.append((asyncio.get_running_loop().time(), kind, dict(params)))


class Script:
    """A scripted API server, a reflector of Services that follows it, and what came out."""

    def __init__(self) -> None:
        self.api = ScriptedApi()
        self.events: list[Event] = []
        self.unreadable: list[tuple[str, str]] = []
        self.reflector: Reflector[Service] = Reflector(
            self.api,
            SERVICES,
            self.events.append,
            LoopClock(),
            lambda key, error: self.unreadable.append((key, error)),
            Random(7),
        )

    @property
    def reasons(self) -> list[str]:
        """Why the view was lost, each time."""
        return [event.reason for event in self.events if isinstance(event, Lost)]

    async def run_for(self, seconds: float) -> None:
        """Follow the script for so long."""
        async with running(self.reflector.run):
            await asyncio.sleep(seconds)

    @property
    def told(self) -> list[str]:
        """What came out, in short: ``Listed web``, ``Upserted web``, ``Lost``."""
        return [_short(event) for event in self.events]


def _short(event: Event) -> str:
    match event:
        case Listed(_, objects):
            return " ".join(("Listed", *(found.metadata.name for found in objects)))
        case Upserted(found, _) | Removed(found, _):
            return f"{type(event).__name__} {found.metadata.name}"
        case _:
            return type(event).__name__


@asynccontextmanager
async def running(forever: Callable[[], Any]) -> AsyncIterator[None]:
    """Something that runs for ever, for the length of a block; what it raises fails the test."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(forever(), name="under test")
        yield
        task.cancel()


async def _take(step: Pause | Exception | Callable[[], None]) -> None:
    if isinstance(step, Pause):
        await asyncio.sleep(step)
    elif isinstance(step, Exception):
        raise step
    else:
        step()


def service(name: str, revision: int, **spec: Any) -> dict[str, Any]:
    """A Service as an API server sends it."""
    metadata = {"namespace": "shop", "name": name, "uid": f"uid-of-{name}", "resourceVersion": str(revision)}
    return {"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}


def event(type: str, object_: Mapping[str, Any]) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": type, "object": object_}).encode()


def bookmark(revision: int, *, ends_list: bool = False) -> bytes:
    """A bookmark; with ``ends_list`` the one that ends the initial events of a streaming list."""
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if ends_list else {}
    return event("BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": str(revision), **annotations}})


def error(code: int, message: str) -> bytes:
    """A failure in the middle of a watch."""
    return event("ERROR", {"kind": "Status", "status": "Failure", "code": code, "message": message})


def page(revision: int, *items: Mapping[str, Any], token: str = "") -> dict[str, Any]:
    """One page of a list, with the token that leads to the next."""
    return {"kind": "ServiceList", "metadata": {"resourceVersion": str(revision), "continue": token}, "items": items}
