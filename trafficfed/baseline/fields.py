"""Whether an object has the fields that it must have, and where it differs first."""

from collections.abc import Mapping
from typing import Any

from trafficfed.model import Value

SERVERS_OWN = frozenset(("status", "metadata", "apiVersion", "kind"))
"""Fields at the root of an object that an exact template says nothing about beyond what it states."""


class Difference(Value, frozen=True, kw_only=True):
    """``path`` is where, written as kubectl explains fields: ``spec.ports[0].port``; empty = the object as a whole."""

    path: str
    message: str


def difference(wanted: Mapping[str, Any], found: Mapping[str, Any], *, exact: bool = False) -> Difference | None:
    """The first field of ``found`` that is not as ``wanted`` has it; None where all are.

    At least: each entry of a wanted list must be covered by some entry that is there. Exact: lists are whole, and
    objects beneath the root have no further fields; metadata, status and other fields of the root are free.

    >>> difference({"spec": {"a": [1]}}, {"spec": {"a": [2, 1], "b": 0}}) is None
    True
    >>> difference({"spec": {"a": [1]}}, {"spec": {"a": [2, 1]}}, exact=True)
    Difference(path='spec.a', message='has 2 entries, must have 1')
    """
    for name, value in wanted.items():
        if name not in found:
            return Difference(path=name, message=f"is not there, must be {_told(value)}")
        whole = exact and name not in SERVERS_OWN
        if (differs := _differs(value, found[name], name, exact=whole)) is not None:
            return differs
    return None


def _differs(wanted: Any, found: Any, path: str, *, exact: bool) -> Difference | None:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return _of_fields(wanted, found, path, exact=exact)
    if isinstance(wanted, list) and isinstance(found, list):
        return _of_entries(wanted, found, path, exact=exact)
    if wanted == found and isinstance(wanted, bool) == isinstance(found, bool):
        return None
    return Difference(path=path, message=f"is {_told(found)}, must be {_told(wanted)}")


def _of_fields(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str, *, exact: bool) -> Difference | None:
    for name, value in wanted.items():
        at = f"{path}.{name}"
        if name not in found:
            return Difference(path=at, message=f"is not there, must be {_told(value)}")
        if (differs := _differs(value, found[name], at, exact=exact)) is not None:
            return differs
    if exact and (more := sorted(found.keys() - wanted.keys())):
        return Difference(path=f"{path}.{more[0]}", message="must not be there")
    return None


def _of_entries(wanted: list[Any], found: list[Any], path: str, *, exact: bool) -> Difference | None:
    if exact:
        if len(wanted) != len(found):
            return Difference(path=path, message=f"has {len(found)} entries, must have {len(wanted)}")
        pairs = enumerate(zip(wanted, found, strict=True))
        differing = (_differs(want, has, f"{path}[{at}]", exact=True) for at, (want, has) in pairs)
        return next((each for each in differing if each is not None), None)
    for want in wanted:
        if all(_differs(want, has, path, exact=False) is not None for has in found):
            return Difference(path=path, message=f"has no entry {_told(want)}")
    return None


def _told(value: Any) -> str:
    """Short: messages stand in tables."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
