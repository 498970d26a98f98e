"""Carries steps out in one member, some at once; each ends with a word to whoever decided on it."""

import asyncio
from http import HTTPStatus
from typing import Never, Protocol

import orjson

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.transport import Writer
from trafficfed.propagation.troubles import Failure, failure
from trafficfed.propagation.writer import APPLY, NEVER
from trafficfed.services.steps import DELETE, STATUS, Step

AT_ONCE = 8
"""Requests under way in one member: more make nothing faster, as API servers are busy by then."""

STRANGE = Failure(reason="AlreadyExists", message="an object of this name stands there that is not ours", person=True)


class Outcomes(Protocol):
    """Who is told how a step ended."""

    def done(self, step: Step, answer: bytes) -> None: ...

    def absent(self, step: Step) -> None: ...

    def failed(self, step: Step, found: Failure) -> None: ...


class StepWriter:
    """The queue of one member. What waits when the connection is given up has failed."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
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
            # by a name of its own: fields that are applied elsewhere are not given up by it
            params = {"fieldManager": f"{step.manager}-status", "force": "true"}
            return await transport.request("PATCH", f"{path}/status", step.body, APPLY, params)
        params = {"fieldManager": step.manager, "force": "true" if step.force else "false"}
        return await transport.request("PATCH", path, _exactly(step.body, step.uid), APPLY, params)


def _exactly(body: bytes, uid: str) -> bytes:
    """Onto the object that was seen, or onto nothing: what stands there unseen is not ours, or is about to be seen."""
    stated = orjson.loads(body)
    stated["metadata"] |= {"uid": uid} if uid else {"resourceVersion": NEVER}
    return orjson.dumps(stated)
