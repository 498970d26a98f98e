"""Free capacity that nobody can measure holds nothing up for ever, and more replicas than fit are told."""

from typing import Any

import pytest

from trafficfed.propagation.capacity import Room
from trafficfed.propagation.choosing import FIRST_LOOK_S
from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.testing.propagating import deployment
from trafficfed.testing.propagation_bench import NAMES, Bench, Json

POLICY, WEB = PolicyKey("shop", "all"), ObjectKey("apps", "Deployment", "shop", "web")
BY_ROOM: Json = {"type": "Divided", "divideBy": "FreeCapacity"}


def policy(**scheduling: Any) -> Json:
    spec = {
        "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
        "replicaScheduling": scheduling,
    }
    return {"kind": "PropagationPolicy", "metadata": {"namespace": "shop", "name": "all"}, "spec": spec}


def replicas(bench: Bench) -> dict[str, int]:
    return {name: copies[WEB]["spec"]["replicas"] for name, copies in bench.members.items() if WEB in copies}


def crowded(bench: Bench) -> set[str]:
    problems = bench.statuses[POLICY].get("problems", ())
    return {each["cluster"] for each in problems if each["reason"] == "MoreThanFits"}


def fitting(count: int) -> list[Room]:
    """Nodes with room for so many of the replicas together."""
    return [Room(cpu_m=500 * count, memory=2**30 * count, pods=100)]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.list_all()
    bench.write(policy(**BY_ROOM), deployment(replicas=6))
    return bench


def test_a_first_division_waits_for_the_measurement(bench: Bench) -> None:
    bench.run(FIRST_LOOK_S / 2)
    assert replicas(bench) == {}
    for name in NAMES:
        bench.engine.measure_room(name, fitting(4))
    bench.run()
    assert replicas(bench) == {"ap": 2, "eu": 2, "us": 2}
    assert crowded(bench) == set()


def test_it_goes_on_without_one_that_never_comes(bench: Bench) -> None:
    bench.run(FIRST_LOOK_S + 5)
    assert sum(replicas(bench).values()) == 6


def test_what_does_not_fit_is_placed_and_told_and_the_copy_is_in_place(bench: Bench) -> None:
    for name in NAMES:
        bench.engine.measure_room(name, fitting(1))
    bench.run()
    assert sum(replicas(bench).values()) == 6
    assert crowded(bench) == {"ap", "eu", "us"}
    assert bench.reason(POLICY) == "Applied"
    refusals = bench.engine.refusals(bench.now_s)
    assert {(each.cluster, each.object, each.reason) for each in refusals} == {
        (name, str(WEB), "MoreThanFits") for name in NAMES
    }


def test_it_is_still_told_by_the_next_process_and_no_more_once_it_is_divided_anew(bench: Bench) -> None:
    for name in NAMES:
        bench.engine.measure_room(name, fitting(1))
    bench.run()
    bench.start(bench.engine.hub.known)
    bench.list_all()
    for name in NAMES:
        bench.engine.measure_room(name, fitting(90))
    bench.run(15)
    assert crowded(bench) == {"ap", "eu", "us"}
    bench.write(deployment(replicas=9))
    bench.run(15)
    assert crowded(bench) == set()
