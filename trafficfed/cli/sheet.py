"""What every page is laid out with: lines of styled text, tables and sections, within one width."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from trafficfed.cli.tables import Cell, Paint, clean, columns, cut, table

STYLES = {
    "Serving": "good",
    "NotServing": "bad",
    "Unknown": "doubt",
    "Fresh": "good",
    "Stale": "doubt",
    "Suspect": "bad",
    "Ready": "good",
    "Feeding": "good",
    "Loading": "doubt",
    "Failing": "bad",
    "create": "good",
    "update": "doubt",
    "delete": "bad",
    "apply": "good",
    "release": "doubt",
}


class Sheet:
    """The parts all pages share: a width (0 = any), colours, and whether columns beyond the usual are wanted."""

    def __init__(self, width: int, paint: Paint, *, wide: bool = False) -> None:
        self.width = width
        self.paint = paint
        self.wide = wide

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str | Cell]], indent: str = "") -> Iterator[str]:
        yield from table(titles, rows, self.width, self.paint, indent)

    def section(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str | Cell]]) -> Iterator[str]:
        if rows:
            yield ""
            yield self.paint(title, "title")
            yield from self.table(titles, rows)

    def text(self, *parts: str | Cell) -> str:
        """One line of styled parts, cut to the width as a whole."""
        left = self.width
        shown = []
        for part in parts:
            cell = part if isinstance(part, Cell) else Cell(part)
            text = cut(clean(cell.text), left)
            shown.append(self.paint(text, cell.style))
            if self.width and (left := left - columns(text)) <= 0:
                break
        return "".join(shown)


def styled(word: str) -> Cell:
    """A word in the colour of what it means."""
    return Cell(word, STYLES.get(word, ""))


def duration(seconds: float) -> str:
    """A length of time in its largest whole unit.

    >>> duration(5.2), duration(125), duration(7300), duration(200000)
    ('5s', '2m', '2h', '2d')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(0.0, seconds))}s"


def milliseconds(seconds: float) -> str:
    """A latency with three digits that matter.

    >>> milliseconds(0.0123456), milliseconds(0.25)
    ('12.3 ms', '250 ms')
    """
    return f"{seconds * 1000:.3g} ms"


def clock(at_s: float) -> str:
    """A moment as time of day, in UTC.

    >>> clock(3661.5)
    '01:01:01'
    """
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def moment(at_s: float) -> str:
    """A moment with its date, in UTC (RFC 3339).

    >>> moment(3661.5)
    '1970-01-01T01:01:01Z'
    """
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
