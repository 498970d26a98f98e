"""The steering chain: its ordering words sort the candidates for one kind of client; equal ones form a tier."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from trafficfed.model import Form, Member, Value, Where
from trafficfed.steering.places import SAME_PLACE_KM, Place, distance_km
from trafficfed.steering.standing import Candidate

ORDERING = ("geo", "failover")
"""The words that put endpoints in an order; ``weighted`` and ``multivalue`` say how many of a tier are given out."""

Tiers = tuple[tuple[Member, ...], ...]


class Location(Value, frozen=True):
    """Where the clients of one rule are: ``points`` are coordinates to measure from, the nearest one counts."""

    where: Where = Where()
    continent: str = ""
    country: str = ""
    points: tuple[tuple[float, float], ...] = ()


def tiers_for(
    location: Location, chain: Sequence[str], serving: Sequence[Candidate], places: Mapping[str, Place], form: Form
) -> Tiers:
    """The tiers for clients at a location, first to last: by standing, then by each ordering word from the left."""

    def rank(candidate: Candidate) -> tuple[object, ...]:
        parts = [_rank(word, location, candidate, places) for word in chain if word in ORDERING]
        return (candidate.standing, *parts)

    ordered = sorted(serving, key=rank)
    return tuple(members_of(group, form) for _, group in itertools.groupby(ordered, key=rank))


def members_of(group: Iterable[Candidate], form: Form) -> tuple[Member, ...]:
    """Candidates as the members of one pool, in canonical order."""
    return tuple(sorted((member(each, each.serving, form) for each in group), key=_canonical))


def member(candidate: Candidate, targets: tuple[str, ...], form: Form) -> Member:
    """One endpoint reduced to these targets. It weighs at least 1: as a last resort weight 0 must be picked too."""
    weight = max(1, candidate.endpoint.weight)
    if form is Form.HOSTNAME:
        return Member(cluster=candidate.cluster, weight=weight, hostnames=targets)
    return Member(cluster=candidate.cluster, weight=weight, addresses=targets)


def _canonical(each: Member) -> tuple[str, tuple[str, ...], tuple[str, ...], int]:
    return each.cluster, each.addresses, each.hostnames, each.weight


def _rank(word: str, location: Location, candidate: Candidate, places: Mapping[str, Place]) -> tuple[int, int]:
    if word == "failover":
        return (candidate.endpoint.tier, 0)
    return nearness(location, places[candidate.cluster])


def nearness(location: Location, place: Place) -> tuple[int, int]:
    """How near a place is to a location, smaller is nearer: (kind of match, distance in steps of 50 km).

    Places in the location's own country, or on its own continent where no country is meant, are all equally
    near; others by distance. What is nowhere comes last, and to clients of unknown place everything is equally near.
    """
    if location.where.kind == "any":
        return (0, 0)
    if place.country == location.country if location.country else place.continent == location.continent:
        return (0, 0)
    if place.point is None or not location.points:
        return (3, 0)
    steps = round(min(distance_km(each, place.point) for each in location.points) / SAME_PLACE_KM)
    return (1 if place.continent == location.continent else 2, steps)
