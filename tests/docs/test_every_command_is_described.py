"""docs/commands.md says of every command what its ``--help`` says, and is made anew by one command line."""

import shlex
import subprocess
import sys
from itertools import takewhile

import click
import pytest

from trafficfed.cli.commands import ALL
from trafficfed.cli.group import EPILOG
from trafficfed.cli.manual import manual
from trafficfed.testing.pages import ROOT, Page, page

PAGE = page("docs/commands.md")
BY_NAME = pytest.mark.parametrize("command", ALL, ids=lambda command: str(command.name))


def section(command: click.Command) -> str:
    return PAGE.text.partition(f"\n## {command.name}\n")[2].partition("\n## ")[0]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.text == manual(), "make it anew: python -m trafficfed.cli.manual > docs/commands.md"


def test_it_is_printed_by_a_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trafficfed.cli.manual"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == manual()


@BY_NAME
def test_every_option_is_in_its_commands_table(command: click.Command) -> None:
    for option in command.params:
        if isinstance(option, click.Option):
            assert any(f"`{', '.join(sorted(option.opts, key=len))}" in line for line in section(command).splitlines())


@BY_NAME
def test_every_command_shows_examples_and_how_it_ends(command: click.Command) -> None:
    assert f"trafficfed {command.name}" in "".join(fence.text for fence in Page("s", section(command)).fences)
    assert "nds with 0" in section(command) or command.name == "version"
    assert "\x08" not in section(command)


def test_every_example_names_options_that_there_are() -> None:
    lines = [line for fence in PAGE.fences for line in fence.text.splitlines() if line.startswith("trafficfed ")]
    commands = {command.name: command for command in ALL}
    assert len(lines) > len(commands)
    for line in lines:
        _, name, *words = takewhile(lambda word: word not in ("|", "&&", ">"), shlex.split(line))
        known = {option for each in commands[name].params for option in each.opts}
        assert {word for word in words if word.startswith("-")} <= known, line


def test_the_exit_codes_are_those_of_the_group() -> None:
    table = {row[0]: row[1] for row in PAGE.tables("exit code", "meaning")}
    for code in ("0", "1", "2", "3"):
        assert f"  {code}  {table[code]}\n" in EPILOG
