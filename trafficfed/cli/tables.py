"""Text laid out in columns that fit a width, with colours where they are wanted."""

from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import combining, east_asian_width

_ANSI = {"good": "32", "bad": "31", "doubt": "33", "dim": "2", "title": "1"}
_GAP = 2
_NARROWEST = 5  # a column cut below this tells nothing any more


class Paint(NamedTuple):
    """Colours text, or leaves it as it is."""

    on: bool

    def __call__(self, text: str, style: str) -> str:
        code = _ANSI.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and code and text.strip() else text


class Cell(NamedTuple):
    """Text with a style: good, bad, doubt, dim, title or none."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


def table(titles: Sequence[str], rows: Sequence[Row], width: int, paint: Paint, indent: str = "") -> list[str]:
    """Lines of a table, none longer than ``width`` (0 = any length); columns that are empty throughout are left out.

    >>> table(["NAME", "AGE"], [["eu", "3 s"], ["us-east", "12 s"]], 0, Paint(on=False))
    ['NAME     AGE', 'eu       3 s', 'us-east  12 s']
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    cells = [[Cell(clean(cell.text), cell.style) for cell in row] for row in cells]
    used = [at for at in range(len(titles)) if any(row[at].text for row in cells)]
    head = [[Cell(titles[at], "dim") for at in used]] if any(titles) else []
    grid = [*head, *([row[at] for at in used] for row in cells)]
    widths = fitted([max(columns(row[at].text) for row in grid) for at in range(len(used))], width - len(indent))
    return [indent + _line(row, widths, paint) for row in grid]


def fitted(natural: Sequence[int], width: int) -> list[int]:
    """Column widths that together, gaps included, fit: the widest columns give way first.

    >>> fitted([4, 30, 10], 30), fitted([4, 30], 0)
    ([4, 12, 10], [4, 30])
    """
    widths = list(natural)
    room = width - _GAP * (len(widths) - 1)
    while width > 0 and sum(widths) > room and max(widths) > _NARROWEST:
        widest = widths.index(max(widths))
        others = sorted(widths)[-2] if len(widths) > 1 else _NARROWEST
        excess = sum(widths) - room
        widths[widest] = max(widths[widest] - excess, min(others, widths[widest] - 1), _NARROWEST)
    return widths


def _line(row: Sequence[Cell], widths: Sequence[int], paint: Paint) -> str:
    last = max((at for at, cell in enumerate(row) if cell.text), default=0)
    parts = []
    for at, (cell, width) in enumerate(zip(row, widths, strict=True)):
        text = cut(cell.text, width)
        if at <= last:
            parts.append(paint(text, cell.style) + (" " * (width - columns(text)) if at < last else ""))
    return (" " * _GAP).join(parts)


def cut(text: str, width: int) -> str:
    """At most ``width`` columns, what is missing shown by an ellipsis; 0 = all of it.

    >>> cut("a long sentence", 7), cut("short", 0), cut("\u6771\u4eac\u90fd", 4)
    ('a long…', 'short', '\u6771…')
    """
    if width <= 0 or columns(text) <= width:
        return text
    room, shown = width - 1, ""
    for each in text:
        room -= columns(each)
        if room < 0:
            break
        shown += each
    return shown.rstrip() + "…"


def columns(text: str) -> int:
    """The columns of a terminal that a text takes: two for what is wide in East Asia, none for what combines
    (Unicode Standard Annex 11).

    >>> columns("eu-1"), columns("\u6771\u4eac"), columns("e\u0301")
    (4, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(each) in "WF" else 0 if combining(each) else 1 for each in text)


def clean(text: str) -> str:
    """One line without control characters: what comes from members must not steer a terminal.

    >>> clean("a\\x1b[31mb\\nc")
    'a?[31mb c'
    """
    return "".join(" " if each.isspace() else each if each.isprintable() else "?" for each in text)
