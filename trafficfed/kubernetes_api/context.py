"""One context of a kubeconfig, read into credentials: the meaning of each of its fields."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.authentication import (
    Authentication,
    CertificateFiles,
    Fixed,
    FromPlugin,
    TokenFile,
)
from trafficfed.kubernetes_api.exec_plugin import ExecPlugin
from trafficfed.kubernetes_api.tls import client_context, load_client_certificate
from trafficfed.ports import Clock


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where an API server is, how to trust it, and who we are there. Its repr shows no secret."""

    name: str
    server: str
    means: str
    authentication: Authentication = field(default_factory=Fixed, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str = ""
    proxy: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def who(self) -> str:
        """For messages: ``the token of context eu``."""
        return f"the {self.means} of {self.name}"


@dataclass(frozen=True, slots=True)
class Section:
    """A cluster's or user's entry and the file it stands in, to which its paths are relative."""

    fields: Mapping[str, Any]
    file: str

    def get(self, key: str) -> Any:
        return self.fields.get(key)

    def path(self, value: object) -> Path:
        return Path(self.file).absolute().parent / str(value)


@dataclass(frozen=True, slots=True)
class Context:
    """One context with what it refers to. Raises ConfigError naming file, context, field and fix."""

    place: str
    name: str
    cluster: Section
    user: Section

    def credentials(self, clock: Clock, allow_exec: tuple[str, ...]) -> Credentials:
        server = self._url("server").rstrip("/")
        if not server:
            raise self._wrong("server", "missing", "give it as https://HOST:PORT")
        tls = self._tls() if server.startswith("https://") else None
        means, authentication = self._authentication(tls, clock, allow_exec)
        return Credentials(
            name=self.name,
            server=server,
            means=means,
            authentication=authentication,
            tls=tls,
            server_name=str(self.cluster.get("tls-server-name") or ""),
            proxy=self._url("proxy-url"),
            headers=self._impersonation(),
        )

    def _url(self, key: str) -> str:
        """An HTTP URL of the cluster's entry, empty where there is none."""
        url = str(self.cluster.get(key) or "")
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").encode("idna")
            if not url or (parts.scheme in {"http", "https"} and host and parts.port != 0):
                return parts.geturl()
        except ValueError:
            pass  # no port number, no IPv6 address between its brackets, or no name of a host
        raise self._wrong(key, f"{url!r} is no URL of HTTP", "give it as https://HOST:PORT")

    def _tls(self) -> ssl.SSLContext:
        authority = self._content(self.cluster, "certificate-authority")
        try:
            return client_context(authority, verify=not self.cluster.get("insecure-skip-tls-verify"))
        except ssl.SSLError as error:
            raise self._wrong(
                "certificate-authority", f"no certificate in it ({error})", "give a PEM bundle"
            ) from error

    def _authentication(
        self, tls: ssl.SSLContext | None, clock: Clock, allow_exec: tuple[str, ...]
    ) -> tuple[str, Authentication]:
        """The user's means in the order of client-go: certificate and token, then plugin."""
        user = self.user
        for unsupported in ("auth-provider", "username"):
            if user.get(unsupported):
                raise self._wrong(unsupported, "not supported", "use a token, a client certificate or an exec plugin")
        certificate = self._client_certificate(tls)
        if user.get("token"):
            return "token", Fixed(str(user.fields["token"]))
        if user.get("tokenFile"):
            return "token file", TokenFile(user.path(user.fields["tokenFile"]))
        if user.get("exec"):
            plugin = self._plugin(allow_exec)
            return f"exec plugin {plugin.command}", FromPlugin(plugin, tls, clock)
        return ("client certificate", certificate) if certificate else ("anonymous user", Fixed())

    def _client_certificate(self, tls: ssl.SSLContext | None) -> Authentication | None:
        user = self.user
        if tls is None or not any(user.get(f"client-certificate{kind}") for kind in ("", "-data")):
            return None
        if user.get("client-certificate") and user.get("client-key") and not user.get("client-key-data"):
            return CertificateFiles(
                tls, user.path(user.fields["client-certificate"]), user.path(user.fields["client-key"])
            )
        certificate = self._content(user, "client-certificate")
        key = self._content(user, "client-key")
        if certificate is None or key is None:
            raise self._wrong("client-key", "missing", "a client certificate needs its key")
        try:
            load_client_certificate(tls, certificate, key)
        except ssl.SSLError as error:
            raise self._wrong("client-certificate", f"it and its key do not fit ({error})", "renew them") from error
        return Fixed()

    def _plugin(self, allow_exec: tuple[str, ...]) -> ExecPlugin:
        wish = self.user.get("exec")
        command = str(wish.get("command") or "")
        if command not in allow_exec:
            raise self._wrong(
                "exec", f"the plugin {command!r} is not allowed", f"add it to allow-exec if you trust {self.place}"
            )
        if "/" in command:
            command = str(self.user.path(command))
        variables = tuple((str(item["name"]), str(item["value"])) for item in wish.get("env") or ())
        return ExecPlugin(
            command=command,
            arguments=tuple(map(str, wish.get("args") or ())),
            environment=variables,
            api_version=str(wish.get("apiVersion") or "client.authentication.k8s.io/v1"),
            cluster=dict(self.cluster.fields) if wish.get("provideClusterInfo") else None,
        )

    def _impersonation(self) -> tuple[tuple[str, str], ...]:
        """Kubernetes documentation, "Authenticating", user impersonation."""
        user = self.user
        headers = [("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))]
        headers += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
        return tuple((name, str(value)) for name, value in headers if value)

    def _content(self, section: Section, key: str) -> bytes | None:
        """Inline data first, as client-go does, else the file's content."""
        data, file = section.get(f"{key}-data"), section.get(key)
        try:
            if data:
                return base64.b64decode(data, validate=True)
            return section.path(file).read_bytes() if file else None
        except (ValueError, TypeError) as error:
            raise self._wrong(f"{key}-data", "it is not base64", "encode the PEM text with base64") from error
        except OSError as error:
            raise self._wrong(key, f"{error.filename} cannot be read ({error.strerror})", "correct the path") from error

    def _wrong(self, key: str, what: str, fix: str) -> ConfigError:
        return ConfigError(f"{self.place}: {self.name}: {key}: {what}; {fix}")
