"""Google Cloud's regions as the places that a GEO policy of Cloud DNS can name, and which of them stand for all.

Cloud DNS answers a client with the item whose region is nearest to it; which countries a region serves cannot be said.
"""

import functools
import math
from collections.abc import Hashable, Mapping

from trafficfed.steering.geography import CONTINENT_CENTRES, CONTINENTS, REGIONS
from trafficfed.steering.places import Direction, direction

REGION_NAMES = tuple(sorted(name for name in REGIONS if name.count("-") == 1))
"""Google writes ``us-east1``, AWS ``us-east-1`` and Azure ``eastus``."""

_SAMPLES = 4000
"""Places spread evenly over the globe, some 360 km from one to the next."""

_COUNTRIES = frozenset(REGIONS[name].country for name in REGION_NAMES)
_CONTINENTS = frozenset(CONTINENTS[country] for country in _COUNTRIES)
_DIRECTIONS = tuple(direction(REGIONS[name].latitude, REGIONS[name].longitude) for name in REGION_NAMES)


def has_region(kind: str, value: str) -> bool:
    """Whether there is a region in this ``country`` or ``continent``."""
    return value in (_COUNTRIES if kind == "country" else _CONTINENTS)


def nearest_region(kind: str, value: str) -> str:
    """The region nearest to a country (as the regions of other clouds in it tell) or to the centre of its continent."""
    points = sorted((region.latitude, region.longitude) for region in REGIONS.values() if region.country == value)
    centre = CONTINENT_CENTRES[value if kind == "continent" else CONTINENTS[value]]
    return REGION_NAMES[_by_distance(direction(*(points[0] if points and kind == "country" else centre)))[0]]


def thinned(answers: Mapping[str, Hashable]) -> tuple[str, ...]:
    """The regions, out of those with an answer each, that are needed for everybody to get the same as from all of them.

    Regions that are surrounded by others with the same answer are left out.
    """
    numbers: dict[Hashable, int] = {}
    return _thinned(
        tuple(numbers.setdefault(answers[name], len(numbers)) if name in answers else None for name in REGION_NAMES)
    )


@functools.lru_cache(maxsize=1024)
def _thinned(answers: tuple[int | None, ...]) -> tuple[str, ...]:
    """Few different divisions of the world occur among many services: each is worked out once."""
    kept = {number for number, answer in enumerate(answers) if answer is not None}
    nearest: dict[int, list[bytes]] = {number: [] for number in kept}
    for order in _samples():
        nearest[next(number for number in order if number in kept)].append(order)
    for number in sorted(kept):
        heirs = [
            (next(n for n in order if n in kept and n != number), order) for order in nearest[number] if len(kept) > 1
        ]
        if heirs and all(answers[heir] == answers[number] for heir, _ in heirs):
            kept.discard(number)
            for heir, order in heirs:
                nearest[heir].append(order)
    return tuple(REGION_NAMES[number] for number in sorted(kept))


@functools.cache
def _samples() -> tuple[bytes, ...]:
    """For every sample place, the regions from the nearest to the farthest. The places are a Fibonacci spiral's.

    The regions' own are added: some regions are so near to others that no point of the spiral is nearest to them.
    """
    golden = math.pi * (3 - math.sqrt(5))
    heights = [1 - (2 * number + 1) / _SAMPLES for number in range(_SAMPLES)]
    spiral = (
        (math.cos(golden * number) * width, math.sin(golden * number) * width, height)
        for number, height in enumerate(heights)
        for width in (math.sqrt(1 - height * height),)
    )
    return tuple(_by_distance(point) for point in (*_DIRECTIONS, *spiral))


def _by_distance(point: Direction) -> bytes:
    """Numbers of the regions, the nearest first: its direction has the largest dot product with the point's."""
    north, east, up = point
    nearness = [-(north * x + east * y + up * z) for x, y, z in _DIRECTIONS]
    return bytes(sorted(range(len(nearness)), key=nearness.__getitem__))
