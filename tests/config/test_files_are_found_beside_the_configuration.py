"""Paths are relative to the configuration's own folder, so that it does not matter where a command is started."""

from pathlib import Path
from typing import Any

import pytest


def test_relative_paths_do_not_depend_on_the_working_directory(
    folder: Any, example: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folder.load(example)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert folder.load(example) == here
    assert here.feed.key_file == folder.path / "feed.key"
    assert here.providers["bind"].options["tsig"]["secret-file"] == str(folder.path / "tsig.key")


def test_a_tilde_is_the_home_folder_of_the_environment(folder: Any, example: str) -> None:
    assert folder.load(example.replace("./state", "~/state"), HOME="/home/tf").state_dir == Path("/home/tf/state")


def test_an_absolute_path_is_left_alone(folder: Any, example: str) -> None:
    assert folder.load(example.replace("./state", "/var/lib/trafficfed")).state_dir == Path("/var/lib/trafficfed")


def test_a_secret_file_that_is_missing_is_a_mistake_at_its_line(folder: Any, example: str) -> None:
    (folder.path / "tsig.key").unlink()
    assert folder.mistakes(example) == [
        "trafficfed.yaml:17: providers.bind.tsig.secret-file: names ./tsig.key, which is no file; "
        "create it or correct the path"
    ]


def test_a_missing_kubeconfig_harms_its_own_cluster_only(folder: Any, example: str) -> None:
    """A restart with one member's credentials gone must not stop the failover of all the others."""
    (folder.path / "kubeconfig").unlink()
    assert folder.warnings(example) == [
        "trafficfed.yaml:7: clusters[0].kubeconfig: names ./kubeconfig, which is no file; "
        "this cluster stays unreachable until it is there"
    ]


def test_a_feed_key_too_short_to_be_a_secret_is_a_mistake(folder: Any, example: str) -> None:
    folder.secret("feed.key", "short\n")
    assert folder.mistakes(example) == [
        "trafficfed.yaml:4: feed.key-file: names ./feed.key, whose key is shorter than 16 octets; "
        "make one with: head -c 32 /dev/urandom | base64 > ./feed.key"
    ]


def test_a_label_that_looks_like_a_file_is_only_a_label(folder: Any, example: str) -> None:
    assert folder.warnings(example.replace("tier: gold", "my-file: gold, kubeconfig: none")) == []


def test_a_closed_zone_without_grants_is_warned_about(folder: Any, example: str) -> None:
    assert folder.warnings(example.replace("open: true, ", "")) == [
        "trafficfed.yaml:20: zones[0]: has neither grants nor open: true, so nobody may claim a name in it; "
        "add one of them"
    ]


def test_an_embedded_name_server_that_nobody_feeds_is_warned_about(folder: Any, example: str) -> None:
    without = example.replace("feed: {listen: 127.0.0.1:9053, key-file: ./feed.key}\n", "")
    assert folder.warnings(without) == [
        "trafficfed.yaml:12: providers: has an embedded name server but no feed to serve it; "
        "add feed: {listen, key-file}"
    ]
