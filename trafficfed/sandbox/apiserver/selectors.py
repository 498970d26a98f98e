"""Label and field selectors, as query parameters spell them."""

import re
from collections.abc import Callable, Iterator

from trafficfed.model import Value
from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.kinds import Json, Kind

KEY = r"(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
SETS = re.compile(rf"({KEY})\s+(in|notin)\s+\(([^)]*)\)")
EQUALS = re.compile(rf"({KEY})\s*(==|=|!=)\s*([A-Za-z0-9_.-]*)")
EXISTS = re.compile(rf"(!?)\s*({KEY})")
# Fields that compare as a word where they are absent.
ABSENT = {"spec.unschedulable": "false"}
Test = Callable[[Json], bool]


class Requirement(Value, frozen=True):
    """One condition on a label or field: ``values`` None asks whether the key is there at all."""

    key: str
    values: tuple[str, ...] | None
    negated: bool = False

    def holds(self, value: str | None) -> bool:
        """
        >>> Requirement("a", ("1", "2")).holds("1"), Requirement("a", ("1",), negated=True).holds(None)
        (True, True)
        """
        found = value is not None if self.values is None else value in self.values
        return found != self.negated


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Raises ApiFailure 400 where it is no label selector.

    >>> parse_labels("tier in (a, b),!old")[1]
    Requirement(key='old', values=None, negated=True)
    """
    return tuple(_parse_label(part) for part in _split(text))


def _split(text: str) -> Iterator[str]:
    for part in re.split(r",(?![^(]*\))", text):
        if part.strip():
            yield part.strip()


def _parse_label(text: str) -> Requirement:
    if match := SETS.fullmatch(text):
        values = tuple(value.strip() for value in match[3].split(","))
        return Requirement(match[1], values, match[2] == "notin")
    if match := EQUALS.fullmatch(text):
        return Requirement(match[1], (match[3],), match[2] == "!=")
    if match := EXISTS.fullmatch(text):
        return Requirement(match[2], None, bool(match[1]))
    raise failures.bad_request(f"unable to parse requirement: {text!r} is no label selector")


def parse_fields(kind: Kind, text: str) -> tuple[Requirement, ...]:
    """Raises ApiFailure 400 for a field that this kind cannot be selected by."""
    found = []
    for part in _split(text):
        key, operator, value = re.match(r"([^=!]*)(==|=|!=|)(.*)", part).groups()  # type: ignore[union-attr]
        if not operator:
            raise failures.bad_request(f"invalid selector: {part!r}; can't understand {part!r}")
        if key not in kind.selectable:
            raise failures.bad_request(f"field label not supported: {key}")
        found.append(Requirement(key, (value,), operator == "!="))
    return tuple(found)


def matcher(kind: Kind, labels: str, fields: str) -> Test | None:
    """A test of objects against both selectors; None where they select everything."""
    by_label, by_field = parse_labels(labels), parse_fields(kind, fields)
    if not by_label and not by_field:
        return None
    paths = kind.selectable

    def test(value: Json) -> bool:
        own = value["metadata"].get("labels") or {}
        return all(one.holds(own.get(one.key)) for one in by_label) and all(
            one.holds(_text_at(value, paths[one.key]) or ABSENT.get(one.key, "")) for one in by_field
        )

    return test


def _text_at(value: Json, path: tuple[str, ...]) -> str:
    """A field as selectors compare it: absent ones are empty, booleans are words."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None  # type: ignore[assignment]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
