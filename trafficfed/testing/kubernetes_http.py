"""Plain HTTP to an API server as its kubeconfig describes it, for tests that look at the bare answers."""

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

DEADLINE_S = 30.0
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, decoded."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """Where one API server is and how to be let in; made from a kubeconfig."""

    server: str
    tls: ssl.SSLContext | None
    token: str = ""

    @classmethod
    def of(cls, kubeconfig: Path, context: str) -> "Access":
        """Read one context of a kubeconfig whose credentials are inline."""
        config = yaml.safe_load(kubeconfig.read_text())
        chosen = _named(config["contexts"], context)["context"]
        cluster = _named(config["clusters"], chosen["cluster"])["cluster"]
        user = _named(config["users"], chosen["user"])["user"]
        return cls(cluster["server"], _tls(cluster, user), user.get("token", ""))

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Api"]:
        """A session that ends with the block."""
        connector = aiohttp.TCPConnector(ssl=self.tls or True)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
                yield Api(self.server, session)
        finally:
            # Connections that are cut short end within the loop's next turns: one for TLS, one for TCP, one to spare.
            for _ in range(3):
                await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Api:
    """Requests to one API server; paths start with a slash and carry their query."""

    server: str
    session: aiohttp.ClientSession

    async def get(self, path: str, accept: str = "application/json") -> Reply:
        return await self.send("GET", path, headers={"Accept": accept})

    async def post(self, path: str, body: object) -> Reply:
        return await self.send("POST", path, body)

    async def put(self, path: str, body: object) -> Reply:
        return await self.send("PUT", path, body)

    async def delete(self, path: str, options: object = None) -> Reply:
        return await self.send("DELETE", path, options)

    async def patch(self, path: str, body: object, media_type: str = MERGE_PATCH) -> Reply:
        return await self.send("PATCH", path, body, {"Content-Type": media_type})

    async def apply(self, path: str, body: object, manager: str, *, force: bool = False) -> Reply:
        """Server-side apply as ``manager``."""
        query = f"?fieldManager={manager}{'&force=true' if force else ''}"
        return await self.patch(path + query, body, APPLY_PATCH)

    async def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        content = None if body is None else json.dumps(body).encode()
        sent = ({"Content-Type": "application/json"} if content else {}) | dict(headers or {})
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        url = self.server + path
        async with self.session.request(method, url, data=content, headers=sent, timeout=timeout) as response:
            text = await response.read()
            is_json = response.content_type == "application/json"
            return Reply(response.status, json.loads(text) if is_json else text.decode(), response.headers)

    @asynccontextmanager
    async def watch(self, path: str, accept: str = "application/json") -> AsyncIterator["Events"]:
        """An open watch; ``path`` carries the whole query."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=DEADLINE_S)
        async with self.session.get(self.server + path, timeout=timeout, headers={"Accept": accept}) as response:
            assert response.status == 200, await response.text()
            try:
                yield Events(response)
            finally:
                # A watch has no end of its own: waiting for the server's part of TLS's goodbye may outlast the loop.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()


class Events:
    """The events of a watch, one at a time."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, Any] | None:
        """The next event, None at an orderly end. Raises TimeoutError where nothing comes."""
        async with asyncio.timeout(DEADLINE_S):
            line = await self._response.content.readline()
        return json.loads(line) if line else None

    async def take(self, count: int) -> list[dict[str, Any]]:
        """So many events; fails where the stream ends earlier."""
        events: list[dict[str, Any]] = []
        for _ in range(count):
            event = await self.next()
            assert event is not None, f"the watch ended after {events}"
            events.append(event)
        return events


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _tls(cluster: Mapping[str, str], user: Mapping[str, str]) -> ssl.SSLContext | None:
    if not cluster["server"].startswith("https"):
        return None
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context
