"""What the schema's validator found, in sentences that name the mistake and the fix."""

import difflib
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from trafficfed.config.places import Mistake, Path

_KINDS = {
    "string_type": "text; put quotes around what reads as a number or true/false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a section with keys of its own",
    "model_type": "a section with keys of its own",
    "tuple_type": "a list, written as [one, two] or one '- item' a line",
}


def mistakes(error: ValidationError, model: type[BaseModel]) -> tuple[Mistake, ...]:
    """Every mistake of one validation, in the order found."""
    return tuple(_mistake(found, model) for found in error.errors(include_url=False, include_input=False))


def _mistake(found: ErrorDetails, model: type[BaseModel]) -> Mistake:
    path: Path = tuple(found["loc"])
    kind = found["type"]
    if kind == "extra_forbidden":
        return Mistake(path, unknown_key(str(path[-1]), _keys(_model_at(model, path[:-1]))))
    if kind == "missing":
        return Mistake(path, _missing(_model_at(model, path[:-1]), str(path[-1])))
    return Mistake(path, _wrong(kind, found))


def _wrong(kind: str, found: ErrorDetails) -> str:
    context: Mapping[str, Any] = found.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}"
    if kind == "literal_error":
        return f"is not known here; write one of {str(context['expected']).replace(' or ', ', ')}"
    if kind == "too_short":
        return "is empty; write at least one"
    for name, words in (("ge", "at least"), ("le", "at most"), ("gt", "more than"), ("lt", "less than")):
        if name in context:
            return f"is out of range; write {words} {context[name]:g}"
    return f"is not valid: {found['msg']}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """What to say of a key nobody reads.

    >>> unknown_key("zone", ["zones", "owner"])
    "is not a known key; did you mean 'zones'?"
    """
    return "is not a known key; " + nearest(key, known)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that was meant, or all known words.

    >>> nearest("bnd", ["bind", "own"]), nearest("x", [])
    ("did you mean 'bind'?", 'none is known')
    """
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6) or [each for each in words if each.startswith(word)]
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known are {', '.join(words)}" if words else "none is known"


def _missing(model: type[BaseModel] | None, key: str) -> str:
    info = _fields(model).get(key)
    example = (info.examples or [None])[0] if info else None
    return f"is missing; write it, for example {key}: {example}" if example else "is missing; write it"


def _keys(model: type[BaseModel] | None) -> tuple[str, ...]:
    return tuple(_fields(model))


def _fields(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    return {} if model is None else {info.alias or name: info for name, info in model.model_fields.items()}


def _model_at(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    """The model that describes what stands at a path: fields by name, list items and mapping values by their type."""
    for part in path:
        info = _fields(model).get(str(part))
        if info is not None:
            model = _model_in(info.annotation)
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        return annotation
    search: Callable[[object], type[BaseModel] | None] = _model_in
    return next((model for model in map(search, typing.get_args(annotation)) if model is not None), None)
