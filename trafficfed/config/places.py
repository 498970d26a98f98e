"""YAML text -> plain data plus the line of every key, so that each mistake can name its place.

Scalars follow YAML 1.2's core schema: ``NO`` is Norway, ``on`` is a word and ``2026-01-01`` a string; only what
everybody reads as a number or a truth value becomes one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

Path = tuple[str | int, ...]

_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_TRUTH = {"true": True, "false": False}
_NULL = {"", "~", "null"}


class Mistake(NamedTuple):
    """One thing wrong: where in the document, and a sentence that says what and how to fix it.

    ``line`` 0 means the line of the path.
    """

    path: Path
    text: str
    line: int = 0


class Document(NamedTuple):
    """A parsed file. ``lines`` counts from 1; ``mistakes`` are what YAML itself lets pass but we do not."""

    data: object
    lines: Mapping[Path, int]
    mistakes: tuple[Mistake, ...] = ()

    def line(self, path: Path) -> int:
        """The line of a path, or of its nearest ancestor that is written down."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class Syntax(ValueError):
    """The text is no YAML; ``line`` is where the parser gave up."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def dotted(path: Path) -> str:
    """A path as people write it.

    >>> dotted(("clusters", 0, "name"))
    'clusters[0].name'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(text: str) -> Document:
    """Parse one YAML document; raises Syntax where it is none."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)  # libyaml, where present, is ten times as fast
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Syntax(mark.line + 1 if mark else 1, f"{error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        raise Syntax(1, f"a character that YAML does not allow at offset {error.position}") from None
    finally:
        loader.dispose()
    return _Reader().document(node)


class _Reader:
    """One walk over the nodes of one document."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.mistakes: list[Mistake] = []
        self.open: set[int] = set()

    def document(self, node: yaml.Node | None) -> Document:
        data = None if node is None else self.value(node, ())
        return Document(data, self.lines, tuple(self.mistakes))

    def value(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.open:
            self.mistakes.append(Mistake(path, "refers to itself; write the value out"))
            return None
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, at)) for at, item in enumerate(node.value)]
            return self.mapping(node, path)
        finally:
            self.open.discard(id(node))

    def mapping(self, node: yaml.Node, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, child in self.pairs(node, path):
            here = (*path, key.value)
            if key.value in found:
                text = f"is written twice, first on line {self.lines[here]}; keep one of them"
                self.mistakes.append(Mistake(here, text, key.start_mark.line + 1))
                continue
            self.lines[here] = key.start_mark.line + 1
            found[key.value] = self.value(child, here)
        return found

    def pairs(self, node: yaml.Node, path: Path) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, child in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                yield key, child
            else:
                self.mistakes.append(Mistake(path, "has a key that is no plain word; keys are names without << or ?"))

    def scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self.mistakes.append(Mistake(path, f"has the tag {node.tag}; write a plain value"))
            return None
        text: str = node.value
        return text if node.style else plain(text)  # a plain scalar has no style: None, or "" from libyaml


def plain(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means.

    >>> plain("10"), plain("2.5"), plain("true"), plain("NO"), plain("~"), plain("0123"), plain("127.0.0.1:53")
    (10, 2.5, True, 'NO', None, '0123', '127.0.0.1:53')
    """
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
