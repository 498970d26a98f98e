"""Every key of the YAML files: dotted, with its default and what its field says of it."""

import types
import typing
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scripts.reference.tables import drawn
from trafficfed.config.fields import Empty, duration
from trafficfed.config.schema import File
from trafficfed.vantage.file import ProberFile

TITLES = ("key", "default", "meaning")


class Setting(NamedTuple):
    """One key of the file, dotted, with ``[]`` for the items of a list and ``NAME`` for a name of the user's choice."""

    key: str
    field: FieldInfo

    @property
    def default(self) -> str:
        """As a cell: code where it can be written in the file, else a word."""
        if self.field.is_required():
            return "required"
        value = self.field.get_default(call_default_factory=True)
        if value is None or value in ("", (), {}):
            return next((each.word for each in self.field.metadata if isinstance(each, Empty)), "none")
        return f"`{_written(value, self.field)}`"


def _written(value: object, field: FieldInfo) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    lasts = any(getattr(each, "func", None) is duration for each in field.metadata)
    return f"{value:g}s" if lasts and isinstance(value, float) else str(value)


def of_the_controller() -> tuple[Setting, ...]:
    return tuple(_of_model(File))


def of_the_prober() -> tuple[Setting, ...]:
    return tuple(_of_model(ProberFile))


def table(settings: tuple[Setting, ...]) -> str:
    return drawn(TITLES, ((f"`{each.key}`", each.default, each.field.description or "") for each in settings))


def by_section(settings: tuple[Setting, ...]) -> dict[str, tuple[Setting, ...]]:
    """Keys by the section they are in, ``""`` for those in none."""
    return {section: tuple(found) for section, found in groupby(sorted(settings, key=_section), _section)}


def _section(setting: Setting) -> str:
    section, dot, _ = setting.key.partition(".")
    return section.removesuffix("[]") if dot else ""


def _of_model(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        yield from _of_annotation(field.annotation, prefix + (field.alias or name), field)


def _of_annotation(annotation: Any, key: str, field: FieldInfo) -> Iterator[Setting]:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        yield from _of_annotation(next(each for each in inner if each is not type(None)), key, field)
    elif origin is typing.Annotated:
        yield from _of_annotation(inner[0], key, field)
    elif origin is tuple and not hasattr(annotation, "_fields"):
        yield from _of_annotation(inner[0], f"{key}[]", field)
    elif origin is dict:
        yield from _of_annotation(inner[1], f"{key}.NAME", field)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _of_model(annotation, f"{key}.")
    else:
        yield Setting(key, field)
