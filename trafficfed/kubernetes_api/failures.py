"""What an API server's error answers mean: who must act, and whether the same request may work later."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from trafficfed.errors import Refused, Transient
from trafficfed.unreadable import UNREADABLE


class Rejected(Refused):
    """The API server answered that it will not; ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unavailable(Transient):
    """The API server answered that it cannot now; ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s)
        self.status = status


class Expired(Transient):
    """410 Gone: the revision or continue token is older than what the server still knows. List anew."""


class Status(msgspec.Struct, frozen=True):
    """The part of a Kubernetes Status object that people read."""

    message: str | None = None
    reason: str | None = None
    code: int | None = None


# Conflict means that somebody else was faster; the others say that the server is busy, or not the one to ask.
MAY_WORK_LATER = frozenset({408, 409, 425, 429})


def failure_of(status: int, headers: Mapping[str, str], body: bytes, who: str) -> Refused | Transient:
    """The exception for an error answer. ``who`` tells whose credentials were used (``the token of context eu``).

    >>> failure_of(401, {}, b"", "the token of context eu")
    Rejected('401 Unauthorized: the token of context eu was refused')
    >>> failure_of(429, {"Retry-After": "7"}, b"", "").retry_after_s
    7.0
    """
    text = f"{status} {_phrase(status)}"
    said = _message(body)
    if status == HTTPStatus.UNAUTHORIZED:
        return Rejected(f"{text}: {who} was refused", status)
    if said:
        text = f"{text}: {said}"
    if status == HTTPStatus.GONE:
        return Expired(text)
    if status >= 500 or status in MAY_WORK_LATER:
        return Unavailable(text, status, _retry_after_s(headers))
    return Rejected(text, status)


def failure_in_stream(status: Status) -> Refused | Transient:
    """The exception for an ERROR event inside a watch."""
    code = status.code or 500
    return failure_of(code, {}, msgspec.json.encode(status), "the credentials in use")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "error"


def _message(body: bytes) -> str:
    """What the Status object in the answer says; the first line of anything else (a proxy's page, say)."""
    try:
        return msgspec.json.decode(body, type=Status).message or ""
    except UNREADABLE:
        lines = body[:200].decode(errors="replace").strip().splitlines()
        return lines[0] if lines else ""


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """RFC 9110 section 10.2.3; only its form in seconds, the one that API servers send."""
    value = headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() else None
