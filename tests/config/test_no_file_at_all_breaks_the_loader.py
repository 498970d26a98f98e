"""Whatever a file holds, it is either settings or lines that name their places: never another exception."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trafficfed.config.load import load
from trafficfed.config.schema import ClusterSection, File, HealthSection, VantageSection, ZoneSection
from trafficfed.config.settings import Settings
from trafficfed.errors import ConfigError

GOOD: dict[str, Any] = {
    "owner": "demo",
    "clusters": [{"name": "eu", "region": "eu-west-1"}, {"name": "us", "labels": {"tier": "gold"}}],
    "providers": {"own": {"kind": "memory"}, "bind": {"kind": "rfc2136", "tsig": {"name": "tf."}}},
    "zones": [{"name": "fed.test", "providers": ["own", "bind"], "open": True, "grants": [{"clusters": ["eu"]}]}],
    "health": {"interval": 10, "timeout": "3s"},
    "vantage": {"cluster": "eu"},
}
KEYS = st.sampled_from(
    [
        (info.alias or name)
        for section in (File, ClusterSection, ZoneSection, HealthSection, VantageSection)
        for name, info in section.model_fields.items()
    ]
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 70_000), st.sampled_from(["eu", "own", "", "x y", "10s"]))
odd = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=2)),
    max_leaves=6,
)
LINE = re.compile(r"(\d+): ([\w.\[\]-]+: )?\S.*[^.]")
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def outcome(file: Path, data: object) -> Settings | list[str]:
    """Settings, or the lines of the error without the file's name, each checked for its form."""
    text = yaml.safe_dump(data, sort_keys=False)
    file.write_text(text)
    try:
        return load(file, {}, ("memory", "rfc2136", "embedded"))
    except ConfigError as error:
        lines = [line.removeprefix(f"{file}:") for line in str(error).splitlines()]
    for line in lines:
        found = LINE.fullmatch(line)
        assert found, line
        assert 1 <= int(found[1]) <= max(1, text.count("\n"))
    return lines


def places(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document where something else could have been written."""
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from places(value, (*path, key))
    elif isinstance(data, list):
        for at, value in enumerate(data):
            yield from places(value, (*path, at))


def put(data: Any, path: tuple[str | int, ...], value: object) -> Any:
    """A copy of the document with something else at one place."""
    if not path:
        return value
    copy: Any = data.copy()
    copy[path[0]] = put(data[path[0]], path[1:], value)
    return copy


PLACES = tuple(places(GOOD))


def test_the_document_that_is_varied_is_good(tmp_path: Path) -> None:
    assert isinstance(outcome(tmp_path / "tf.yaml", GOOD), Settings)


@quick
@given(odd)
@example({"vantage": {"cluster": []}, "zones": [{"providers": [[]]}], "clusters": [{"name": {}}]})
def test_any_document_is_settings_or_lines(tmp_path: Path, data: object) -> None:
    assert outcome(tmp_path / "tf.yaml", data)


@quick
@given(st.sampled_from(PLACES), odd)
def test_anything_at_any_place_is_settings_or_lines(
    tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    assert outcome(tmp_path / "tf.yaml", put(GOOD, place, value))


@pytest.mark.parametrize("place", [place for place in PLACES if place], ids=str)
@pytest.mark.parametrize("value", [[], {}, [[]], {"a": {}}, None, 7, True, ""], ids=repr)
def test_each_wrong_shape_at_each_place_is_told_or_meant(
    tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    assert outcome(tmp_path / "tf.yaml", put(GOOD, place, value))


@quick
@given(st.lists(st.sampled_from(PLACES[1:]), min_size=2, max_size=4, unique=True))
def test_a_mistake_is_told_whatever_else_is_wrong(tmp_path: Path, wrong: list[tuple[str | int, ...]]) -> None:
    """Two mistakes are never fewer lines than the worse of them alone, unless one stands inside the other."""
    apart = [
        place
        for place in wrong
        if not any(other != place and place[: len(other)] == other for other in wrong)
        and place[0] in ("health", "owner")
    ]
    data: Any = GOOD
    for place in apart:
        data = put(data, place, [{"no": "such"}])
    told = outcome(tmp_path / "tf.yaml", data)
    if apart:
        assert isinstance(told, list)
        for place in apart:
            assert any(f" {'.'.join(map(str, place))}" in line for line in told), told
