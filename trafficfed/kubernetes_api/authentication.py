"""Ways to say who we are: each gives the Authorization header, and renews what runs out before it does."""

import asyncio
import os
import ssl
from datetime import datetime
from pathlib import Path
from typing import Protocol

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.exec_plugin import ExecPlugin, ExecStatus
from trafficfed.kubernetes_api.tls import load_client_certificate
from trafficfed.ports import Clock

# A credential is renewed this long before it ends, so that no request meets the end on its way.
RENEW_EARLY_S = 60.0


class Authentication(Protocol):
    """Gives the value of the Authorization header, empty where TLS says it all."""

    async def header(self) -> str:
        """Raises Transient where the credential cannot be had now."""
        ...

    def was_refused(self) -> bool:
        """The server answered 401. True where another try makes sense because something may be renewed."""
        ...


class Fixed:
    """A token written into the kubeconfig, or none at all."""

    def __init__(self, token: str = "") -> None:
        self._header = f"Bearer {token}" if token else ""

    async def header(self) -> str:
        return self._header

    def was_refused(self) -> bool:
        return False


class TokenFile:
    """A token that someone else renews in a file, as kubelets do for Pods."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int] | None = None
        self._header = ""

    async def header(self) -> str:
        try:
            version = _version(self._path)
            if version != self._version:
                token = self._path.read_text().strip()
                if not token:
                    raise Transient(f"token file {self._path} is empty")
                self._header, self._version = f"Bearer {token}", version
        except OSError as error:
            raise Transient(f"token file {self._path} cannot be read: {error.strerror}") from error
        return self._header

    def was_refused(self) -> bool:
        self._version, known = None, self._version
        try:
            return known != _version(self._path)
        except OSError:
            return False


class CertificateFiles:
    """A client certificate in files: loaded again into the TLS context when they change."""

    def __init__(self, tls: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._tls, self._certificate, self._key = tls, certificate, key
        self._loaded: tuple[tuple[int, int], ...] = ()

    async def header(self) -> str:
        try:
            versions = (_version(self._certificate), _version(self._key))
            if versions != self._loaded:
                load_client_certificate(self._tls, self._certificate.read_bytes(), self._key.read_bytes())
                self._loaded = versions
        except ssl.SSLError as error:
            # Seen in the middle of a rotation: one file is new, the other is not.
            raise Transient(f"client certificate {self._certificate} and its key do not fit: {error}") from error
        except OSError as error:
            raise Transient(f"client certificate {error.filename} cannot be read: {error.strerror}") from error
        return ""

    def was_refused(self) -> bool:
        return False


class FromPlugin:
    """What an exec plugin hands out, kept until shortly before it ends; one run at a time."""

    def __init__(self, plugin: ExecPlugin, tls: ssl.SSLContext | None, clock: Clock) -> None:
        self._plugin, self._tls, self._clock = plugin, tls, clock
        self._status: ExecStatus | None = None
        self._ends_s = float("inf")
        self._running = asyncio.Lock()

    async def header(self) -> str:
        async with self._running:
            if self._status is None or self._clock.now_s() > self._ends_s - RENEW_EARLY_S:
                status = await self._plugin.run()
                self._ends_s = _ends_s(status.expiration_timestamp, self._plugin.command)
                self._load_certificate(status)
                self._status = status
            return f"Bearer {self._status.token}" if self._status.token else ""

    def was_refused(self) -> bool:
        self._status = None
        return True

    def _load_certificate(self, status: ExecStatus) -> None:
        if self._tls is None or not status.client_certificate_data or not status.client_key_data:
            return
        certificate, key = status.client_certificate_data.encode(), status.client_key_data.encode()
        try:
            load_client_certificate(self._tls, certificate, key)
        except ssl.SSLError as error:
            raise Transient(f"exec plugin {self._plugin.command} gave a bad client certificate: {error}") from error


def _version(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_ino


def _ends_s(timestamp: str | None, command: str) -> float:
    if timestamp is None:
        return float("inf")
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError as error:
        raise Transient(f"exec plugin {command} gave the unreadable expirationTimestamp {timestamp!r}") from error
