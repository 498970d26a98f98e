"""Law 5 on real servers: counted in their serials, and in the table's generation."""

import pytest

from trafficfed.testing.world import OUT_S, World

pytestmark = [pytest.mark.real, pytest.mark.slow]


def written(fleet: World) -> tuple[int, int]:
    return fleet.bind.update_count(), fleet.knot.update_count()


def test_a_restarted_controller_writes_nothing(fleet: World) -> None:
    for name in ("one", "two", "three"):
        fleet.apply(name)
    for name in ("one", "two", "three"):
        fleet.wait_for(name, "eu", "us", "ap")
    before, answers = written(fleet), fleet.answers("one")
    fleet.deployment.restart_controller()
    fleet.wait_until(
        lambda: all(provider["state"] in ("Ready", "Feeding") for provider in fleet.deployment.status()["providers"]),
        20,
        "all zones are read",
    )
    fleet.stays("one", 3.0)
    assert fleet.answers("one") == answers
    assert written(fleet) == before


def test_a_controller_without_its_table_finds_all_as_it_left_it(fleet: World) -> None:
    fleet.apply("kept")
    fleet.wait_for("kept", "eu", "us", "ap")
    before = written(fleet)
    fleet.deployment.stop_controller()
    state = fleet.deployment.directory / "state"
    state.rename(state.with_name("state-lost"))
    fleet.deployment.start_controller()
    fleet.stays("kept", 3.0)
    assert written(fleet) == before


def test_a_restart_in_the_middle_of_a_failover_loses_nothing(fleet: World) -> None:
    fleet.apply("midway")
    fleet.wait_for("midway", "eu", "us", "ap")
    fleet.backends["eu"].stop()
    try:
        fleet.deployment.kill_controller()
        fleet.deployment.start_controller()
        fleet.wait_for("midway", "us", "ap", within_s=OUT_S)
        fleet.deployment.kill_controller()
        fleet.deployment.start_controller()
        fleet.stays("midway", 3.0)
    finally:
        fleet.backends["eu"].start()
    fleet.wait_for("midway", "eu", "us", "ap")
