"""Cloud DNS over google-cloud-dns's authorised connection: one request after the other in a thread of its own.

The package knows zones and plain record sets; its classes fail on record sets with a routing policy, so that what goes
over the connection here is the API's own JSON. Vendor errors are mapped once, in ``_mapped``.
"""

import asyncio
import contextlib
import functools
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google.api_core.exceptions
import google.auth.exceptions
import requests
import urllib3.exceptions
from google.cloud import dns

from trafficfed.errors import Refused, TrafficfedError, Transient
from trafficfed_providers.google_records import Json
from trafficfed_providers.google_settings import Settings
from trafficfed_providers.request_budget import RequestBudget

SCOPES = ("https://www.googleapis.com/auth/ndev.clouddns.readwrite",)

_RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"})
"""Reasons of a 403 that means 429 (Cloud DNS, API error page, 2026-11)."""

_REQUEST = re.compile(r"^[A-Z]+ \S+: ")
"""The request that the SDK puts in front of the server's own words."""

_LEAST_S = 0.05


class Unanswered(Transient):
    """A request was sent and no answer came that tells whether it was carried out."""


class Declined(TrafficfedError):
    """The API does not carry out this one request as it stands. ``reason`` is the API's code for it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class GoogleApi:
    """One connection. The requests of all that share a ``budget`` stay within it."""

    def __init__(self, name: str, settings: Settings, budget: RequestBudget) -> None:
        self._name = name
        self._settings = settings
        self._budget = budget
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"google {name}")
        self._client: dns.Client | None = None

    async def get(self, path: str, query: Mapping[str, str], until_s: float) -> Json:
        """``until_s`` is a moment of the running loop. Raises Transient, Refused or Declined."""
        return await self._ask("GET", path, query, None, until_s)

    async def pages(self, path: str, query: Mapping[str, str], key: str, until_s: float) -> AsyncIterator[Json]:
        """Every item of a list, page by page."""
        token = ""
        while True:
            page = await self.get(path, {**query, "pageToken": token} if token else query, until_s)
            for item in page.get(key, ()):
                yield item
            token = page.get("nextPageToken", "")
            if not token:
                return

    async def post(self, path: str, body: Json, until_s: float) -> Json:
        return await self._ask("POST", path, {}, body, until_s)

    async def close(self) -> None:
        """Ends the thread; a request under way in it ends by its own deadline."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client._http.close()

    async def _ask(self, method: str, path: str, query: Mapping[str, str], body: Json | None, until_s: float) -> Json:
        loop = asyncio.get_running_loop()
        await self._turn(until_s - loop.time())
        timeout_s = max(_LEAST_S, until_s - loop.time())
        work = functools.partial(self._request, method, path, dict(query), body, timeout_s)
        try:
            return await loop.run_in_executor(self._thread, work)
        except Transient as error:
            if error.retry_after_s:
                self._budget.pause(error.retry_after_s)
            raise

    async def _turn(self, patience_s: float) -> None:
        """Wait until a request may be sent. Raises Transient where that is not within so long."""
        delay_s = self._budget.reserve_s()
        if delay_s > patience_s:
            self._budget.give_back()
            raise Transient(f"{self._name}: the next request is due in {delay_s:.1f} s only", delay_s)
        await asyncio.sleep(delay_s)

    def _request(self, method: str, path: str, query: dict[str, str], body: Json | None, timeout_s: float) -> Json:
        with _mapped(self._name):
            if self._client is None:
                self._client = self._connect()
            answer: Any = self._client._connection.api_request(
                method, f"/projects/{self._client.project}{path}", query_params=query, data=body, timeout=timeout_s
            )
            if not isinstance(answer, dict):
                raise Unanswered(f"{self._name}: the answer to {method} {path} is no JSON object")
            return answer

    def _connect(self) -> dns.Client:
        credentials, project = self._settings.credentials(SCOPES)
        if not project:
            raise Refused(f"{self._name}: the credentials name no project; set providers.{self._name}.project")
        options = {"api_endpoint": self._settings.endpoint} if self._settings.endpoint else None
        return dns.Client(project=project, credentials=credentials, client_options=options)


@contextlib.contextmanager
def _mapped(name: str) -> Iterator[None]:
    """The vendor's errors as ours: who must act."""
    try:
        yield
    except google.api_core.exceptions.GoogleAPICallError as error:
        raise _answered(name, error) from error
    except google.auth.exceptions.GoogleAuthError as error:
        if isinstance(error, google.auth.exceptions.TransportError) or getattr(error, "retryable", False):
            raise Transient(f"{name}: no credentials at the moment: {error}") from error
        raise Refused(f"{name}: the credentials were refused: {error}") from error
    except requests.exceptions.RequestException as error:
        if _never_sent(error):
            raise Transient(f"{name} cannot be reached: {error}") from error
        raise Unanswered(f"{name} did not answer: {error}") from error
    except ValueError as error:
        raise Unanswered(f"{name} answered what cannot be read: {error}") from error


def _answered(name: str, error: google.api_core.exceptions.GoogleAPICallError) -> TrafficfedError:
    status, message = int(error.code or 0), f"{name}: {_REQUEST.sub('', str(error.message))}"
    reasons = [str(found.get("reason", "")) for found in error.errors or () if isinstance(found, Mapping)]
    reason = reasons[0] if reasons else ""
    if status == 429 or reason in _RATE_REASONS:
        return Transient(message, _retry_after_s(error))
    if status in (401, 403) and not reason.startswith("quota"):
        return Refused(message)
    if status >= 500 or status in (0, 408):
        return Unanswered(message, _retry_after_s(error))
    return Declined(status, reason, message)


def _retry_after_s(error: google.api_core.exceptions.GoogleAPICallError) -> float | None:
    response = error.response
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdecimal() else None


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    refused = isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)
    return refused or isinstance(error, requests.exceptions.ConnectTimeout)
