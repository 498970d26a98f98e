"""``trafficfed prober`` as a real process beside real feeds and backends: it starts, tells, pauses and ends cleanly."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trafficfed.testing.backends import Backend
from trafficfed.testing.processes import free_port
from trafficfed.testing.vantages import DEADLINE_S, KEY, Controller, key, target

pytestmark = pytest.mark.real

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a prober's file."""
    feed_key = tmp_path / "feed.key"
    feed_key.touch(mode=0o600)
    feed_key.write_bytes(KEY)

    def make(*controllers: str, more: str = "") -> Path:
        file = tmp_path / "prober.yaml"
        named = ", ".join(controllers)
        file.write_text(f"prober:\n  name: eu-1\n  cluster: eu\n  controllers: [{named}]\n  key-file: feed.key\n{more}")
        return file

    return make


@asynccontextmanager
async def prober(file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process; ended with the block, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trafficfed", "prober", "--config", str(file), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(process: asyncio.subprocess.Process, number: signal.Signals | None = None) -> tuple[int | None, str]:
    """The exit code and what was said on standard error, after a signal where one is given."""
    if number is not None:
        process.send_signal(number)
    async with asyncio.timeout(DEADLINE_S):
        _, err = await process.communicate()
    return process.returncode, err.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_tells_what_it_sees_and_ends_with_0(write: Write, number: signal.Signals) -> None:
    with Backend("127.0.0.1") as backend:
        controller = Controller(clusters=frozenset({"eu"}))
        controller.desk.set_targets(key(1), (target(1, backend.port),))
        async with controller.running(), prober(write(controller.address)) as process:
            await controller.until(lambda: len(controller.seen) >= 2)
            code, err = await ended(process, number)
            await controller.until(lambda: bool(controller.told("FollowerLost")))
    assert code == 0
    assert "Traceback" not in err
    assert KEY.decode() not in err
    assert {(seen.vantage, seen.passed) for seen in controller.seen} == {("eu-1", True)}
    assert controller.homes == {"eu-1": "eu"}
    assert not controller.desk.reporting[0].connected


async def test_a_hangup_is_answered_and_ends_nothing(write: Write) -> None:
    with Backend("127.0.0.1") as backend:
        controller = Controller()
        controller.desk.set_targets(key(1), (target(1, backend.port),))
        async with controller.running(), prober(write(controller.address)) as process:
            await controller.until(lambda: len(controller.seen) >= 2)
            os.kill(process.pid, signal.SIGHUP)
            before = len(controller.seen)
            await controller.until(lambda: len(controller.seen) >= before + 2)
            code, err = await ended(process, signal.SIGTERM)
    assert code == 0
    assert "restart to have it read again" in err


async def test_after_a_pause_nothing_is_taken_for_a_death(write: Write) -> None:
    """SIGSTOP and SIGCONT: what was under way meanwhile may fail once, and no target ever reaches fall."""
    with Backend("127.0.0.1") as backend:
        controller = Controller()
        controller.desk.set_targets(key(1), (target(1, backend.port),))
        async with controller.running(), prober(write(controller.address)) as process:
            await controller.until(lambda: len(controller.seen) >= 2)
            os.kill(process.pid, signal.SIGSTOP)
            async with asyncio.timeout(DEADLINE_S):
                while controller.desk.reporting[0].connected:
                    await controller.until(lambda: bool(controller.told("FollowerLost")))
            before = len(controller.seen)
            os.kill(process.pid, signal.SIGCONT)
            await controller.until(lambda: len(controller.seen) >= before + 5)
            assert (await ended(process, signal.SIGTERM))[0] == 0
    later = [seen.passed for seen in controller.seen[before:]]
    assert later.count(False) <= 1
    assert controller.told("VantageOdd") == []


async def test_it_starts_before_any_controller_and_finds_one(write: Write) -> None:
    with Backend("127.0.0.1") as backend:
        controller = Controller()
        controller.desk.set_targets(key(1), (target(1, backend.port),))
        nobody = f"127.0.0.1:{free_port()}"
        async with prober(write(nobody, controller.address, more="log: {format: json}\n")) as process:
            assert process.stderr is not None
            async with asyncio.timeout(DEADLINE_S):
                while b"started" not in await process.stderr.readline():
                    pass
            async with controller.running():
                await controller.until(lambda: len(controller.seen) >= 1)
                assert (await ended(process, signal.SIGTERM))[0] == 0


async def test_a_taken_metrics_address_ends_it_with_2_and_one_line(write: Write) -> None:
    with Backend("127.0.0.1") as taken:
        file = write("127.0.0.1:9", more=f"  metrics: 127.0.0.1:{taken.port}\n")
        async with prober(file) as process:
            code, err = await ended(process)
    assert code == 2
    assert [line for line in err.splitlines() if line.startswith("trafficfed: ")] == [err.splitlines()[-1]]
    assert f"prober.metrics 127.0.0.1:{taken.port}" in err
    assert "Traceback" not in err


async def test_a_wrong_file_ends_it_with_2(write: Write) -> None:
    async with prober(write("127.0.0.1:9", more="  colour: blue\n")) as process:
        code, err = await ended(process)
    assert code == 2
    assert "prober.colour: is not a known key" in err
