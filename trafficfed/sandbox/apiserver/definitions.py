"""CustomResourceDefinitions: what is completed and refused in them, and the kinds they bring.

One version each: another would ask for conversion. Kinds are served as soon as their definition is written.
"""

from collections.abc import Iterator

from trafficfed.sandbox.apiserver import failures, jsonpaths, services
from trafficfed.sandbox.apiserver.failures import Cause
from trafficfed.sandbox.apiserver.kinds import Definition, Json, Kind, PrinterColumn

SCOPES = ("Cluster", "Namespaced")
IMPLICIT = ("apiVersion", "kind", "metadata")
"""The fields that every object has, whatever its definition says of them."""
AGE = PrinterColumn(name="Age", path=".metadata.creationTimestamp", type="date")


def kind_of(definition: Json) -> Kind:
    """The kind that a definition brings."""
    spec = definition["spec"]
    names, version = spec["names"], spec["versions"][0]
    return Kind(
        name=names["kind"],
        plural=names["plural"],
        group=spec["group"],
        version=version["name"],
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=("status",) if "status" in (version.get("subresources") or {}) else (),
        definition=Definition(schema=version["schema"]["openAPIV3Schema"], columns=_columns(version)),
    )


def _columns(version: Json) -> tuple[PrinterColumn, ...]:
    stated = tuple(
        PrinterColumn(name=one["name"], path=one["jsonPath"], type=one["type"], wide=bool(one.get("priority")))
        for one in version.get("additionalPrinterColumns") or ()
    )
    return stated or (AGE,)


def complete(definition: Json) -> None:
    """Fill in the defaults and the status of a definition that is served, in place."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    if "kind" in names:
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    since = definition["metadata"].get("creationTimestamp", "")
    conditions = [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", since),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", since),
    ]
    stored = [version.get("name") for version in spec.get("versions") or () if version.get("storage")]
    definition["status"] = {"conditions": conditions, "acceptedNames": dict(names), "storedVersions": stored}


def _condition(kind: str, reason: str, message: str, since: str) -> Json:
    return {"type": kind, "status": "True", "lastTransitionTime": since, "reason": reason, "message": message}


def mistakes(definition: Json, old: Json | None) -> Iterator[Cause]:
    """What an API server would refuse. Raises ApiFailure 501 for more than one version."""
    spec = definition.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    for field, value in (("group", spec.get("group")), ("scope", spec.get("scope")), ("versions", versions)):
        if not value:
            yield Cause("FieldValueRequired", "Required value", f"spec.{field}")
    for field in ("kind", "plural"):
        if not names.get(field):
            yield Cause("FieldValueRequired", "Required value", f"spec.names.{field}")
    if spec.get("scope") and spec["scope"] not in SCOPES:
        yield services.unsupported("spec.scope", spec["scope"], SCOPES)
    name, wanted = definition["metadata"].get("name", ""), f"{names.get('plural')}.{spec.get('group')}"
    if name != wanted:
        why = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        yield Cause("FieldValueInvalid", why, "metadata.name")
    if len(versions) > 1:
        raise failures.not_emulated("serve several versions of a kind")
    for version in versions:
        yield from _version_mistakes(version, "spec.versions[0]")
    for field in ("group", "scope"):
        if old is not None and old["spec"].get(field) != spec.get(field):
            yield Cause("FieldValueInvalid", "Invalid value: field is immutable", f"spec.{field}")


def _version_mistakes(version: Json, path: str) -> Iterator[Cause]:
    if not version.get("storage") or not version.get("served"):
        why = "Invalid value: must have exactly one version marked as storage version, and serve it"
        yield Cause("FieldValueInvalid", why, path)
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if not schema:
        yield Cause("FieldValueRequired", "Required value: schemas are required", f"{path}.schema.openAPIV3Schema")
    elif schema.get("type") != "object":
        why = "Invalid value: must be object at the root"
        yield Cause("FieldValueInvalid", why, f"{path}.schema.openAPIV3Schema.type")
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        if not jsonpaths.is_understood(column.get("jsonPath", "")):
            raise failures.not_emulated(f"print a column of {column.get('jsonPath')!r} (column {index})")
