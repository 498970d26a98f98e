"""One leadership's leave to write into one zone: behind the fence, and only while the lease lasts."""

import asyncio
from collections.abc import Callable

from trafficfed.errors import Transient
from trafficfed.model import RecordSet
from trafficfed.ports import Provider
from trafficfed.zones.fence import raise_fence


class Tenure:
    """``remaining_s`` tells how long the lease still lasts by this controller's own clock, 0 or less where it ended.

    ``longest_s`` is the longest that any leader lets one call take. Where a provider cannot make the fence a
    condition of a write, a call ends before the lease does, and a new leader waits that long before it reads:
    whatever a former one had begun is in the zone by then, or never comes.
    """

    def __init__(
        self,
        provider: Provider,
        zone: str,
        owner: str,
        term: int,
        remaining_s: Callable[[], float],
        longest_s: float,
    ) -> None:
        self.term = term
        self._provider = provider
        self._zone = zone
        self._owner = owner
        self._remaining_s = remaining_s
        self._longest_s = longest_s
        self._fence: RecordSet | None = None
        self._begun = False
        self._over = False

    @property
    def fence(self) -> RecordSet | None:
        """What every write carries, None where the provider has no fences."""
        return self._fence

    @property
    def over(self) -> bool:
        """Whether a higher term was met: nothing is written any more, however long the lease lasts."""
        return self._over

    def end(self) -> None:
        self._over = True

    async def raise_fence(self) -> None:
        """Have the fence of this term stand; once is enough.

        Raises Fenced where a higher term does, Refused where another owner's fence does, Transient otherwise.
        """
        if self._fence is None and self._provider.capabilities.fence != "none":
            self._fence = await raise_fence(self._provider, self._zone, self._owner, self.term, self._left_s())

    async def outwait(self) -> None:
        """Wait for the former leader's calls where no fence stops them; from then on writes may begin."""
        if not self._begun and self._provider.capabilities.fence != "atomic":
            await asyncio.sleep(self._longest_s)
        self._begun = True

    def forget(self) -> None:
        """The fence was met otherwise than raised: it has to be raised again before the next write."""
        self._fence, self._begun = None, False

    def call_s(self) -> float:
        """How long a write that begins now may take. Raises Transient where none may begin."""
        if not self._begun:
            raise Transient(f"nothing is written into {self._zone} before the fence of term {self.term} stands there")
        return self._left_s()

    def _left_s(self) -> float:
        left_s = self._remaining_s()
        if self._over or left_s <= 0:
            raise Transient(
                f"the lease of term {self.term} has run out: nothing is written until this controller leads"
            )
        return self._longest_s if self._provider.capabilities.fence == "atomic" else min(self._longest_s, left_s)
