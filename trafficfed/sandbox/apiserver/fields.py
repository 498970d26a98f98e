"""Sets of field paths: what server-side apply tracks for each manager, and how two objects differ.

A path is a tuple of the elements of the FieldsV1 format: ``f:name`` for a field or map key, ``k:{...}`` for an item of
a list by its keys, ``v:...`` for a value in a set. A path in a set that also has longer paths below it stands for the
container itself (written ``.``). Format: structured-merge-diff, fieldpath/serialize-pe.go.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.sandbox.apiserver.schema import Merge, Schema

Path = tuple[str, ...]
Fields = frozenset[Path]
NONE: Fields = frozenset()


def item_element(merge: Merge, item: Any) -> str:
    """The path element of a list item.

    >>> item_element(Merge(("port", "protocol"), "port", (("protocol", "TCP"),)), {"port": 80})
    'k:{"port":80,"protocol":"TCP"}'
    """
    if merge.values:
        return "v:" + orjson.dumps(item).decode()
    keys = {key: item.get(key, dict(merge.defaults).get(key)) for key in merge.keys}
    return "k:" + orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()


def parts(schema: Schema, value: Any) -> Iterator[tuple[str, Schema, Any]]:
    """The parts of a granular value that can be managed apart, as (path element, schema, value)."""
    if schema.shape == "list":
        assert schema.items is not None
        for item in value:
            yield item_element(schema.merge, item), schema.items, item
    else:
        for key, one in value.items():
            yield f"f:{key}", schema.child(key), one


def fields_of(schema: Schema, value: Any, path: Path = (), containers: bool = False) -> Fields:
    """Every path of a value. ``containers``: maps and lists count themselves too, as they do in an update's diff."""
    if not schema.granular or not value:
        return frozenset({path})
    found = {path} if containers and schema.shape != "struct" else set()
    for element, inner, one in parts(schema, value):
        below = (*path, element)
        if element[0] in "kv":
            found.add(below)
        if element[0] != "v":
            found |= fields_of(inner, one, below, containers)
    return frozenset(found)


def difference(schema: Schema, old: Any, new: Any, path: Path = ()) -> tuple[Fields, Fields]:
    """(paths added or changed, paths removed) from one value to another."""
    if old == new:
        return NONE, NONE
    if not schema.granular or old is None or new is None:
        if new is None:
            return NONE, fields_of(schema, old, path, containers=True)
        return fields_of(schema, new, path, containers=True), NONE
    before = {element: (inner, one) for element, inner, one in parts(schema, old)}
    after = {element: (inner, one) for element, inner, one in parts(schema, new)}
    changed: set[Path] = set()
    removed: set[Path] = set()
    for element in before.keys() | after.keys():
        inner = (after.get(element) or before[element])[0]
        item = {(*path, element)} if element[0] in "kv" else set()
        if element not in before:
            changed |= item
        if element not in after:
            removed |= item
        if element[0] != "v":
            pair = before.get(element, (inner, None))[1], after.get(element, (inner, None))[1]
            more_changed, more_removed = difference(inner, *pair, (*path, element))
            changed |= more_changed
            removed |= more_removed
    return frozenset(changed), frozenset(removed)


def encode(fields: Fields) -> Json:
    """The FieldsV1 form.

    >>> encode(frozenset({("f:spec", "f:ports"), ("f:spec", "f:ports", "k:{}", "f:port"), ("f:spec", "f:type")}))
    {'f:spec': {'f:ports': {'.': {}, 'k:{}': {'f:port': {}}}, 'f:type': {}}}
    """
    tree: Json = {}
    parents = {path[:end] for path in fields for end in range(1, len(path))}
    for path in sorted(fields):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        if path in parents:
            node["."] = {}
    return tree


def decode(tree: Json, path: Path = ()) -> Fields:
    """
    >>> sorted(decode({"f:spec": {"f:ports": {".": {}, "k:{}": {"f:port": {}}}}}))
    [('f:spec', 'f:ports'), ('f:spec', 'f:ports', 'k:{}', 'f:port')]
    """
    if not tree and path:
        return frozenset({path})
    found: set[Path] = set()
    for element, below in tree.items():
        found |= {path} if element == "." else decode(below, (*path, element))
    return frozenset(found)


def dotted(path: Path) -> str:
    """The path as error messages show it.

    >>> dotted(("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name"))
    '.spec.ports[port=80,protocol="TCP"].name'
    """
    text = ""
    for element in path:
        kind, _, name = element.partition(":")
        if kind == "k":
            pairs = orjson.loads(name).items()
            text += "[" + ",".join(f"{key}={orjson.dumps(value).decode()}" for key, value in pairs) + "]"
        else:
            text += f"[={name}]" if kind == "v" else f".{name}"
    return text


def without(fields: Fields, prefixes: Iterable[Path]) -> Fields:
    """The paths that lie under none of the prefixes."""
    dropped = tuple(prefixes)
    return frozenset(path for path in fields if not any(path[: len(prefix)] == prefix for prefix in dropped))
