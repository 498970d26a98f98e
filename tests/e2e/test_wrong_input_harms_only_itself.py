"""Wrong input: one clear error that names the object, and everything else goes on."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from trafficfed.testing.world import NAMESPACE, REGIONS, ZONE, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which one cluster's kubeconfig is broken, one is unreachable, and one provider's key is refused."""
    directory = tmp_path_factory.mktemp("troubled")
    with world(directory) as fleet:
        fleet.deployment.stop_controller()
        broken = directory / "broken-kubeconfig"
        broken.write_text("this: is no kubeconfig\n")
        away = fleet.clusters["ap"].write_kubeconfig(
            directory / "away-kubeconfig", {"token": "none"}, server="https://127.0.0.1:1"
        )
        path = fleet.deployment.write()
        clusters = yaml.safe_load(path.read_text())["clusters"]
        clusters += [
            {"name": "broken", "kubeconfig": str(broken), "context": "broken"},
            {"name": "away", "kubeconfig": str(away), "context": "ap"},
        ]
        wrong = {
            **fleet.knot.settings,
            "tsig": {**fleet.knot.tsig, "secret": "d3Jvbmcga2V5IHdyb25nIGtleSB3cm9uZyBrZXkhIQ=="},
        }
        fleet.deployment.publish_to("refused", {"kind": "rfc2136", **wrong})
        fleet.deployment.set(clusters=clusters)
        fleet.deployment.start_controller()
        yield fleet


def test_the_healthy_parts_work_on(troubled: World) -> None:
    troubled.apply("fine")
    troubled.wait_for("fine", "eu", "us", "ap")


def test_a_broken_kubeconfig_names_file_and_context(troubled: World) -> None:
    view = troubled.cluster("broken")
    assert view["freshness"] == "Stale"
    assert "broken-kubeconfig" in view["reason"]


def test_an_unreachable_cluster_says_where_it_was_sought(troubled: World) -> None:
    view = troubled.cluster("away")
    assert view["freshness"] == "Stale"
    assert "127.0.0.1:1" in view["reason"] or "refused" in view["reason"]


def test_a_refused_key_is_named_and_harms_its_provider_only(troubled: World) -> None:
    provider = next(p for p in troubled.deployment.status()["providers"] if p["name"] == "refused")
    assert provider["state"] != "Ready"
    assert "tf." in provider["message"] or "key" in provider["message"].lower()


def test_an_unparsable_annotation_is_told_on_the_object_and_costs_nothing_else(troubled: World) -> None:
    troubled.apply("typo")
    troubled.wait_for("typo", "eu", "us", "ap")
    troubled.clusters["eu"].kubectl(
        "annotate", "-n", NAMESPACE, "service", "typo", "trafficfed.io/weight=heavy", "--overwrite"
    )
    troubled.wait_until(lambda: any("weight" in r[2] for r in troubled.refusals("typo")), 10, "it is refused")
    assert troubled.answers("typo") == troubled.settled("typo", "eu", "us", "ap")
    troubled.wait_until(
        lambda: any(
            "heavy" in event["message"] and event["involvedObject"]["name"] == "typo"
            for event in troubled.clusters["eu"].events(NAMESPACE)
        ),
        10,
        "an Event on the Service tells it",
    )


def started(config: Path) -> subprocess.CompletedProcess[str]:
    """Run a controller that is expected not to start."""
    command = [sys.executable, "-m", "trafficfed", "run", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def configured(directory: Path, **changes: object) -> Path:
    path = directory / "trafficfed.yaml"
    data: dict[str, object] = {
        "owner": "test",
        "state": "./state",
        "api": "127.0.0.1:0",
        "clusters": [{"name": "eu", "kubeconfig": "./none", "region": REGIONS["eu"].region}],
        "providers": {"memory": {"kind": "memory"}},
        "zones": [{"name": ZONE, "providers": ["memory"], "open": True}],
        **changes,
    }
    path.write_text(yaml.safe_dump(data))
    return path


def test_an_unknown_provider_is_one_line_with_the_known_ones(tmp_path: Path) -> None:
    ended = started(configured(tmp_path, providers={"memory": {"kind": "rout53"}}))
    assert ended.returncode == 2
    assert "rout53" in ended.stderr
    assert "rfc2136" in ended.stderr
    assert "trafficfed.yaml:" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_one_line_with_address_and_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = started(configured(tmp_path, api=f"127.0.0.1:{port}"))
    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "api" in ended.stderr
    assert "Traceback" not in ended.stderr
