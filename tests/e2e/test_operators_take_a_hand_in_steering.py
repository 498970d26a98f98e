"""Drains, shifts and freezes by the command line, to the answers of every authority: they outlive a kill, and end."""

import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trafficfed.testing.world import BACK_S, OUT_S, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

Command = Callable[..., str]
SOON_S = 5.0
CLIENTS = [f"100.{64 + number // 256}.{number % 256}.1" for number in range(3000)]
"""Of as many networks: clients of one get the same for a while."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), with_hub=True) as running:
        yield running


@pytest.fixture
def web(fleet: World) -> Iterator[World]:
    """A service everywhere; controls and deaths of the test are mended afterwards."""
    fleet.apply("web")
    fleet.wait_for("web", "eu", "us", "ap")
    yield fleet
    for backend in fleet.backends.values():
        backend.start()
    for control in in_force(fleet):
        ordered(fleet, f"un{control['kind']}", *extent(control))
    fleet.wait_for("web", "eu", "us", "ap", within_s=BACK_S)


def ordered(world: World, *arguments: str) -> str:
    """What one command said on standard output; it must end with 0."""
    command = [sys.executable, "-m", "trafficfed", *arguments, "--config", str(world.deployment.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_force(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ordered(world, "controls", "--output", "json"))["controls"]
    return found


def extent(control: dict[str, Any]) -> list[str]:
    service = ["--service", control["service"]] if control["service"] else []
    return [*([control["cluster"]] if control["cluster"] else []), *service]


def test_a_drained_cluster_leaves_every_answer_until_undone(web: World) -> None:
    said = ordered(web, "drain", "eu", "--why", "kernel upgrade", "--who", "ann")
    assert said.startswith("cluster eu is drained until undone (control ")
    web.wait_for("web", "us", "ap", within_s=SOON_S)
    (control,) = in_force(web)
    assert (control["kind"], control["cluster"], control["who"], control["why"]) == (
        "drain",
        "eu",
        "ann",
        "kernel upgrade",
    )
    ordered(web, "undrain", "eu")
    web.wait_for("web", "eu", "us", "ap", within_s=SOON_S)
    assert in_force(web) == []


def test_the_hub_shows_what_is_in_force(web: World) -> None:
    hub = web.hub
    assert hub is not None
    ordered(web, "drain", "eu", "--why", "kernel upgrade", "--who", "ann")
    (control,) = in_force(web)
    name = f"drain-{control['id']}"

    def copies() -> str:
        return hub.kubectl("get", "operatorcontrols", "--no-headers", "--ignore-not-found")

    web.wait_until(lambda: name in copies() and "ann" in copies(), 10, "the drain stands on the hub")
    ordered(web, "undrain", "eu")
    web.wait_until(lambda: name not in copies(), 10, "the drain has left the hub")


def test_a_drain_may_be_waited_for_until_no_cache_can_know_it(web: World) -> None:
    web.apply("web", ttl="1")
    web.wait_until(lambda: web.service("web")["ttl"] == 1, 10, "the TTL is taken in")
    said = ordered(web, "drain", "eu", "--wait", "--timeout", "50s", "--why", "new nodes")
    assert said.startswith("cluster eu is given out nowhere, and the TTL of ")
    assert web.answers("web") == web.settled("web", "us", "ap")
    web.apply("web")


def test_the_users_own_service_tells_the_name_and_why_no_clients_come(web: World) -> None:
    def described() -> str:
        return web.clusters["eu"].kubectl("describe", "service", "-n", "shop", "web")

    name = f"web.{web.deployment.zone}"
    web.wait_until(lambda: f"{name} sends clients here, to {web.address('eu')}" in described(), 10, "it is told")
    ordered(web, "drain", "eu", "--why", "kernel upgrade", "--who", "ann")
    drained = f"{name} sends no clients here: {web.address('eu')} is drained by ann: kernel upgrade"
    web.wait_until(lambda: drained in described(), 10, "the drain is told in eu")
    assert "NotGivenOut" in described()
    assert "drained" not in web.clusters["us"].kubectl("describe", "service", "-n", "shop", "web")


def test_a_drain_outlives_a_kill_of_the_controller(web: World) -> None:
    ordered(web, "drain", "eu", "--why", "kernel upgrade")
    web.deployment.kill_controller()
    web.deployment.start_controller()
    web.wait_for("web", "us", "ap", within_s=SOON_S)
    writes = web.bind.update_count(), web.knot.update_count()
    web.stays("web", 3.0)
    assert (web.bind.update_count(), web.knot.update_count()) == writes
    assert [control["kind"] for control in in_force(web)] == ["drain"]


def test_a_drain_ends_by_itself(web: World) -> None:
    ordered(web, "drain", "eu", "--for", "4s", "--why", "a quick look")
    web.wait_for("web", "us", "ap", within_s=4.0)
    web.wait_for("web", "eu", "us", "ap", within_s=4.0 + SOON_S)
    assert in_force(web) == []


def test_a_drain_of_one_service_leaves_the_others_alone(web: World) -> None:
    web.apply("other")
    web.wait_for("other", "eu", "us", "ap")
    ordered(web, "drain", "eu", "--service", "shop/web", "--why", "bad release")
    web.wait_for("web", "us", "ap", within_s=SOON_S)
    web.stays("other", 2.0)
    assert web.answers("other") == web.settled("other", "eu", "us", "ap")
    web.delete("other")


def test_what_is_drained_is_better_than_what_is_dead(web: World) -> None:
    ordered(web, "drain", "eu", "--why", "kernel upgrade")
    web.wait_for("web", "us", "ap", within_s=SOON_S)
    web.backends["us"].stop()
    web.backends["ap"].stop()
    web.wait_for("web", "eu", within_s=OUT_S)


def test_a_shift_moves_its_share_of_many_clients_and_as_a_whole_the_plain_sets_too(web: World) -> None:
    web.apply("spread", steering="weighted")
    web.wait_until(lambda: len(web.plain(web.bind, "spread")) == 3, 20, "the service is published")
    plain = web.plain(web.bind, "spread")
    said = ordered(web, "shift", "eu", "--to", "us", "--share", "30", "-s", "shop/spread", "--why", "warming up")
    assert said.startswith("30 % of default/shop/spread in cluster eu goes to us until undone (control ")
    assert "answers stay as they are, until the whole is shifted, where there are no weights: bind " in said
    wanted = {"eu": 7 / 30, "us": 13 / 30, "ap": 10 / 30}
    web.wait_until(lambda: shares(web, "spread") == {"eu": 0.2333, "us": 0.4333, "ap": 0.3333}, 10, "it is decided")
    counted = Counter(web.deployment.answer(f"spread.{web.deployment.zone}", client=each) for each in CLIENTS)
    for region, share in wanted.items():
        spread = 4 * math.sqrt(share * (1 - share) / len(CLIENTS))  # chance misses it once in 15,000 times
        assert counted[(web.address(region),)] / len(CLIENTS) == pytest.approx(share, abs=spread), counted
    assert web.plain(web.bind, "spread") == web.plain(web.knot, "spread") == plain
    ordered(web, "shift", "eu", "--to", "us", "--share", "100", "-s", "shop/spread", "--why", "warm by now")
    without = web.addresses("us", "ap")
    web.wait_until(
        lambda: web.plain(web.bind, "spread") == web.plain(web.knot, "spread") == without, SOON_S, "eu stands by"
    )
    web.backends["us"].stop()
    web.wait_until(lambda: web.plain(web.bind, "spread") == web.addresses("eu", "ap"), OUT_S, "eu is back for us")
    web.delete("spread")


def shares(world: World, name: str) -> dict[str, float]:
    found: dict[str, float] = world.service(name)["rules"][-1].get("shares", {})
    return found


def test_a_frozen_answer_stays_through_a_death_and_a_change_and_catches_up_afterwards(web: World) -> None:
    said = ordered(web, "freeze", "--service", f"web.{web.deployment.zone}", "--for", "10m", "--why", "moving")
    assert "not even by failover" in said
    web.backends["eu"].stop()
    web.apply("web", "us", drain="true")
    web.stays("web", OUT_S + 1.0)
    ordered(web, "unfreeze", "--service", "default/shop/web")
    web.wait_for("web", "ap", within_s=SOON_S)
    web.apply("web", "us")
