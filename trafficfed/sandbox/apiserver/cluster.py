"""One emulated cluster: reads and writes of objects with the semantics of an API server, without HTTP."""

import datetime
import random
import uuid
from collections.abc import Callable
from typing import Any

import orjson

from trafficfed.model import Value
from trafficfed.ports import Clock
from trafficfed.sandbox.apiserver import decoding, definitions, failures, managers, structural
from trafficfed.sandbox.apiserver.kinds import DEFINITION, KINDS, NAMESPACE, NODE, SERVICE, Json, Kind
from trafficfed.sandbox.apiserver.managers import Manager
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.services import Allocator
from trafficfed.sandbox.apiserver.store import Key, Store
from trafficfed.sandbox.apiserver.strategies import strategy_of, validate

FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
PROTECTED_NAMESPACES = ("default", "kube-public", "kube-system")
# Vowels and look-alikes are left out, as API servers do, so that no words appear.
NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
IMMUTABLE_METADATA = ("name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp")
KEPT_METADATA = (*IMMUTABLE_METADATA, "deletionGracePeriodSeconds", "generateName", "managedFields")


class Target(Value, frozen=True, kw_only=True):
    """What a request is about; ``name`` is empty for a whole collection."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> Key:
        return Key(self.kind.qualified, self.namespace, self.name)


class Intent(Value, frozen=True, kw_only=True):
    """How a write is meant: by whom, for real or not, and what to do about unknown fields (Ignore, Warn, Strict)."""

    manager: str = "unknown"
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False


class Written(Value, frozen=True, kw_only=True):
    """The outcome of a write: the object as it now stands, and what the client should be warned of."""

    value: Json
    created: bool = False
    warnings: tuple[str, ...] = ()


class Cluster:
    """The objects of one cluster and the rules for changing them.

    Every method either succeeds or raises ApiFailure and has changed nothing.
    """

    def __init__(self, name: str, clock: Clock, schemas: Schemas, store: Store | None = None) -> None:
        self.name = name
        self.clock = clock
        self.schemas = schemas
        self.store = store or Store()
        self._allocator = Allocator()
        for raw in self.store.objects(SERVICE).values():
            self._allocator.hold(orjson.loads(raw))
        self.kinds: tuple[Kind, ...] = KINDS
        self._learn_kinds()
        if store is None:
            self._create_first_namespaces()

    def _create_first_namespaces(self) -> None:
        for name in FIRST_NAMESPACES:
            self.create(Target(kind=NAMESPACE), {"metadata": {"name": name}}, Intent(manager="kube-apiserver"))

    def _learn_kinds(self) -> None:
        """Serve what the definitions say."""
        stated = (orjson.loads(raw) for raw in self.store.objects(DEFINITION).values())
        self.kinds = (
            *KINDS,
            *(definitions.kind_of(one) for one in stated if "deletionTimestamp" not in one["metadata"]),
        )

    @property
    def uid(self) -> str:
        """The UID of kube-system: the identity of this API server."""
        return str(self.get(Target(kind=NAMESPACE, name="kube-system"))["metadata"]["uid"])

    def get(self, target: Target) -> Json:
        value = self.store.get(target.key)
        if value is None:
            raise failures.not_found(target.kind, target.name)
        return value

    def create(self, target: Target, body: Json, intent: Intent) -> Written:
        value, warnings = self._read(target, body, intent)
        metadata = value["metadata"]
        if "generateName" in metadata and "name" not in metadata:
            metadata["name"] = metadata["generateName"] + "".join(random.choices(NAME_LETTERS, k=5))
        target = Target(kind=target.kind, namespace=target.namespace, name=metadata.get("name", ""))
        self._admit(target)
        if target.name and self.store.get(target.key) is not None:
            raise failures.already_exists(target.kind, target.name)
        return Written(value=self._finish(target, None, value, intent), created=True, warnings=warnings)

    def replace(self, target: Target, body: Json, intent: Intent) -> Written:
        """A PUT: the whole object, on condition of its resourceVersion where that is given."""
        old = self.store.get(target.key)
        value, warnings = self._read(target, body, intent)
        if old is None:
            if not target.kind.create_on_update or target.subresource:
                raise failures.not_found(target.kind, target.name)
            return self.create(Target(kind=target.kind, namespace=target.namespace), body, intent)
        self._check_preconditions(target, old, value["metadata"])
        return Written(value=self._finish(target, old, value, intent), warnings=warnings)

    def modify(self, target: Target, change: Callable[[Json], Any], intent: Intent) -> Written:
        """A patch of any kind but server-side apply: ``change`` turns the present object into the wanted one."""
        old = self.get(target)
        value, warnings = self._read(target, change(old), intent)
        self._check_preconditions(target, old, value["metadata"])
        return Written(value=self._finish(target, old, value, intent), warnings=warnings)

    def apply(self, target: Target, body: Any, intent: Intent) -> Written:
        """Server-side apply. Raises ApiFailure 409 with every conflict unless the intent is forced."""
        old = self.store.get(target.key)
        if old is None and target.subresource:
            raise failures.not_found(target.kind, target.name)
        if not isinstance(body, dict) or not body.get("apiVersion") or not body.get("kind"):
            raise failures.bad_request("invalid object type: an apply patch needs apiVersion and kind")
        applied, warnings = self._read(target, body, intent)
        if "name" not in applied["metadata"]:
            message = f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided"
            raise failures.bad_request(message)
        if applied["metadata"].get("managedFields"):
            raise failures.bad_request("metadata.managedFields must be nil")
        if old is None:
            if uid := applied["metadata"].get("uid"):
                why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                raise failures.conflict(target.kind, target.name, why)
            self._admit(target)
        else:
            self._check_preconditions(target, old, applied["metadata"])
        schema = self.schemas.of(target.kind)
        who = self._manager(target, intent, "Apply")
        merged, holders = managers.after_apply(schema, old, applied, who, intent.force, self._untracked(target))
        merged, _ = self._read(target, merged, Intent(validation="Ignore"))
        return Written(value=self._finish(target, old, merged, intent, holders), created=old is None, warnings=warnings)

    def delete(self, target: Target, options: Json, intent: Intent) -> Json:
        """Delete, or mark as being deleted while finalizers are left; returns the object's last state."""
        old = self.get(target)
        if target.kind is NAMESPACE and target.name in PROTECTED_NAMESPACES:
            message = f'namespaces "{target.name}" is forbidden: this namespace may not be deleted'
            raise failures.ApiFailure(403, "Forbidden", message, {"name": target.name, "kind": "namespaces"})
        if options.get("propagationPolicy") not in (None, "Background"):
            raise failures.not_emulated(f"delete with propagation {options['propagationPolicy']}")
        self._check_deletion(target, old, options.get("preconditions") or {})
        if intent.dry_run:
            return old
        if not _finalizers(old):
            return self._remove(target, old)
        if "deletionTimestamp" in old["metadata"]:
            return old
        gone = {"deletionTimestamp": self._timestamp(), "deletionGracePeriodSeconds": 0}
        marked = old | {"metadata": old["metadata"] | gone}
        strategy_of(target.kind).complete(marked)
        return self.store.put(target.key, marked)

    def _read(self, target: Target, body: Any, intent: Intent) -> tuple[Json, tuple[str, ...]]:
        """The body as an object of the target's kind, fields in the server's order. Raises ApiFailure 400."""
        kind = target.kind
        if not isinstance(body, dict):
            raise failures.bad_request(f"the object provided is unrecognized (must be of type {kind.name})")
        stated = body.get("apiVersion", kind.api_version), body.get("kind", kind.name)
        if stated != (kind.api_version, kind.name):
            raise failures.unreadable(kind, f"{stated[1]} of {stated[0]} is another kind")
        unknown: list[str] = []
        try:
            value = self._decode(kind, body, unknown)
        except decoding.Unreadable as error:
            raise failures.unreadable(kind, str(error)) from error
        warnings = tuple(f'unknown field "{path}"' for path in unknown)
        if warnings and intent.validation == "Strict":
            raise failures.unreadable(kind, f"strict decoding error: {', '.join(warnings)}")
        metadata = value.get("metadata") or {}
        self._check_place(target, metadata)
        if kind.namespaced:
            metadata["namespace"] = target.namespace
        value = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata} | {
            key: one for key, one in value.items() if key not in ("kind", "apiVersion", "metadata")
        }
        return value, warnings if intent.validation == "Warn" else ()

    def _decode(self, kind: Kind, body: Json, unknown: list[str]) -> Json:
        """Raises Unreadable, or ApiFailure 422 where a user's own kind has a value of the wrong type."""
        schema = self.schemas.of(kind)
        if kind.definition is None:
            return decoding.decode(schema, body, unknown.append) or {}
        own = {key: one for key, one in body.items() if key not in definitions.IMPLICIT}
        value: Json = structural.prune(kind.definition.schema, own, unknown.append)
        metadata = decoding.decode(schema.child("metadata"), body.get("metadata"), unknown.append, "metadata")
        if causes := [*structural.type_mistakes(kind.definition.schema, value)]:
            raise failures.invalid(kind, (metadata or {}).get("name", ""), causes)
        return value | {"metadata": metadata or {}}

    @staticmethod
    def _check_place(target: Target, metadata: Json) -> None:
        named, placed = metadata.get("name"), metadata.get("namespace")
        if target.name and named and named != target.name:
            message = f"the name of the object ({named}) does not match the name on the URL ({target.name})"
            raise failures.bad_request(message)
        if target.kind.namespaced and placed and placed != target.namespace:
            message = "the namespace of the provided object does not match the namespace sent on the request"
            raise failures.bad_request(message)

    def _admit(self, target: Target) -> None:
        """A namespaced object can be created only in a namespace that exists and is not going away."""
        if target.kind.namespaced:
            namespace = self.get(Target(kind=NAMESPACE, name=target.namespace))
            if "deletionTimestamp" in namespace["metadata"]:
                raise failures.terminating(target.kind, target.name, target.namespace)

    @staticmethod
    def _check_preconditions(target: Target, old: Json, metadata: Json) -> None:
        present = old["metadata"]
        stated = metadata.get("resourceVersion") or present["resourceVersion"]
        if stated != present["resourceVersion"]:
            raise failures.conflict(target.kind, target.name)
        if metadata.get("uid", present["uid"]) != present["uid"]:
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {present['uid']}"
            raise failures.conflict(target.kind, target.name, why)

    @staticmethod
    def _check_deletion(target: Target, old: Json, preconditions: Json) -> None:
        for field, title in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            stated, present = preconditions.get(field), old["metadata"][field]
            if stated is not None and stated != present:
                why = f"the {title} in the precondition ({stated}) does not match the {title} in record ({present}). "
                why += "The object might have been deleted and then recreated"
                raise failures.conflict(target.kind, target.name, why)

    def _finish(
        self, target: Target, old: Json | None, value: Json, intent: Intent, holders: tuple[Manager, ...] | None = None
    ) -> Json:
        """The common end of every write; ``holders`` are the managers where server-side apply has named them."""
        strategy = strategy_of(target.kind)
        value["metadata"] = self._metadata(target, old, value["metadata"])
        self._separate_subresources(target, old, value)
        strategy.complete(value)
        if old is not None:
            strategy.carry_over(value, old)
        if holders is None:
            who = self._manager(target, intent, "Update")
            holders = managers.after_update(self.schemas.of(target.kind), old, value, who, self._untracked(target))
        value = managers.written(value, holders)
        if old is not None and any(old.get(field) != value.get(field) for field in strategy.generation):
            value["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        validate(target.kind, value, old)
        if value == old:
            return old
        return self._commit(target, old, value, intent)

    def _commit(self, target: Target, old: Json | None, value: Json, intent: Intent) -> Json:
        if target.kind is SERVICE and old is not None:
            self._allocator.release(old)
        try:
            strategy_of(target.kind).allocate(value, self._allocator)
        except LookupError as error:
            if old is not None:
                self._allocator.hold(old)
            raise failures.ApiFailure(500, "InternalError", f"failed to allocate: {error}") from error
        if intent.dry_run:
            if target.kind is SERVICE:
                self._allocator.release(value)
                if old is not None:
                    self._allocator.hold(old)
            return value
        if "deletionTimestamp" in value["metadata"] and not _finalizers(value):
            return self._remove(target, value)
        written = self.store.put(target.key, value)
        if target.kind is DEFINITION:
            self._learn_kinds()
        return written

    def _remove(self, target: Target, value: Json) -> Json:
        if target.kind is SERVICE:
            self._allocator.release(value)
        if target.kind is DEFINITION:
            self._remove_all(definitions.kind_of(value))
        gone = self.store.delete(target.key)
        if target.kind is DEFINITION:
            self._learn_kinds()
        return gone

    def _remove_all(self, kind: Kind) -> None:
        """A kind takes its objects along, whatever their finalizers say: nobody could take those off any more."""
        for key in self.store.objects(kind):
            self.store.delete(key)

    def _metadata(self, target: Target, old: Json | None, metadata: Json) -> Json:
        """What the client may state, and what only the server does."""
        stated = {
            key: one for key, one in metadata.items() if key not in (*KEPT_METADATA, "resourceVersion", "selfLink")
        }
        if old is not None:
            before = old["metadata"]
            kept = {key: before[key] for key in (*KEPT_METADATA, "resourceVersion") if key in before}
            return kept | stated
        fresh = {"name": target.name} | ({"namespace": target.namespace} if target.kind.namespaced else {})
        if "generateName" in metadata:
            fresh["generateName"] = metadata["generateName"]
        fresh |= {"uid": str(uuid.uuid4()), "creationTimestamp": self._timestamp()}
        if not target.name:
            del fresh["name"]
        generation = {"generation": 1} if strategy_of(target.kind).generation else {}
        return fresh | generation | stated

    @staticmethod
    def _separate_subresources(target: Target, old: Json | None, value: Json) -> None:
        """A write to the object leaves its status alone, a write to its status all else."""
        kept = []
        if "status" in target.kind.subresources and not (old is None and target.kind is NODE):
            kept.append("spec" if target.subresource == "status" else "status")
        if target.kind is NAMESPACE and target.subresource != "finalize":
            kept.append("spec")
        for field in kept:
            value.pop(field, None)
            if old is not None and field in old:
                value[field] = old[field]

    @staticmethod
    def _untracked(target: Target) -> tuple[tuple[str, ...], ...]:
        if "status" not in target.kind.subresources:
            return ()
        return (("f:spec",),) if target.subresource == "status" else (("f:status",),)

    def _manager(self, target: Target, intent: Intent, operation: str) -> Manager:
        return Manager(
            name=intent.manager,
            operation=operation,
            api_version=target.kind.api_version,
            subresource=target.subresource,
            time=self._timestamp(),
        )

    def _timestamp(self) -> str:
        now = datetime.datetime.fromtimestamp(self.clock.now_s(), datetime.UTC)
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _finalizers(value: Json) -> list[str]:
    own = value["metadata"].get("finalizers") or []
    return [*own, *((value.get("spec") or {}).get("finalizers") or [] if value["kind"] == "Namespace" else [])]
