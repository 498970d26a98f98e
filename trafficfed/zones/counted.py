"""A provider whose calls are counted, by what was asked and how it ended: vendors bill and limit requests."""

from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from trafficfed.errors import Refused, Transient
from trafficfed.model import Capabilities, NameChange, RecordSet, Result
from trafficfed.ports import Budgeted, Provider

T = TypeVar("T")


class CountedProvider:
    """Does what the provider does. ``calls`` counts by call (``read``, ``read_names``, ``apply``) and outcome.

    Outcomes are ``Done``, ``Transient``, ``Refused``, and ``Broken`` where it ended otherwise: cut off, or by a fault
    of the adapter.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._calls: Counter[tuple[str, str]] = Counter()

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        return self._calls

    @property
    def requests_left(self) -> float | None:
        """What is left of its budget of requests, None where it has none."""
        return self._provider.requests_left if isinstance(self._provider, Budgeted) else None

    @property
    def capabilities(self) -> Capabilities:
        return self._provider.capabilities

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        return await self._count("read", self._provider.read(zone, deadline_s))

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        return await self._count("read_names", self._provider.read_names(zone, names, deadline_s))

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        return await self._count("apply", self._provider.apply(zone, changes, deadline_s, fence))

    async def close(self) -> None:
        await self._provider.close()

    async def _count(self, call: str, answer: Awaitable[T]) -> T:
        outcome = "Broken"
        try:
            found = await answer
            outcome = "Done"
            return found
        except Transient:
            outcome = "Transient"
            raise
        except Refused:
            outcome = "Refused"
            raise
        finally:
            self._calls[call, outcome] += 1
