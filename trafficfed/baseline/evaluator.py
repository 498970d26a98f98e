"""Has expressions evaluated in a process of their own, so that nothing they cost is taken from traffic's decisions."""

import asyncio
import contextlib
import importlib.util
import signal
import sys
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from trafficfed.baseline.judging import Answer, Compile, Compiled, Fault, Item, Judge, Judged, Program, Request, Verdict
from trafficfed.baseline.problem import TOO_COSTLY, Problem
from trafficfed.baseline.worker import CPU_S, LENGTH
from trafficfed.errors import ConfigError, Transient

AT_ONCE, OCTETS = 200, 4 << 20
"""Objects in one request, some 20 ms of another process; and how large they may be together."""

COSTLY_SIGNALS = (signal.SIGPROF, signal.SIGABRT)
"""How the process ends of too much computing, and of memory that it does not get amid the library."""

COSTLY = f"takes more than {CPU_S} s of computing, or more memory than it may"
WITHOUT = "baselines need CEL: install trafficfed[baselines]"

A = TypeVar("A", Compiled, Judged)


class Evaluator:
    """One request at a time. The process is started when it is first needed, and anew where it died."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._answers = msgspec.msgpack.Decoder(Answer)

    async def compile(self, program: Program) -> tuple[Fault, ...]:
        """What is wrong with a program. Raises Transient where the process died of something else."""
        try:
            return (await self._ask(Compile(program), Compiled)).faults
        except _Exhausted:
            return (Fault(where="expression", problem=Problem(message=COSTLY, reason=TOO_COSTLY)),)

    async def judge(self, program: Program, cluster: bytes, items: tuple[Item, ...]) -> tuple[Verdict, ...]:
        """Whether it holds of each item. Raises Transient where the process died of something else."""
        found: list[Verdict] = []
        for part in _parts(items):
            found += await self._judge(program, cluster, part)
        return tuple(found)

    async def _judge(self, program: Program, cluster: bytes, items: tuple[Item, ...]) -> tuple[Verdict, ...]:
        """Where one of them is too much, each is asked of alone: the others are not to be blamed."""
        try:
            return (await self._ask(Judge(program, cluster, items), Judged)).verdicts
        except _Exhausted:
            if len(items) == 1:
                return (Verdict(holds=False, message=f"cannot be evaluated: {COSTLY}", costly=True),)
        half = len(items) // 2
        one = await self._judge(program, cluster, items[:half])
        return one + await self._judge(program, cluster, items[half:])

    async def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            await _end(process)

    async def _ask(self, request: Request, kind: type[A]) -> A:
        async with self._turn:
            process = self._process = self._process or await _start()
            assert process.stdin is not None, "it is a pipe"
            assert process.stdout is not None, "it is a pipe"
            body = msgspec.msgpack.encode(request)
            try:
                process.stdin.write(len(body).to_bytes(LENGTH) + body)
                await process.stdin.drain()
                length = int.from_bytes(await process.stdout.readexactly(LENGTH))
                answer = self._answers.decode(await process.stdout.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                await self.close()
                if process.returncode is not None and -process.returncode in COSTLY_SIGNALS:
                    raise _Exhausted from None
                raise Transient(f"the process that evaluates expressions ended with {process.returncode}") from None
            except asyncio.CancelledError:
                await self.close()  # an answer that nobody reads would be taken for the next one
                raise
        assert isinstance(answer, kind), "it answers what it is asked"
        return answer


def _parts(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """Requests of a bounded size; what is larger by itself is one alone."""
    begun, octets = 0, 0
    for at, item in enumerate(items):
        octets += len(item.object) + len(item.namespace)
        if at > begun and (at - begun == AT_ONCE or octets > OCTETS):
            yield items[begun:at]
            begun, octets = at, len(item.object) + len(item.namespace)
    if items[begun:]:
        yield items[begun:]


class _Exhausted(Exception):
    """The process died of what it was asked."""


async def _start() -> asyncio.subprocess.Process:
    """Raises ConfigError where the library is not installed."""
    if importlib.util.find_spec("cel_expr_python") is None:
        raise ConfigError(WITHOUT)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "trafficfed.baseline.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await process.wait()
            return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
