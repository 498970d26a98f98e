"""What runs beside the serving of names: whatever goes wrong in it, names are served and followed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Never


async def for_ever(run: Callable[[], Awaitable[None]], log: logging.Logger, said: str, pause_s: float) -> Never:
    """Again and again, until cancelled. A mistake of ours in it is logged as ``said``; it begins anew after a pause."""
    while True:
        try:
            await run()
        except Exception:
            log.exception(said)
            await asyncio.sleep(pause_s)
