"""Each command has help with an example and the exit codes it can end with."""

import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from trafficfed.cli.commands import ALL
from trafficfed.cli.group import trafficfed as group

CONTROLS = {"drain", "undrain", "shift", "unshift", "freeze", "unfreeze", "controls"}
WITH_OUTPUT = {"plan", "explain", "status", "confirm", "forget", "version", "events", "check", "audit"} | CONTROLS


def test_the_commands_are_those_of_the_manual() -> None:
    assert {command.name for command in ALL} == WITH_OUTPUT | {
        "run",
        "nameserver",
        "prober",
        "crds",
        "completion",
        "demo",
        "top",
    }
    assert set(group.commands) == {command.name for command in ALL}


@pytest.mark.parametrize("command", ALL, ids=lambda command: str(command.name))
def test_help_has_an_example_of_the_command(command: click.Command, trafficfed: Callable[..., object]) -> None:
    said = trafficfed(command.name, "--help")
    assert said.code == 0  # type: ignore[attr-defined]
    text = said.out  # type: ignore[attr-defined]
    assert "Example" in text
    assert f"trafficfed {command.name}" in text.partition("Example")[2]


@pytest.mark.parametrize("command", [each for each in ALL if each.name != "version"], ids=lambda each: str(each.name))
def test_help_says_how_it_can_end(command: click.Command) -> None:
    assert "nds with 0" in (command.help or "")


@pytest.mark.parametrize("command", ALL, ids=lambda command: str(command.name))
def test_short_help_is_never_cut(command: click.Command) -> None:
    assert command.short_help
    assert command.get_short_help_str(limit=60) == command.short_help


@pytest.mark.parametrize("command", ALL, ids=lambda command: str(command.name))
def test_what_shows_something_can_show_it_to_programs(command: click.Command) -> None:
    options = {name: option for option in command.params for name in option.opts}
    assert ("--output" in options) == (command.name in WITH_OUTPUT)
    if "--output" in options:
        kind = options["--output"].type
        assert isinstance(kind, click.Choice)
        assert tuple(kind.choices) == ("table", "wide", "json", "yaml")


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trafficfed", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("Usage: trafficfed")
    assert "Exit codes:" in done.stdout
