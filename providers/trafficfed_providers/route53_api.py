"""Route 53's API through boto3 in two threads, one that writes and one that reads, within a budget of requests.

boto3 blocks, and a large batch would hold up the loop for some 90 ms in an asynchronous client; the budget of an
account is requests and not processor time, so that two threads are enough. Its own retries are off: how long a call
may take and what is known after it is decided here.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.ports import Clock
from trafficfed_providers.request_budget import RequestBudget
from trafficfed_providers.route53_settings import Settings

Sleep = Callable[[float], Awaitable[None]]

CONNECT_S = 3.0
READ_S = 8.0
"""Longer than Route 53 takes for a full batch, shorter than what a publisher waits for one call."""

BUSY_WAIT_S = 0.25
BUSY_WAIT_MAX_S = 4.0

_BUSY = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
_PRIOR = "PriorRequestNotComplete"
_BATCH = {"InvalidChangeBatch", "InvalidInput", "NoSuchHealthCheck"}
_CREDENTIALS = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


class BatchRefused(Exception):
    """A batch was refused for what is in it; nothing of it was carried out."""


class NoAnswer(Transient):
    """The request went out and no answer came: whether it was carried out is not known."""


class NoSuchZone(Refused):
    """There is no hosted zone of that id."""


class Busy(Transient):
    """Too many requests, or the zone's last one is still being worked on: to be tried again after a moment."""


class Route53Api:
    """Calls by name with boto3's parameters. Raises Transient or Refused, writes also BatchRefused.

    ``busy`` is what the service said when it last wanted to be asked later, empty since it has answered again.
    """

    def __init__(self, name: str, settings: Settings, clock: Clock, sleep: Sleep) -> None:
        self._name = name
        self._settings = settings
        self._sleep = sleep
        self._session = _session(name, settings)
        self.busy = ""
        self._client: Any = None
        self._making = asyncio.Lock()
        self._budget = RequestBudget(settings.requests_per_s, max(1, int(settings.requests_per_s)), clock.monotonic_s)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"route53-{name}-write")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix=f"route53-{name}-read")

    @property
    def requests_left(self) -> float:
        return self._budget.left

    async def read(self, operation: str, **params: Any) -> Any:
        try:
            return await self._until_free(self._reader, operation, params)
        except BatchRefused as error:
            raise Refused(f"{self._name}: Route 53 does not take {operation}: {error}") from error

    async def write(self, operation: str, **params: Any) -> Any:
        return await self._until_free(self._writer, operation, params)

    async def close(self) -> None:
        """Ends when the calls under way have ended, within their own timeouts: the process could not end sooner."""
        for pool in (self._writer, self._reader):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def _until_free(self, pool: ThreadPoolExecutor, operation: str, params: Any) -> Any:
        """Wait for the budget, and again where the service says that it was too much."""
        wait_s = BUSY_WAIT_S
        while True:
            await self._sleep(self._budget.reserve_s())
            try:
                response = await self._call(pool, operation, params)
                self.busy = ""
                return response
            except Busy as error:
                self.busy = str(error)
                await self._sleep(wait_s * (0.5 + random.random() / 2))
                wait_s = min(2 * wait_s, BUSY_WAIT_MAX_S)

    async def _call(self, pool: ThreadPoolExecutor, operation: str, params: Any) -> Any:
        client = await self._made(pool)
        with self._mapped(operation):
            return await _run(pool, lambda: getattr(client, operation)(**params))

    async def _made(self, pool: ThreadPoolExecutor) -> Any:
        """The client is made where it blocks nobody: it reads its service model from disk."""
        async with self._making:
            if self._client is None:
                with self._mapped("create a client"):
                    self._client = await _run(pool, self._make)
            return self._client

    def _make(self) -> Any:
        config = botocore.config.Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"total_max_attempts": 1, "mode": "standard"},
            user_agent_extra="trafficfed",
        )
        return self._session.client("route53", endpoint_url=self._settings.endpoint_url or None, config=config)

    @contextlib.contextmanager
    def _mapped(self, operation: str) -> Iterator[None]:
        """Whatever boto3 raises, by who must act."""
        try:
            yield
        except botocore.exceptions.ClientError as error:
            raise self._by_code(operation, error) from error
        except (botocore.exceptions.ConnectTimeoutError, botocore.exceptions.EndpointConnectionError) as error:
            raise Transient(f"{self._name}: Route 53 cannot be reached: {error}") from error
        except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
            fix = "give access-key-id and its secret, a profile, or run with a role that AWS's ordinary chain finds"
            raise Refused(f"{self._name}: no AWS credentials were found: {fix}") from error
        except botocore.exceptions.ParamValidationError as error:
            raise BatchRefused(" ".join(str(error).split())) from error
        except botocore.exceptions.CredentialRetrievalError as error:
            raise Transient(f"{self._name}: AWS credentials could not be fetched: {error}") from error
        except (botocore.exceptions.BotoCoreError, botocore.parsers.ResponseParserError) as error:
            raise NoAnswer(f"{self._name}: no answer to {operation}: {error}") from error

    def _by_code(self, operation: str, error: botocore.exceptions.ClientError) -> Exception:
        code = error.response.get("Error", {}).get("Code", "")
        text = error.response.get("Error", {}).get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = f"{self._name}: Route 53 answers {code} to {operation}: {text}"
        if code in _BUSY:
            self._budget.pause(1 / self._settings.requests_per_s)
        if code in _BUSY or code == _PRIOR:
            return Busy(said)
        if code in _BATCH:
            return BatchRefused(text)
        if code == "NoSuchHostedZone":
            return NoSuchZone(said)
        if code in _CREDENTIALS:
            return Refused(f"{said} (check the credentials and that their policy allows this action)")
        return NoAnswer(said) if status >= 500 else Refused(said)


def _session(name: str, settings: Settings) -> Any:
    try:
        return boto3.Session(
            aws_access_key_id=settings.access_key_id or None,
            aws_secret_access_key=settings.secret_access_key or None,
            region_name=settings.region,
            profile_name=settings.profile or None,
        )
    except botocore.exceptions.ProfileNotFound as error:
        fix = f"AWS's configuration has no profile {settings.profile}; add it to ~/.aws/config or leave the key out"
        raise ConfigError(f"providers.{name}.profile: {fix}") from error


async def _run(pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(pool, work)
