"""The project's Markdown pages as its tests read them: links, headings, tables and fenced blocks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
"""The checkout that this package stands in."""

_PLACES = ("*.md", "docs/**/*.md", "providers/*.md", "healthchecks/*.md", "benchmarks/*.md", "deploy/*.md")
_FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^(?P<marks>#+) (?P<text>.+)$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"`([^`]*)`")


class Fence(NamedTuple):
    """One fenced block: its language, its text, and the line of the page that it begins on."""

    language: str
    text: str
    line: int


class Page(NamedTuple):
    """One page by its path within the checkout."""

    name: str
    text: str

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> tuple[str, ...]:
        """The targets of all links, as written."""
        return tuple(found["target"] for found in _LINK.finditer(self.prose))

    @property
    def anchors(self) -> frozenset[str]:
        """What a link's fragment may name: each heading as GitHub writes it."""
        return frozenset(slug(found["text"]) for found in _HEADING.finditer(self.prose))

    @property
    def fences(self) -> tuple[Fence, ...]:
        """The fenced blocks, in order."""
        return tuple(
            Fence(found["language"], found["text"], self.text.count("\n", 0, found.start()) + 1)
            for found in _FENCE.finditer(self.text)
        )

    def tables(self, *titles: str) -> Iterator[tuple[str, ...]]:
        """The rows of every table that has these columns and no others, cells without white space around them."""
        rows: tuple[str, ...] | None = None
        for line in self.prose.splitlines():
            if not line.startswith("|"):
                rows = None
                continue
            cells = tuple(cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1])
            if rows is None:
                rows = cells
            elif rows == titles and not all(re.fullmatch(r"-+", cell) for cell in cells):
                yield cells


def page(name: str) -> Page:
    """One page by its path within the checkout."""
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))


def pages() -> tuple[Page, ...]:
    """Every page of the project, by path."""
    found = {path for pattern in _PLACES for path in ROOT.glob(pattern)}
    return tuple(page(str(path.relative_to(ROOT))) for path in sorted(found))


def code(cell: str) -> str:
    """The first thing in a cell that is written as code, empty where there is none.

    >>> code("`owner`, or nothing"), code("none")
    ('owner', '')
    """
    found = _CODE.search(cell)
    return found[1] if found else ""


def slug(heading: str) -> str:
    """A heading as the fragment that leads to it.

    >>> slug("Two clusters, and a `BIND`")
    'two-clusters-and-a-bind'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
