"""What each kind has of its own: defaults, what the server chooses, what is refused, what counts as a change."""

import base64
import re
from collections.abc import Callable, Iterator

import msgspec

from trafficfed.sandbox.apiserver import definitions, failures, services, structural, workloads
from trafficfed.sandbox.apiserver.failures import Cause
from trafficfed.sandbox.apiserver.kinds import (
    CONFIG_MAP,
    DEFINITION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    NAMESPACE,
    SECRET,
    SERVICE,
    Json,
    Kind,
)
from trafficfed.sandbox.apiserver.services import Allocator

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
QUALIFIED_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
ANNOTATIONS_LIMIT_BYTES = 256 * 1024


def _nothing(value: Json) -> None:
    pass


def _carry_nothing(new: Json, old: Json) -> None:
    pass


def _no_mistakes(value: Json, old: Json | None) -> Iterator[Cause]:
    return iter(())


def _allocate_nothing(value: Json, allocator: Allocator) -> None:
    pass


class Strategy(msgspec.Struct, frozen=True):
    """The four steps of a write that differ by kind; each works on the request's own copy, in place.

    ``generation`` are the fields whose change raises metadata.generation.
    """

    complete: Callable[[Json], None] = _nothing
    carry_over: Callable[[Json, Json], None] = _carry_nothing
    allocate: Callable[[Json, Allocator], None] = _allocate_nothing
    mistakes: Callable[[Json, Json | None], Iterator[Cause]] = _no_mistakes
    generation: tuple[str, ...] = ()


def _complete_namespace(namespace: Json) -> None:
    labels = namespace["metadata"].setdefault("labels", {})
    labels.setdefault("kubernetes.io/metadata.name", namespace["metadata"].get("name", ""))
    phase = "Terminating" if "deletionTimestamp" in namespace["metadata"] else "Active"
    namespace.setdefault("status", {})["phase"] = phase
    if phase == "Active":
        namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _complete_slice(endpoint_slice: Json) -> None:
    endpoint_slice.setdefault("endpoints", None)
    for endpoint in endpoint_slice["endpoints"] or ():
        endpoint.setdefault("conditions", {})
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def _slice_mistakes(endpoint_slice: Json, old: Json | None) -> Iterator[Cause]:
    kind = endpoint_slice.get("addressType")
    if not kind:
        yield Cause("FieldValueRequired", "Required value", "addressType")
    elif kind not in ADDRESS_TYPES:
        yield services.unsupported("addressType", kind, ADDRESS_TYPES)
    if old is not None and old["addressType"] != kind:
        yield Cause("FieldValueInvalid", "Invalid value: null: field is immutable", "addressType")
    for index, endpoint in enumerate(endpoint_slice["endpoints"] or ()):
        path = f"endpoints[{index}].addresses"
        if not endpoint.get("addresses"):
            yield Cause("FieldValueRequired", "Required value: must contain at least 1 address", path)
        for position, address in enumerate(endpoint.get("addresses") or ()):
            if kind in ("IPv4", "IPv6"):
                yield from services.address_mistakes(f"{path}[{position}]", address)


def _complete_secret(secret: Json) -> None:
    secret.setdefault("type", "Opaque")
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _immutable_mistakes(value: Json, old: Json | None) -> Iterator[Cause]:
    if old is not None and old.get("immutable"):
        for field in ("immutable", "data", "binaryData"):
            if old.get(field) != value.get(field):
                yield Cause("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", field)


STRATEGIES = {
    NAMESPACE: Strategy(complete=_complete_namespace),
    SERVICE: Strategy(services.complete, services.carry_over, services.allocate, services.mistakes),
    ENDPOINT_SLICE: Strategy(
        complete=_complete_slice, mistakes=_slice_mistakes, generation=("endpoints", "ports", "addressType")
    ),
    SECRET: Strategy(complete=_complete_secret, mistakes=_immutable_mistakes),
    CONFIG_MAP: Strategy(mistakes=_immutable_mistakes),
    DEPLOYMENT: Strategy(complete=workloads.complete, mistakes=workloads.mistakes, generation=("spec",)),
    DEFINITION: Strategy(complete=definitions.complete, mistakes=definitions.mistakes, generation=("spec",)),
}
PLAIN = Strategy()


def strategy_of(kind: Kind) -> Strategy:
    if kind.definition is not None:
        return _strategy_by(kind.definition.schema, "status" in kind.subresources)
    return STRATEGIES.get(kind, PLAIN)


def _strategy_by(schema: Json, has_status: bool) -> Strategy:
    """A user's own kind: its schema's defaults and rules. All but metadata (and status) counts as its generation."""
    apart = (*definitions.IMPLICIT, *(("status",) if has_status else ()))
    return Strategy(
        complete=lambda value: structural.add_defaults(schema, value),
        mistakes=lambda value, old: structural.mistakes(schema, value),
        generation=tuple(field for field in schema.get("properties", {}) if field not in apart),
    )


def validate(kind: Kind, value: Json, old: Json | None) -> None:
    """Raises ApiFailure 422 naming every mistake at once."""
    causes = [*_metadata_mistakes(kind, value["metadata"]), *strategy_of(kind).mistakes(value, old)]
    if causes:
        raise failures.invalid(kind, value["metadata"].get("name", ""), causes)


def _metadata_mistakes(kind: Kind, metadata: Json) -> Iterator[Cause]:
    name = metadata.get("name", "")
    if not name:
        yield Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
    elif not re.fullmatch(LABEL if kind in (SERVICE, NAMESPACE) else SUBDOMAIN, name):
        yield Cause("FieldValueInvalid", f'Invalid value: "{name}": {_name_rule(kind)}', "metadata.name")
    for key, value in (metadata.get("labels") or {}).items():
        if not _is_key(key):
            yield Cause("FieldValueInvalid", f'Invalid value: "{key}": name part must be valid', "metadata.labels")
        if value and (len(value) > 63 or not re.fullmatch(QUALIFIED_NAME, value)):
            why = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"
            yield Cause("FieldValueInvalid", f'Invalid value: "{value}": {why}', "metadata.labels")
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if not _is_key(key.lower()):
            yield Cause("FieldValueInvalid", f'Invalid value: "{key}": name part must be valid', "metadata.annotations")
    if sum(len(key) + len(value) for key, value in annotations.items()) > ANNOTATIONS_LIMIT_BYTES:
        yield Cause("FieldValueTooLong", "Too long: may not be more than 262144 bytes", "metadata.annotations")


def _name_rule(kind: Kind) -> str:
    form = "label" if kind in (SERVICE, NAMESPACE) else "subdomain"
    return (
        f"a lowercase RFC 1123 {form} must consist of lower case alphanumeric characters or '-', and must start and "
        "end with an alphanumeric character"
    )


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not re.fullmatch(SUBDOMAIN, prefix)):
        return False
    return len(name) <= 63 and re.fullmatch(QUALIFIED_NAME, name) is not None
