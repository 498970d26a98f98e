"""Credential plugins (``exec`` in a kubeconfig): run, bounded in time, and read.

Protocol: client authentication v1, https://kubernetes.io/docs/reference/access-authn-authz/authentication/,
"client-go credential plugins".
"""

import asyncio
import os
from dataclasses import dataclass

import msgspec

from trafficfed.errors import Transient
from trafficfed.unreadable import UNREADABLE

RUN_LIMIT_S = 30.0


class ExecStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What a plugin hands out: a token, a client certificate, or both."""

    token: str | None = None
    expiration_timestamp: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class ExecCredential(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    status: ExecStatus


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """One plugin as the kubeconfig names it. ``cluster`` is the cluster info it asked for, None if it did not."""

    command: str
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    api_version: str = "client.authentication.k8s.io/v1"
    cluster: dict[str, object] | None = None

    async def run(self, limit_s: float = RUN_LIMIT_S) -> ExecStatus:
        """Its credentials. Raises Transient with what it said where it fails, hangs or answers nonsense."""
        try:
            process = await asyncio.create_subprocess_exec(
                self.command,
                *self.arguments,
                env={**os.environ, **dict(self.environment), "KUBERNETES_EXEC_INFO": self._info()},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise Transient(f"exec plugin {self.command} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(limit_s):
                output, complaint = await process.communicate()
        except TimeoutError as error:
            raise Transient(f"exec plugin {self.command} gave no answer in {limit_s:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            said = complaint.decode(errors="replace").strip()[-300:]
            raise Transient(f"exec plugin {self.command} ended with {process.returncode}: {said}")
        return self._read(output)

    def _info(self) -> str:
        spec: dict[str, object] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        return msgspec.json.encode({"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}).decode()

    def _read(self, output: bytes) -> ExecStatus:
        try:
            credential = msgspec.json.decode(output, type=ExecCredential)
        except UNREADABLE as error:
            raise Transient(f"exec plugin {self.command} answered no ExecCredential: {error}") from error
        if credential.api_version != self.api_version:
            raise Transient(
                f"exec plugin {self.command} answered {credential.api_version}, but "
                f"the kubeconfig asks for {self.api_version}"
            )
        status = credential.status
        if not status.token and not (status.client_certificate_data and status.client_key_data):
            raise Transient(f"exec plugin {self.command} gave neither a token nor a client certificate with its key")
        return status
