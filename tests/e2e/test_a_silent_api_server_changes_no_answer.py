"""Law 1 and 8 on real servers: the API server may hang, die, be replaced; the controller may be restarted meanwhile."""

from collections.abc import Iterator

import pytest

from trafficfed.testing.world import BACK_S, OUT_S, World

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def web(fleet: World) -> Iterator[World]:
    """A service everywhere; whatever the test did to eu is mended afterwards."""
    fleet.apply("web")
    fleet.wait_for("web", "eu", "us", "ap")
    yield fleet
    fleet.clusters["eu"].resume()
    fleet.clusters["eu"].restart()
    fleet.backends["eu"].start()
    fleet.wait_until(lambda: fleet.cluster("eu")["freshness"] == "Fresh", 60, "eu is fresh again")
    fleet.wait_for("web", "eu", "us", "ap", within_s=BACK_S)


@pytest.mark.parametrize("fault", ["pause", "kill"])
def test_a_stopped_api_server_changes_nothing_and_delays_no_failover(web: World, fault: str) -> None:
    getattr(web.clusters["eu"], fault)()
    web.stays("web", 4.0)
    web.backends["eu"].stop()
    web.wait_for("web", "us", "ap", within_s=OUT_S)


def test_a_restart_while_an_api_server_is_down_changes_no_answer(web: World) -> None:
    web.clusters["eu"].kill()
    before = web.answers("web")
    writes = web.bind.update_count(), web.knot.update_count()
    web.deployment.kill_controller()
    assert web.answers("web") == before, "without a controller everything is answered as before"
    web.deployment.start_controller()
    web.stays("web", 3.0)
    assert (web.bind.update_count(), web.knot.update_count()) == writes
    assert web.cluster("eu")["freshness"] == "Stale"
    web.backends["eu"].stop()
    web.wait_for("web", "us", "ap", within_s=OUT_S)


def test_a_controller_that_lost_its_table_takes_nothing_away_while_an_api_server_is_down(web: World) -> None:
    web.clusters["eu"].kill()
    before = web.answers("web")
    writes = web.bind.update_count(), web.knot.update_count()
    web.deployment.kill_controller()
    state = web.deployment.directory / "state"
    state.rename(state.with_name("state-lost-too"))
    web.deployment.start_controller()
    web.stays("web", 3.0)
    assert web.answers("web") == before
    assert (web.bind.update_count(), web.knot.update_count()) == writes


def test_an_emptied_cluster_behind_the_same_address_deletes_nothing(web: World) -> None:
    web.clusters["eu"].empty()
    try:
        web.wait_until(lambda: web.cluster("eu")["freshness"] == "Suspect", 60, "eu is Suspect")
        web.stays("web", 3.0)
        held = [view["confirm_id"] for view in web.deployment.status()["held"]]
        assert "cluster:eu" in held, "an operator can confirm it"
        web.backends["eu"].stop()
        web.wait_for("web", "us", "ap", within_s=OUT_S)
    finally:
        web.clusters["eu"].refill()
