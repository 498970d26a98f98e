"""What the server says it serves: versions, groups, resources, and OpenAPI v3 for kubectl's validation and explain."""

import hashlib
from collections.abc import Iterator, Sequence

import orjson

from trafficfed.sandbox.apiserver.kinds import Json, Kind, groups, kinds_of
from trafficfed.sandbox.apiserver.schema import Schema, Schemas

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0+trafficfed-sandbox",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
JSON_TYPES = {"list": "array", "map": "object", "struct": "object"}
QUERY_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force", "pretty")
HTTP_VERBS = {"get": "get", "put": "update", "post": "create", "delete": "delete", "patch": "patch"}


def api_versions() -> Json:
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def api_groups(kinds: Sequence[Kind]) -> Json:
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [api_group(group, kinds) for group in sorted({kind.group for kind in kinds}) if group],
    }


def api_group(group: str, kinds: Sequence[Kind]) -> Json:
    """One group. Raises LookupError where it is not served."""
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version} for name, version in groups(kinds) if name == group
    ]
    if not versions:
        raise LookupError(group)
    head = {"kind": "APIGroup", "apiVersion": "v1", "name": group}
    return head | {"versions": versions, "preferredVersion": versions[0]}


def api_resources(group: str, version: str, served: Sequence[Kind]) -> Json:
    """Every resource of a group and version. Raises LookupError where it is not served."""
    kinds = kinds_of(group, version, served)
    if not kinds:
        raise LookupError(group)
    resources = [entry for kind in sorted(kinds, key=lambda kind: kind.plural) for entry in _resource_entries(kind)]
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": kinds[0].api_version}
    return head | {"resources": resources}


def _resource_entries(kind: Kind) -> Iterator[Json]:
    entry: Json = {"name": kind.plural, "singularName": kind.name.lower(), "namespaced": kind.namespaced}
    entry |= {"kind": kind.name, "verbs": list(kind.verbs)}
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    yield entry
    for subresource in kind.subresources:
        verbs = ["update"] if subresource == "finalize" else ["get", "patch", "update"]
        part = {"name": f"{kind.plural}/{subresource}", "singularName": "", "namespaced": kind.namespaced}
        yield part | {"kind": kind.name, "verbs": verbs}


def openapi_index(prefix: str, served: Sequence[Kind]) -> Json:
    """The OpenAPI v3 root: where each group's document stands, with a hash so that clients may cache it."""
    paths = {}
    for group, version in groups(served):
        kinds = kinds_of(group, version, served)
        name = kinds[0].root.strip("/")
        digest = hashlib.sha256(repr(kinds).encode()).hexdigest()[:32].upper()
        paths[name] = {"serverRelativeURL": f"{prefix}/openapi/v3/{name}?hash={digest}"}
    return {"paths": paths}


def openapi_document(group: str, version: str, schemas: Schemas, served: Sequence[Kind]) -> bytes:
    """The OpenAPI v3 document of one group and version. Raises LookupError where it is not served."""
    kinds = kinds_of(group, version, served)
    if not kinds:
        raise LookupError(group)
    components: Json = {}
    paths: Json = {}
    for kind in kinds:
        own = _custom(kind, schemas, components) if kind.definition else _component(schemas.of(kind), components)
        components[_definition(kind)] = own | {"x-kubernetes-group-version-kind": [_gvk(kind)]}
        paths |= dict(_paths(kind))
    return orjson.dumps(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
            "paths": paths,
            "components": {"schemas": components},
        }
    )


def _gvk(kind: Kind) -> Json:
    return {"group": kind.group, "kind": kind.name, "version": kind.version}


def _definition(kind: Kind) -> str:
    if kind.definition is not None:
        return f"{'.'.join(reversed(kind.group.split('.')))}.{kind.version}.{kind.name}"
    package = kind.group.removesuffix(".k8s.io") or "core"
    return f"io.k8s.api.{package}.{kind.version}.{kind.name}"


def _paths(kind: Kind) -> Iterator[tuple[str, Json]]:
    collection = (
        f"{kind.root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{kind.root}/{kind.plural}"
    )
    yield collection, _operations(kind, ("get", "post"))
    yield f"{collection}/{{name}}", _operations(kind, ("get", "put", "delete", "patch"))
    for subresource in kind.subresources:
        yield f"{collection}/{{name}}/{subresource}", _operations(kind, ("get", "put", "patch"))


def _operations(kind: Kind, methods: tuple[str, ...]) -> Json:
    """The operations of a path; kubectl looks here for the kind and for the parameters that the server knows."""
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in QUERY_PARAMETERS]
    return {
        method: {
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": method,
            "x-kubernetes-group-version-kind": _gvk(kind),
        }
        for method in methods
        if HTTP_VERBS[method] in kind.verbs
    }


def _custom(kind: Kind, schemas: Schemas, components: Json) -> Json:
    """A user's own kind, in the words of its definition, and what every object has."""
    assert kind.definition is not None
    stated = kind.definition.schema
    metadata = _reference(schemas.of(kind).child("metadata"), components)
    words = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": metadata}
    return stated | {"properties": stated.get("properties", {}) | words}


def _component(schema: Schema, components: Json) -> Json:
    """A schema in OpenAPI's words; structs below the top become components of their own."""
    text = schema.summary or schema.description
    node: Json = {"description": text} if text else {}
    if schema.shape == "int-or-string":
        return node | {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}
    if schema.shape == "any":
        return node
    node["type"] = JSON_TYPES.get(schema.shape, schema.shape)
    if schema.format:
        node["format"] = schema.format
    if schema.shape == "struct":
        node["properties"] = {key: _reference(field, components) for key, field in schema.fields.items()}
        node |= {"required": list(schema.required)} if schema.required else {}
    if schema.items is not None:
        node["items"] = _reference(schema.items, components)
        node |= _list_marks(schema)
    if schema.values is not None:
        node["additionalProperties"] = _reference(schema.values, components)
    if schema.atomic and schema.shape in ("map", "struct"):
        node["x-kubernetes-map-type"] = "atomic"
    return node


def _reference(schema: Schema, components: Json) -> Json:
    if schema.shape != "struct":
        return _component(schema, components)
    name = f"io.k8s.{schema.title}"
    if name not in components:
        components[name] = {}  # Holds the place while a schema that contains itself is being written.
        components[name] = _component(schema, components)
    reference: Json = {"allOf": [{"$ref": f"#/components/schemas/{name}"}]}
    return reference | ({"description": schema.description} if schema.description else {})


def _list_marks(schema: Schema) -> Json:
    merge = schema.merge
    marks: Json = {"x-kubernetes-list-type": "set" if merge.values else "map" if merge.keys else "atomic"}
    if merge.keys:
        marks["x-kubernetes-list-map-keys"] = list(merge.keys)
    if merge.patch_key:
        marks |= {"x-kubernetes-patch-merge-key": merge.patch_key, "x-kubernetes-patch-strategy": "merge"}
    elif merge.values:
        marks["x-kubernetes-patch-strategy"] = "merge"
    return marks
