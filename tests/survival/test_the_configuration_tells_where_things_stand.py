"""From a configuration file to what status and plan say of each zone's failover."""

from pathlib import Path

import pytest

from trafficfed.config.load import load
from trafficfed.config.settings import Settings
from trafficfed.layout import layout_of, survivals_of
from trafficfed.model import Capabilities
from trafficfed.survival import Placed

BASE = """\
owner: demo
feed: {listen: 127.0.0.1:9053, key-file: ./feed.key}
clusters: [{name: eu, region: eu-west-1}, {name: us, region: us-east-1}, {name: ap}]
providers:
  bind: {kind: rfc2136, region: eu-west-1, server: 127.0.0.1:5300}
  own: {kind: embedded}
  aws: {kind: route53}
zones: [{name: fed.test, providers: [bind, own, aws], open: true}]
"""
LEADERSHIP = """\
vantage: {cluster: eu}
leadership:
  name: first
  key-file: ./controllers.key
  electorate: [{cluster: us}, {cluster: ap}, {zone: fed.test, provider: bind}]
  peers: [{name: second, feed: 127.0.0.2:9053, region: us-east-1}, {name: third, feed: 127.0.0.3:9053}]
"""
NONE = dict.fromkeys(("bind", "own", "aws"), Capabilities())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("feed", "controllers"):
        (tmp_path / f"{name}.key").write_text("k" * 44)
        (tmp_path / f"{name}.key").chmod(0o600)
    return tmp_path


def loaded(folder: Path, text: str) -> Settings:
    (folder / "trafficfed.yaml").write_text(text)
    return load(folder / "trafficfed.yaml", environ={}, kinds=("embedded", "rfc2136", "route53"))


def test_controllers_stand_where_their_vantage_and_their_peers_are_said_to(folder: Path) -> None:
    layout = layout_of(loaded(folder, BASE + LEADERSHIP))
    assert layout.controllers == (Placed("first", "eu-west-1"), Placed("second", "us-east-1"), Placed("third", ""))


def test_a_stated_region_of_the_vantage_goes_before_its_clusters(folder: Path) -> None:
    text = (BASE + LEADERSHIP).replace("vantage: {cluster: eu}", "vantage: {cluster: eu, region: on-premises}")
    assert layout_of(loaded(folder, text)).controllers[0] == Placed("first", "on-premises")


def test_electors_stand_where_their_cluster_or_their_zones_provider_does(folder: Path) -> None:
    assert layout_of(loaded(folder, BASE + LEADERSHIP)).electors == (
        Placed("cluster/us", "us-east-1"),
        Placed("cluster/ap", "ap"),
        Placed("zone/fed.test@bind", "eu-west-1"),
    )


def test_a_cluster_without_a_region_may_be_lost_by_itself(folder: Path) -> None:
    assert layout_of(loaded(folder, BASE)).regions == ("ap", "eu-west-1", "us-east-1")


def test_without_leadership_there_is_one_controller_and_no_elector(folder: Path) -> None:
    layout = layout_of(loaded(folder, BASE))
    assert (layout.controllers, layout.electors) == ((Placed("this controller", ""),), ())


def test_every_provider_of_every_zone_is_told_of(folder: Path) -> None:
    texts = [each.text for each in survivals_of(loaded(folder, BASE + LEADERSHIP), NONE)]
    assert texts == [
        "fed.test at bind: survives the loss of ap, us-east-1; not of eu-west-1 (the primary stands there)",
        "fed.test at own: survives the loss of ap, eu-west-1, us-east-1; as far as a name server is left",
        "fed.test at aws: survives the loss of ap, eu-west-1, us-east-1; depends on the provider's API",
    ]


@pytest.mark.parametrize(("checked", "fails_over"), [(("eu", "us", "ap"), True), (("eu", "us"), False), ((), False)])
def test_only_checks_on_every_cluster_fail_over_by_themselves(
    folder: Path, checked: tuple[str, ...], fails_over: bool
) -> None:
    capabilities = Capabilities(failover=True, checks=tuple((cluster, f"check-{cluster}") for cluster in checked))
    *_, aws = survivals_of(loaded(folder, BASE), {**NONE, "aws": capabilities})
    assert ("own health checks" in aws.text) == fails_over
    assert ("no electorate" in aws.text) != fails_over
