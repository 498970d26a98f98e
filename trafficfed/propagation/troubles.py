"""What stands in the way of single steps, by member and object: a named reason, and when it is tried again.

One object's trouble in one member delays nothing else.
"""

import heapq
from http import HTTPStatus

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.model import Value
from trafficfed.propagation.objects import ObjectKey

Place = tuple[str, ObjectKey]

FIRST_S = 0.5
LONGEST_S = 60.0
REFUSED_S = 30.0
"""What only a person can mend is tried again at this pace: nothing tells that a permission was given."""

OUTDATED = "Outdated"


class Failure(Value, frozen=True, kw_only=True):
    """Why a step was not taken. ``person``: somebody has to act; ``retry_after_s`` is what the member asked for."""

    reason: str
    message: str
    person: bool = False
    retry_after_s: float = 0.0


def failure(error: Transient | Refused) -> Failure:
    """The named reason of an API server's answer.

    >>> failure(Rejected("403 Forbidden: no", 403)).reason, failure(Transient("connection refused")).reason
    ('Forbidden', 'Unreachable')
    """
    status = error.status if isinstance(error, Rejected | Unavailable) else 0
    text = str(error)
    if status == HTTPStatus.CONFLICT:
        if "Apply failed" in text:
            return Failure(reason="FieldConflict", message=text, person=True)
        return Failure(reason=OUTDATED, message=text)
    if isinstance(error, Refused):
        return Failure(
            reason=_REFUSALS.get(status, "Invalid" if 400 <= status < 500 else "Refused"), message=text, person=True
        )
    reason = "Throttled" if status == HTTPStatus.TOO_MANY_REQUESTS else "Failing" if status else "Unreachable"
    return Failure(reason=reason, message=text, retry_after_s=error.retry_after_s or 0.0)


_REFUSALS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.NOT_FOUND: "KindNotFound",
}


class Trouble(Value, frozen=True, kw_only=True):
    """``tries`` so far; ``hash`` is of the content that was not taken: other content is tried at once."""

    failure: Failure
    at_s: float
    tries: int
    hash: str = ""


class Troubles:
    """All that is not in order now."""

    def __init__(self) -> None:
        self._of: dict[Place, Trouble] = {}
        self._due: list[tuple[float, Place]] = []

    def __len__(self) -> int:
        return len(self._of)

    def failed(self, place: Place, found: Failure, hash: str, now_s: float) -> None:
        before = self._of.get(place)
        tries = before.tries + 1 if before and before.failure.reason == found.reason else 0
        wait_s = REFUSED_S if found.person else min(LONGEST_S, FIRST_S * 2.0 ** min(tries, 8))
        trouble = Trouble(failure=found, at_s=now_s + max(wait_s, found.retry_after_s), tries=tries, hash=hash)
        self._of[place] = trouble
        heapq.heappush(self._due, (trouble.at_s, place))

    def get(self, place: Place) -> Trouble | None:
        return self._of.get(place)

    def holds(self, place: Place, hash: str, now_s: float) -> Trouble | None:
        """The trouble for which a step has to wait."""
        found = self._of.get(place)
        if found is None or found.at_s <= now_s:
            return None
        return None if found.failure.person and hash != found.hash else found

    def over(self, place: Place) -> None:
        self._of.pop(place, None)

    def moved(self, place: Place) -> None:
        """The copy changed: what failed for that may work now."""
        found = self._of.get(place)
        if found is not None and found.failure.reason in (OUTDATED, "FieldConflict"):
            self._of[place] = Trouble(failure=found.failure, at_s=0.0, tries=found.tries, hash=found.hash)

    def due(self, now_s: float) -> list[Place]:
        """What may be tried again."""
        found = []
        while self._due and self._due[0][0] <= now_s:
            _, place = heapq.heappop(self._due)
            if (trouble := self._of.get(place)) is not None and trouble.at_s <= now_s:
                found.append(place)
        return found

    @property
    def next_s(self) -> float | None:
        return self._due[0][0] if self._due else None
