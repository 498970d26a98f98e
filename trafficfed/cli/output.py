"""Views on standard output: as pages that fit the terminal, or encoded for programs."""

import os
import shutil
import sys
from collections.abc import Mapping
from typing import NamedTuple

import click
import msgspec

from trafficfed.cli.pages import page
from trafficfed.cli.tables import Paint
from trafficfed.observe.views import View


class Screen(NamedTuple):
    """Where pages go. ``width`` 0 means as wide as need be: what is piped on is never cut."""

    width: int = 0
    paint: Paint = Paint(on=False)
    terminal: bool = False

    @classmethod
    def of_terminal(cls, environ: Mapping[str, str]) -> "Screen":
        """What standard output is. Colours only on a terminal that wants them (https://no-color.org)."""
        if not sys.stdout.isatty():
            return cls()
        colours = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        return cls(shutil.get_terminal_size().columns, Paint(on=colours), terminal=True)

    def clear(self) -> None:
        """Start a page anew; in a pipe pages just follow each other."""
        if self.terminal:
            sys.stdout.write("\x1b[H\x1b[2J")


def write(view: View, output: str, screen: Screen) -> None:
    """Write one view and let it be seen at once."""
    try:
        sys.stdout.write(encoded(view, output, screen))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough; the interpreter's own flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None


def encoded(view: View, output: str, screen: Screen) -> str:
    """A view as table, wide (with all that is known, nothing cut), json or yaml; ends with a line break."""
    if output == "json":
        return msgspec.json.format(msgspec.json.encode(view), indent=2).decode() + "\n"
    if output == "yaml":
        import yaml

        return yaml.safe_dump(msgspec.to_builtins(view), sort_keys=False, allow_unicode=True)
    wide = output == "wide"
    return "".join(f"{line}\n" for line in page(view, 0 if wide else screen.width, screen.paint, wide=wide))
