"""A prober's file: every mistake at once, each with its line, its key and what to write."""

from pathlib import Path

import pytest

from trafficfed.config.places import plain
from trafficfed.errors import ConfigError
from trafficfed.vantage.file import load

GOOD = """\
prober:
  name: eu-1
  cluster: eu
  region: europe
  controllers: [192.0.2.10:9053, controller.example.org:9053]
  key-file: ./feed.key
  metrics: 127.0.0.1:9100
log: {level: debug, format: json}
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "feed.key"
    file.touch(mode=0o600)
    file.write_text("k" * 32 + "\n")
    return file


def mistakes(folder: Path, text: str) -> list[str]:
    file = folder / "prober.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as told:
        load(file, {})
    return [line.removeprefix(f"{file}:") for line in str(told.value).splitlines()]


def test_a_good_file_becomes_settings(tmp_path: Path, key: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(GOOD)
    settings = load(file, {})
    assert (settings.name, settings.cluster, settings.region) == ("eu-1", "eu", "europe")
    assert settings.controllers == ("192.0.2.10:9053", "controller.example.org:9053")
    assert settings.key == b"k" * 32, "without the white space around it"
    assert (settings.metrics, settings.level, settings.format, settings.warnings) == (
        "127.0.0.1:9100",
        "debug",
        "json",
        (),
    )


def test_what_may_be_left_out_is_empty(tmp_path: Path, key: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text("prober: {name: eu-1, controllers: 192.0.2.10:9053, key-file: feed.key}\n")
    settings = load(file, {})
    assert (settings.cluster, settings.region, settings.metrics) == ("", "", "")
    assert settings.controllers == ("192.0.2.10:9053",), "one may stand without brackets"


def test_home_is_the_users(tmp_path: Path, key: Path) -> None:
    file = tmp_path / "elsewhere" / "prober.yaml"
    file.parent.mkdir()
    file.write_text("prober: {name: eu-1, controllers: 192.0.2.10:9053, key-file: ~/feed.key}\n")
    assert load(file, {"HOME": str(tmp_path)}).key == b"k" * 32


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = "prober:\n  name: eu 1\n  controler: x\n  controllers: []\n  metrics: here\nlog: {level: loud}\n"
    assert mistakes(tmp_path, text) == [
        "1: prober.key-file: is missing; write it, for example key-file: ./feed.key",
        "2: prober.name: 'eu 1' is no name; use up to 63 letters, digits, '-', '_' and '.' (quote what YAML reads as a "
        "number)",
        "3: prober.controler: is not a known key; did you mean 'controllers'?",
        "4: prober.controllers: is empty; write at least one",
        "5: prober.metrics: 'here' is no address with a port; write it like 127.0.0.1:8080 or [::1]:8080",
        "6: log.level: is not known here; write one of 'debug', 'info', 'warning', 'error'",
    ]


@pytest.mark.parametrize(
    ("controllers", "told"),
    [
        (
            "[192.0.2.1:9053, 192.0.2.1:9053]",
            "5: prober.controllers[1]: 192.0.2.1:9053 is written twice; keep one of them",
        ),
        ("[192.0.2.1:0]", "5: prober.controllers[0]: 192.0.2.1:0 has no port to connect to; write 1 to 65535"),
    ],
)
def test_controllers_that_cannot_be_meant(tmp_path: Path, key: Path, controllers: str, told: str) -> None:
    good = GOOD.replace("[192.0.2.10:9053, controller.example.org:9053]", controllers)
    assert mistakes(tmp_path, good) == [told]


def test_a_key_that_is_not_there_or_too_short(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD) == [
        "6: prober.key-file: names ./feed.key, which is no file; copy it from the controllers' side"
    ]
    (tmp_path / "feed.key").write_text("short")
    assert mistakes(tmp_path, GOOD) == [
        "6: prober.key-file: names ./feed.key, whose key is shorter than 16 octets; copy the whole of it"
    ]


def test_a_key_everybody_can_read_is_warned_of(tmp_path: Path, key: Path) -> None:
    key.chmod(0o644)
    file = tmp_path / "prober.yaml"
    file.write_text(GOOD)
    (warning,) = load(file, {}).warnings
    assert warning.startswith(f"{file}:6: prober.key-file:")
    assert "chmod 600" in warning


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1: holds no section; start it with prober:"),
        ("- prober\n", "1: holds no section; start it with prober:"),
        ("prober: [\n", ": is no YAML: "),
        ("prober: {name: a, name: b}\n", "is written twice"),
        ("controller: {}\n", "1: controller: is not a known key"),
    ],
)
def test_what_is_no_such_file_at_all(tmp_path: Path, text: str, told: str) -> None:
    assert any(told in f":{line}" for line in mistakes(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read"):
        load(tmp_path / "absent.yaml", {})


def test_a_binary_file_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_bytes(b"prober: \xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(file, {})


def test_the_key_shows_in_no_repr(tmp_path: Path, key: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(GOOD)
    assert "kkkk" not in repr(load(file, {}))
    assert plain("192.0.2.10:9053") == "192.0.2.10:9053", "an address with a port needs no quotes"
