"""The file of a running controller is changed: a wrong one disturbs nothing, a good one holds without a restart."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml

from trafficfed.testing.world import OUT_S, World

pytestmark = [pytest.mark.real, pytest.mark.slow]

TAKEN_S = 20.0
"""Two looks at the file, and a start."""


@pytest.fixture
def web(fleet: World) -> Iterator[World]:
    """A service everywhere; the file is mended afterwards. The process is the same all the time."""
    fleet.apply("web")
    fleet.wait_for("web", "eu", "us", "ap")
    process = pid(fleet)
    yield fleet
    fleet.deployment.write()
    hang_up(fleet)
    for backend in fleet.backends.values():
        backend.start()
    fleet.wait_for("web", "eu", "us", "ap", within_s=2 * TAKEN_S)
    assert pid(fleet) == process


def pid(world: World) -> int:
    assert world.deployment.controller is not None
    return world.deployment.controller.pid


def hang_up(world: World) -> None:
    """Have the file read again, and wait until that is done."""
    before = taken_at_s(world)
    os.kill(pid(world), signal.SIGHUP)
    world.wait_until(lambda: taken_at_s(world) > before, TAKEN_S, "the file is taken over")


def rewrite(world: World, **sections: object) -> None:
    """Change whole sections of the file, and wait until they hold."""
    before = taken_at_s(world)
    file = yaml.safe_load(world.deployment.config.read_text()) | sections
    world.deployment.config.write_text(yaml.safe_dump(file, sort_keys=False))
    world.wait_until(lambda: taken_at_s(world) > before, TAKEN_S, "the file is taken over")


def metric(world: World, name: str) -> float:
    told = world.deployment.get("/metrics") or ""
    return next((float(line.split()[1]) for line in told.splitlines() if line.startswith(f"{name} ")), -1.0)


def taken_at_s(world: World) -> float:
    return metric(world, "trafficfed_config_last_reload_success_timestamp_seconds")


def mistakes(world: World) -> list[str] | None:
    """Of the file, as status lists them; None while the controller begins anew and does not answer."""
    body = world.deployment.get("/api/status")
    return None if body is None else json.loads(body).get("configuration", [])


def commanded(world: World, *arguments: str) -> str:
    command = [sys.executable, "-m", "trafficfed", *arguments, "--config", str(world.deployment.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def members(world: World, *names: str) -> list[dict[str, object]]:
    sections: list[dict[str, object]] = yaml.safe_load(world.deployment.config.read_text())["clusters"]
    return [each for each in sections if each["name"] in names]


def test_a_wrong_file_is_told_with_every_mistake_and_changes_no_answer(web: World) -> None:
    written = web.bind.update_count(), web.knot.update_count()
    text = web.deployment.config.read_text()
    web.deployment.config.write_text(text.replace("interval:", "intervall:").replace("kind: embedded", "kind: none"))
    web.wait_until(lambda: len(mistakes(web) or ()) >= 2, TAKEN_S, "the file is refused")
    told = "\n".join(mistakes(web) or ())
    assert ": health.intervall: " in told
    assert ": providers.own.kind: " in told
    assert metric(web, "trafficfed_config_last_reload_successful") == 0
    web.stays("web", 2.0)
    web.backends["eu"].stop()
    web.wait_for("web", "us", "ap", within_s=OUT_S)
    web.backends["eu"].start()
    web.wait_for("web", "eu", "us", "ap")
    web.deployment.config.write_text(text)
    web.wait_until(lambda: mistakes(web) == [], TAKEN_S, "it is mended")
    assert metric(web, "trafficfed_config_last_reload_successful") == 1
    assert written != (web.bind.update_count(), web.knot.update_count()), "the failover was written meanwhile"


def test_a_cluster_comes_with_the_file_and_leaves_by_an_operators_word_alone(web: World) -> None:
    everywhere = members(web, "eu", "us", "ap")
    rewrite(web, clusters=members(web, "eu", "us"))
    assert web.plain(web.bind, "web") == web.plain(web.knot, "web") == web.addresses("eu", "us", "ap")
    assert web.service("web")["targets"][-1]["serving"] is True, "it is probed on"
    assert "not in the configuration" in str(web.cluster("ap"))
    commanded(web, "forget", "ap")
    web.wait_for("web", "eu", "us")
    rewrite(web, clusters=everywhere)
    web.wait_for("web", "eu", "us", "ap")


def test_a_change_amid_a_failover_loses_nothing(web: World) -> None:
    web.backends["eu"].stop()
    rewrite(web, log={"format": "json", "level": "debug"})
    web.wait_for("web", "us", "ap", within_s=OUT_S)
    web.wait_until(lambda: '"level":"debug"' in web.deployment.log(), 5.0, "probes are logged, as the file says now")


def test_what_cannot_change_under_way_is_refused_by_its_key(web: World) -> None:
    text = web.deployment.config.read_text()
    web.deployment.config.write_text(text.replace("owner: test", "owner: other"))
    web.wait_until(lambda: bool(mistakes(web)), TAKEN_S, "the file is refused")
    (mistake,) = mistakes(web) or ("",)
    assert "owner: cannot change while the controller runs" in mistake
    web.deployment.config.write_text(text)
    web.wait_until(lambda: mistakes(web) == [], TAKEN_S, "it is mended")


def test_an_address_that_is_taken_brings_back_what_there_was(web: World) -> None:
    before = taken_at_s(web)
    text = web.deployment.config.read_text()
    taken = text.replace(f"api: 127.0.0.1:{web.deployment.api_port}", f"api: 127.0.0.1:{web.deployment.metrics_port}")
    web.deployment.config.write_text(taken)
    web.wait_until(lambda: bool(mistakes(web)), TAKEN_S, "it has gone back")
    assert "a controller cannot begin with it: api: " in str(mistakes(web))
    assert taken_at_s(web) == before
    web.stays("web", 2.0)
    web.deployment.config.write_text(text)
    web.wait_until(lambda: mistakes(web) == [], TAKEN_S, "it is mended")


def test_a_hangup_begins_anew_and_writes_nothing(web: World) -> None:
    written = web.bind.update_count(), web.knot.update_count()
    hang_up(web)
    web.stays("web", 3.0)
    assert (web.bind.update_count(), web.knot.update_count()) == written
