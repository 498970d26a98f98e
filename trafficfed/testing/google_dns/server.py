"""A Cloud DNS to run tests against, over HTTP: its shape is Google's own, its behaviour as far as it is documented.

It checks what it is asked and what it answers against the discovery document, keeps quotas, pages its lists, lets
changes pend on a clock, and can be told to fail. What Google does not document is decided against the client: what is
deleted must be spelt as it is stored.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from trafficfed.testing.google_dns.discovery import Json, cloud_dns
from trafficfed.testing.google_dns.managed_zone import ManagedZone, Quotas
from trafficfed.testing.google_dns.project import Project
from trafficfed.testing.google_dns.refusals import ApiRefusal, invalid
from trafficfed.testing.google_dns.tokens import Tokens

_BODY_MAX = 16 * 1024 * 1024


@dataclass(slots=True)
class Fault:
    """What happens to the next ``times`` requests of this verb (any where it is empty) instead of an answer.

    ``lose``: the request is carried out and the connection cut without an answer. ``garble``: the answer is no JSON.
    With none of these it is answered as usual, and a fault that is listed after it waits so long.
    """

    refusal: ApiRefusal | None = None
    verb: str = ""
    times: int = 1
    lose: bool = False
    garble: bool = False


@dataclass(slots=True)
class Seen:
    """One request that arrived."""

    verb: str
    path: str
    query: dict[str, str]
    body: Json = field(default_factory=dict)


class GoogleDns:
    """The server for one project, on a free port of 127.0.0.1. ``now_s`` is the clock on which changes become done.

    ``guarded``: every request needs a token that the server's own token address has given out (see ``Tokens``).
    """

    def __init__(
        self,
        project: str = "shop-prod-1",
        *,
        now_s: Callable[[], float],
        quotas: Quotas | None = None,
        delay_s: float = 5.0,
        page_size: int = 100,
        guarded: bool = False,
    ) -> None:
        self.project = Project(project, now_s, quotas=quotas or Quotas(), delay_s=delay_s, page_size=page_size)
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.broken: list[str] = []
        self.tokens = Tokens(now_s)
        self._guarded = guarded
        self._lock = threading.Lock()
        self._hold = threading.Event()
        self._hold.set()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = _server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="google-dns", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stops. Raises AssertionError where the server itself answered what Google's document does not allow."""
        self._hold.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        if self.broken and error is None:
            raise AssertionError(f"answers that are not the API's: {'; '.join(self.broken)}")

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the server is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add_zone(self, name: str, dns_name: str, **more: Any) -> ManagedZone:
        """Create a managed zone through the API's own method; ``more`` are further fields of it."""
        body = {"name": name, "dnsName": f"{dns_name}.", "description": "for tests", **more}
        self._call("POST", f"/dns/v1/projects/{self.project.name}/managedZones", {}, body)
        return self.project.zone(name)

    def fail(self, code: int, reason: str, *, verb: str = "", times: int = 1, retry_after_s: int | None = None) -> None:
        """Answer the next requests with an error."""
        refusal = ApiRefusal(code, reason, f"told to answer {code} {reason}", retry_after_s)
        self.faults.append(Fault(refusal, verb, times))

    def hang(self) -> None:
        """Accept requests and answer none until ``resume``."""
        self._hold.clear()

    def resume(self) -> None:
        self._hold.set()

    def requests(self, verb: str, end: str = "") -> list[Seen]:
        """What arrived of one verb, at paths that end so."""
        return [seen for seen in self.seen if seen.verb == verb and seen.path.endswith(end)]

    def handle(self, verb: str, target: str, token: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """One request: status, headers and body, or None where the connection is to be cut."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path == "/token":
            return self.tokens.answer(body)
        self._hold.wait()
        fault = self._fault(verb)
        try:
            if fault and fault.refusal:
                raise fault.refusal
            if self._guarded:
                self.tokens.require(token)
            answer = self._call(verb, parts.path, query, _read(body))
        except ApiRefusal as refusal:
            retry = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
            return refusal.code, retry, json.dumps(refusal.body()).encode()
        if fault and fault.lose:
            return None
        if fault and fault.garble:
            return 200, {}, b"{ oops"
        return (204, {}, b"") if answer is None else (200, {}, json.dumps(answer).encode())

    def _call(self, verb: str, path: str, query: dict[str, str], body: Json) -> Json | None:
        self.seen.append(Seen(verb, path, query, body))
        found = cloud_dns().find(verb, path)
        if found is None:
            raise ApiRefusal(404, "notFound", f"{verb} {path} is no method of this API")
        method, parameters = found
        wrong = [*cloud_dns().bad_query(method, query), *cloud_dns().mistakes(method.request, body)]
        if wrong:
            raise invalid("entity", "; ".join(wrong))
        with self._lock:
            answer = self.project.answer(method.id, {**query, **parameters}, body)
        self.broken += [f"{method.id}: {mistake}" for mistake in cloud_dns().mistakes(method.response, answer)]
        return answer

    def _fault(self, verb: str) -> Fault | None:
        for fault in self.faults:
            if fault.verb in ("", verb) and fault.times > 0:
                fault.times -= 1
                return fault
        return None


def _read(body: bytes) -> Json:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ApiRefusal(400, "parseError", f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ApiRefusal(400, "parseError", "the body is no JSON object")
    return found


def _server(owner: GoogleDns) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        """Hands every request to the owner. Connections stay open between requests, as Google's do."""

        protocol_version = "HTTP/1.1"
        timeout = 30
        wbufsize = -1

        def do_any(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _BODY_MAX)
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            answer = owner.handle(self.command, self.path, token, self.rfile.read(length))
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for key, text in {**headers, "Content-Type": "application/json; charset=UTF-8"}.items():
                self.send_header(key, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_any

        def log_message(self, format: str, *args: object) -> None:
            """Requests are in ``seen``."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    return Server(("127.0.0.1", 0), Handler)
