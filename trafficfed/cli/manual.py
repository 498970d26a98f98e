"""The page of all commands, made from what their ``--help`` says.

python -m trafficfed.cli.manual > docs/commands.md
"""

import re
from collections.abc import Iterator

import click

from trafficfed.cli.commands import ALL

INTRODUCTION = """\
# Commands

Made from `trafficfed COMMAND --help`. `kubectl trafficfed COMMAND` is the same.

- Tables fit the terminal: what is cut ends in `…`. In a pipe, and with `--output wide`, nothing is cut.
- Colours are for terminals only, and not where `NO_COLOR` is set.
- `--output json` and `yaml` have every field, moments as UTC seconds since 1970.
- The controller is asked at `api` of the configuration file. Orders need the token in the state folder, so they are
  given where the controller runs, as its user.

| exit code | meaning |
|---|---|
| 0 | all went well |
| 1 | a difference or a problem was found, or something failed |
| 2 | the command line or the configuration is wrong |
| 3 | the controller could not be reached |
| 130 | interrupted |
"""


def manual() -> str:
    """The whole page, as Markdown."""
    return "\n".join([INTRODUCTION, *(line for command in ALL for line in _command(command))])


def _command(command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"trafficfed {command.name}")
    yield f"## {command.name}"
    yield ""
    yield f"`{' '.join(('trafficfed', str(command.name), *command.collect_usage_pieces(context)))}`"
    yield ""
    yield from _text(command.help or "")
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        yield from ("| option | meaning |", "|---|---|")
        yield from (_option(each, context) for each in options)
        yield ""


def _text(text: str) -> Iterator[str]:
    """Paragraphs as they are, but for those that click was told to leave alone: how it ends, and the examples."""
    for paragraph in re.split(r"\n\s*\n|\n\s*(?=\x08)", text.strip()):
        lines = [line.strip() for line in paragraph.replace("\x08", "").strip().splitlines()]
        if lines[0].startswith("Example"):
            yield from ("```sh", *lines[1:], "```")
        else:
            yield from lines
        yield ""


def _option(option: click.Option, context: click.Context) -> str:
    names, meaning = option.get_help_record(context) or ("", "")
    names, meaning = names.replace("|", "\\|"), " ".join(meaning.split()).replace("|", "\\|")
    return f"| `{names}` | {meaning} |"


if __name__ == "__main__":
    click.echo(manual(), nl=False)
