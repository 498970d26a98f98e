"""Cancellations that somebody else's code has swallowed."""

import asyncio


def heed_cancellation() -> None:
    """Raise CancelledError where the running task was told to end and has not yet.

    To be called after waiting in code that uses ``asyncio.wait_for``: in Python 3.11 that returns its result, and drops
    the cancellation, where both arrive in the same turn of the loop (CPython issue 86296). A task that goes on waiting
    for the next thing then never ends, and neither does whoever cancelled it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
