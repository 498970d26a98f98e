"""Which controller a follower takes the table from: a pure function of what was heard from all of them."""

from collections.abc import Sequence

from trafficfed.feed.messages import Beat, Standing
from trafficfed.model import Value

RANKS = {Standing.LEADS: 2, Standing.RELAYS: 1, Standing.ALONE: 0}
LED = (Standing.LEADS, Standing.RELAYS)
ANY = (*LED, Standing.ALONE)


class Heard(Value, frozen=True):
    """A controller that is connected, and what it said last."""

    address: str
    beat: Beat


def choose(heard: Sequence[Heard], following: str, term: int, *, alone: bool) -> str:
    """The address of the best controller, empty where none will do.

    ``heard`` is in the follower's order of preference. First goes the highest term, then who leads, then who relays
    the leader's table, and where ``alone`` allows it, one that is alone; then the order. None of a term below ``term``
    (the follower's table), and none that objects. ``following`` is kept while it is as good as the best.
    """
    fit = [each for each in heard if each.beat.term >= term and not each.beat.objection]
    fit = [each for each in fit if alone or each.beat.standing in LED]
    if not fit:
        return ""
    best = max(_rank(each) for each in fit)
    equals = [each.address for each in fit if _rank(each) == best]
    return following if following in equals else equals[0]


def _rank(heard: Heard) -> tuple[int, int]:
    return heard.beat.term, RANKS[heard.beat.standing]


class Choice:
    """What was heard of every controller, and for how long none led; a state without clock or chance."""

    def __init__(self, addresses: Sequence[str], lease_s: float, now_s: float, takes: Sequence[Standing] = ANY) -> None:
        """``takes`` are the standings that may be chosen at all: a peer must not copy what is a copy itself.

        ``lease_s`` holds until a controller has told that of its electorate.
        """
        self._order = {address: at for at, address in enumerate(addresses)}
        self.lease_s = lease_s
        self._takes = frozenset(takes)
        self._beats: dict[str, Beat] = {}
        self._led_s = now_s
        self.following = ""

    @property
    def heard(self) -> tuple[Heard, ...]:
        """Who is connected and has said something, in order of preference."""
        return tuple(
            Heard(address, self._beats[address]) for address in sorted(self._beats, key=self._order.__getitem__)
        )

    def said(self, address: str) -> Beat | None:
        """What a controller said last, None where it is not connected."""
        return self._beats.get(address)

    def hear(self, address: str, beat: Beat, now_s: float) -> None:
        """A leader of a term that others are beyond is none; a relay tells how old its leader's word is."""
        self._beats[address] = beat
        self.lease_s = beat.lease_s or self.lease_s
        if beat.standing in LED and not beat.objection and beat.term >= max(each.term for each in self._beats.values()):
            self._led_s = max(self._led_s, now_s - beat.heard_s)

    def gone(self, address: str) -> None:
        """Its connection has ended."""
        self._beats.pop(address, None)

    def restart(self, now_s: float) -> None:
        """Nothing that was heard before counts: time has passed unseen."""
        self._beats.clear()
        self._led_s = now_s

    def pick(self, term: int, now_s: float) -> str:
        """Whom to follow from now on, with a table of that term; empty = nobody."""
        alone = now_s >= self.alone_from_s
        heard = [each for each in self.heard if each.beat.standing in self._takes]
        self.following = choose(heard, self.following, term, alone=alone)
        return self.following

    @property
    def alone_from_s(self) -> float:
        """From when on a controller that is alone may be followed: nobody has led for a lease time."""
        return self._led_s + self.lease_s
