"""Route 53's requests and responses as botocore's own service model describes them, read, checked and written.

Everything that the model says is held against both sides: required and unknown members, the order of elements, kinds,
ranges, lengths, patterns and enumerations. botocore itself checks lower bounds only, and never a response.
"""

import datetime
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import botocore.loaders
import botocore.model

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"

Shape = Any
"""A shape of botocore's model; botocore has no types."""


class Violation(ValueError):
    """A value is not what the model says; the text names the place."""


class WireModel:
    """The operations of one API version."""

    def __init__(self) -> None:
        loaded = botocore.loaders.Loader().load_service_model("route53", "service-2")
        self._service = botocore.model.ServiceModel(loaded, "route53")
        self._routes = [self._route(name) for name in self._service.operation_names]

    def operation(self, method: str, path: str) -> tuple[Any, dict[str, str]] | None:
        """The operation that a request is for, with the parameters in its path; None where there is none."""
        for operation, wanted, pattern in self._routes:
            found = pattern.fullmatch(path) if method == wanted else None
            if found:
                return operation, {key: unquote(value) for key, value in found.groupdict().items()}
        return None

    def read(self, operation: Any, path: Mapping[str, str], query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The parameters of a request. Raises Violation."""
        shape = operation.input_shape
        values = _located(shape, path, query)
        if body:
            root = _parse(body)
            if _tag(root) != operation.input_shape.serialization.get("name", shape.name):
                raise Violation(f"the body is a {_tag(root)}, not a {shape.name}")
            inside = {name: member for name, member in shape.members.items() if "location" not in member.serialization}
            values |= _structure(root, inside, shape.name)
        check(shape, values, shape.name)
        return values

    def write(self, operation: Any, values: Mapping[str, Any]) -> bytes:
        """A response as it goes over the wire. Raises Violation where it is none that the service can give."""
        check(operation.output_shape, values, operation.output_shape.name)
        root = ElementTree.Element(operation.output_shape.name, xmlns=NAMESPACE)
        _append(root, operation.output_shape, values)
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))

    def status(self, operation: Any, code: str) -> int | None:
        """The HTTP status of an error, None where the operation cannot end in it."""
        for shape in operation.error_shapes:
            if shape.name == code:
                return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
        return None

    def _route(self, name: str) -> tuple[Any, str, re.Pattern[str]]:
        operation = self._service.operation_model(name)
        uri = operation.http["requestUri"].partition("?")[0].rstrip("/")
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(uri))
        return operation, operation.http["method"], re.compile(f"{pattern}/?")


def check(shape: Shape, value: Any, place: str) -> None:
    """Hold a value against its shape. Raises Violation."""
    kind = shape.type_name
    if kind == "structure":
        _check_structure(shape, value, place)
    elif kind == "list":
        _check_size(shape, len(value), place)
        for at, item in enumerate(value):
            check(shape.member, item, f"{place}[{at}]")
    elif kind == "string":
        _check_string(shape, value, place)
    elif kind in ("integer", "long"):
        _check_kind(int, value, place)
        _check_size(shape, value, place)
    elif kind == "boolean":
        _check_kind(bool, value, place)
    elif kind == "timestamp":
        _check_kind(datetime.datetime, value, place)
    else:
        raise Violation(f"{place}: no such kind is expected: {kind}")


def _check_structure(shape: Shape, value: Any, place: str) -> None:
    _check_kind(Mapping, value, place)
    missing = [name for name in shape.required_members if name not in value]
    unknown = [name for name in value if name not in shape.members]
    if missing or unknown:
        raise Violation(
            f"{place}: missing {', '.join(missing) or 'nothing'}, unknown {', '.join(unknown) or 'nothing'}"
        )
    for name, inner in value.items():
        check(shape.members[name], inner, f"{place}.{name}")


def _check_string(shape: Shape, value: Any, place: str) -> None:
    _check_kind(str, value, place)
    _check_size(shape, len(value), place)
    if shape.enum and value not in shape.enum:
        raise Violation(f"{place}: {value!r} is not one of {', '.join(shape.enum)}")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        raise Violation(f"{place}: {value!r} does not match {pattern}")


def _check_kind(kind: type, value: Any, place: str) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Violation(f"{place}: {value!r} is no {kind.__name__}")


def _check_size(shape: Shape, size: int, place: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        raise Violation(f"{place}: {size} is outside {least} to {most}")


def _located(shape: Shape, path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
    """The members that are in the path and in the query; whatever else is in the query is a violation."""
    places = {"uri": path, "querystring": query}
    values: dict[str, Any] = {}
    known: set[str] = set()
    for name, member in shape.members.items():
        place = places.get(member.serialization.get("location", ""))
        wire_name = member.serialization.get("name", name)
        if place is query:
            known.add(wire_name)
        if place is not None and wire_name in place:
            values[name] = place[wire_name]
    if query.keys() - known:
        raise Violation(f"{shape.name}: unknown in the query: {', '.join(sorted(query.keys() - known))}")
    return values


def _parse(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise Violation(f"the body is no XML: {error}") from error


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _structure(element: ElementTree.Element, members: Mapping[str, Shape], place: str) -> dict[str, Any]:
    """The elements must come in the model's order, each once (ChangeResourceRecordSets, on syntaxes)."""
    names = {member.serialization.get("name", name): name for name, member in members.items()}
    order = [names.get(_tag(child), "") for child in element]
    if "" in order:
        unknown = [_tag(child) for child in element if _tag(child) not in names]
        raise Violation(f"{place}: unknown element {', '.join(unknown)}")
    if order != [name for name in members if name in order]:
        raise Violation(f"{place}: the elements {', '.join(order)} are not each once in the model's order")
    return {
        names[_tag(child)]: _value(child, members[names[_tag(child)]], f"{place}.{_tag(child)}") for child in element
    }


def _value(element: ElementTree.Element, shape: Shape, place: str) -> Any:
    text = element.text or ""
    if shape.type_name == "structure":
        return _structure(element, shape.members, place)
    if shape.type_name == "list":
        wanted = shape.member.serialization.get("name", "member")
        if any(_tag(child) != wanted for child in element):
            raise Violation(f"{place}: holds something else than {wanted}")
        return [_value(child, shape.member, f"{place}[{at}]") for at, child in enumerate(element)]
    if shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            raise Violation(f"{place}: {text!r} is no number")
        return int(text)
    if shape.type_name == "boolean":
        if text not in ("true", "false"):
            raise Violation(f"{place}: {text!r} is neither true nor false")
        return text == "true"
    return text


def _append(parent: ElementTree.Element, shape: Shape, values: Mapping[str, Any]) -> None:
    for name, member in shape.members.items():
        if name in values:
            element = ElementTree.SubElement(parent, member.serialization.get("name", name))
            _fill(element, member, values[name])


def _fill(element: ElementTree.Element, shape: Shape, value: Any) -> None:
    if shape.type_name == "structure":
        _append(element, shape, value)
    elif shape.type_name == "list":
        for item in value:
            child = ElementTree.SubElement(element, shape.member.serialization.get("name", "member"))
            _fill(child, shape.member, item)
    elif shape.type_name == "boolean":
        element.text = "true" if value else "false"
    elif shape.type_name == "timestamp":
        element.text = value.strftime("%Y-%m-%dT%H:%M:%SZ")
    else:
        element.text = str(value)
