"""What a page shows to be copied is accepted as it stands: configurations load, with their providers' own keys too."""

from pathlib import Path

import pytest
import yaml

from trafficfed import registry
from trafficfed.config.load import load
from trafficfed.config.settings import Settings
from trafficfed.nameserver.settings import mistakes
from trafficfed.testing.pages import Page, page, pages

SECRET = "dHJhZmZpY2ZlZCB0cmFmZmljZmVkIHRyYWZmaWNmZWQ="
"""Base64 of 31 octets: what key files beside a configuration hold here."""


def blocks(where: Page) -> list[str]:
    return [fence.text for fence in where.fences if fence.language == "yaml"]


def loaded(text: str, folder: Path) -> Settings:
    """The configuration, with every file that it names in place."""
    for name in named_files(yaml.safe_load(text)):
        (folder / name).write_text(SECRET)
        (folder / name).chmod(0o600)
    path = folder / "trafficfed.yaml"
    path.write_text(text)
    return load(path, {"HOME": str(folder)})


def named_files(data: object) -> set[str]:
    if isinstance(data, dict):
        here = {child for key, child in data.items() if isinstance(child, str) and is_file_key(key)}
        return here.union(*(named_files(child) for child in data.values()))
    return set().union(*map(named_files, data)) if isinstance(data, list) else set()


def is_file_key(key: str) -> bool:
    return key == "kubeconfig" or key.endswith("-file")


README = page("README.md")


def test_the_readme_shows_a_controllers_file_and_a_name_servers() -> None:
    starts = [text.split(":", 1)[0] for text in blocks(README)]
    assert starts == ["owner", "nameserver"]


@pytest.mark.parametrize("text", blocks(README), ids=lambda text: text.split(":", 1)[0])
def test_each_of_them_loads_without_a_mistake_or_a_warning(text: str, tmp_path: Path) -> None:
    assert loaded(text, tmp_path).warnings == ()


def test_the_providers_of_the_controllers_file_take_their_settings(tmp_path: Path) -> None:
    settings = loaded(blocks(README)[0], tmp_path)
    assert {each.kind for each in settings.providers.values()} == {"rfc2136", "embedded"}
    for each in settings.providers.values():
        registry.provider_kind(each.kind).from_settings(each.name, each.options)


def test_the_name_servers_file_is_whole_and_fits_the_controllers(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    controller = loaded(blocks(README)[0], tmp_path / "a")
    server = loaded(blocks(README)[1], tmp_path / "b").nameserver
    assert server is not None
    assert mistakes(server) == ()
    assert controller.feed is not None
    assert str(controller.feed.listen) in server.feeds
    assert [zone.name for zone in server.zones] == [zone.name for zone in controller.zones]


@pytest.mark.parametrize("each", pages(), ids=lambda each: each.name)
def test_every_yaml_block_is_yaml(each: Page) -> None:
    for text in blocks(each):
        assert isinstance(yaml.safe_load(text), dict | list)
