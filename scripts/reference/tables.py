"""Where a generated table stands in a page, and how it gets there: below ``<!-- table: NAME -->``, up to the next line
that belongs to no table."""

import re
from collections.abc import Callable, Iterable

MARK = re.compile(r"^<!-- table: (?P<name>[a-z -]+) -->\n\n(?:\|.*\n)*", re.MULTILINE)


def rewritten(text: str, table: Callable[[str], str]) -> str:
    """The page with every marked table made anew; ``table`` raises KeyError for a name it does not know.

    >>> rewritten("<!-- table: x -->\\n\\n| old |\\n\\nAnd on.\\n", "| new {} |\\n".format)
    '<!-- table: x -->\\n\\n| new x |\\n\\nAnd on.\\n'
    """
    return MARK.sub(lambda found: f"<!-- table: {found['name']} -->\n\n{table(found['name'])}", text)


def drawn(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table as Markdown.

    >>> print(drawn(("key", "meaning"), [("`a`", "x | y"), ("`b`", "")]), end="")
    | key | meaning |
    |---|---|
    | `a` | x \\| y |
    | `b` | |
    """
    rule = "|" + "---|" * len(titles) + "\n"
    return _line(titles) + rule + "".join(map(_line, rows))


def _line(cells: tuple[str, ...]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in (cell.replace("|", "\\|") for cell in cells)) + "|\n"
