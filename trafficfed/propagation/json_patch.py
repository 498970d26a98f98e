"""JSON Patch (RFC 6902) on decoded objects: returns a new value, shares what it does not change."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from trafficfed.errors import ConfigError
from trafficfed.propagation.policy import PROTECTED, PatchOperation

Path = tuple[str, ...]


def json_patch(value: Any, operations: Sequence[PatchOperation]) -> Any:
    """Raises ConfigError naming the operation and what is missing; then nothing of the patch counts.

    >>> json_patch({"a": ["x"]}, [PatchOperation(op="add", path="/a/-", value="y")])
    {'a': ['x', 'y']}
    """
    for operation in operations:
        try:
            value = _operate(value, operation)
        except ConfigError as error:
            raise ConfigError(f"{operation.op} {operation.path}: {error}") from None
    return value


def _operate(value: Any, operation: PatchOperation) -> Any:
    path = pointer(operation.path)
    match operation.op:
        case "add":
            return _add(value, path, _stated(operation))
        case "replace":
            _find(value, path)
            return _edit(value, path, lambda holder, key: _set(holder, key, _stated(operation)))
        case "remove":
            return _remove(value, path)
        case "test":
            if _find(value, path) != _stated(operation):
                raise ConfigError("has another value")
            return value
        case "copy":
            return _add(value, path, _find(value, pointer(operation.from_)))
    source = pointer(operation.from_)
    if path[: len(source)] == source and path != source:
        raise ConfigError("cannot be moved into itself")
    return _add(_remove(value, source), path, _find(value, source))


def _stated(operation: PatchOperation) -> Any:
    if operation.value is UNSET:
        raise ConfigError("needs a value")
    return operation.value


def pointer(text: str) -> Path:
    """A JSON pointer's parts (RFC 6901). Raises ConfigError.

    >>> pointer("/metadata/labels/a~1b")
    ('metadata', 'labels', 'a/b')
    """
    if text and not text.startswith("/"):
        raise ConfigError("is no JSON pointer: it begins with /")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def touches_protected(operation: PatchOperation) -> bool:
    """Whether an operation would make the copy another object: the root, metadata as a whole, or a protected field.

    >>> touches_protected(PatchOperation(op="replace", path="/metadata/name", value="x"))
    True
    """
    paths = [pointer(operation.path), *([pointer(operation.from_)] if operation.op == "move" else [])]
    return operation.op != "test" and any(_is_protected("/".join(path)) for path in paths)


def _is_protected(path: str) -> bool:
    return path in ("", "metadata") or any(path == field or path.startswith(f"{field}/") for field in PROTECTED)


def _find(value: Any, path: Path) -> Any:
    for key in path:
        if isinstance(value, list):
            value = value[_index(value, key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            raise ConfigError(f"{key!r} is not there")
    return value


def _add(value: Any, path: Path, what: Any) -> Any:
    return _edit(value, path, lambda holder, key: _insert(holder, key, what)) if path else what


def _remove(value: Any, path: Path) -> Any:
    _find(value, path)
    if not path:
        raise ConfigError("the whole object cannot be removed")
    return _edit(value, path, _without)


def _edit(value: Any, path: Path, change: Callable[[Any, str], Any]) -> Any:
    """A copy of the value in which the container that the path's last part stands in is changed."""
    if not path:
        return change({"": value}, "")[""]
    if not isinstance(value, (dict, list)):
        raise ConfigError(f"{path[0]!r} is not there")
    if len(path) == 1:
        return change(value, path[0])
    return _set(value, path[0], _edit(_find(value, path[:1]), path[1:], change))


def _index(items: list[Any], key: str) -> int:
    if not (key.isascii() and key.isdecimal()) or (key != "0" and key.startswith("0")) or int(key) >= len(items):
        raise ConfigError(f"{key!r} is no place in a list of {len(items)}")
    return int(key)


def _insert(holder: Any, key: str, value: Any) -> Any:
    if isinstance(holder, dict):
        return holder | {key: value}
    at = len(holder) if key in ("-", str(len(holder))) else _index(holder, key)
    return [*holder[:at], value, *holder[at:]]


def _set(holder: Any, key: str, value: Any) -> Any:
    if isinstance(holder, dict):
        return holder | {key: value}
    at = _index(holder, key)
    return [*holder[:at], value, *holder[at + 1 :]]


def _without(holder: Any, key: str) -> Any:
    if isinstance(holder, dict):
        return {name: each for name, each in holder.items() if name != key}
    at = _index(holder, key)
    return [*holder[:at], *holder[at + 1 :]]
