"""What a user writes to configure a Route 53 provider, checked by hand so that every mistake names its key and fix."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from trafficfed.errors import ConfigError
from trafficfed.model import Value

REQUESTS_PER_S = 5.0
"""What an account may ask for all its users together (AWS re:Post, avoiding throttling errors; the Developer Guide has
since raised it to 10 with bursts of 50, and other tools of the account need some)."""

REGION = "us-east-1"
"""Route 53 is global; in AWS's standard partition its requests are signed for this region."""

_KEYS = (
    "region",
    "endpoint-url",
    "zone-id",
    "profile",
    "access-key-id",
    "secret-access-key",
    "secret-access-key-file",
    "secret-access-key-env",
    "health-checks",
    "requests-per-second",
    "authorities",
)
_SECRETS = ("secret-access-key", "secret-access-key-file", "secret-access-key-env")
_ZONE_ID = re.compile(r"[A-Z0-9]{1,32}")

Wrong = Callable[[str, str], None]


class Settings(Value, frozen=True, kw_only=True):
    """The checked settings of one account. Without keys and profile, AWS's ordinary chain finds credentials."""

    region: str = REGION
    endpoint_url: str = ""
    zone_ids: tuple[tuple[str, str], ...] = ()
    profile: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    health_checks: tuple[tuple[str, str], ...] = ()
    requests_per_s: float = REQUESTS_PER_S
    authorities: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Settings(region={self.region!r}, access_key_id={self.access_key_id!r}, secret_access_key=hidden)"


def parse_settings(name: str, settings: Mapping[str, object]) -> Settings:
    """Check what the user wrote for provider ``name``; ConfigError lists every mistake with its key and fix."""
    mistakes: list[str] = []

    def wrong(key: str, what: str) -> None:
        mistakes.append(f"providers.{name}.{key}: {what}")

    for key in settings:
        if key not in _KEYS:
            wrong(str(key), f"unknown key; known ones are {', '.join(_KEYS)}")
    access_key_id, secret = _credentials(settings, wrong)
    parsed = Settings(
        region=_text(settings, "region", wrong) or REGION,
        endpoint_url=_endpoint(settings, wrong),
        zone_ids=_zone_ids(settings, wrong),
        profile=_text(settings, "profile", wrong),
        access_key_id=access_key_id,
        secret_access_key=secret,
        health_checks=_pairs(settings, "health-checks", "clusters to ids of Route 53 health checks", wrong),
        requests_per_s=_rate(settings.get("requests-per-second", REQUESTS_PER_S), wrong),
        authorities=_authorities(settings.get("authorities"), wrong),
    )
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return parsed


def _text(settings: Mapping[str, object], key: str, wrong: Wrong) -> str:
    value = settings.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not value.strip():
        wrong(key, f"must be a text, not {value!r}; write it or leave the key out")
        return ""
    return value.strip()


def _endpoint(settings: Mapping[str, object], wrong: Wrong) -> str:
    url = _text(settings, "endpoint-url", wrong)
    if url and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
        wrong("endpoint-url", f"{url!r} is not an address; write https://host:port, or leave it out for AWS itself")
    return url


def _pairs(settings: Mapping[str, object], key: str, what: str, wrong: Wrong) -> tuple[tuple[str, str], ...]:
    value = settings.get(key)
    if value is None:
        return ()
    if not isinstance(value, Mapping) or not all(isinstance(text, str) and text for text in value.values()):
        wrong(key, f"must map {what}")
        return ()
    return tuple(sorted((str(name), str(text)) for name, text in value.items()))


def _zone_ids(settings: Mapping[str, object], wrong: Wrong) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(settings, "zone-id", "zones to ids of hosted zones, such as fed.example.org: Z1D633PJN98FT9", wrong)
    cleaned = [(zone.lower().rstrip("."), text.rpartition("/")[2]) for zone, text in pairs]
    for zone, zone_id in cleaned:
        if not _ZONE_ID.fullmatch(zone_id):
            wrong(f"zone-id.{zone}", f"{zone_id!r} is no id of a hosted zone; copy it from the console (Z...)")
    return tuple(cleaned)


def _rate(value: object, wrong: Wrong) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 10_000:
        wrong(
            "requests-per-second", f"must be a number above 0, this controller's part of the account's, not {value!r}"
        )
        return REQUESTS_PER_S
    return float(value)


def _authorities(value: object, wrong: Wrong) -> tuple[str, ...]:
    if value is None:
        return ()
    wanted = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):\d{1,5}"
    if not isinstance(value, list | tuple) or not all(re.fullmatch(wanted, str(item)) for item in value):
        wrong("authorities", "must be a list of host:port, the zone's name servers, such as ns-1.awsdns-00.com:53")
        return ()
    return tuple(str(item) for item in value)


def _credentials(settings: Mapping[str, object], wrong: Wrong) -> tuple[str, str]:
    """Both or none, and exactly one place for the secret."""
    key_id = _text(settings, "access-key-id", wrong)
    given = [key for key in _SECRETS if key in settings]
    if not key_id and not given:
        return "", ""
    if not key_id:
        wrong("access-key-id", f"is missing, but {given[0]} is there; write both, or neither for AWS's ordinary chain")
    if len(given) != 1:
        wrong("access-key-id", f"needs exactly one of {', '.join(_SECRETS)}")
        return key_id, ""
    if "profile" in settings:
        wrong("profile", "cannot stand beside access-key-id; keep one of them")
    return key_id, _secret(given[0], _text(settings, given[0], wrong), wrong)


def _secret(key: str, value: str, wrong: Wrong) -> str:
    if key == "secret-access-key":
        return value
    if key == "secret-access-key-env":
        if value and not os.environ.get(value):
            wrong(key, f"the environment has no variable {value}; set it or use secret-access-key-file")
        return os.environ.get(value, "")
    try:
        secret = Path(value).read_text().strip() if value else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        wrong(key, f"{value} cannot be read ({reason}); check the path and its permissions")
        return ""
    if value and not secret:
        wrong(key, f"{value} is empty; put the secret access key into it")
    return secret
