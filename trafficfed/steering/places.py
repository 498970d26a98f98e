"""Where a cluster is and how far from there to a client: configured properties first, the region's name else."""

import math

from trafficfed.model import Cluster, Value
from trafficfed.steering.geography import CONTINENT_CENTRES, CONTINENTS, REGIONS

EARTH_RADIUS_KM = 6371.0
"""Mean radius; distances on a sphere are right to about 0.5 %."""
SAME_PLACE_KM = 50
"""Distances are told apart in steps of this size: the data centres of one metropolis are equally near."""

Direction = tuple[float, float, float]
"""A point on the sphere as a unit vector from its centre."""


class Place(Value, frozen=True):
    """Where something is, as far as known: empty strings and None mean unknown."""

    continent: str = ""
    country: str = ""
    point: Direction | None = None


def place_of(cluster: Cluster) -> Place:
    """A cluster's place: what is configured, and for the rest what its region's name tells.

    Without coordinates a place lies at the centre of its continent.

    >>> place_of(Cluster(name="a", region="eu-west-1")).country
    'IE'
    >>> place_of(Cluster(name="b", country="JP")).continent
    'AS'
    """
    known = REGIONS.get(cluster.region.lower())
    country = cluster.country.upper() or (known.country if known and not cluster.continent else "")
    continent = cluster.continent.upper() or CONTINENTS.get(country, "")
    if cluster.latitude is not None and cluster.longitude is not None:
        return Place(continent, country, direction(cluster.latitude, cluster.longitude))
    if known and known.country == country:
        return Place(continent, country, direction(known.latitude, known.longitude))
    return Place(
        continent, country, direction(*CONTINENT_CENTRES[continent]) if continent in CONTINENT_CENTRES else None
    )


def direction(latitude: float, longitude: float) -> Direction:
    """Coordinates in degrees as a unit vector."""
    north, east = math.radians(latitude), math.radians(longitude)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


def degrees(point: Direction) -> tuple[float, float]:
    """Latitude and longitude of a direction, to a hundredth of a degree: about a kilometre.

    >>> degrees(direction(53.35, -6.26))
    (53.35, -6.26)
    """
    return round(math.degrees(math.asin(point[2])), 2), round(math.degrees(math.atan2(point[1], point[0])), 2)


def distance_km(one: Direction, other: Direction) -> float:
    """Great-circle distance: the angle between two directions, by their dot product, times the radius.

    >>> round(distance_km(direction(53.35, -6.26), direction(50.11, 8.68)) / 10) * 10  # Dublin to Frankfurt
    1090
    """
    cosine = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
    return EARTH_RADIUS_KM * math.acos(max(-1.0, min(1.0, cosine)))
