"""One run tells all that is wrong: ``file:line: key.path: what is wrong; how to fix``."""

import re
from pathlib import Path
from typing import Any

import pytest

from trafficfed.config.load import load
from trafficfed.errors import ConfigError

LINE = re.compile(r"trafficfed\.yaml:\d+: ([\w.\[\]-]+: )?\S.*")


def test_ten_mistakes_in_one_file_are_ten_lines_with_their_places(folder: Any) -> None:
    text = """\
owner: demo
zone: []
api: 127.0.0.1
clusters:
  - {name: eu, regoin: eu-west-1}
  - {name: eu, country: Ireland, offers: [10.0.0.1/8]}
  - {context: x}
providers:
  bind: {kind: rfc2163}
zones:
  - {name: fed.test, providers: [bnd], grants: [{clusters: [us]}]}
health: {interval: 10x, fall: "3"}
"""
    assert folder.mistakes(text) == [
        "trafficfed.yaml:2: zone: is not a known key; did you mean 'zones'?",
        "trafficfed.yaml:3: api: '127.0.0.1' is no address with a port; write it like 127.0.0.1:8080 or [::1]:8080",
        "trafficfed.yaml:5: clusters[0].regoin: is not a known key; did you mean 'region'?",
        "trafficfed.yaml:6: clusters[1].country: 'Ireland' is no country; "
        "write its two-letter ISO 3166-1 code such as IE",
        "trafficfed.yaml:6: clusters[1].name: is the cluster eu once more, see item 0; give each its own name",
        "trafficfed.yaml:6: clusters[1].offers[0]: '10.0.0.1/8' has bits set beyond its prefix; write 10.0.0.0/8",
        "trafficfed.yaml:7: clusters[2].name: is missing; write it, for example name: eu",
        "trafficfed.yaml:9: providers.bind.kind: is 'rfc2163', which is no installed provider; "
        "installed are embedded, memory, rfc2136",
        "trafficfed.yaml:11: zones[0].grants[0].clusters[0]: names the cluster 'us', which is not configured; "
        "known are eu",
        "trafficfed.yaml:11: zones[0].providers[0]: names the provider 'bnd', which is not configured; "
        "did you mean 'bind'?",
        "trafficfed.yaml:12: health.fall: must be a whole number",
        "trafficfed.yaml:12: health.interval: '10x' is no duration; write seconds such as 10, or 500ms, 30s, 1m",
    ]


@pytest.mark.parametrize(
    ("instead_of", "written", "said"),
    [
        ("owner: demo", "", "owner: is missing; write it, for example owner: demo"),
        ("open: true", "open: sometimes", "zones[0].open: must be true or false"),
        ("[bind, own]", "bind", "zones[0].providers: must be a list, written as [one, two] or one '- item' a line"),
        ("[bind, own]", "[]", "zones[0].providers: is empty; write at least one"),
        ("[geo, weighted]", "[latency]", "zones[0].approximate[0]: is not known here; write one of 'geo', 'weighted'"),
        ("[127.0.0.0/8]", "[ten]", "zones[0].publish[0]: 'ten' is no CIDR range; write it like 192.0.2.0/24"),
        ("Fed.Test.", "fed_..test", "zones[0].name: 'fed_..test' is no DNS name; write it like fed.example.org"),
        ("interval: 10", "interval: 0.2", "health.interval: is out of range; write at least 1"),
        ("interval: 10", "interval: 2h", "health.interval: is out of range; write at most 3600"),
        (
            "timeout: 500ms",
            "timeout: 20",
            "health: has a timeout of 20 s in an interval of 10 s; make it shorter",
        ),
        (
            "name: hub, in-cluster: true",
            "name: hub, in-cluster: true, context: hub",
            "clusters[1]: has both in-cluster and a kubeconfig; keep the one that reaches it",
        ),
        (
            "name: hub, in-cluster: true",
            "name: hub, latitude: 1",
            "clusters[1]: has only one of latitude and longitude; write both or none",
        ),
        ("name: hub", "name: 7", "clusters[1].name: 7 is no name; use up to 63 letters, digits"),
        ("{tier: gold}", "{tier: 1}", "clusters[0].labels.tier: must be text; put quotes around"),
        ("{tier: gold}", "gold", "clusters[0].labels: must be a section with keys of its own"),
        ("    kind: rfc2136\n", "", "providers.bind.kind: is missing; write it, for example kind: rfc2136"),
        ("key-file: ./feed.key", "key: abc", "feed.key: is not a known key; did you mean 'key-file'?"),
        ("health: {", "health: {falls: 2, ", "health.falls: is not a known key; did you mean 'fall'?"),
        ("health: {", "health: {wobble: 2, ", "health.wobble: is not a known key; known are failback, fall, interval"),
        ("127.0.0.1:8080", "127.0.0.1:99999", "api: '127.0.0.1:99999' is no address with a port"),
        (
            "state: ./state",
            "vantage: {cluster: en}",
            "vantage.cluster: names the cluster 'en', which is not configured",
        ),
        ("state: ./state", "log: {level: loud}", "log.level: is not known here; write one of"),
        (
            "state: ./state",
            "hub: {in-cluster: true}",
            "clusters[1].name: is hub, which is what grants call the hub; give this member another name",
        ),
        (
            "state: ./state",
            "baselines: {members: write}",
            "baselines.members: needs a hub, where baselines stand; add the section hub",
        ),
    ],
)
def test_a_mistake_names_its_key_and_the_fix(
    folder: Any, example: str, instead_of: str, written: str, said: str
) -> None:
    assert instead_of in example
    found = folder.mistakes(example.replace(instead_of, written))
    assert any(f": {said}" in line for line in found), found
    assert all(LINE.fullmatch(line) for line in found), found


def test_a_key_written_twice_is_told_with_both_lines(folder: Any, example: str) -> None:
    found = folder.mistakes(example + "owner: other\n")
    assert found == ["trafficfed.yaml:22: owner: is written twice, first on line 1; keep one of them"]


def test_two_spellings_of_one_zone_are_one_zone(folder: Any, example: str) -> None:
    text = example.replace("health:", "  - {name: fed.test, providers: [own], open: true}\nhealth:")
    assert folder.mistakes(text) == [
        "trafficfed.yaml:21: zones[1].name: is the zone fed.test once more, see item 0; give each its own name"
    ]


def test_an_empty_file_is_told_what_it_needs(folder: Any) -> None:
    assert [line.split(":")[2].strip() for line in folder.mistakes("")] == ["clusters", "owner", "providers", "zones"]


def test_a_file_that_is_a_list_is_refused(folder: Any) -> None:
    assert "trafficfed.yaml:1: holds no section; start it with keys such as owner: and clusters:" in folder.mistakes(
        "- owner\n"
    )


def test_broken_yaml_is_one_line_with_the_place_where_reading_ended(folder: Any) -> None:
    found = folder.mistakes("owner: demo\nzones: [a, b\n")
    assert len(found) == 1
    assert re.fullmatch(r"trafficfed\.yaml:\d: is no YAML: .+; correct the indentation or the quoting", found[0])


def test_two_documents_in_one_file_are_refused(folder: Any, example: str) -> None:
    assert "is no YAML" in folder.mistakes(example + "---\nowner: other\n")[0]


@pytest.mark.parametrize("content", [b"owner: \xff\xfe\n", b"owner: a\x00b\n"])
def test_bytes_that_are_no_text_are_one_line(folder: Any, content: bytes) -> None:
    folder.file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"trafficfed\.yaml(:\d+)?: is no[t ]") as caught:
        load(folder.file, {}, ())
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such file; write one, or name yours with --config"):
        load(tmp_path / "absent.yaml", {})


def test_a_folder_in_place_of_a_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


def test_the_known_kinds_are_the_installed_entry_points(folder: Any, example: str) -> None:
    folder.file.write_text(example.replace("kind: rfc2136", "kind: nothing-such"))
    with pytest.raises(ConfigError, match=r"installed are embedded, google, memory, rfc2136, route53"):
        load(folder.file, {})


def test_mistakes_come_in_the_order_of_the_file(folder: Any) -> None:
    found = folder.mistakes("zz: 1\nowner: 1\nclusters: 2\nhealth: {fall: x}\n")
    lines = [int(line.split(":")[1]) for line in found]
    assert lines == sorted(lines)


def test_grants_may_name_the_hub_where_there_is_one(folder: Any, example: str) -> None:
    text = example.replace("open: true", "grants: [{clusters: [hub]}]").replace("name: hub", "name: us")
    (zone,) = folder.load(text + "hub: {in-cluster: true}\n").zones
    assert zone.grants[0].clusters == ("hub",)
    (mistake,) = folder.mistakes(text)
    assert "grants[0].clusters[0]: names the cluster 'hub', which is not configured" in mistake
