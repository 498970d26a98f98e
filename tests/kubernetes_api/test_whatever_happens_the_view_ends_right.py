"""A consumer that only folds the events ends with what the server has, after any sequence of changes and faults."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import looptime
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import Transient
from trafficfed.kubernetes_api import identity
from trafficfed.kubernetes_api.failures import Expired, Rejected
from trafficfed.kubernetes_api.reflector import Reflector
from trafficfed.kubernetes_api.resource import SERVICES
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params
from trafficfed.kubernetes_api.wire import Event, Listed, Removed, Resumed, Service, Upserted
from trafficfed.testing.scripted_api import LoopClock, bookmark, event, page, running, service

T = TypeVar("T")


@dataclass(slots=True)
class Server:
    """An API server as far as lists and watches go: objects, a history that can be cut, and an identity."""

    streaming_lists: bool
    uid: int = 1
    revision: int = 10
    compacted: int = 10
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[tuple[int, bytes]] = field(default_factory=list)
    down: bool = False
    generation: int = 0
    backup: tuple[int, dict[str, dict[str, Any]]] | None = None
    restores: int = 0
    quiet: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def record(self, type: str, name: str) -> None:
        if self.quiet:
            return
        self.revision += 1
        self.objects[name] = service(name, self.revision)
        self.history.append((self.revision, event(type, self.objects[name])))
        if type == "DELETED":
            del self.objects[name]
        self.wake()

    def put(self, name: str) -> None:
        self.record("MODIFIED" if name in self.objects else "ADDED", name)

    def delete(self, name: str) -> None:
        if name in self.objects:
            self.record("DELETED", name)

    def cut(self, name: str) -> None:
        """Every connection breaks."""
        self.generation += 1
        self.wake()

    def compact(self, name: str) -> None:
        self.compacted = self.revision

    def progress(self, name: str) -> None:
        """Other kinds change; a bookmark tells."""
        if self.quiet:
            return
        self.revision += 5
        self.history.append((self.revision, bookmark(self.revision)))
        self.wake()

    def fall(self, name: str) -> None:
        self.down = True
        self.cut(name)

    def rise(self, name: str) -> None:
        self.down = False

    def become_another(self, name: str) -> None:
        """An empty cluster, whose revisions begin anew, answers at the same address."""
        self.uid += 1
        self.revision = self.compacted = 3
        self.objects.clear()
        self.history.clear()
        self.backup = None
        self.cut(name)

    def back_up(self, name: str) -> None:
        self.backup = (self.revision, dict(self.objects))

    def restore(self, name: str) -> None:
        """The same cluster as it was; nothing is written until it was looked at: far more was before than is now."""
        if self.backup is not None:
            self.revision, self.objects = self.backup[0], dict(self.backup[1])
            self.compacted = min(self.compacted, self.revision)
            self.history = [(revision, line) for revision, line in self.history if revision <= self.revision]
            self.restores += 1
            self.quiet = True
            self.cut(name)

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        await asyncio.sleep(0.01)
        self.check()
        if path == identity.PATH:
            answer: object = {"metadata": {"uid": f"uid-{self.uid}"}}
        else:
            answer = page(self.revision, *self.objects.values())
            self.quiet = False
        return msgspec.json.decode(msgspec.json.encode(answer), type=type)

    async def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        await asyncio.sleep(0.01)
        self.check()
        generation = self.generation
        since = int(params["resourceVersion"] or 0)
        if "sendInitialEvents" in params:
            if not self.streaming_lists:
                raise Rejected("sendInitialEvents is forbidden for watch", 422)
            since = self.revision
            self.quiet = False
            yield [*(event("ADDED", found) for found in self.objects.values()), bookmark(since, ends_list=True)]
        elif since < self.compacted:
            raise Expired(f"too old resource version: {since} ({self.compacted})")
        yield []
        while True:
            lines = [line for revision, line in self.history if revision > since]
            since = self.revision
            if lines:
                yield lines
            if generation != self.generation:
                raise Transient("the connection broke off")
            await self.changed.wait()

    def check(self) -> None:
        if self.down:
            raise Transient("connection refused")


@dataclass(slots=True)
class Consumer:
    """Folds events as any consumer would, and checks what may never happen on the way."""

    names: dict[str, int] = field(default_factory=dict)
    uid: str = ""
    revision: int = 0
    went_back: int = 0

    def take(self, event: Event) -> None:
        match event:
            case Listed(_, objects, revision, uid):
                self.went_back += revision < self.revision and uid == self.uid
                self.names = {found.metadata.name: int(found.metadata.resource_version) for found in objects}
                self.uid, self.revision = uid, revision
            case Upserted(found, revision):
                assert self.uid, "a change before any list"
                assert revision >= self.revision
                self.names[found.metadata.name] = self.revision = revision
            case Removed(found, revision):
                assert revision >= self.revision
                self.names.pop(found.metadata.name, None)
                self.revision = revision
            case Resumed():
                assert self.uid, "resumed what was never listed"


ACTIONS: Sequence[Callable[[Server, str], None]] = (
    Server.put,
    Server.put,
    Server.delete,
    Server.cut,
    Server.compact,
    Server.progress,
    Server.fall,
    Server.rise,
    Server.become_another,
    Server.back_up,
    Server.restore,
)
NAMES = st.sampled_from(["web", "api", "db"])
PAUSES_S = st.sampled_from([0.0, 0.005, 1.0, 45.0])
steps = st.lists(st.tuples(st.sampled_from(ACTIONS), NAMES, PAUSES_S), max_size=25)


async def live_through(
    actions: Sequence[tuple[Callable[[Server, str], None], str, float]], streaming: bool, seed: int
) -> None:
    server, consumer = Server(streaming), Consumer()
    reflector: Reflector[Service] = Reflector(server, SERVICES, consumer.take, LoopClock(), random=Random(seed))
    async with running(reflector.run):
        for act, name, pause_s in actions:
            act(server, name)
            await asyncio.sleep(pause_s)
        server.rise("")
        await asyncio.sleep(120)
        there = {name: int(found["metadata"]["resourceVersion"]) for name, found in server.objects.items()}
        assert consumer.names == there
        assert consumer.uid == f"uid-{server.uid}"
        assert consumer.went_back <= server.restores, "a list older than what is known"


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(actions=steps, streaming=st.booleans(), seed=st.integers(0, 1000))
def test_the_view_converges(
    actions: Sequence[tuple[Callable[[Server, str], None], str, float]], streaming: bool, seed: int
) -> None:
    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        runner.run(live_through(actions, streaming, seed))
