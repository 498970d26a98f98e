"""An election that the test decides, for what follows from one."""

from collections.abc import Callable

from trafficfed.ports import Clock


class ScriptedElection:
    """Leads from ``elect`` until ``depose`` or the end of its lease (``trafficfed.roles.leading.Leadership``)."""

    def __init__(self, clock: Clock, lease_s: float = 10.0) -> None:
        self._clock, self._lease_s = clock, lease_s
        self._until_s = 0.0
        self.noted = 0
        self.released: list[float] = []
        self.won: Callable[[int], None] = lambda term: None
        self.lost: Callable[[str], None] = lambda why: None

    @property
    def leads(self) -> bool:
        return self.remaining_s > 0

    @property
    def remaining_s(self) -> float:
        return max(0.0, self._until_s - self._clock.monotonic_s())

    def note_term(self, term: int) -> None:
        self.noted = max(self.noted, term)

    def release(self, stand_down_s: float = 0.0) -> None:
        self.released.append(stand_down_s)
        self.depose("it gave up the leadership")

    def elect(self, term: int, for_s: float = float("inf")) -> None:
        """This controller leads; ``for_s`` long where nothing renews it."""
        self._until_s = self._clock.monotonic_s() + for_s
        self.won(term)

    def depose(self, why: str = "another controller leads") -> None:
        self._until_s = 0.0
        self.lost(why)
