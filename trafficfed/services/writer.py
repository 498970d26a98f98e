"""Carries steps out in one member, some at once; each ends with a word to whoever decided on it."""

import asyncio
from http import HTTPStatus
from typing import Never, Protocol

import msgspec
import orjson

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.transport import Writer
from trafficfed.kubernetes_api.wire import Meta, Wire
from trafficfed.propagation.troubles import Failure, failure
from trafficfed.propagation.writer import APPLY, NEVER
from trafficfed.services.kinds import MANAGER, OWNER_LABEL
from trafficfed.services.steps import DELETE, STATUS, Step

AT_ONCE = 8
"""Requests under way in one member: more make nothing faster, as API servers are busy by then."""

STATUS_MANAGER = f"{MANAGER}-status"
"""What we say of an object is applied by a name of its own: fields of the other are not given up by it."""

STRANGE = Failure(reason="AlreadyExists", message="an object of this name stands there that is not ours", person=True)


class Outcomes(Protocol):
    """Who is told how a step ended."""

    def done(self, step: Step, answer: bytes) -> None: ...

    def absent(self, step: Step) -> None: ...

    def failed(self, step: Step, found: Failure) -> None: ...


class _Head(Wire, frozen=True):
    metadata: Meta


class StepWriter:
    """The queue of one member. What waits when the connection is given up has failed."""

    def __init__(self, owner: str, outcomes: Outcomes) -> None:
        self._owner, self._outcomes = owner, outcomes
        self._steps: asyncio.Queue[Step] = asyncio.Queue()

    def submit(self, step: Step) -> None:
        self._steps.put_nowait(step)

    async def run(self, transport: Writer) -> None:
        """As long as there is a connection; until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(AT_ONCE):
                    tasks.create_task(self._work(transport), name=f"imports {number}")
        finally:
            while not self._steps.empty():
                self._given_up(self._steps.get_nowait())

    async def _work(self, transport: Writer) -> Never:
        while True:
            step = await self._steps.get()
            try:
                answer = await self._carry_out(transport, step)
            except (Transient, Refused) as error:
                self._fail(step, error)
            except asyncio.CancelledError:
                self._given_up(step)
                raise
            else:
                self._outcomes.done(step, answer)

    def _given_up(self, step: Step) -> None:
        self._outcomes.failed(step, Failure(reason="Unreachable", message="the connection was given up"))

    def _fail(self, step: Step, error: Transient | Refused) -> None:
        """An object that is gone is no trouble, nor is one in a namespace that is on its way out (KEP-1645 expects
        both of whoever writes)."""
        status = error.status if isinstance(error, Rejected | Unavailable) else 0
        if status == HTTPStatus.NOT_FOUND and (step.verb != DELETE or step.uid):
            self._outcomes.absent(step)
        elif status == HTTPStatus.FORBIDDEN and "being terminated" in str(error):
            self._outcomes.failed(step, Failure(reason="NamespaceTerminating", message=str(error), retry_after_s=5.0))
        elif status == HTTPStatus.CONFLICT and step.verb != DELETE and not step.uid:
            self._outcomes.failed(step, STRANGE)
        else:
            self._outcomes.failed(step, failure(error))

    async def _carry_out(self, transport: Writer, step: Step) -> bytes:
        path = step.kind.path(step.namespace, step.name)
        if step.verb == DELETE:
            exactly = {"uid": step.uid, "resourceVersion": step.revision}
            options = {"preconditions": exactly, "propagationPolicy": "Background"}
            return await transport.request("DELETE", path, orjson.dumps(options))
        if step.verb == STATUS:
            params = {"fieldManager": STATUS_MANAGER, "force": "true"}
            return await transport.request("PATCH", f"{path}/status", step.body, APPLY, params)
        return await self._apply(transport, path, step)

    async def _apply(self, transport: Writer, path: str, step: Step) -> bytes:
        """Only onto what was seen, or onto nothing: what stands there unseen is ours where it carries our label."""
        params = {"fieldManager": MANAGER, "force": "true"}
        try:
            return await transport.request("PATCH", path, _exactly(step.body, step.uid), APPLY, params)
        except Unavailable as error:
            if error.status != HTTPStatus.CONFLICT or step.uid:
                raise
            meta = msgspec.json.decode(await transport.request("GET", path), type=_Head).metadata
            if (meta.labels or {}).get(OWNER_LABEL) != self._owner:
                raise
        return await transport.request("PATCH", path, _exactly(step.body, meta.uid), APPLY, params)


def _exactly(body: bytes, uid: str) -> bytes:
    stated = orjson.loads(body)
    stated["metadata"] |= {"uid": uid} if uid else {"resourceVersion": NEVER}
    return orjson.dumps(stated)
