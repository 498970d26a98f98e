"""What every process of ours does at its start and at its end."""

import asyncio
import contextlib
import resource
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from trafficfed.errors import TrafficfedError

OPEN_FILES = 8192
"""Twice what a prober has under way at most; watches, feeds and the API take some hundreds."""


def raise_open_files() -> None:
    """Every probe under way is an open file; what the administrator allows is taken up to what is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def until_told(work: Coroutine[Any, Any, None], hangup: Callable[[], None] | None = None) -> None:
    """Do the work until SIGTERM or SIGINT; on SIGHUP call ``hangup``, where there is none it ends the process.

    What ends a group of its tasks is raised as the one error that it was.
    """
    task = asyncio.current_task()
    assert task is not None, "a coroutine that runs is a task"
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    if hangup is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup)
    with contextlib.suppress(asyncio.CancelledError), _one_error():
        await work


@contextlib.contextmanager
def _one_error() -> Iterator[None]:
    try:
        yield
    except* TrafficfedError as group:
        raise first_error(group) or group from None


def first_error(group: BaseExceptionGroup) -> TrafficfedError | None:
    """The first of our own errors in a group, at whatever depth; None where all are others."""
    for error in group.exceptions:
        found = first_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, TrafficfedError):
            return found
    return None
