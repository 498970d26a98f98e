"""Faults that a test or demo lets one emulated cluster have."""

import asyncio
from collections.abc import Callable

import msgspec

from trafficfed.model import Value
from trafficfed.sandbox.apiserver.failures import ApiFailure


class Rule(Value, frozen=True, kw_only=True):
    """Requests that are refused: those of ``method`` and with ``path`` in their path (empty: all), ``times`` times.

    ``retry_after_s`` is sent as Retry-After, 0 = not at all.
    """

    code: int
    reason: str = "InternalError"
    message: str = "a fault was injected"
    method: str = ""
    path: str = ""
    times: int = 1
    retry_after_s: int = 0

    def meets(self, method: str, path: str) -> bool:
        return self.method in ("", method) and self.path in path

    def failure(self) -> ApiFailure:
        details = {"retryAfterSeconds": self.retry_after_s} if self.retry_after_s else None
        return ApiFailure(self.code, self.reason, self.message, details)


class Faults:
    """The faults of one cluster; all off at first. ``wake`` makes open watches look at them.

    ``latency_s`` delays each answer. ``refuse`` closes connections without one. ``silent`` keeps watches open but
    sends nothing on them, bookmarks neither. ``watch_lists`` off: sendInitialEvents is refused, as older servers do.
    ``cuts`` and ``expiries`` count what was done to open watches.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.latency_s = 0.0
        self.refuse = False
        self.silent = False
        self.watch_lists = True
        self.cuts = 0
        self.expiries = 0
        self._wake = wake
        self._rules: list[Rule] = []
        self._answering = asyncio.Event()
        self._answering.set()

    @property
    def paused(self) -> bool:
        return not self._answering.is_set()

    def fail(self, rule: Rule) -> None:
        """Refuse the next requests that the rule meets."""
        self._rules.append(rule)

    def too_many_requests(self, retry_after_s: int = 1, times: int = 1) -> None:
        """Answer 429 with Retry-After, as a server does that protects itself."""
        self.fail(Rule(code=429, reason="TooManyRequests", times=times, retry_after_s=retry_after_s))

    def cut_watches(self) -> None:
        """Break every open watch in the middle, as a proxy or a killed server does."""
        self.cuts += 1
        self._wake()

    def expire_watches(self) -> None:
        """End every open watch with an ERROR event of 410, as a server does that has compacted its history."""
        self.expiries += 1
        self._wake()

    def pause(self) -> None:
        """Accept requests and answer nothing, on watches neither, until ``resume``; as SIGSTOP does."""
        self._answering.clear()

    def resume(self) -> None:
        self._answering.set()
        self._wake()

    def clear(self) -> None:
        """All faults off; what was held back is answered."""
        self.latency_s, self.refuse, self.silent, self.watch_lists = 0.0, False, False, True
        self._rules.clear()
        self.resume()

    async def delay(self) -> None:
        """Wait as long as the faults want it; called for each request."""
        await self._answering.wait()
        if self.latency_s:
            await asyncio.sleep(self.latency_s)

    def take(self, method: str, path: str) -> ApiFailure | None:
        """The refusal for a request, used up once."""
        index = next((index for index, rule in enumerate(self._rules) if rule.meets(method, path)), None)
        if index is None:
            return None
        rule = self._rules[index]
        left = msgspec.structs.replace(rule, times=rule.times - 1)
        self._rules[index : index + 1] = [left] if left.times > 0 else []
        return rule.failure()
