"""A rule's pool with the precompiled answer of every alternative in it, picked by weight."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from trafficfed.model import Decision, Form, Member
from trafficfed.nameserver.draw import Draw
from trafficfed.nameserver.records import Answers, addresses, alias
from trafficfed.nameserver.tallies import Tally

NOTHING: Answers = {}

Of = tuple[str, str]
"""The service, and the clusters that this is given out of, joined by ``+``."""

Weighted = list[tuple[float, tuple[str, ...]]]


class Pool:
    """What one answer may carry, whatever the family: the whole pool without a pick, one member each with ``pick`` 1.

    Of hostnames an answer can hold but one, so each is an alternative with its share of its member's weight.
    """

    __slots__ = ("_alternatives", "_cumulative", "_total", "of", "tally")

    def __init__(self, of: Of, choices: Weighted, compiled: Callable[[tuple[str, ...]], Answers]) -> None:
        """``choices`` are weights and the values that are answered together; without any weight all are equal.
        ``tally`` is for whoever counts what is asked."""
        self.of = of
        self.tally: Tally | None = None
        usable = [choice for choice in choices if choice[0] > 0] or [(1.0, values) for _, values in choices]
        self._alternatives = tuple(compiled(values) for _, values in usable) or (NOTHING,)
        self._cumulative = tuple(accumulate(weight for weight, _ in usable))
        self._total = self._cumulative[-1] if usable else 0.0

    def choose(self, draw: Draw, name: bytes, client: bytes | str) -> Answers:
        """The alternative that this client gets."""
        if len(self._alternatives) == 1:
            return self._alternatives[0]
        at = bisect_right(self._cumulative, draw.fraction(name, client) * self._total)
        return self._alternatives[min(at, len(self._alternatives) - 1)]


class Sample:
    """A pool of which one answer carries several members, drawn by weight without replacement."""

    __slots__ = ("_choices", "_compiled", "_drawn", "_pick", "of", "tally")

    def __init__(self, of: Of, choices: Weighted, compiled: Callable[[tuple[str, ...]], Answers], pick: int) -> None:
        self.of = of
        self.tally: Tally | None = None
        self._choices = [choice for choice in choices if choice[0] > 0] or [(1.0, values) for _, values in choices]
        self._compiled = compiled
        self._pick = pick
        self._drawn: dict[tuple[int, ...], Answers] = {}

    def choose(self, draw: Draw, name: bytes, client: bytes | str) -> Answers:
        """The members that this client gets; each combination is compiled when it is first drawn."""
        left = list(range(len(self._choices)))
        drawn: list[int] = []
        while left and len(drawn) < self._pick:
            cumulative = tuple(accumulate(self._choices[each][0] for each in left))
            fraction = draw.fraction(bytes((len(drawn),)) + name, client)
            drawn.append(left.pop(min(bisect_right(cumulative, fraction * cumulative[-1]), len(left) - 1)))
        key = tuple(sorted(drawn))
        if key not in self._drawn:
            self._drawn[key] = self._compiled(tuple(value for each in key for value in self._choices[each][1]))
        return self._drawn[key]


def pool(members: Sequence[Member], decision: Decision, pick: int) -> Pool | Sample:
    """Compile what one rule gives. Raises ValueError where an address or hostname of a member is none."""
    of = str(decision.service), "+".join(sorted({member.cluster or "fallback" for member in members})) or "nothing"
    if decision.form is Form.HOSTNAME:
        shares: Weighted = [
            (member.weight / len(member.hostnames), (hostname,)) for member in members for hostname in member.hostnames
        ]
        return Pool(of, shares, lambda values: alias(values[0], decision.ttl))
    choices: Weighted = [(member.weight, member.addresses) for member in members]

    def compiled(values: tuple[str, ...]) -> Answers:
        return addresses(tuple(dict.fromkeys(values)), decision.ttl)

    if pick == 0:
        return Pool(of, [(1.0, tuple(value for _, values in choices for value in values))], compiled)
    if pick == 1:
        return Pool(of, choices, compiled)
    return Sample(of, choices, compiled, pick)
