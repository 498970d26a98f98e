"""Tokens, certificates and plugins: renewed when their time or their file says so, and never half."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.errors import Transient
from trafficfed.kubernetes_api.authentication import RENEW_EARLY_S, CertificateFiles, Fixed, FromPlugin, TokenFile
from trafficfed.kubernetes_api.exec_plugin import ExecPlugin
from trafficfed.kubernetes_api.tls import client_context
from trafficfed.testing.certificates import CertificateAuthority


class FixedClock(SystemClock):
    def __init__(self, now_s: float) -> None:
        self.at_s = now_s

    def now_s(self) -> float:
        return self.at_s


def replace_file(path: Path, content: bytes) -> None:
    """As kubelet does: a new file takes the old one's name."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def plugin(directory: Path, status: object, **options: object) -> ExecPlugin:
    """A plugin that counts its runs in a file and answers ``status``."""
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status, **options}
    (directory / "answer").write_text(json.dumps(answer))
    script = f'cd {directory}; echo run >>runs; printf %s "$KUBERNETES_EXEC_INFO" >info; cat answer'
    return ExecPlugin("/bin/sh", ("-c", script))


def runs(directory: Path) -> int:
    return len((directory / "runs").read_text().splitlines())


async def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    source = TokenFile(path)
    assert await source.header() == "Bearer first"
    assert not source.was_refused()
    replace_file(path, b"second")
    assert source.was_refused()
    assert await source.header() == "Bearer second"


async def test_a_missing_or_empty_token_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(Transient, match=r"token file .*token cannot be read: No such file"):
        await TokenFile(path).header()
    assert not TokenFile(path).was_refused()
    path.write_text("\n")
    with pytest.raises(Transient, match="is empty"):
        await TokenFile(path).header()


async def test_a_rotated_client_certificate_is_loaded_again(tmp_path: Path) -> None:
    authority = CertificateAuthority.create()
    tls = client_context(authority.pem)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    source = CertificateFiles(tls, certificate, key)
    with pytest.raises(Transient, match="cannot be read"):
        await source.header()
    first, second = authority.client("one"), authority.client("two")
    certificate.write_bytes(first.certificate)
    key.write_bytes(first.key)
    assert await source.header() == ""
    replace_file(certificate, second.certificate)
    with pytest.raises(Transient, match="do not fit"):
        await source.header()
    replace_file(key, second.key)
    assert await source.header() == ""
    assert not source.was_refused()


async def test_a_fixed_token_cannot_be_renewed() -> None:
    assert await Fixed().header() == ""
    assert not Fixed("t").was_refused()


async def test_a_plugin_is_run_once_until_shortly_before_its_token_ends(tmp_path: Path) -> None:
    clock = FixedClock(1_790_000_000.0)
    status = {"token": "t1", "expirationTimestamp": "2026-09-21T17:13:20Z"}
    ends_s = 1_790_010_800.0
    source = FromPlugin(plugin(tmp_path, status), None, clock)
    assert await asyncio.gather(*(source.header() for _ in range(5))) == ["Bearer t1"] * 5
    assert runs(tmp_path) == 1
    clock.at_s = ends_s - RENEW_EARLY_S - 1
    await source.header()
    assert runs(tmp_path) == 1
    clock.at_s = ends_s - RENEW_EARLY_S + 1
    await source.header()
    assert runs(tmp_path) == 2


async def test_a_plugin_is_run_again_after_its_token_was_refused(tmp_path: Path) -> None:
    source = FromPlugin(plugin(tmp_path, {"token": "t1"}), None, SystemClock())
    await source.header()
    assert source.was_refused()
    await source.header()
    assert runs(tmp_path) == 2


async def test_a_plugin_may_give_a_client_certificate(tmp_path: Path) -> None:
    authority = CertificateAuthority.create()
    pair = authority.client("someone")
    status = {"clientCertificateData": pair.certificate.decode(), "clientKeyData": pair.key.decode()}
    source = FromPlugin(plugin(tmp_path, status), client_context(authority.pem), SystemClock())
    assert await source.header() == ""
    bad = FromPlugin(plugin(tmp_path, {**status, "clientKeyData": "x"}), client_context(authority.pem), SystemClock())
    with pytest.raises(Transient, match="bad client certificate"):
        await bad.header()


async def test_a_plugin_is_told_what_it_asked_for(tmp_path: Path) -> None:
    asked = plugin(tmp_path, {"token": "t1"})
    told = ExecPlugin(asked.command, asked.arguments, cluster={"server": "https://eu.example.org"})
    await told.run()
    info = json.loads((tmp_path / "info").read_text())
    assert info["spec"] == {"interactive": False, "cluster": {"server": "https://eu.example.org"}}
    assert info["apiVersion"] == "client.authentication.k8s.io/v1"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no login >&2; exit 3", "ended with 3: no login"),
        ("echo hello", "answered no ExecCredential"),
        ('echo \'{"apiVersion":"v0","kind":"ExecCredential","status":{"token":"t"}}\'', "answered v0, but"),
        (
            'echo \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}}\'',
            "neither a token nor a client certificate",
        ),
    ],
)
async def test_what_goes_wrong_with_a_plugin_is_said(script: str, said: str) -> None:
    with pytest.raises(Transient, match=said):
        await ExecPlugin("/bin/sh", ("-c", script)).run()


async def test_an_unreadable_end_is_said(tmp_path: Path) -> None:
    source = FromPlugin(plugin(tmp_path, {"token": "t", "expirationTimestamp": "soon"}), None, SystemClock())
    with pytest.raises(Transient, match="unreadable expirationTimestamp 'soon'"):
        await source.header()


async def test_a_plugin_that_does_not_exist_is_said() -> None:
    with pytest.raises(Transient, match="exec plugin no-such-plugin cannot be run: No such file"):
        await ExecPlugin("no-such-plugin").run()


async def test_a_plugin_that_hangs_is_ended() -> None:
    hanging = ExecPlugin(sys.executable, ("-c", "import signal; signal.pause()"))
    with pytest.raises(Transient, match="gave no answer"):
        await hanging.run(limit_s=0.2)
