"""Electors are asked from the start, also where a kubeconfig is still to be mended: that cluster's voice is missing."""

import asyncio

import pytest

from trafficfed.errors import ConfigError, Transient
from trafficfed.kubernetes_api.authentication import Fixed
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.identity import Namespace
from trafficfed.kubernetes_api.late_transport import LateTransport
from trafficfed.testing.scripted_http import ScriptedHttp, scripted_http

BODY = b'{"metadata":{"name":"kube-system","uid":"abc"}}'


class Kubeconfig:
    """A file that is wrong until it is mended; ``read`` counts how often it was looked at."""

    def __init__(self, server: ScriptedHttp, wrong: str = "") -> None:
        self.server, self.wrong, self.read = server, wrong, 0

    async def __call__(self) -> Credentials:
        self.read += 1
        await asyncio.sleep(0)
        if self.wrong:
            raise ConfigError(self.wrong)
        return Credentials(name="eu", server=self.server.url, means="token", authentication=Fixed("secret"))


async def test_what_is_wrong_with_a_file_is_transient_and_read_again() -> None:
    async with scripted_http() as server:
        file = Kubeconfig(server, wrong="kubeconfig: no context eu")
        late = LateTransport("eu", file)
        for _ in range(2):
            with pytest.raises(Transient, match="cluster eu cannot be asked: kubeconfig: no context eu"):
                await late.request("GET", "/x")
        file.wrong = ""
        server.answer("200 OK", BODY)
        assert (await late.get_json("/x", Namespace)).metadata.uid == "abc"
        assert file.read == 3
        await late.close()


async def test_credentials_are_loaded_once_for_requests_at_once() -> None:
    async with scripted_http() as server:
        file = Kubeconfig(server)
        late = LateTransport("eu", file)
        for _ in range(3):
            server.answer("200 OK", BODY)
        await asyncio.gather(*(late.request("GET", "/x") for _ in range(3)))
        assert file.read == 1
        await late.close()


async def test_one_that_was_never_needed_ends_as_quietly() -> None:
    async with scripted_http() as server:
        file = Kubeconfig(server)
        await LateTransport("eu", file).close()
        assert file.read == 0
