"""Several emulated clusters behind one socket, each under its own path, with a kubeconfig for all of them."""

import base64
import contextlib
import secrets
import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from aiohttp import web

from trafficfed.errors import AdapterError
from trafficfed.model import Value
from trafficfed.ports import Clock
from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.sandbox.apiserver.faults import Faults
from trafficfed.sandbox.apiserver.handlers import Handler, refuse
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.sandbox.apiserver.store import Store

PREFIX = "/clusters/"
SHUTDOWN_S = 1.0
MAX_BODY_BYTES = 3 * 1024 * 1024
"""The limit of real API servers for a request's body."""


class Credentials(Value, frozen=True):
    """What a client of a secured server needs: the CA in PEM and a bearer token."""

    ca: bytes
    token: str


class ApiServer:
    """Emulated clusters in this process. Use as ``async with ApiServer(clock, ["eu", "us"]) as server``.

    ``secure``: HTTPS with an authority of its own and a bearer token (needs the package cryptography). Plain HTTP asks
    for no token, since Kubernetes clients send none over it. ``schemas`` may be shared; reading them takes a second.
    """

    def __init__(
        self,
        clock: Clock,
        names: Iterable[str],
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        secure: bool = False,
        schemas: Schemas | None = None,
    ) -> None:
        self._clock = clock
        self._address, self.port = address, port
        self._schemas = schemas or Schemas()
        self._tls: ssl.SSLContext | None = None
        self.credentials: Credentials | None = None
        if secure:
            self._tls, self.credentials = _secure(address)
        self._handlers: dict[str, Handler] = {}
        self._runner: web.AppRunner | None = None
        for name in names:
            self._add(name, Cluster(name, clock, self._schemas))

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_S
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address, self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for handler in self._handlers.values():
            handler.faults.clear()
            handler.faults.cut_watches()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._handlers)

    def cluster(self, name: str) -> Cluster:
        """The objects of one cluster, to be changed without HTTP."""
        return self._handlers[name].cluster

    def faults(self, name: str) -> Faults:
        return self._handlers[name].faults

    def url(self, name: str) -> str:
        scheme = "https" if self.credentials else "http"
        return f"{scheme}://{self._address}:{self.port}{PREFIX}{name}"

    def empty(self, name: str) -> None:
        """Another, empty cluster behind the same address and credentials: its kube-system has another UID."""
        self._replace(name, Cluster(name, self._clock, self._schemas))

    def backup(self, name: str) -> Store:
        return self.cluster(name).store.copy()

    def restore(self, name: str, backup: Store) -> None:
        """The same cluster as it was at the backup: same UID, older revision."""
        self._replace(name, Cluster(name, self._clock, self._schemas, backup.copy()))

    def kubeconfig(self, names: Iterable[str] = ()) -> str:
        """A kubeconfig with a context for each cluster (all by default); the first is the current one."""
        chosen = tuple(names) or self.names
        user = {"token": self.credentials.token} if self.credentials else {}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": self._cluster_entry(name)} for name in chosen],
            "users": [{"name": "sandbox", "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "sandbox"}} for name in chosen],
            "current-context": chosen[0],
        }
        return yaml.safe_dump(content, sort_keys=False)

    def write_kubeconfig(self, path: Path, names: Iterable[str] = ()) -> Path:
        """Write it where only its owner can read it."""
        path.touch(mode=0o600)
        path.write_text(self.kubeconfig(names))
        return path

    def _cluster_entry(self, name: str) -> dict[str, str]:
        entry = {"server": self.url(name)}
        if self.credentials is not None:
            entry["certificate-authority-data"] = base64.b64encode(self.credentials.ca).decode()
        return entry

    def _add(self, name: str, cluster: Cluster) -> None:
        # Looked up at each call: the cluster behind a name can be replaced by another.
        faults = Faults(lambda: self._handlers[name].cluster.store.touch())
        self._handlers[name] = Handler(cluster, faults, PREFIX + name)

    def _replace(self, name: str, cluster: Cluster) -> None:
        handler = self._handlers[name]
        handler.faults.cut_watches()
        handler.cluster = cluster

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        prefix, _, rest = request.path.removeprefix(PREFIX).partition("/")
        handler = self._handlers.get(prefix)
        if handler is None or not request.path.startswith(PREFIX):
            listed = ", ".join(PREFIX + name for name in self.names)
            return web.Response(status=404, text=f"404 page not found; the clusters are at {listed}\n")
        if self.credentials is not None and not self._authentic(request):
            return refuse(failures.unauthorized())
        return await handler.answer(request, f"/{rest}")

    def _authentic(self, request: web.Request) -> bool:
        assert self.credentials is not None
        given = request.headers.get("Authorization", "").encode()
        return secrets.compare_digest(given, f"Bearer {self.credentials.token}".encode())


def _secure(address: str) -> tuple[ssl.SSLContext, Credentials]:
    """A TLS context for the address and what clients need to trust it."""
    try:
        from trafficfed.testing.certificates import CertificateAuthority
    except ImportError as error:
        raise AdapterError("a secured sandbox needs the package cryptography: pip install cryptography") from error
    authority = CertificateAuthority.create("trafficfed sandbox authority")
    pair = authority.server(address, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # The ssl module takes key material from files only; these are gone again before anyone can connect.
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.NamedTemporaryFile()) for _ in range(2)]
        for file, content in zip(files, (pair.certificate, pair.key), strict=True):
            file.write(content)
            file.flush()
        context.load_cert_chain(files[0].name, files[1].name)
    return context, Credentials(authority.pem, secrets.token_urlsafe(32))
