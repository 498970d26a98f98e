"""The fleet on one screen, drawn again and again, with keys to look around."""

import os
import re
import select
import shutil
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trafficfed.cli.configured import settings_of
from trafficfed.cli.controller import Controller
from trafficfed.cli.failures import Unreachable
from trafficfed.cli.output import Screen
from trafficfed.cli.overview import overview
from trafficfed.cli.sheet import Sheet
from trafficfed.cli.tables import Cell
from trafficfed.errors import ConfigError
from trafficfed.model import Value
from trafficfed.observe.views import StatusView

_ANOTHER_SCREEN, _BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
MOVES = {
    "\x1b[A": -1,
    "k": -1,
    "\x1b[B": 1,
    "j": 1,
    "\x1b[5~": -20,
    "\x1b[6~": 20,
    " ": 20,
    "\x1b[H": -(10**9),
    "g": -(10**9),
}
ENDS = frozenset({"q", "Q", "\x03", "\x04", "\x1b"})


class Looking(Value, frozen=True):
    """What is looked at: the first service shown, and whether only what is amiss is."""

    first: int = 0
    amiss: bool = False

    def after(self, key: str) -> "Looking":
        """What a key leads to; keys that mean nothing lead nowhere.

        >>> Looking(3).after("j"), Looking(0).after("k"), Looking(3).after("p")
        (Looking(first=4, amiss=False), Looking(first=0, amiss=False), Looking(first=0, amiss=True))
        """
        if key == "p":
            return Looking(0, not self.amiss)
        return Looking(max(0, self.first + MOVES.get(key, 0)), self.amiss)


def top(config: Path, every_s: float) -> int:
    """Draw until a key ends it. Raises ConfigError where there is no terminal to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("top needs a terminal; in a pipe, use status")
    controller, looking, view, trouble = (
        Controller(settings_of(config).api),
        Looking(),
        StatusView(owner="", at_s=0.0),
        "",
    )
    with _screen(sys.stdin.fileno()):
        while True:
            try:
                view, trouble = controller.get("/api/status", StatusView), ""
            except Unreachable as error:
                trouble = str(error)
            ends, looking = _until_next(view, trouble, looking, every_s)
            if ends:
                return 0


def _until_next(view: StatusView, trouble: str, looking: Looking, every_s: float) -> tuple[bool, Looking]:
    """Draw one view, and again at each key, until it is time for the next one or a key ends it all."""
    while True:
        looking = _draw(view, trouble, looking)
        if not (pressed := _keys(every_s)):
            return False, looking
        for key in pressed:
            if key in ENDS:
                return True, looking
            looking = looking.after(key)


def _draw(view: StatusView, trouble: str, looking: Looking) -> Looking:
    width, height = shutil.get_terminal_size()
    screen = Screen.of_terminal(os.environ)
    lines = overview(view, width, height, screen.paint, looking.first, amiss=looking.amiss)
    if trouble:
        lines[0] = Sheet(width, screen.paint).text(Cell(trouble, "bad"))
    sys.stdout.write(_HOME + f"{_REST_OF_LINE}\r\n".join(lines) + _REST_OF_LINE + _REST)
    sys.stdout.flush()
    return looking if looking.first < len(view.services) else Looking(max(0, len(view.services) - 1), looking.amiss)


def _keys(within_s: float) -> list[str]:
    """The keys pressed, none where none is in time; the end of the terminal is an order to end."""
    stdin = sys.stdin.fileno()
    ready, _, _ = select.select([stdin], [], [], within_s)
    return keys(os.read(stdin, 32).decode(errors="replace")) if ready else []


def keys(read: str) -> list[str]:
    """Single keys; a function key arrives as one sequence that begins with Escape.

    >>> keys("jq"), keys("\\x1b[A\\x1b[5~"), keys("")
    (['j', 'q'], ['\\x1b[A', '\\x1b[5~'], ['q'])
    """
    return re.findall(r"\x1b\[[0-9;]*[A-Za-z~]|.", read, re.DOTALL) or ["q"]


@contextmanager
def _screen(terminal: int) -> Iterator[None]:
    """Keys come at once and unseen, on a screen of its own; the user's is as before afterwards."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        sys.stdout.write(_ANOTHER_SCREEN)
        yield
    finally:
        sys.stdout.write(_BACK)
        sys.stdout.flush()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
