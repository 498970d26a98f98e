"""What an expression may cost, as far as its text tells: loops within loops. What it costs when it runs is limited by
whoever evaluates it."""

from collections.abc import Iterator

from trafficfed.baseline.problem import Problem

LOOPS = frozenset(("all", "exists", "exists_one", "existsOne", "map", "filter"))
"""CEL's macros that go through a list (language definition, "Macros")."""

DEEPEST = 3
"""A loop in a loop in a loop: each goes through as much as the object has, so a fourth costs what a bomb costs."""


def too_deep(expression: str) -> Problem | None:
    """The first loop that is within more of them than are allowed.

    >>> too_deep("object.a.all(a, a.b.all(b, b.c.all(c, c.d.all(d, d > 0))))").column
    43
    >>> too_deep("object.a.all(a, a.startsWith('x.all(y.all(z.all(')))") is None
    True
    """
    open_loops: list[bool] = []
    for line, column, word, is_call in _calls(expression):
        if not is_call:
            if word == "(":
                open_loops.append(False)
            elif open_loops:
                open_loops.pop()
            continue
        loops = word in LOOPS
        if loops and sum(open_loops) >= DEEPEST:
            said = f"{word} is the fourth loop within the others: at most {DEEPEST} may be, or it costs too much"
            return Problem(line=line, column=column, message=said)
        open_loops.append(loops)
    return None


def _calls(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Line and column of every parenthesis outside of literals and comments, with the method that it is a call of."""
    at, line, begun = 0, 1, 0
    while at < len(text):
        letter = text[at]
        if letter == "\n":
            line, begun = line + 1, at + 1
        elif letter in "'\"":
            end = _end_of_literal(text, at)
            if "\n" in text[at:end]:
                line += text.count("\n", at, end)
                begun = text.rfind("\n", at, end) + 1
            at = end
            continue
        elif text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        elif letter == ")":
            yield line, at - begun + 1, ")", False
        elif letter == "(":
            word = _word_before(text, at)
            yield line, at - begun + 1 - len(word), word or "(", bool(word)
        at += 1


def _word_before(text: str, at: int) -> str:
    """Of a method call, its name: ``all`` of ``x.all(``."""
    start = at
    while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    return text[start:at] if start and text[start - 1] == "." else ""


def _end_of_literal(text: str, at: int) -> int:
    raw = at > 0 and text[at - 1] in "rR"
    quote = text[at : at + 3] if text[at : at + 3] in ("'''", '"""') else text[at]
    at += len(quote)
    while at < len(text) and not text.startswith(quote, at):
        at += 2 if text[at] == "\\" and not raw else 1
    return at + len(quote)
