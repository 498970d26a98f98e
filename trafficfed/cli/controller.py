"""The running controller's API, asked with the standard library: a question must not cost half a second of imports."""

import http.client
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from trafficfed.cli.failures import Unreachable
from trafficfed.config.settings import ListenAddress
from trafficfed.errors import ConfigError, Refused, TrafficfedError, Transient, Unsafe
from trafficfed.model import Value
from trafficfed.observe.views import View
from trafficfed.unreadable import UNREADABLE

TIMEOUT_S = 10.0  # a plan over 10,000 names takes about a second; a hung controller must not hang the command
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what is listened on, and where that is reached from here
_ERRORS: dict[int, type[TrafficfedError]] = {
    401: ConfigError,
    400: ConfigError,
    404: ConfigError,
    409: Unsafe,
    502: Refused,
    503: Transient,
}
V = TypeVar("V", bound=View)


class _Failed(msgspec.Struct):
    error: str


class Controller:
    """One controller by the address it serves. Raises Unreachable where none answers, else what it answered."""

    def __init__(self, address: ListenAddress) -> None:
        self._address = ListenAddress(_ANYWHERE.get(address.host, address.host), address.port)

    def get(self, path: str, view: type[V], **query: str) -> V:
        """Ask for one view."""
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, view, {})

    def post(self, path: str, argument: str, view: type[V], token: str) -> V:
        """Order something; ``argument`` becomes the last part of the path."""
        return self._call("POST", f"{path}/{quote(argument, safe='')}", view, {"Authorization": f"Bearer {token}"})

    def send(self, path: str, body: Value, view: type[V], token: str) -> V:
        """Order something that takes more than a name to say."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self._call("POST", path, view, headers, msgspec.json.encode(body))

    def _call(self, method: str, path: str, view: type[V], headers: dict[str, str], sent: bytes | None = None) -> V:
        status, body = self._exchange(method, path, headers, sent)
        try:
            if status == 200:
                return msgspec.json.decode(body, type=view)
            raise _error(status, msgspec.json.decode(body, type=_Failed).error)
        except UNREADABLE:
            raise Unreachable(f"{self._address} answers, but is no trafficfed controller of this version") from None

    def _exchange(self, method: str, path: str, headers: dict[str, str], sent: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, sent, {"Host": str(self._address), **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError as error:
            why = error.strerror or str(error)
            raise Unreachable(f"no controller answers at {self._address} ({why}); is trafficfed run going?") from None
        except http.client.HTTPException:
            raise Unreachable(f"{self._address} answers, but does not speak HTTP") from None
        finally:
            connection.close()


def _error(status: int, message: str) -> TrafficfedError:
    return _ERRORS.get(status, TrafficfedError)(message)
