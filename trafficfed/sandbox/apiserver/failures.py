"""What an API server says when it refuses: an exception that becomes a metav1.Status body."""

from collections.abc import Sequence

from trafficfed.errors import TrafficfedError
from trafficfed.model import Value
from trafficfed.sandbox.apiserver.kinds import Json, Kind

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class Cause(Value, frozen=True):
    """One field that is wrong, in the words of metav1.StatusCause."""

    reason: str
    message: str
    field: str


class ApiFailure(TrafficfedError):
    """One refusal: HTTP status, reason and details as clients of the Kubernetes API expect them."""

    def __init__(
        self, code: int, reason: str, message: str, details: Json | None = None, metadata: Json | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}

    @property
    def retry_after_s(self) -> int | None:
        return (self.details or {}).get("retryAfterSeconds")

    def status(self) -> Json:
        """The body: a metav1.Status."""
        body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata, "status": "Failure"}
        body |= {"message": self.message, "reason": self.reason}
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}


def deleted(kind: Kind, value: Json) -> Json:
    """No failure: the Status that tells of a deletion, for the kinds whose last state is not sent back."""
    details = _details(kind, value["metadata"]["name"], kind.plural) | {"uid": value["metadata"]["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _details(kind: Kind, name: str, named: str) -> Json:
    return {"name": name} | ({"group": kind.group} if kind.group else {}) | {"kind": named}


def not_found(kind: Kind, name: str) -> ApiFailure:
    message = f'{kind.qualified} "{name}" not found'
    return ApiFailure(404, "NotFound", message, _details(kind, name, kind.plural))


def no_such_resource() -> ApiFailure:
    return ApiFailure(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Kind, name: str) -> ApiFailure:
    message = f'{kind.qualified} "{name}" already exists'
    return ApiFailure(409, "AlreadyExists", message, _details(kind, name, kind.plural))


def conflict(kind: Kind, name: str, why: str = MODIFIED) -> ApiFailure:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiFailure(409, "Conflict", message, _details(kind, name, kind.plural))


def apply_conflict(conflicts: Sequence[tuple[str, str]]) -> ApiFailure:
    """Server-side apply met fields that others manage with other values, as (manager, path)."""
    causes = [Cause("FieldManagerConflict", f"conflict with {manager}", path) for manager, path in conflicts]
    if len(causes) == 1:
        text = f"1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        lines = []
        for manager in sorted({manager for manager, _ in conflicts}):
            lines.append(f"conflicts with {manager}:")
            lines += [f"- {path}" for holder, path in conflicts if holder == manager]
        text = f"{len(causes)} conflicts: " + "\n".join(lines)
    return ApiFailure(409, "Conflict", f"Apply failed with {text}", {"causes": _plain(causes)})


def bad_request(message: str) -> ApiFailure:
    return ApiFailure(400, "BadRequest", message)


def unreadable(kind: Kind, why: str) -> ApiFailure:
    return bad_request(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {why}')


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiFailure:
    """The object was understood and is not acceptable; every mistake at once."""
    listed = [f"{cause.field}: {cause.message}" for cause in causes]
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    title = f"{kind.name}.{kind.group}" if kind.group else kind.name
    details = _details(kind, name, kind.name) | {"causes": _plain(causes)}
    return ApiFailure(422, "Invalid", f'{title} "{name}" is invalid: {text}', details)


def invalid_options(options: str, cause: Cause) -> ApiFailure:
    """Query parameters that contradict each other, named as the options type they are decoded into."""
    message = f'{options}.meta.k8s.io "" is invalid: {cause.field}: {cause.message}'
    details = {"group": "meta.k8s.io", "kind": options, "causes": _plain([cause])}
    return ApiFailure(422, "Invalid", message, details)


def unprocessable() -> ApiFailure:
    return ApiFailure(422, "Invalid", "the server rejected our request due to an error in our request", {})


def expired(message: str, metadata: Json | None = None) -> ApiFailure:
    """The revision asked for is forgotten; ``metadata`` may carry a token with which a list can go on all the same."""
    return ApiFailure(410, "Expired", message, metadata=metadata)


def too_large_revision(asked: int, current: int) -> ApiFailure:
    """A revision from the future: the client has seen another, newer server."""
    cause = Cause("ResourceVersionTooLarge", "Too large resource version", "")
    details = {"causes": [{"reason": cause.reason, "message": cause.message}], "retryAfterSeconds": 1}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiFailure(504, "Timeout", message, details)


def terminating(kind: Kind, name: str, namespace: str) -> ApiFailure:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    details = _details(kind, name, kind.plural) | {"causes": _plain([cause])}
    return ApiFailure(403, "Forbidden", f'{kind.qualified} "{name}" is forbidden: {why}', details)


def unauthorized() -> ApiFailure:
    return ApiFailure(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> ApiFailure:
    message = "the server does not allow this method on the requested resource"
    return ApiFailure(405, "MethodNotAllowed", message, {})


def not_acceptable() -> ApiFailure:
    return ApiFailure(406, "NotAcceptable", "only application/json is served here", {})


def unsupported_media_type(accepted: Sequence[str]) -> ApiFailure:
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return ApiFailure(415, "UnsupportedMediaType", message)


def not_emulated(what: str) -> ApiFailure:
    """The honest answer where a truthful one is impossible."""
    return ApiFailure(501, "NotImplemented", f"the emulated API server does not know how to {what}")


def _plain(causes: Sequence[Cause]) -> list[Json]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
