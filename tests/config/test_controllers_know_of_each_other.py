"""The ``leadership`` and ``vantages`` sections, and every mistake that would let two files disagree."""

from pathlib import Path
from typing import Any

import pytest

from trafficfed.config.load import load
from trafficfed.config.settings import ElectorSettings, ListenAddress, PeerSettings

KEY = "k" * 44
BASE = """\
owner: demo
feed: {listen: 127.0.0.1:9053, key-file: ./feed.key}
clusters: [{name: eu}, {name: us}, {name: ap}]
providers:
  bind: {kind: rfc2136, region: eu-west-1, server: 127.0.0.1:5300}
  own: {kind: embedded}
zones: [{name: fed.test, providers: [bind, own], open: true}]
"""
LEADERSHIP = """\
leadership:
  name: eu
  key-file: ./controllers.key
  electorate: [{cluster: eu}, {cluster: us}, {zone: fed.test, provider: bind}]
  peers: [{name: us, feed: 127.0.0.2:9053, region: us-east-1}]
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    for name in ("feed", "controllers", "probe"):
        (tmp_path / f"{name}.key").write_text(KEY)
        (tmp_path / f"{name}.key").chmod(0o600)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    (folder / "trafficfed.yaml").write_text(text)
    return folder / "trafficfed.yaml"


def loaded(folder: Path, text: str) -> Any:
    return load(write(folder, text), environ={}, kinds=("embedded", "rfc2136"))


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(Exception, match=r"leadership|vantages") as caught:
        loaded(folder, text)
    return str(caught.value).splitlines()


def test_a_file_without_the_section_has_one_controller_alone(keys: Path) -> None:
    settings = loaded(keys, BASE)
    assert settings.leadership is None
    assert settings.vantages == ()


def test_places_and_peers_become_values(keys: Path) -> None:
    leadership = loaded(keys, BASE + LEADERSHIP).leadership
    assert leadership.name == "eu"
    assert leadership.key == KEY.encode()
    assert leadership.electorate == (
        ElectorSettings(cluster="eu"),
        ElectorSettings(cluster="us"),
        ElectorSettings(zone="fed.test", provider="bind"),
    )
    assert [place.name for place in leadership.electorate] == ["cluster/eu", "cluster/us", "zone/fed.test@bind"]
    assert leadership.peers == (PeerSettings("us", ListenAddress("127.0.0.2", 9053), "us-east-1"),)
    assert (leadership.lease_s, leadership.renew_s, leadership.namespace) == (10.0, 2.0, "trafficfed")


def test_a_zones_only_provider_need_not_be_named(keys: Path) -> None:
    text = BASE.replace("[bind, own]", "[bind]") + LEADERSHIP.replace(", provider: bind", "")
    assert loaded(keys, text).leadership.electorate[2].provider == "bind"


def test_the_key_shows_in_no_repr(keys: Path) -> None:
    assert KEY not in repr(loaded(keys, BASE + LEADERSHIP))


def test_a_providers_region_is_not_passed_to_its_adapter(keys: Path) -> None:
    provider = loaded(keys, BASE).providers["bind"]
    assert provider.region == "eu-west-1"
    assert "region" not in provider.options


def test_vantages_have_a_home_and_a_key_of_their_own(keys: Path) -> None:
    text = BASE + "vantages: [{name: probe-us, cluster: us, key-file: ./probe.key}]\n"
    (vantage,) = loaded(keys, text).vantages
    assert (vantage.name, vantage.cluster, vantage.key) == ("probe-us", "us", KEY.encode())


@pytest.mark.parametrize(
    ("instead_of", "written", "said"),
    [
        (", {cluster: us}", "", "has an electorate of 2; write one place or three"),
        ("{cluster: us}", "{}", "is one place; write either cluster, or zone (and provider)"),
        ("{cluster: us}", "{cluster: us, zone: fed.test}", "is one place; write either cluster, or zone"),
        ("{cluster: us}", "{cluster: us, provider: bind}", "has a provider, which only a zone has"),
        ("{cluster: us}", "{cluster: eu}", "electorate[1]: is the cluster eu once more; a place has one vote"),
        ("{cluster: us}", "{cluster: uss}", "names the cluster 'uss', which is not configured; did you mean 'us'?"),
        ("zone: fed.test", "zone: fed.tst", "names the zone 'fed.tst', which is not configured; did you mean"),
        (", provider: bind", "", "does not say at which of bind, own the zone votes; add provider"),
        ("provider: bind", "provider: knot", "names 'knot', which fed.test is not at"),
        (
            "{name: us, feed",
            "{name: eu, feed",
            "peers[0].name: is eu once more; every controller has a name of its own",
        ),
        ("  name: eu\n", "  name: eu\n  lease: 4\n", "renews every 2 s in a lease of 4 s"),
        ("./controllers.key", "./none.key", "names ./none.key, which is no file"),
    ],
)
def test_each_mistake_is_told_with_its_place_and_what_to_write(
    keys: Path, instead_of: str, written: str, said: str
) -> None:
    text = BASE + LEADERSHIP
    assert instead_of in text
    assert any(said in line for line in mistakes(keys, text.replace(instead_of, written)))


def test_peers_need_a_feed_to_follow(keys: Path) -> None:
    text = BASE.replace("feed: {listen: 127.0.0.1:9053, key-file: ./feed.key}\n", "") + LEADERSHIP
    assert any("needs a feed for its peers to follow" in line for line in mistakes(keys, text))


def test_two_vantages_of_one_name_are_refused(keys: Path) -> None:
    one = "{name: p, key-file: ./probe.key}"
    said = mistakes(keys, BASE + f"vantages: [{one}, {one}]\n")
    assert any("is the vantage p once more" in line for line in said)


def test_a_vantage_at_home_in_no_known_cluster_is_refused(keys: Path) -> None:
    said = mistakes(keys, BASE + "vantages: [{name: p, cluster: uk, key-file: ./probe.key}]\n")
    assert any("vantages[0].cluster: names the cluster 'uk'" in line for line in said)
