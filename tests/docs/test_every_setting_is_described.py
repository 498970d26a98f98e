"""docs/configuration.md has every key of the file with its default and its bounds, and no key that there is not."""

import typing
from typing import Any

import annotated_types
import pytest
from pydantic import TypeAdapter

from scripts.reference.settings import Setting, of_the_controller
from trafficfed.config.places import plain
from trafficfed.errors import ConfigError
from trafficfed.testing.pages import code, page
from trafficfed_providers.rfc2136 import Rfc2136

PAGE = page("docs/configuration.md")
ROWS = {code(row[0]): row for row in PAGE.tables("key", "default", "meaning")}
RFC2136 = ("server", "tsig.", "source", "authorities", "batch")

ALL = of_the_controller()


def test_the_walk_finds_keys_of_every_shape() -> None:
    keys = {setting.key for setting in ALL}
    assert {"owner", "clusters[].offers[]", "clusters[].labels.NAME", "providers.NAME.kind", "feed.key-file"} <= keys
    assert {"zones[].grants[].names[]", "nameserver.zones[].records[].values[]", "health.interval"} <= keys


def test_every_key_of_the_file_is_described_and_no_other() -> None:
    of_providers = {key for key in ROWS if key.startswith(RFC2136)}
    assert set(ROWS) - of_providers == {setting.key for setting in ALL}


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
def test_each_default_that_is_shown_can_be_written_so(setting: Setting) -> None:
    field = setting.field
    if text := code(setting.default):
        kind: Any = typing.Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        assert TypeAdapter(kind).validate_python(plain(text)) == field.get_default(call_default_factory=True)
    else:
        assert setting.default in ("required", "none", "any")


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
def test_each_has_a_meaning_with_its_bounds(setting: Setting) -> None:
    assert setting.field.description
    words = {word.strip(".,;") for word in setting.field.description.split()}
    for bound in setting.field.metadata:
        if isinstance(bound, annotated_types.Ge | annotated_types.Le):
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
