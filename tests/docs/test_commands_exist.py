"""Every command line that a page shows names targets, sub-commands, options and scripts that there are."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from trafficfed.cli.commands import ALL
from trafficfed.testing.pages import ROOT, Page, code, page, pages

COMMANDS = {command.name: command for command in ALL}
TARGETS = frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
HELP = frozenset({"-h", "--help"})


def lines(where: Page) -> Iterator[str]:
    """What is typed in the page's console blocks, each command of a pipe or list on its own."""
    for fence in where.fences:
        if fence.language == "console":
            for line in fence.text.replace("\\\n", " ").splitlines():
                if line.startswith("$ "):
                    yield from re.split(r" (?:\||&&|;) ", line[2:])


def wrong(line: str) -> str:
    """What a command line names that is not there, empty where all is."""
    program, *arguments = shlex.split(line, comments=True) or [""]
    if program == "make":
        unknown = [each for each in arguments if "=" not in each and each not in TARGETS]
    elif program.rpartition("/")[2] == "trafficfed":
        return wrong_arguments(arguments)
    elif "/" in program and not program.startswith("/"):
        unknown = [] if (ROOT / program).is_file() else [program]
    else:
        unknown = []
    return " ".join(unknown)


def wrong_arguments(arguments: list[str]) -> str:
    given = [each.partition("=")[0] for each in arguments if each.startswith("-")]
    if not arguments or arguments[0] in HELP:
        return ""
    command = COMMANDS.get(arguments[0])
    if command is None:
        return arguments[0]
    known = {name for each in command.params if isinstance(each, click.Option) for name in each.opts} | HELP
    return " ".join(sorted({*given} - known))


@pytest.mark.parametrize("each", pages(), ids=lambda each: each.name)
def test_every_console_line_names_what_there_is(each: Page) -> None:
    assert {line: found for line in lines(each) if (found := wrong(line))} == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("make nonsense", "nonsense"),
        ("make test ARGS=-x", ""),
        ("trafficfed lanp", "lanp"),
        (".venv/bin/trafficfed plan --colour", "--colour"),
        ("trafficfed status --watch -o json", ""),
        ("scripts/none", "scripts/none"),
        ("kubectl get services", ""),
    ],
)
def test_what_is_not_there_is_found(line: str, found: str) -> None:
    assert wrong(line) == found


def test_every_command_of_a_pipe_is_looked_at() -> None:
    where = Page("x.md", "```console\n$ make demo && trafficfed status\noutput: make nonsense\n```\n")
    assert list(lines(where)) == ["make demo", "trafficfed status"]


def test_the_readme_shows_commands_at_all() -> None:
    shown = {tuple(line.split()[:2]) for line in lines(page("README.md"))}
    assert shown >= {("make", "demo"), ("make", "test"), ("trafficfed", "run"), ("trafficfed", "nameserver")}


def test_the_readmes_table_has_every_sub_command() -> None:
    rows = page("README.md").tables("command", "what it does")
    assert {code(row[0]).split()[1] for row in rows} == set(COMMANDS)


def test_the_readmes_table_has_every_target() -> None:
    rows = page("README.md").tables("target", "what it does")
    assert {code(row[0]).split()[1] for row in rows} == TARGETS - {"setup-tests"}


def test_every_command_that_prose_names_is_one() -> None:
    """In running text a command stands as code that begins with the program's name."""
    found = {
        named[1]
        for each in pages()
        for named in re.finditer(r"`trafficfed ([a-z][a-z-]*)[ `]", each.prose)
        if named[1] not in COMMANDS
    }
    assert found == set()
