"""What a file says reaches the rest of the program as the model's own frozen values."""

import dataclasses
from typing import Any

import pytest

from trafficfed.config.settings import (
    Access,
    ListenAddress,
    LogSettings,
    MetricsSettings,
    PropagationSettings,
    VantageSettings,
)
from trafficfed.model import Cluster, Grant, HealthCheck, Zone

MINIMAL = """\
owner: demo
clusters: [{name: eu, context: eu}]
providers: {own: {kind: memory}}
zones: [{name: fed.test, providers: [own], open: true}]
"""


def test_a_zone_is_a_model_value_in_canonical_spelling(folder: Any, example: str) -> None:
    assert folder.load(example).zones == (
        Zone(
            name="fed.test",
            providers=("bind", "own"),
            open=True,
            publish=("127.0.0.0/8",),
            approximate=("geo", "weighted"),
        ),
    )


def test_a_cluster_takes_country_continent_and_coordinates_from_a_region_known_by_name(
    folder: Any, example: str
) -> None:
    cluster = folder.load(example).clusters[0]
    assert (cluster.country, cluster.continent) == ("IE", "EU")
    assert cluster.latitude == pytest.approx(53.3, abs=0.2)
    assert cluster.longitude == pytest.approx(-6.3, abs=0.2)
    assert (cluster.clusterset, cluster.labels) == ("prod", (("tier", "gold"),))


def test_what_is_written_goes_before_what_the_region_tells(folder: Any) -> None:
    text = MINIMAL.replace("context: eu", "region: eu-west-1, country: us, latitude: 40.5, longitude: -74")
    cluster = folder.load(text).clusters[0]
    assert (cluster.country, cluster.continent, cluster.latitude, cluster.longitude) == ("US", "NA", 40.5, -74.0)


def test_a_region_in_another_country_than_written_lends_no_coordinates(folder: Any) -> None:
    cluster = folder.load(MINIMAL.replace("context: eu", "region: eu-west-1, country: JP")).clusters[0]
    assert (cluster.country, cluster.continent, cluster.latitude) == ("JP", "AS", None)


def test_an_unknown_region_leaves_the_place_unstated(folder: Any) -> None:
    assert folder.load(MINIMAL.replace("context: eu", "region: cellar")).clusters == (
        Cluster(name="eu", region="cellar"),
    )


def test_each_cluster_has_its_access_by_name(folder: Any, example: str) -> None:
    access = folder.load(example).access
    assert list(access) == ["eu", "hub"]
    assert access["eu"] == Access(folder.path / "kubeconfig", "eu", False, f"{folder.file}:6")
    assert access["hub"].in_cluster
    assert access["hub"].kubeconfig is None


def test_a_provider_keeps_what_its_adapter_reads(folder: Any, example: str) -> None:
    bind = folder.load(example).providers["bind"]
    assert (bind.name, bind.kind, bind.place) == ("bind", "rfc2136", f"{folder.file}:14")
    assert bind.options["server"] == "127.0.0.1:5300"


def test_health_defaults_are_one_check_in_seconds(folder: Any, example: str) -> None:
    assert folder.load(example).health == HealthCheck(interval_s=10.0, timeout_s=0.5, failback_s=60.0)


def test_what_is_left_out_gets_the_documented_defaults(folder: Any) -> None:
    settings = folder.load(MINIMAL)
    assert settings.health == HealthCheck()
    assert settings.api == ListenAddress("127.0.0.1", 8080)
    assert settings.state_dir == folder.path / "state"
    assert (settings.feed, settings.nameserver) == (None, None)
    assert settings.allow_exec == ()
    assert settings.log == LogSettings("info", "auto")
    assert settings.vantage == VantageSettings("local", "", "")
    assert settings.warnings == ()


def test_grants_become_tuples(folder: Any) -> None:
    text = MINIMAL.replace("open: true", "grants: [{clusters: [eu], namespaces: [shop], names: ['*.fed.test']}]")
    assert folder.load(text).zones[0].grants == (Grant(clusters=("eu",), namespaces=("shop",), names=("*.fed.test",)),)


def test_names_to_adopt_are_compared_in_lower_case_without_the_dot(folder: Any) -> None:
    assert folder.load(MINIMAL.replace("open: true", "open: true, adopt: [Web.Fed.Test.]")).zones[0].adopt == (
        "web.fed.test",
    )


def test_the_vantage_takes_the_hosts_name_unless_it_has_its_own(folder: Any) -> None:
    assert folder.load(MINIMAL, HOSTNAME="pod-7").vantage.name == "pod-7"
    named = folder.load(MINIMAL + "vantage: {name: dublin, region: eu-west-1, cluster: eu}\n", HOSTNAME="pod-7")
    assert named.vantage == VantageSettings("dublin", "eu-west-1", "eu")


def test_settings_cannot_be_changed(folder: Any) -> None:
    settings = folder.load(MINIMAL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.owner = "other"


def test_the_same_file_gives_equal_settings(folder: Any, example: str) -> None:
    assert folder.load(example) == folder.load(example)


def test_further_switches_reach_the_settings(folder: Any) -> None:
    text = MINIMAL + ("allow-exec: [aws]\napi-hosts: [tf.example.org]\nlog: {level: debug, format: json}\n")
    text += "metrics: {services: false, series: 500}\n"
    settings = folder.load(text)
    assert settings.allow_exec == ("aws",)
    assert settings.api_hosts == ("tf.example.org",)
    assert settings.log == LogSettings("debug", "json")
    assert settings.metrics == MetricsSettings(services=False, series=500)
    assert folder.load(MINIMAL).metrics == MetricsSettings(services=True, series=20_000)


def test_without_a_hub_nothing_is_propagated(folder: Any) -> None:
    settings = folder.load(MINIMAL)
    assert settings.hub is None
    assert settings.propagation == PropagationSettings((), "trafficfed")


def test_a_hub_is_reached_like_a_cluster_and_kinds_are_read_apart(folder: Any) -> None:
    settings = folder.load(
        MINIMAL
        + "hub: {kubeconfig: ./kubeconfig, context: main}\n"
        + "propagation: {kinds: [v1/ConfigMap, apps/v1/Deployment], namespace: fleet}\n"
    )
    assert settings.hub is not None
    assert (settings.hub.kubeconfig, settings.hub.context) == (folder.path / "kubeconfig", "main")
    assert settings.propagation == PropagationSettings((("v1", "ConfigMap"), ("apps/v1", "Deployment")), "fleet")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hub: {in-cluster: true, context: main}\n", "has both in-cluster and a kubeconfig"),
        ("propagation: {kinds: [Deployment]}\n", "is no kind; write apiVersion/Kind such as apps/v1/Deployment"),
        ("propagation: {kinds: [apps/v1/deployments]}\n", "is no kind"),
        ("propagation: {namespace: a b}\n", "propagation.namespace"),
    ],
)
def test_mistakes_about_the_hub_are_told(folder: Any, text: str, told: str) -> None:
    (mistake,) = folder.mistakes(MINIMAL + text)
    assert told in mistake
