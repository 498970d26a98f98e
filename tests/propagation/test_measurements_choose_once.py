"""Latency and capacity choose at first placement and move nothing later; edited criteria are asked anew."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Cluster
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.place import Candidate, Measured, choose
from trafficfed.testing.propagating import candidates, chosen, cluster, placing, policy, reasons

NEAR = {"region": "eu-west-1", "belowMilliseconds": 30}
FLEET = candidates("ap", "eu", "us")


def latencies(**milliseconds: float) -> Measured:
    return Measured(latency_s={(name, "eu-west-1"): each / 1000 for name, each in milliseconds.items()})


def test_only_clusters_near_enough_are_chosen() -> None:
    found = choose(placing(latency=NEAR), FLEET, latencies(ap=180, eu=3, us=29.9), None)
    assert reasons(found) == {"ap": "TooFar", "eu": "Fits", "us": "Fits"}
    assert found.findings[0].message == "180.0 ms to eu-west-1, demanded are below 30"


def test_exactly_the_bound_is_too_far() -> None:
    assert chosen(placing(latency=NEAR), candidates("eu"), latencies(eu=30)) == ()


def test_nothing_is_chosen_before_all_within_reach_are_measured() -> None:
    found = choose(placing(latency=NEAR), candidates("ap", "eu", "us", unreachable=["us"]), latencies(eu=3), None)
    assert found.choice is None
    assert found.waiting == "measurement of ap"
    assert reasons(found) == {"ap": "LatencyUnknown", "eu": "Fits", "us": "Unreachable"}


def test_who_cannot_be_measured_holds_nobody_up_for_ever() -> None:
    measured = latencies(eu=3)._replace(final=True)
    assert chosen(placing(latency=NEAR), FLEET, measured) == ("eu",)


@pytest.mark.parametrize("later", [latencies(ap=1, eu=500, us=500), latencies(), latencies(eu=500)])
def test_what_is_measured_later_moves_nothing(later: Measured) -> None:
    ruling = placing(latency=NEAR)
    first = choose(ruling, FLEET, latencies(ap=180, eu=3, us=20), None)
    assert chosen(ruling, FLEET, later, first.choice) == ("eu", "us")


def test_who_was_too_far_stays_out_with_what_was_measured_then() -> None:
    ruling = placing(latency=NEAR)
    first = choose(ruling, FLEET, latencies(ap=180, eu=3, us=20), None)
    again = choose(ruling, FLEET, latencies(ap=1, eu=3, us=20), first.choice)
    assert again.choice == first.choice
    assert again.findings[0].message == "180.0 ms to eu-west-1, demanded are below 30"


def test_a_new_cluster_is_measured_when_it_first_comes() -> None:
    ruling = placing(latency=NEAR)
    first = choose(ruling, candidates("eu"), latencies(eu=3), None)
    assert chosen(ruling, FLEET, latencies(eu=500, us=20, ap=400), first.choice) == ("eu", "us")


def test_a_new_cluster_not_measured_yet_keeps_nobody_waiting() -> None:
    ruling = placing(latency=NEAR)
    first = choose(ruling, candidates("eu"), latencies(eu=3), None)
    later = choose(ruling, FLEET, latencies(eu=3, ap=1), first.choice)
    assert later.choice is not None
    assert later.choice.clusters == ("ap", "eu")
    assert reasons(later)["us"] == "LatencyUnknown"


def test_an_edited_bound_is_asked_anew_of_all() -> None:
    first = choose(placing(latency=NEAR), FLEET, latencies(ap=180, eu=3, us=20), None)
    wider = placing(latency={**NEAR, "belowMilliseconds": 200})
    assert chosen(wider, FLEET, latencies(ap=180, eu=3, us=20), first.choice) == ("ap", "eu", "us")
    narrower = placing(latency={**NEAR, "belowMilliseconds": 10})
    assert chosen(narrower, FLEET, latencies(ap=180, eu=3, us=20), first.choice) == ("eu",)


def test_an_edited_bound_takes_nothing_from_who_is_not_measured() -> None:
    first = choose(placing(latency=NEAR), FLEET, latencies(ap=180, eu=3, us=20), None)
    narrower = placing(latency={**NEAR, "belowMilliseconds": 10})
    assert chosen(narrower, FLEET, latencies(eu=3, ap=180), first.choice) == ("eu", "us")


def test_any_other_edit_asks_no_measurement_again() -> None:
    first = choose(placing(latency=NEAR), FLEET, latencies(ap=180, eu=3, us=20), None)
    edited = placing(latency=NEAR, clusterAffinity={"exclude": ["us"]})
    assert chosen(edited, FLEET, latencies(ap=1, eu=500, us=500), first.choice) == ("eu",)


def test_a_region_is_as_near_as_its_nearest_cluster() -> None:
    fleet = (Candidate(cluster=cluster("a", region="eu-west-1")), Candidate(cluster=cluster("b", region="us-east-1")))
    measured = Measured(latency_s={("b", "a"): 0.02})
    assert chosen(placing(latency=NEAR), fleet, measured) == ("a", "b")


def test_a_cluster_is_near_itself() -> None:
    bound = {"cluster": "eu", "belowMilliseconds": 1}
    assert chosen(placing(latency=bound), candidates("eu"), Measured()) == ("eu",)


# How many clusters


def room(**cores: int) -> Measured:
    return Measured(room={name: [Room(1000 * each, 2**40, 100)] for name, each in cores.items()})


def test_a_limited_choice_takes_the_nearest() -> None:
    ruling = placing(latency={**NEAR, "belowMilliseconds": 1000}, maxClusters=2)
    found = choose(ruling, FLEET, latencies(ap=180, eu=3, us=20), None)
    assert reasons(found) == {"ap": "NotNeeded", "eu": "Fits", "us": "Fits"}


def test_a_limited_choice_by_capacity_takes_the_roomiest() -> None:
    ruling = policy(placement={"maxClusters": 1}, replicaScheduling={"type": "Divided", "divideBy": "FreeCapacity"})
    first = choose(ruling, FLEET, room(ap=4, eu=16, us=8), None)
    assert first.choice is not None
    assert first.choice.clusters == ("eu",)
    assert chosen(ruling, FLEET, room(ap=400, eu=0, us=8), first.choice) == ("eu",)


def test_a_limited_choice_spreads_over_regions_first() -> None:
    fleet = tuple(
        Candidate(cluster=Cluster(name=name, region=region)) for name, region in (("a", "x"), ("b", "x"), ("c", "y"))
    )
    assert chosen(placing(maxClusters=2, spreadBy="region"), fleet) == ("a", "c")
    assert chosen(placing(maxClusters=3, spreadBy="region"), fleet) == ("a", "b", "c")


def test_who_is_out_of_reach_is_not_replaced() -> None:
    ruling = placing(maxClusters=1)
    first = choose(ruling, FLEET, Measured(), None)
    away = candidates("ap", "eu", "us", unreachable=["ap"])
    assert chosen(ruling, away, Measured(), first.choice) == ("ap",)


def test_a_lower_limit_takes_away_the_unreachable_first() -> None:
    first = choose(placing(maxClusters=3), FLEET, Measured(), None)
    away = candidates("ap", "eu", "us", unreachable=["ap"])
    assert chosen(placing(maxClusters=2), away, Measured(), first.choice) == ("eu", "us")


names = st.sampled_from(["ap", "eu", "sa", "us"])
measures = st.dictionaries(names, st.floats(0, 100))
fleets = st.dictionaries(names, st.booleans(), min_size=1)


@settings(max_examples=40)
@given(fleets, measures, measures, st.none() | st.integers(1, 3), st.permutations(["ap", "eu", "sa", "us"]))
def test_no_measurement_and_no_outage_ever_moves_a_choice(
    fleet: dict[str, bool], first: dict[str, float], later: dict[str, float], most: int | None, order: list[str]
) -> None:
    """Law 9 for placement: with the declared side unchanged, who was chosen stays chosen, whatever is measured."""
    ruling = placing(latency=NEAR, **({"maxClusters": most} if most else {}))
    members = candidates(*fleet, unreachable=[name for name, up in fleet.items() if not up])
    before = choose(ruling, members, latencies(**first)._replace(final=True), None)
    assert before.choice is not None
    flipped = candidates(*sorted(fleet, key=order.index), unreachable=[name for name, up in fleet.items() if up])
    after = choose(ruling, flipped, latencies(**later), before.choice)
    assert after.choice is not None
    assert set(before.choice.clusters) <= set(after.choice.clusters)


@settings(max_examples=40)
@given(fleets, measures, st.permutations(["ap", "eu", "sa", "us"]))
def test_the_choice_does_not_depend_on_order_and_the_second_changes_nothing(
    fleet: dict[str, bool], measured: dict[str, float], order: list[str]
) -> None:
    ruling = placing(latency=NEAR, maxClusters=2)
    away = [name for name, up in fleet.items() if not up]
    seen = latencies(**measured)._replace(final=True)
    found = choose(ruling, candidates(*fleet, unreachable=away), seen, None)
    assert choose(ruling, candidates(*sorted(fleet, key=order.index), unreachable=away), seen, None) == found
    again = choose(ruling, candidates(*fleet, unreachable=away), seen, found.choice)
    assert again.choice == found.choice
