"""What a member has, read as a copy: whose it is, whether our fields are still ours, and what it reports of itself."""

import json
from typing import Any

import msgspec

from trafficfed.errors import ConfigError
from trafficfed.model import Value
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.plan import Copy
from trafficfed.propagation.portable import HASH_ANNOTATION, OWNER_LABEL
from trafficfed.propagation.running import is_running
from trafficfed.unreadable import UNREADABLE

Json = dict[str, Any]


class Seen(Value, frozen=True, kw_only=True):
    """One object of a member. ``settled``: its controllers have seen its newest spec. ``status`` is JSON, empty where
    it has none."""

    key: ObjectKey
    copy: Copy
    settled: bool = True
    status: bytes = b""


def read_copy(body: bytes, manager: str, applied: bytes = b"") -> Seen:
    """Read one object. Where ``applied`` is what should stand there, its every field must belong to our field manager:
    who changes or removes a field takes it from us, and so drift shows without comparing values that API servers
    complete and rewrite. Raises ConfigError for what is no Kubernetes object.
    """
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
        meta = found["metadata"]
        key = ObjectKey(found["apiVersion"].rpartition("/")[0], found["kind"], meta.get("namespace", ""), meta["name"])
    except (*UNREADABLE, KeyError, AttributeError, TypeError) as error:
        raise ConfigError(f"not a Kubernetes object: {error}") from None
    status = found.get("status")
    copy = Copy(
        uid=meta.get("uid", ""),
        resource_version=meta.get("resourceVersion", ""),
        owner=(meta.get("labels") or {}).get(OWNER_LABEL, ""),
        hash=(meta.get("annotations") or {}).get(HASH_ANNOTATION, ""),
        intact=not applied or owns(_fields(meta, manager), msgspec.json.decode(applied)),
        running=is_running(key, found),
        terminating="deletionTimestamp" in meta,
    )
    return Seen(
        key=key,
        copy=copy,
        settled=is_settled(found),
        status=msgspec.json.encode(status, order="sorted") if status else b"",
    )


def is_settled(found: Json) -> bool:
    """Whether controllers have seen the newest spec; kinds whose status does not say so always have."""
    observed = (found.get("status") or {}).get("observedGeneration")
    return observed is None or observed >= found["metadata"].get("generation", 0)


def _fields(meta: Json, manager: str) -> Json:
    """The fields that an API server holds to be ours (Kubernetes API, FieldsV1)."""
    for entry in meta.get("managedFields") or ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return dict(entry.get("fieldsV1") or {})
    return {}


IDENTITY = ("apiVersion", "kind")
IDENTITY_METADATA = ("name", "namespace")


def owns(fields: Json, applied: Json) -> bool:
    """Whether a field set covers every field of an applied object, its identity aside.

    >>> owns({"f:data": {"f:a": {}}}, {"kind": "ConfigMap", "data": {"a": "1"}})
    True
    >>> owns({"f:data": {"f:a": {}}}, {"kind": "ConfigMap", "data": {"a": "1", "b": "2"}})
    False
    """
    content = {key: value for key, value in applied.items() if key not in (*IDENTITY, "metadata")}
    metadata = {k: v for k, v in (applied.get("metadata") or {}).items() if k not in IDENTITY_METADATA}
    return _covers({**content, "metadata": metadata} if metadata else content, fields)


def _covers(value: Any, fields: Json) -> bool:
    """A field set that goes no deeper owns what is beneath as a whole."""
    if isinstance(value, dict):
        inner = ((fields.get(f"f:{key}"), each) for key, each in value.items() if each is not None)
        return all(found is not None and (not found or _covers(each, found)) for found, each in inner)
    if isinstance(value, list):
        return all(_covers_item(item, fields) for item in value)
    return True


def _covers_item(item: Any, fields: Json) -> bool:
    """An item of a list that is merged by key (``k:``) or by value (``v:``); keys that API servers complete are absent
    from what was applied."""
    for name, inner in fields.items():
        if name.startswith("v:") and json.loads(name[2:]) == item:
            return True
        if name.startswith("k:") and isinstance(item, dict):
            keys = json.loads(name[2:])
            if all(item.get(key, value) == value for key, value in keys.items()) and _covers(item, inner):
                return True
    return False
