"""Reading the protobuf bodies in which ``kubectl create`` and ``kubectl expose`` send built-in kinds.

Only what those commands create; answers are always JSON, which every client takes too. Field numbers: generated.proto
of k8s.io/api and k8s.io/apimachinery 1.37, which never change them. The envelope: apimachinery, pkg/runtime,
``Unknown`` after four magic bytes.
"""

import base64
from collections.abc import Iterator
from typing import Any

from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.kinds import Json

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Types: a scalar, a message, ``[...]`` a list, ``{...}`` a map from strings; ``?`` keeps a value that is zero.
MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "Unknown": {
        1: ("typeMeta", "TypeMeta"),
        2: ("raw", "raw"),
        3: ("contentEncoding", "string"),
        4: ("contentType", "string"),
    },
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        4: ("selfLink", "string"),
        5: ("uid", "string"),
        6: ("resourceVersion", "string"),
        7: ("generation", "integer"),
        8: ("creationTimestamp", "Time"),
        11: ("labels", "{string}"),
        12: ("annotations", "{string}"),
        14: ("finalizers", "[string]"),
    },
    "Time": {1: ("seconds", "integer"), 2: ("nanos", "integer")},
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec"), 3: ("status", "NamespaceStatus")},
    "NamespaceSpec": {1: ("finalizers", "[string]")},
    "NamespaceStatus": {1: ("phase", "string")},
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "{string}"),
        3: ("binaryData", "{bytes}"),
        4: ("immutable", "boolean?"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "{bytes}"),
        3: ("type", "string"),
        4: ("stringData", "{string}"),
        5: ("immutable", "boolean?"),
    },
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec"), 3: ("status", "ServiceStatus")},
    "ServiceStatus": {1: ("loadBalancer", "LoadBalancerStatus")},
    "LoadBalancerStatus": {},
    "ServiceSpec": {
        1: ("ports", "[ServicePort]"),
        2: ("selector", "{string}"),
        3: ("clusterIP", "string"),
        4: ("type", "string"),
        5: ("externalIPs", "[string]"),
        7: ("sessionAffinity", "string"),
        8: ("loadBalancerIP", "string"),
        9: ("loadBalancerSourceRanges", "[string]"),
        10: ("externalName", "string"),
        11: ("externalTrafficPolicy", "string"),
        12: ("healthCheckNodePort", "integer"),
        13: ("publishNotReadyAddresses", "boolean"),
        17: ("ipFamilyPolicy", "string"),
        18: ("clusterIPs", "[string]"),
        19: ("ipFamilies", "[string]"),
        20: ("allocateLoadBalancerNodePorts", "boolean?"),
        21: ("loadBalancerClass", "string"),
        22: ("internalTrafficPolicy", "string"),
        23: ("trafficDistribution", "string"),
    },
    "ServicePort": {
        1: ("name", "string"),
        2: ("protocol", "string"),
        3: ("port", "integer"),
        4: ("targetPort", "IntOrString"),
        5: ("nodePort", "integer"),
        6: ("appProtocol", "string"),
    },
    "IntOrString": {1: ("type", "integer"), 2: ("intVal", "integer"), 3: ("strVal", "string")},
}


def read(body: bytes) -> Json:
    """The object in the body. Raises ApiFailure 501 for a kind or field not known here, 400 for what is no protobuf."""
    if not body.startswith(MAGIC):
        raise failures.bad_request("the body does not begin as Kubernetes' protobuf does")
    try:
        envelope = _message("Unknown", body[len(MAGIC) :])
        kind = envelope["typeMeta"]["kind"]
        if kind not in MESSAGES or "metadata" not in {name for name, _ in MESSAGES[kind].values()}:
            raise failures.not_emulated(f"read a {kind} in protobuf; send it as JSON or YAML")
        found: Json = envelope["typeMeta"] | _message(kind, envelope["raw"])
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise failures.bad_request(f"the body is no readable protobuf: {error!r}") from error
    return found


def _message(name: str, data: bytes) -> Json:
    found: Json = {}
    for number, value in _split(data):
        if number not in MESSAGES[name]:
            raise failures.not_emulated(f"read field {number} of {name} in protobuf; send it as JSON or YAML")
        field, form = MESSAGES[name][number]
        if form[0] == "[":
            found.setdefault(field, []).append(_value(form[1:-1], value))
        elif form[0] == "{":
            pair = dict(_split(value))
            found.setdefault(field, {})[pair[1].decode()] = _value(form[1:-1], pair.get(2, b""))
        else:
            plain = _value(form.rstrip("?"), value)
            # The encoder writes every field that is no pointer, set or not.
            if form.endswith("?") or plain not in (None, "", 0, False, {}):
                found[field] = plain
    return found


def _value(form: str, value: Any) -> Any:
    match form:
        case "string":
            return value.decode()
        case "bytes":
            return base64.b64encode(value).decode()
        case "raw" | "integer":
            return value
        case "boolean":
            return bool(value)
        case "Time":
            return None  # Clients send a zero time only; the server owns all times.
        case "IntOrString":
            either = _message(form, value)
            return either.get("strVal") if either.get("type") else either.get("intVal")
    return _message(form, value)


def _split(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message as (number, int or bytes). Raises IndexError where it ends in the middle."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, position = _varint(data, position)
            yield number, value - (1 << 64) if value >> 63 else value
            continue
        sizes = {FIXED64: 8, FIXED32: 4}
        size, position = (sizes[wire], position) if wire in sizes else _varint(data, position)
        if position + size > len(data):
            raise IndexError("it ends in the middle")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
