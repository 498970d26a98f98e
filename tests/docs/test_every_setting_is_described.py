"""docs/configuration.md has every key of the file with its default and its bounds, and no key that there is not."""

import types
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

import annotated_types
import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from trafficfed.config.places import plain
from trafficfed.config.schema import File
from trafficfed.errors import ConfigError
from trafficfed.testing.pages import code, page
from trafficfed_providers.rfc2136 import Rfc2136

PAGE = page("docs/configuration.md")
ROWS = {code(row[0]): row for row in PAGE.tables("key", "default", "meaning")}
RFC2136 = ("server", "tsig.", "source", "authorities", "batch")
REQUIRED_BY_A_CONTROLLER = "owner"
"""A name server's file needs none, so that the schema alone does not tell."""


class Setting(NamedTuple):
    """One key of the file, dotted, with ``[]`` for the items of a list and ``NAME`` for a name of the user's choice."""

    key: str
    field: FieldInfo


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        yield from of_annotation(field.annotation, prefix + (field.alias or name), field)


def of_annotation(annotation: Any, key: str, field: FieldInfo) -> Iterator[Setting]:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        yield from of_annotation(next(each for each in inner if each is not type(None)), key, field)
    elif origin is typing.Annotated:
        yield from of_annotation(inner[0], key, field)
    elif origin is tuple and issubclass(origin, tuple) and not hasattr(annotation, "_fields"):
        yield from of_annotation(inner[0], f"{key}[]", field)
    elif origin is dict:
        yield from of_annotation(inner[1], f"{key}.NAME", field)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from settings(annotation, f"{key}.")
    else:
        yield Setting(key, field)


ALL = tuple(settings(File))
NUMBERS = {
    setting.key: (setting.field, bounds)
    for setting in ALL
    if len(
        bounds := [each for each in setting.field.metadata if isinstance(each, annotated_types.Ge | annotated_types.Le)]
    )
}


def test_the_walk_finds_keys_of_every_shape() -> None:
    keys = {setting.key for setting in ALL}
    assert {"owner", "clusters[].offers[]", "clusters[].labels.NAME", "providers.NAME.kind", "feed.key-file"} <= keys
    assert {"zones[].grants[].names[]", "nameserver.zones[].records[].values[]", "health.interval"} <= keys


def test_every_key_of_the_file_is_described_and_no_other() -> None:
    of_providers = {key for key in ROWS if key.startswith(RFC2136)}
    assert set(ROWS) - of_providers == {setting.key for setting in ALL}


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
def test_each_default_is_the_one_in_force(setting: Setting) -> None:
    shown, field = ROWS[setting.key][1], setting.field
    if field.is_required() or setting.key == REQUIRED_BY_A_CONTROLLER:
        assert shown == "required"
    elif text := code(shown):
        kind: Any = typing.Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        assert TypeAdapter(kind).validate_python(plain(text)) == field.get_default(call_default_factory=True)
    else:
        assert shown in ("none", "any")
        assert not field.get_default(call_default_factory=True)


@pytest.mark.parametrize("key", sorted(NUMBERS))
def test_each_bound_is_told(key: str) -> None:
    _, bounds = NUMBERS[key]
    words = {word.strip(".,;") for word in ROWS[key][2].split()}
    for bound in bounds:
        number = bound.ge if isinstance(bound, annotated_types.Ge) else bound.le
        assert f"{number:g}" in words or str(number) in words


def refused(options: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as error:
        Rfc2136.from_settings("x", options)
    return str(error.value)


def known(message: str) -> set[str]:
    line = next(line for line in message.splitlines() if "known ones are" in line)
    return set(line.rpartition("known ones are ")[2].split(", "))


def test_every_key_of_an_rfc2136_provider_is_described_and_no_other() -> None:
    server = {"server": "192.0.2.53:53"}
    own = known(refused({**server, "nonsense": 1}))
    of_tsig = known(refused({**server, "tsig": {"name": "a.", "secret": "eA==", "nonsense": 1}}))
    described = {key for key in ROWS if key.startswith(RFC2136)}
    assert described == (own - {"tsig"}) | {f"tsig.{key}" for key in of_tsig}


def test_the_embedded_provider_has_no_keys_as_the_page_says() -> None:
    assert "`embedded` has no keys" in PAGE.text
    from trafficfed_providers.embedded import Embedded

    with pytest.raises(ConfigError):
        Embedded.from_settings("own", {"anything": 1})
