"""The steering chain: its ordering words sort the candidates for one kind of client; equal ones form a tier."""

from collections.abc import Mapping, Sequence

from trafficfed.model import Form, Member, Value, Where
from trafficfed.steering.places import SAME_PLACE_KM, Direction, Place, distance_km
from trafficfed.steering.standing import Candidate

ORDERING = ("geo", "failover")
"""The words that put endpoints in an order; ``weighted`` and ``multivalue`` say how many of a tier are given out."""

Tiers = tuple[tuple[Member, ...], ...]


class Location(Value, frozen=True):
    """Where the clients of one rule are: ``points`` are coordinates to measure from, the nearest one counts."""

    where: Where = Where()
    continent: str = ""
    country: str = ""
    points: tuple[Direction, ...] = ()


Offers = tuple[tuple[Candidate, Member], ...]


def offers_of(serving: Sequence[Candidate], form: Form) -> Offers:
    """Candidates with what each puts into a pool; their order is the one that members have in every pool."""
    return tuple((each, member(each, each.serving, form)) for each in serving)


def tiers_for(location: Location, chain: Sequence[str], offers: Offers, places: Mapping[str, Place]) -> Tiers:
    """The tiers for clients at a location, first to last: by standing, then by each ordering word from the left."""
    words = [word for word in chain if word in ORDERING]
    tiers: dict[tuple[int, ...], list[Member]] = {}
    for candidate, offered in offers:
        rank = [int(candidate.standing)]
        for word in words:
            rank += nearness(location, places[candidate.cluster]) if word == "geo" else (candidate.endpoint.tier,)
        tiers.setdefault(tuple(rank), []).append(offered)
    return tuple(tuple(tiers[rank]) for rank in sorted(tiers))


def member(candidate: Candidate, targets: tuple[str, ...], form: Form) -> Member:
    """One endpoint reduced to these targets. It weighs at least 1: as a last resort weight 0 must be picked too."""
    weight = max(1, candidate.endpoint.weight)
    if form is Form.HOSTNAME:
        return Member(cluster=candidate.cluster, weight=weight, hostnames=targets)
    return Member(cluster=candidate.cluster, weight=weight, addresses=targets)


def nearness(location: Location, place: Place) -> tuple[int, int]:
    """How near a place is to a location, smaller is nearer: (kind of match, distance in steps of 50 km).

    Places in the location's own country, or on its own continent where no country is meant, are all equally
    near; others by distance alone, as the crow knows no continents. What is nowhere comes last, and to clients of
    unknown place everything is equally near.
    """
    if location.where.kind == "any":
        return (0, 0)
    if place.country == location.country if location.country else place.continent == location.continent:
        return (0, 0)
    if place.point is None or not location.points:
        return (2, 0)
    steps = round(min(distance_km(each, place.point) for each in location.points) / SAME_PLACE_KM)
    return (1, steps)
