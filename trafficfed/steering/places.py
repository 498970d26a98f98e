"""Where a cluster is and how far from there to a client: configured properties first, the region's name else."""

import math

from trafficfed.model import Cluster, Value
from trafficfed.steering.geography import CONTINENT_CENTRES, COUNTRY_CONTINENTS, REGIONS

EARTH_RADIUS_KM = 6371.0
"""Mean radius; the haversine formula on a sphere is right to about 0.5 %."""
SAME_PLACE_KM = 50
"""Distances are told apart in steps of this size: the data centres of one metropolis are equally near."""


class Place(Value, frozen=True):
    """Where something is, as far as known: empty strings and None mean unknown. Coordinates are degrees."""

    continent: str = ""
    country: str = ""
    point: tuple[float, float] | None = None


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
    continent = cluster.continent.upper() or COUNTRY_CONTINENTS.get(country, "")
    if cluster.latitude is not None and cluster.longitude is not None:
        return Place(continent, country, (cluster.latitude, cluster.longitude))
    if known and known.country == country:
        return Place(continent, country, (known.latitude, known.longitude))
    return Place(continent, country, CONTINENT_CENTRES.get(continent))


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance by the haversine formula.

    >>> round(distance_km((53.35, -6.26), (50.11, 8.68)) / 10) * 10  # Dublin to Frankfurt
    1090
    """
    (south, west), (north, east) = ((math.radians(lat), math.radians(lon)) for lat, lon in (one, other))
    chord = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
