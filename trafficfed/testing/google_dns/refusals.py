"""Errors in the API's own envelope. Codes, reasons and wording: Cloud DNS, troubleshooting and API errors, 2026-11."""

from typing import Any

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


class ApiRefusal(Exception):
    """One request that is answered with an error."""

    def __init__(self, code: int, reason: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        message = str(self)
        return {
            "error": {
                "code": self.code,
                "message": message,
                "errors": [{"message": message, "domain": "global", "reason": self.reason}],
                "status": _STATUS.get(self.code, "UNKNOWN"),
            }
        }


def invalid(place: str, what: str) -> ApiRefusal:
    return ApiRefusal(400, "invalid", f"Invalid value for '{place}': {what}")


def not_there(place: str, name: str) -> ApiRefusal:
    return ApiRefusal(404, "notFound", f"The '{place}' resource named '{name}' does not exist.")


def exists(place: str, name: str) -> ApiRefusal:
    return ApiRefusal(409, "alreadyExists", f"The resource '{place}' named '{name}' already exists")


def quota(what: str) -> ApiRefusal:
    return ApiRefusal(403, "quotaExceeded", f"The change would exceed quota for {what}.")
