"""What one candidate knows of one elector, and from when on it may ask for its vote.

Three rules keep two candidates from counting the same vote. A held record may be replaced once it was seen unchanged
for its whole lease, counted from when the answer that first showed it had arrived. An elector that forgot (its record
is gone, older than it was, or the place is another one) may have forgotten a vote that still counts: its votes are left
alone for one lease. So are those of an elector never seen before, or not seen for ``silence_s``, as it may have been
restored meanwhile; a restore is taken to last longer than that and a call. And so is a vote that came by a write of
which nothing was heard: nobody knows when it was carried out.
"""

import math

from msgspec.structs import replace

from trafficfed.leadership.elector import Seen
from trafficfed.leadership.record import Record
from trafficfed.model import Value

DRIFT = 0.1
"""The share of a lease that its holder leaves unused: two clocks may differ by so much in their rate, and crystal
oscillators stay a thousand times below it."""


class Rules(Value, frozen=True, kw_only=True):
    """What a candidate goes by. Seconds; the defaults let a death be noticed within one lease of 10 s.

    ``electorate`` is sorted. ``poll_s`` is how often a follower looks, so how late it notices that a lease began.
    """

    owner: str
    holder: str
    electorate: tuple[str, ...]
    lease_s: float = 10.0
    renew_s: float = 2.0
    poll_s: float = 0.5

    @property
    def majority(self) -> int:
        return len(self.electorate) // 2 + 1

    @property
    def valid_s(self) -> float:
        """How long a vote counts, from the start of the request that brought it."""
        return self.lease_s * (1 - DRIFT)

    @property
    def call_s(self) -> float:
        """The deadline of one call: over before the next renewal is due."""
        return self.renew_s * 0.75

    @property
    def silence_s(self) -> float:
        """An elector that did not answer for so long counts as never seen before."""
        return self.lease_s / 2

    def agrees(self, record: Record) -> bool:
        """Whether it was written by a controller of the same fleet with the same electorate."""
        return record.owner == self.owner and record.electorate == self.electorate

    def claim(self, over: Seen, term: int) -> Record:
        """What takes or renews a vote."""
        return Record(
            owner=self.owner,
            holder=self.holder,
            term=term,
            renewal=over.record.renewal + 1 if over.record else 1,
            lease_s=self.lease_s,
            electorate=self.electorate,
        )

    def released(self, record: Record) -> Record:
        """What gives a vote back."""
        return replace(record, holder="", renewal=record.renewal + 1)


class Sight(Value, frozen=True, kw_only=True):
    """``last_s`` is the start of the newest request that was answered, ``since_s`` when the record was first seen.

    ``granted_s`` is the start of the write that brought us the vote. ``unsure``: a write ended unknown or by conflict,
    so it must be read before it is written again. ``due_s`` is when it is to be asked next.
    """

    seen: Seen | None = None
    since_s: float = 0.0
    last_s: float = -math.inf
    doubt_until_s: float = -math.inf
    went_back: bool = False
    granted_s: float = -math.inf
    unsure: bool = False
    busy: bool = False
    due_s: float = -math.inf
    error: str = ""

    @property
    def record(self) -> Record | None:
        return self.seen.record if self.seen else None

    @property
    def term(self) -> int:
        return self.record.term if self.record else 0

    def held_by(self, holder: str) -> bool:
        return self.record is not None and self.record.holder == holder

    def free_for(self, holder: str) -> bool:
        """Whether it has no record, a released one, or the holder's own."""
        return self.record is None or self.record.holder in ("", holder)

    @property
    def lapses_s(self) -> float:
        """When the lease of the record ends as far as can be known here; long ago where nobody holds it."""
        held = self.record is not None and self.record.holder != ""
        return self.since_s + self.record.lease_s if held and self.record else -math.inf

    def silent(self, now_s: float, silence_s: float) -> bool:
        return now_s - self.last_s > silence_s


def answered(
    sight: Sight, seen: Seen, started_s: float, now_s: float, rules: Rules, lease_s: float, *, wrote: bool
) -> Sight:
    """The sight after an answer to a request that began at ``started_s``; ``lease_s`` is the longest lease known."""
    lost = sight.seen is not None and went_back(sight.seen, seen)
    changed = sight.seen is None or sight.seen.record != seen.record
    uncertain = sight.silent(now_s, rules.silence_s) or (changed and not wrote and _is_of(seen, rules.holder))
    return replace(
        sight,
        seen=seen,
        since_s=now_s if lost or changed else sight.since_s,
        last_s=max(sight.last_s, started_s),
        doubt_until_s=now_s + lease_s if lost or uncertain else sight.doubt_until_s,
        went_back=lost or (sight.went_back and now_s < sight.doubt_until_s),
        unsure=False,
        busy=False,
        error="",
    )


def _is_of(seen: Seen, holder: str) -> bool:
    return seen.record is not None and seen.record.holder == holder


def went_back(before: Seen, after: Seen) -> bool:
    """Whether an elector forgot what it was known to hold: every write makes (term, renewal) grow, and none deletes.

    >>> went_back(Seen(uid="a/"), Seen(uid="a/1"))
    False
    >>> went_back(Seen(uid="a/"), Seen(uid="b/"))
    True
    """
    if before.record is None:
        return not after.uid.startswith(before.uid)
    if after.record is None or after.uid != before.uid:
        return True
    return after.record != before.record and after.record.order <= before.record.order
