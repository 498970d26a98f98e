"""What a user writes to configure Google Cloud DNS, checked so that every mistake names its key and fix."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google.auth
import google.auth.exceptions
import google.auth.identity_pool
import google.oauth2.credentials
import google.oauth2.service_account
from google.auth.credentials import AnonymousCredentials

from trafficfed.errors import ConfigError
from trafficfed.model import Value

_KEYS = ("project", "managed-zone", "credentials-file", "endpoint", "requests-per-second")
_REQUESTS_PER_S = 5.0
"""Half of the 1,000 requests in 100 s that a project has by default, for there are others in it."""

_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
"""Identifiers of projects, those with a domain in front included (Resource Manager, projects, 2026-11)."""

_ZONE = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""Names of managed zones (discovery document of Cloud DNS v1, ManagedZone.name)."""

_ANONYMOUS: Any = AnonymousCredentials
_SERVICE_ACCOUNT: Any = google.oauth2.service_account.Credentials
_AUTHORIZED_USER: Any = google.oauth2.credentials.Credentials
_EXTERNAL_ACCOUNT: Any = google.auth.identity_pool.Credentials

Wrong = Callable[[str, str], None]


class Settings(Value, frozen=True, kw_only=True):
    """The checked settings. ``credentials_info`` is the content of the credentials file, empty for the default ones.

    ``endpoint`` is another server than Google's; without a credentials file it is used without credentials.
    """

    project: str = ""
    managed_zone: str = ""
    credentials_info: str = ""
    endpoint: str = ""
    requests_per_s: float = _REQUESTS_PER_S

    def __repr__(self) -> str:
        return f"Settings(project={self.project!r}, managed_zone={self.managed_zone!r}, credentials=hidden)"

    def credentials(self, scopes: Sequence[str]) -> tuple[Any, str]:
        """Credentials and the project to use. May ask the machine it runs on; raises errors of google.auth."""
        if self.credentials_info:
            info = json.loads(self.credentials_info)
            return _KINDS[info["type"]](info, scopes), self.project or str(info.get("project_id", ""))
        if self.endpoint:
            return _ANONYMOUS(), self.project
        credentials, project = google.auth.default(scopes=scopes)
        return credentials, self.project or project or ""


def _service_account(info: Mapping[str, object], scopes: Sequence[str]) -> Any:
    return _SERVICE_ACCOUNT.from_service_account_info(info, scopes=scopes)


def _authorized_user(info: Mapping[str, object], scopes: Sequence[str]) -> Any:
    return _AUTHORIZED_USER.from_authorized_user_info(info, scopes=scopes)


def _external_account(info: Mapping[str, object], scopes: Sequence[str]) -> Any:
    """Workload identity federation from a file or an address; programs named in the file are not run."""
    return _EXTERNAL_ACCOUNT.from_info(info, scopes=scopes)


_KINDS: dict[str, Callable[[Mapping[str, object], Sequence[str]], Any]] = {
    "service_account": _service_account,
    "authorized_user": _authorized_user,
    "external_account": _external_account,
}


def parse_settings(name: str, settings: Mapping[str, object]) -> Settings:
    """Check what the user wrote for provider ``name``; ConfigError lists every mistake with its key and fix."""
    mistakes: list[str] = []

    def wrong(key: str, what: str) -> None:
        mistakes.append(f"providers.{name}.{key}: {what}")

    for key in settings:
        if key not in _KEYS:
            wrong(key, f"unknown key; known ones are {', '.join(_KEYS)}")
    endpoint = _endpoint(settings.get("endpoint", ""), wrong)
    credentials_info = _credentials(settings.get("credentials-file", ""), wrong)
    parsed = Settings(
        project=_matching(
            settings.get("project", ""), "project", _PROJECT, "a project's ID, such as shop-prod-1", wrong
        ),
        managed_zone=_matching(
            settings.get("managed-zone", ""),
            "managed-zone",
            _ZONE,
            "the zone's name in Cloud DNS, not its DNS name",
            wrong,
        ),
        credentials_info=credentials_info,
        endpoint=endpoint,
        requests_per_s=_rate(settings.get("requests-per-second", _REQUESTS_PER_S), wrong),
    )
    if endpoint and not credentials_info and not settings.get("project"):
        wrong("project", "is missing: an endpoint without a credentials file does not tell it")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return parsed


def _matching(value: object, key: str, form: re.Pattern[str], what: str, wrong: Wrong) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not form.fullmatch(value):
        wrong(key, f"{value!r} is not {what}")
        return ""
    return value


def _endpoint(value: object, wrong: Wrong) -> str:
    if value == "":
        return ""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        usable = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        wrong("endpoint", f"{value!r} is not a URL such as https://dns.googleapis.com; leave it out for Google's own")
        return ""
    return str(value).rstrip("/")


def _rate(value: object, wrong: Wrong) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value <= 1000:
        wrong("requests-per-second", f"must be a number from 0.01 to 1000, not {value!r}")
        return _REQUESTS_PER_S
    return float(value)


def _credentials(value: object, wrong: Wrong) -> str:
    """The content of a file that credentials can be made of; empty where there is none."""
    key = "credentials-file"
    if value == "":
        return ""
    try:
        text = Path(str(value)).read_text()
        info = json.loads(text)
        kind = info["type"] if isinstance(info, dict) else None
        if kind not in _KINDS:
            wrong(key, f"{value} has the type {kind!r}; use one of {', '.join(_KINDS)}")
            return ""
        _KINDS[kind](info, ())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        wrong(key, f"{value} cannot be read ({reason}); check the path and its permissions")
        return ""
    except (ValueError, KeyError, google.auth.exceptions.GoogleAuthError):
        wrong(key, f"{value} does not hold credentials of Google Cloud; download the JSON key again")
        return ""
    return text
