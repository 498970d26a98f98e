"""The secret that mutating API calls carry: made once, kept in the state folder for the owner's eyes only."""

import os
import secrets
from pathlib import Path

from trafficfed.errors import ConfigError

FILE = "api-token"
LENGTH = 43  # what 32 random octets come to in URL-safe base64


def ensure(state_dir: Path) -> str:
    """The token, made where there is none yet. One that others could read counts as known to them and is replaced."""
    path = state_dir / FILE
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _kept(path) or _make(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: the API's token cannot be kept ({error.strerror}); mend the folder's mode"
        ) from None


def read(state_dir: Path) -> str:
    """The token a controller left. Raises ConfigError where there is none or it may not be read."""
    path = state_dir / FILE
    try:
        return _read(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run this where the controller runs, with its configuration") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); run this as the controller's user") from None


def _kept(path: Path) -> str:
    """The token that stands there, empty where there is none that is whole and secret."""
    try:
        secret = not path.stat().st_mode & 0o007
    except FileNotFoundError:
        return ""
    token = _read(path) if secret else ""
    return token if len(token) >= LENGTH else ""


def _make(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token + "\n")
    fresh.replace(path)
    return token


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip()
