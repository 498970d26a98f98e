"""What every test runs under."""

import asyncio

from hypothesis import settings


def pytest_configure() -> None:
    settings.register_profile("untimed", deadline=None)  # how fast a machine is at the moment is no property of ours
    settings.load_profile("untimed")
    # pytest-asyncio 1.4 and later leak an event loop on Python 3.11 when a synchronous test precedes an asynchronous
    # one (pytest-dev/pytest-asyncio issue 724); with warnings as errors an innocent later test would fail.
    asyncio.set_event_loop(None)
