"""Google's own description of the Cloud DNS API as methods and JSON Schemas, so that a server can check both sides.

The document is the one that google-api-python-client ships (``dns.v1.json``): nothing of the API's shape is written by
hand. Every object is closed: a field that the document does not know is an error, asked or answered.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator

from trafficfed.model import Value

Json = dict[str, Any]

_INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}
_FORMATS: dict[str, Json] = {
    "int32": _INT32,
    "uint32": {"minimum": 0, "maximum": 2**32 - 1},
    "uint64": {"pattern": "^[0-9]{1,20}$"},
    "int64": {"pattern": "^-?[0-9]{1,19}$"},
}
"""What the formats of discovery documents mean in JSON; 64-bit numbers are written as strings."""


class Method(Value, frozen=True, kw_only=True):
    """One method: ``id`` such as ``dns.changes.create``; ``request`` and ``response`` name schemas, or are empty."""

    id: str
    verb: str
    path: str
    query: Json
    request: str = ""
    response: str = ""

    def match(self, verb: str, path: str) -> dict[str, str] | None:
        """The parameters in a request's path, decoded; None where it is not for this method."""
        found = _pattern(self.path).fullmatch(path) if verb == self.verb else None
        return {key: unquote(text) for key, text in found.groupdict().items()} if found else None


class Api:
    """The whole API of one discovery document."""

    def __init__(self, document: Json) -> None:
        self.revision = str(document["revision"])
        self._schemas = {name: _schema(schema) for name, schema in document["schemas"].items()}
        common = document["parameters"]
        self.methods = tuple(_method(found, common) for found in _methods(document["resources"]))

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        for method in self.methods:
            parameters = method.match(verb, path)
            if parameters is not None:
                return method, parameters
        return None

    def mistakes(self, schema: str, value: Any) -> list[str]:
        """What is wrong with a value, each mistake with its place; a method without a schema takes nothing."""
        if not schema:
            return [] if value in (None, {}) else ["a body where none is taken"]
        return [
            f"{_place(error.absolute_path)}: {error.message}" for error in self._validator(schema).iter_errors(value)
        ]

    def bad_query(self, method: Method, query: Mapping[str, str]) -> list[str]:
        """Parameters that the method does not have, or not with this value."""
        wrong = [f"{key}: unknown parameter" for key in query if key not in method.query]
        for key, text in query.items():
            if key in method.query and not _fits(method.query[key], text):
                wrong.append(f"{key}: {text!r} is no {method.query[key]['type']} that is allowed")
        return wrong

    @functools.lru_cache(maxsize=128)  # noqa: B019 - one document for the life of a process
    def _validator(self, schema: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": self._schemas})


@functools.cache
def cloud_dns() -> Api:
    """The API of Cloud DNS, version 1. Raises FileNotFoundError where google-api-python-client has no copy of it."""
    document = files("googleapiclient.discovery_cache").joinpath("documents", "dns.v1.json")
    return Api(json.loads(document.read_text()))


def _methods(resources: Mapping[str, Json]) -> Iterator[Json]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource.get("resources", {}))


def _method(found: Json, common: Json) -> Method:
    parameters: Json = {**common, **found.get("parameters", {})}
    return Method(
        id=found["id"],
        verb=found["httpMethod"],
        path=f"/{found['flatPath']}",
        query={key: parameter for key, parameter in parameters.items() if parameter["location"] == "query"},
        request=found.get("request", {}).get("$ref", ""),
        response=found.get("response", {}).get("$ref", ""),
    )


@functools.cache
def _pattern(path: str) -> re.Pattern[str]:
    """``{name}`` is one segment; the parts of a path are literal."""
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile("".join(f"(?P<{part}>[^/:]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts)))


def _schema(found: Json) -> Json:
    """One schema of the document as JSON Schema."""
    if "$ref" in found:
        return {"$ref": f"#/$defs/{found['$ref']}"}
    if found["type"] == "any":
        return {}
    schema: Json = {"type": found["type"], **_FORMATS.get(found.get("format", ""), {})}
    if "enum" in found:
        schema["enum"] = found["enum"]
    if found["type"] == "array":
        schema["items"] = _schema(found["items"])
    if found["type"] == "object":
        schema["properties"] = {key: _schema(inner) for key, inner in found.get("properties", {}).items()}
        more = found.get("additionalProperties")
        schema["additionalProperties"] = _schema(more) if more else False
    return schema


def _place(path: Any) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the body"


def _fits(parameter: Json, text: str) -> bool:
    if parameter["type"] == "integer":
        return bool(re.fullmatch(r"-?\d{1,10}", text)) and _INT32["minimum"] <= int(text) <= _INT32["maximum"]
    if parameter["type"] == "boolean":
        return text in ("true", "false")
    return text in parameter.get("enum", (text,))
