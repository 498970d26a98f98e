"""The built-in geography is complete, without contradictions, and roughly where the map has it."""

import pytest

from trafficfed.model import Cluster
from trafficfed.steering.geography import CONTINENT_CENTRES, CONTINENTS, REGIONS
from trafficfed.steering.places import Place, direction, distance_km, place_of


def test_every_region_lies_in_a_country_of_a_known_continent() -> None:
    assert {region.country for region in REGIONS.values()} <= set(CONTINENTS)


def test_every_continent_has_a_middle() -> None:
    assert set(CONTINENTS.values()) == set(CONTINENT_CENTRES)


def test_no_country_is_on_two_continents_and_all_of_iso_3166_are_there() -> None:
    assert len(CONTINENTS) == 250  # the 249 of ISO 3166-1 (2026) and XK
    assert all(len(code) == 2 and code.isupper() for code in CONTINENTS)


@pytest.mark.parametrize("name", sorted(REGIONS))
def test_coordinates_lie_on_earth_and_near_their_continents_middle(name: str) -> None:
    region = REGIONS[name]
    assert -90 <= region.latitude <= 90
    assert -180 <= region.longitude <= 180
    middle = CONTINENT_CENTRES[CONTINENTS[region.country]]
    assert distance_km(direction(region.latitude, region.longitude), direction(*middle)) < 6500


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ("eu-west-1", "us-east-1", 5450),
        ("ap-southeast-2", "ap-northeast-1", 7820),
        ("sa-east-1", "af-south-1", 6370),
        ("us-west-2", "ap-northeast-1", 8000),
        ("europe-west3", "eu-central-1", 0),
    ],
)
def test_distances_between_regions_are_those_of_the_map(one: str, other: str, km: int) -> None:
    places = [place_of(Cluster(name="x", region=region)).point for region in (one, other)]
    assert places[0] is not None
    assert places[1] is not None
    assert distance_km(places[0], places[1]) == pytest.approx(km, rel=0.03, abs=1)


def test_distance_is_symmetric_and_zero_only_at_home() -> None:
    north, south = direction(90, 0), direction(-90, 123)
    assert distance_km(north, south) == distance_km(south, north) == pytest.approx(20015, abs=1)
    assert distance_km(north, north) == 0


def test_what_is_configured_counts_before_what_the_regions_name_tells() -> None:
    moved = place_of(Cluster(name="x", region="eu-west-1", country="jp", latitude=1.0, longitude=2.0))
    assert moved == Place("AS", "JP", direction(1.0, 2.0))


def test_another_country_than_the_regions_is_not_put_at_the_regions_coordinates() -> None:
    assert place_of(Cluster(name="x", region="eu-west-1", country="JP")).point == direction(*CONTINENT_CENTRES["AS"])


def test_the_regions_name_tells_everything_where_nothing_else_does() -> None:
    assert place_of(Cluster(name="x", region="EU-West-1")) == Place("EU", "IE", direction(53.3, -6.3))


def test_only_a_continent_puts_a_cluster_at_its_middle() -> None:
    assert place_of(Cluster(name="x", continent="eu")) == Place("EU", "", direction(*CONTINENT_CENTRES["EU"]))


def test_an_unknown_region_is_nowhere() -> None:
    assert place_of(Cluster(name="x", region="basement")) == Place()
