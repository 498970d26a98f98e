"""Credentials from kubeconfig files: what is right works without a key on disk, what is wrong is named with its fix."""

import base64
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.clock import SystemClock
from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.credentials import Credentials, in_cluster, load_kubeconfig
from trafficfed.testing.certificates import CertificateAuthority

AUTHORITY = CertificateAuthority.create()
PAIR = AUTHORITY.client("someone", "team")
SERVER = "https://eu.example.org:6443"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write(path: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **cluster}}],
        "users": [{"name": "u", "user": user}] if user is not None else [],
        "contexts": [{"name": "eu", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "eu",
    }
    path.write_text(yaml.safe_dump(content))
    return path


async def load(path: Path | str | None, context: str | None = None, *allow: str) -> Credentials:
    return await load_kubeconfig(path, context, SystemClock(), allow)


def open_files() -> str:
    links = Path("/proc/self/fd").iterdir()
    return "\n".join(os.readlink(link) for link in links if link.is_symlink() and link.exists())


async def refusal(path: Path, context: str | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        await load(path, context)
    assert str(path) in str(raised.value)
    return str(raised.value).removeprefix(f"{path}: ")


async def test_a_token_with_the_servers_address_and_trust(tmp_path: Path) -> None:
    path = write(tmp_path / "config", {"token": "t0"}, **{"certificate-authority-data": encoded(AUTHORITY.pem)})
    found = await load(path)
    assert (found.server, found.who) == (SERVER, "the token of context eu")
    assert await found.authentication.header() == "Bearer t0"
    assert found.tls is not None
    assert [dict(found["subject"][0])["commonName"] for found in found.tls.get_ca_certs()] == [  # type: ignore[arg-type]
        "trafficfed test authority"
    ]


async def test_inline_keys_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    user = {"client-certificate-data": encoded(PAIR.certificate), "client-key-data": encoded(PAIR.key)}
    found = await load(write(tmp_path / "config", user, **{"certificate-authority-data": encoded(AUTHORITY.pem)}))
    assert found.who == "the client certificate of context eu"
    assert list(scratch.iterdir()) == []
    assert "client-certificate" not in open_files()


async def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    (tmp_path / "client.crt").write_bytes(PAIR.certificate)
    (tmp_path / "client.key").write_bytes(PAIR.key)
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    found = await load(write(tmp_path / "config", user, **{"certificate-authority": "ca.crt"}))
    assert await found.authentication.header() == ""


async def test_the_second_of_two_files_completes_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "token").write_text("from-file\n")
    users = other / "users"
    users.write_text(yaml.safe_dump({"users": [{"name": "u", "user": {"tokenFile": "token"}}]}))
    monkeypatch.setenv("KUBECONFIG", f"{write(tmp_path / 'config')}:{users}")
    assert await (await load(None)).authentication.header() == "Bearer from-file"


async def test_further_fields_are_carried_along(tmp_path: Path) -> None:
    user = {"token": "t0", "as": "auditor", "as-groups": ["a", "b"], "as-uid": "7"}
    cluster = {"tls-server-name": "inner.example.org", "proxy-url": "http://192.0.2.9:3128"}
    found = await load(write(tmp_path / "config", user, **cluster))
    assert (found.server_name, found.proxy) == ("inner.example.org", "http://192.0.2.9:3128")
    assert found.headers == (
        ("Impersonate-User", "auditor"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    )


async def test_verification_is_off_only_where_that_is_written(tmp_path: Path) -> None:
    on = await load(write(tmp_path / "on", {"token": "t"}))
    off = await load(write(tmp_path / "off", {"token": "t"}, **{"insecure-skip-tls-verify": True}))
    assert on.tls is not None
    assert off.tls is not None
    assert (on.tls.check_hostname, off.tls.check_hostname) == (True, False)


async def test_plain_http_needs_no_trust(tmp_path: Path) -> None:
    found = await load(write(tmp_path / "config", {"token": "t"}, server="http://127.0.0.1:8001/clusters/eu/"))
    assert (found.server, found.tls) == ("http://127.0.0.1:8001/clusters/eu", None)


async def test_the_scheme_of_a_url_may_be_in_capitals(tmp_path: Path) -> None:
    found = await load(write(tmp_path / "config", {"token": "t"}, server="HTTPS://eu.example.org:6443"))
    assert found.server == SERVER
    assert found.tls is not None


async def test_secrets_are_not_in_the_repr(tmp_path: Path) -> None:
    found = await load(write(tmp_path / "config", {"token": "very-secret"}))
    assert "very-secret" not in repr(found)


@pytest.mark.parametrize("name", ["nowhere", "nowhere/config", "nowhere:elsewhere"])
async def test_a_missing_file_is_named_and_nothing_else_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    assert await refusal(tmp_path / name) == "there is no such file; name a kubeconfig that exists"
    assert caplog.messages == []


async def test_one_file_of_several_may_be_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = await load(f"{tmp_path / 'nowhere'}:{write(tmp_path / 'config', {'token': 't0'})}")
    assert await found.authentication.header() == "Bearer t0"
    assert caplog.messages == []


async def test_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "config", {"token": "t0"})
    assert await (await load("~/config")).authentication.header() == "Bearer t0"


async def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in await refusal(tmp_path)


@pytest.mark.parametrize("text", ["a: [", "\x00", "{{{"])
async def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert "is no YAML" in await refusal(path)


@pytest.mark.parametrize("text", ["", "hello", "- a\n- b\n", "clusters: 5\n", "users: [a]\n"])
async def test_a_file_that_is_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    await refusal(path)


ODD: tuple[Any, ...] = (None, "é", 5, [1], {"a": 1})
WHOLE: dict[str, Any] = {
    "clusters": [
        {
            "name": "c",
            "cluster": {"server": SERVER, "certificate-authority-data": encoded(AUTHORITY.pem), "proxy-url": ""},
        }
    ],
    "users": [
        {
            "name": "u",
            "user": {
                "as-groups": ["a"],
                "exec": {"command": "aws", "env": [{"name": "A", "value": "b"}]},
                "client-certificate-data": "",
            },
        }
    ],
    "contexts": [{"name": "eu", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "eu",
}


def places(node: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """The path of everything inside a document."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, *path, key)


@pytest.mark.parametrize("place", list(places(WHOLE)), ids=lambda place: "-".join(map(str, place)))
async def test_whatever_stands_in_a_field_is_read_or_refused_by_name(
    tmp_path: Path, place: tuple[str | int, ...]
) -> None:
    path, refused = tmp_path / "config", []
    for odd in ODD:
        document = json.loads(json.dumps(WHOLE))
        node = document
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = odd
        path.write_text(yaml.safe_dump(document))
        try:
            await load(path, "eu", "aws")
        except ConfigError as error:
            refused.append(str(error))
    assert all(said.startswith(f"{path}: ") for said in refused)


async def test_an_entry_of_another_shape_is_named_with_its_context(tmp_path: Path) -> None:
    said = await refusal(write(tmp_path / "config", {"exec": "aws"}))
    assert said.startswith("the current context: some entry is not what a kubeconfig has there")
    assert "`kubectl config view`" in said


async def test_an_unknown_context_is_named_with_where_to_look(tmp_path: Path) -> None:
    said = await refusal(write(tmp_path / "config", {"token": "t"}), "us")
    assert said.startswith("context us: Expected object with name us in")
    assert said.endswith("`kubectl config get-contexts` lists what is there")


async def test_no_current_context_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "config", {"token": "t"})
    path.write_text(path.read_text().replace("current-context: eu", "current-context: ''"))
    assert "current context" in await refusal(path)


async def test_a_context_whose_user_is_missing_is_not_taken_for_an_anonymous_one(tmp_path: Path) -> None:
    assert "it names the user u, which is not there" in await refusal(write(tmp_path / "config"))


@pytest.mark.parametrize(
    ("user", "cluster", "field", "fix"),
    [
        ({"token": "t"}, {"server": "eu.example.org"}, "server", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"server": ""}, "server", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"server": "https://"}, "server", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"server": "https://:6443"}, "server", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"server": "https://eu.example.org:99999"}, "server", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"server": "https://no..name:6443"}, "server", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"server": "https://[::1"}, "server", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"proxy-url": "socks5://192.0.2.9:1080"}, "proxy-url", "give it as https://HOST:PORT"),
        ({"token": "t"}, {"certificate-authority-data": "###"}, "certificate-authority-data", "encode the PEM text"),
        ({"token": "t"}, {"certificate-authority-data": 5}, "certificate-authority-data", "encode the PEM text"),
        ({"token": "t"}, {"certificate-authority-data": encoded(b"x")}, "certificate-authority", "give a PEM bundle"),
        ({"token": "t"}, {"certificate-authority": "no.crt"}, "certificate-authority", "correct the path"),
        ({"client-certificate-data": encoded(PAIR.certificate)}, {}, "client-key", "needs its key"),
        (
            {"client-certificate-data": encoded(PAIR.certificate), "client-key-data": encoded(b"x")},
            {},
            "client-certificate",
            "renew them",
        ),
        ({"auth-provider": {"name": "oidc"}}, {}, "auth-provider", "an exec plugin"),
        ({"username": "a", "password": "b"}, {}, "username", "use a token"),
        ({"exec": {"command": "steal"}}, {}, "exec", "add it to allow-exec if you trust"),
    ],
)
async def test_each_mistake_is_named_with_its_field_and_fix(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], field: str, fix: str
) -> None:
    said = await refusal(write(tmp_path / "config", user, **cluster))
    assert said.startswith(f"context eu: {field}: ")
    assert fix in said


async def test_an_allowed_exec_plugin_is_run_and_its_token_used(tmp_path: Path) -> None:
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-plugin"},
    }
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", f"print({json.dumps(json.dumps(answer))})"],
    }
    found = await load(write(tmp_path / "config", {"exec": plugin}), None, sys.executable)
    assert found.who == f"the exec plugin {sys.executable} of context eu"
    assert await found.authentication.header() == "Bearer from-plugin"


async def test_an_exec_plugin_that_merely_ends_like_an_allowed_one_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "config", {"exec": {"command": "/tmp/aws"}})
    with pytest.raises(ConfigError, match="the plugin '/tmp/aws' is not allowed"):
        await load(path, None, "aws")


async def test_a_pods_own_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = in_cluster(tmp_path)
    assert (found.server, found.who) == ("https://[fd00::1]:443", "the token of the Pod's ServiceAccount")
    assert await found.authentication.header() == "Bearer pod-token"


async def test_outside_a_pod_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="outside a cluster name a kubeconfig and context"):
        in_cluster(tmp_path)
