"""The fake Route 53 over HTTP on a loopback address, so that boto3 itself drives it (``endpoint_url``)."""

import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

from trafficfed.testing.route53.account import Account, Fault
from trafficfed.testing.route53.wire_model import NAMESPACE, Violation, WireModel

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([\w-]+)/route53/aws4_request, .*Signature=[0-9a-f]{64}"
)


class Route53Server:
    """Serves one account until ``stop``.

    ``violations`` is whatever broke the service model, on either side: a test that leaves one has found a mistake.
    ``drop_next_response`` carries the next request out and then hangs up. ``hold`` keeps requests waiting inside.
    """

    def __init__(self, account: Account, address: str = "127.0.0.1") -> None:
        self.account = account
        self.violations: list[str] = []
        self.drop_next_response = False
        self._free = threading.Event()
        self._free.set()
        self._lock = threading.Lock()
        self._model = WireModel()
        self._server = ThreadingHTTPServer((address, 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def stop(self) -> None:
        self._free.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Requests that come meanwhile wait for the end of it before they are looked at."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    @contextmanager
    def at_hand(self) -> Iterator[Account]:
        """The account, with no request going on: for writing by hand and for looking."""
        with self._lock:
            yield self.account

    def respond(self, method: str, target: str, authorization: str, body: bytes) -> tuple[int, bytes] | None:
        """Status and body; None is to hang up without an answer."""
        self._free.wait()
        with self._lock:
            try:
                answer = self._respond(method, target, authorization, body)
            except Fault as fault:
                answer = fault.status or 400, _error(fault)
            dropped, self.drop_next_response = self.drop_next_response, False
        return None if dropped else answer

    def _respond(self, method: str, target: str, authorization: str, body: bytes) -> tuple[int, bytes]:
        url = urlsplit(target)
        found = self._model.operation(method, url.path)
        if found is None:
            self.violations.append(f"no operation: {method} {url.path}")
            raise Fault("UnknownOperationException", f"{method} {url.path}", 404)
        operation, path = found
        self._authenticate(authorization)
        try:
            params = self._model.read(operation, path, dict(parse_qsl(url.query, keep_blank_values=True)), body)
        except Violation as error:
            self.violations.append(f"{operation.name} request: {error}")
            raise Fault("InvalidInput", f"1 validation error detected: {error}", 400) from error
        try:
            return 200, self._model.write(operation, self.account.call(operation.name, params))
        except Violation as error:
            self.violations.append(f"{operation.name} response: {error}")
            raise Fault("InternalFailure", str(error), 500) from error
        except Fault as fault:
            raise Fault(fault.code, fault.message, fault.status or self._status(operation, fault.code)) from fault

    def _status(self, operation: Any, code: str) -> int:
        """An operation ends only in errors that the model lists for it."""
        status = self._model.status(operation, code)
        if status is None:
            self.violations.append(f"{operation.name} cannot end in {code}")
        return status or 500

    def _authenticate(self, authorization: str) -> None:
        signed = _SIGNED.match(authorization)
        if signed is None:
            raise Fault("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        if signed[1] != self.account.access_key:
            raise Fault("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        if signed[2] != "us-east-1":
            raise Fault("SignatureDoesNotMatch", "Credential should be scoped to a valid region.", 403)


def _error(fault: Fault) -> bytes:
    root = ElementTree.Element("ErrorResponse", xmlns=NAMESPACE)
    error = ElementTree.SubElement(root, "Error")
    for tag, text in (("Type", "Sender"), ("Code", fault.code), ("Message", fault.message)):
        ElementTree.SubElement(error, tag).text = text
    ElementTree.SubElement(root, "RequestId").text = str(uuid.uuid4())
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _handler(server: Route53Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one segment an answer: a second small one would wait for an acknowledgement (RFC 896)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            """The account keeps the log."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = server.respond(self.command, self.path, self.headers.get("Authorization") or "", body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

    return Handler
