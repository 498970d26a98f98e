"""The part of kubectl's JSONPath that printer columns use: fields, indices, and items chosen by one of their fields."""

import re
from typing import Any

from trafficfed.sandbox.apiserver.kinds import Json

STEP = re.compile(
    r"""\.(?P<name>[A-Za-z0-9_-]+|\*)
    |\[(?P<index>\d+|\*)\]
    |\['(?P<key>[^']+)'\]
    |\[\?\(@\.(?P<field>[A-Za-z0-9_.-]+)\s*==\s*(?P<quote>["'])(?P<value>[^"']*)(?P=quote)\)\]""",
    re.VERBOSE,
)


def is_understood(path: str) -> bool:
    """
    >>> is_understood('.status.conditions[?(@.type=="Ready")].status'), is_understood("status[1:2]")
    (True, False)
    """
    return bool(path) and not STEP.sub("", path)


def first(path: str, value: Json) -> Any:
    """The first value at a path that is understood; None where there is none.

    >>> first(".spec.names[0]", {"spec": {"names": ["a", "b"]}}), first(".spec.no[0]", {"spec": {}})
    ('a', None)
    """
    found: list[Any] = [value]
    for step in STEP.finditer(path):
        found = [inner for one in found for inner in _below(one, step)]
    return found[0] if found else None


def _below(value: Any, step: re.Match[str]) -> list[Any]:
    if step["field"]:
        items = value if isinstance(value, list) else []
        return [item for item in items if isinstance(item, dict) and str(item.get(step["field"])) == step["value"]]
    if step["index"]:
        items = value if isinstance(value, list) else []
        return items if step["index"] == "*" else items[int(step["index"]) :][:1]
    fields = value if isinstance(value, dict) else {}
    if step["name"] == "*":
        return list(fields.values())
    key = step["name"] or step["key"]
    return [fields[key]] if fields.get(key) is not None else []
