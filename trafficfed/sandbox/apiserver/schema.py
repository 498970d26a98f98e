"""The structure of each kind: what fields there are, and how lists and maps merge.

Field names, types and descriptions come from the models of the official client library, which are generated from the
API server's own OpenAPI document. What those models leave out, how lists and maps merge, is the table here, from
the ``x-kubernetes-list-type``, ``-list-map-keys``, ``-map-type`` and ``-patch-merge-key`` marks of that document
(Kubernetes 1.37, api/openapi-spec/v3).
"""

import datetime
import importlib
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from trafficfed.sandbox.apiserver.kinds import Kind

Shape = Literal["string", "integer", "number", "boolean", "int-or-string", "any", "list", "map", "struct"]
MODELS = "kubernetes.aio.client.models"


class Merge(msgspec.Struct, frozen=True):
    """How a list merges. ``keys`` identify an item in server-side apply, ``patch_key`` in a strategic merge patch.

    ``defaults`` are values of keys that may be left out. ``values``: a set of scalars.
    """

    keys: tuple[str, ...] = ()
    patch_key: str = ""
    defaults: tuple[tuple[str, str], ...] = ()
    values: bool = False


ATOMIC = Merge()
LISTS: dict[tuple[str, str], Merge] = {
    ("V1ObjectMeta", "finalizers"): Merge(values=True),
    ("V1ObjectMeta", "ownerReferences"): Merge(("uid",), "uid"),
    ("V1ServiceSpec", "ports"): Merge(("port", "protocol"), "port", (("protocol", "TCP"),)),
    ("V1ServiceStatus", "conditions"): Merge(("type",), "type"),
    ("V1NamespaceStatus", "conditions"): Merge(("type",), "type"),
    ("V1DeploymentStatus", "conditions"): Merge(("type",), "type"),
    ("V1PodSpec", "containers"): Merge(("name",), "name"),
    ("V1PodSpec", "initContainers"): Merge(("name",), "name"),
    ("V1PodSpec", "ephemeralContainers"): Merge(("name",), "name"),
    ("V1PodSpec", "volumes"): Merge(("name",), "name"),
    ("V1PodSpec", "imagePullSecrets"): Merge(("name",), "name"),
    ("V1PodSpec", "hostAliases"): Merge(("ip",), "ip"),
    ("V1PodSpec", "topologySpreadConstraints"): Merge(("topologyKey", "whenUnsatisfiable"), "topologyKey"),
    ("V1Container", "ports"): Merge(("containerPort", "protocol"), "containerPort", (("protocol", "TCP"),)),
    ("V1Container", "env"): Merge(("name",), "name"),
    ("V1Container", "volumeMounts"): Merge(("mountPath",), "mountPath"),
    ("V1Container", "volumeDevices"): Merge(("devicePath",), "devicePath"),
    ("V1CustomResourceDefinitionStatus", "conditions"): Merge(("type",), "type"),
    ("V1NodeSpec", "podCIDRs"): Merge(values=True),
    ("V1NodeStatus", "addresses"): Merge(("type",), "type"),
    ("V1NodeStatus", "conditions"): Merge(("type",), "type"),
}
ATOMIC_MAPS = {("V1ServiceSpec", "selector")}
# References and label selectors are replaced whole.
ATOMIC_STRUCTS = {"V1ObjectReference", "V1LabelSelector"}
# Says something by being there, empty as it is.
TELLING_WHEN_EMPTY = {("V1CustomResourceSubresources", "status")}
# A schema contains itself; it is kept as it was sent.
OPAQUE_STRUCTS = {"V1JSONSchemaProps"}


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the structure. ``items`` are the elements of a list, ``values`` those of a map.

    ``description`` tells what it is for where it stands, ``summary`` what its type is.
    """

    shape: Shape
    title: str = ""
    summary: str = ""
    description: str = ""
    fields: dict[str, "Schema"] = {}
    required: tuple[str, ...] = ()
    items: "Schema | None" = None
    values: "Schema | None" = None
    merge: Merge = ATOMIC
    atomic: bool = False
    format: str = ""

    def __repr__(self) -> str:
        # The whole tree, descriptions included, would fill pages.
        return f"Schema({self.shape} {self.title})" if self.title else f"Schema({self.shape})"

    @property
    def granular(self) -> bool:
        """Whether parts of it can have different managers."""
        if self.shape == "list":
            return bool(self.merge.keys) or self.merge.values
        return self.shape in ("map", "struct") and not self.atomic

    def child(self, key: str) -> "Schema":
        """The structure under one key of a struct or map; anything where nothing is known."""
        return self.fields.get(key) or self.values or ANY


ANY = Schema(shape="any", atomic=True)
SCALARS: dict[Any, Schema] = {
    str: Schema(shape="string"),
    int: Schema(shape="integer"),
    float: Schema(shape="number"),
    bool: Schema(shape="boolean"),
    bytes: Schema(shape="string", format="byte"),
    datetime.datetime: Schema(shape="string", format="date-time"),
}


class Schemas:
    """Schemas by kind, read from the client library's models at their first use."""

    def __init__(self) -> None:
        self._known: dict[str, Schema] = {}
        self._custom: dict[Kind, Schema] = {}

    def of(self, kind: Kind) -> Schema:
        if kind.definition is not None:
            if kind not in self._custom:
                self._custom[kind] = _read_definition(kind.definition.schema, self._model("V1ObjectMeta"))
            return self._custom[kind]
        return self._model(kind.model)

    def _model(self, name: str) -> Schema:
        if name not in self._known:
            self._known[name] = _read_model(load_model(name), "")
        return self._known[name]


def load_model(name: str) -> type[BaseModel]:
    """
    >>> load_model("V1ServicePort").__module__
    'kubernetes.aio.client.models.v1_service_port'
    """
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    model: type[BaseModel] = getattr(importlib.import_module(f"{MODELS}.{module}"), name)
    return model


def _read_model(model: type[BaseModel], description: str) -> Schema:
    fields = dict(_read_fields(model))
    required = tuple(
        field.serialization_alias or name for name, field in model.model_fields.items() if field.is_required()
    )
    title = re.sub(r"^(Core|Discovery)?V1", "", model.__name__)
    return Schema(
        shape="struct",
        title=title,
        summary=(model.__doc__ or "").split("Attributes:")[0].strip(),
        description=description,
        fields=fields,
        required=required,
        atomic=model.__name__ in ATOMIC_STRUCTS,
    )


def _read_fields(model: type[BaseModel]) -> Iterator[tuple[str, Schema]]:
    for name, field in model.model_fields.items():
        key = field.serialization_alias or name
        schema = _read_type(field.annotation, field.description or "")
        if schema.shape == "list":
            schema = msgspec.structs.replace(schema, merge=LISTS.get((model.__name__, key), ATOMIC))
        if (model.__name__, key) in TELLING_WHEN_EMPTY:
            schema = msgspec.structs.replace(ANY, description=schema.description)
        if (model.__name__, key) in ATOMIC_MAPS:
            schema = msgspec.structs.replace(schema, atomic=True)
        yield key, schema


def _read_type(annotation: Any, description: str) -> Schema:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _read_type(arguments[0], description)
    if origin in (typing.Union, types.UnionType):
        return _read_union([argument for argument in arguments if argument is not type(None)], description)
    if origin is list:
        return Schema(shape="list", items=_read_type(arguments[0], ""), description=description)
    if origin is dict:
        return Schema(shape="map", values=_read_type(arguments[1], ""), description=description)
    if isinstance(annotation, type) and annotation.__name__ in OPAQUE_STRUCTS:
        return msgspec.structs.replace(ANY, description=description)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _read_model(annotation, description)
    return msgspec.structs.replace(SCALARS.get(annotation, ANY), description=description)


def _read_union(members: list[Any], description: str) -> Schema:
    if len(members) == 1:
        return _read_type(members[0], description)
    shapes = {_read_type(member, "").shape for member in members}
    if shapes == {"integer", "string"}:
        return Schema(shape="int-or-string", description=description)
    if shapes == {"integer", "number"}:
        return Schema(shape="number", description=description)
    return msgspec.structs.replace(ANY, description=description)


def _read_definition(stated: dict[str, Any], metadata: Schema) -> Schema:
    """The structure of a user's own kind, from its structural schema."""
    own = _read_structural(stated)
    text = Schema(shape="string")
    words = {"apiVersion": text, "kind": text, "metadata": metadata}
    return msgspec.structs.replace(own, fields=own.fields | words)


def _read_structural(stated: dict[str, Any]) -> Schema:
    atomic = stated.get("x-kubernetes-map-type") == "atomic"
    match stated.get("type"):
        case "object" if "additionalProperties" in stated:
            values = stated["additionalProperties"]
            inner = _read_structural(values) if isinstance(values, dict) else ANY
            return Schema(shape="map", values=inner, atomic=atomic)
        case "object" if "properties" in stated or not stated.get("x-kubernetes-preserve-unknown-fields"):
            fields = {key: _read_structural(field) for key, field in stated.get("properties", {}).items()}
            return Schema(shape="struct", fields=fields, atomic=atomic)
        case "array":
            return Schema(shape="list", items=_read_structural(stated.get("items", {})), merge=_read_merge(stated))
        case "string" | "integer" | "number" | "boolean" as shape:
            return Schema(shape=shape)
    return ANY


def _read_merge(stated: dict[str, Any]) -> Merge:
    items = stated.get("items", {}).get("properties", {})
    keys = tuple(stated.get("x-kubernetes-list-map-keys", ()))
    defaults = tuple((key, items[key]["default"]) for key in keys if "default" in items.get(key, {}))
    return Merge(keys, "", defaults, values=stated.get("x-kubernetes-list-type") == "set")
