"""What a user writes is checked: every mistake at once, with its key and the fix; secrets are never shown."""

import base64
from pathlib import Path

import pytest

from trafficfed.errors import ConfigError
from trafficfed_providers.rfc2136 import Rfc2136
from trafficfed_providers.rfc2136_settings import Server, Settings, parse_settings

SECRET = base64.b64encode(b"a secret of thirty-two octets...").decode()
TSIG = {"name": "prod", "secret": SECRET}


def mistakes(settings: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings("bind", settings)
    return str(caught.value).splitlines()


def test_the_least_that_is_needed() -> None:
    parsed = parse_settings("bind", {"server": "192.0.2.53:5353", "tsig": TSIG})
    assert parsed.server == Server("192.0.2.53", 5353)
    assert (parsed.key_name, parsed.algorithm) == ("prod.", "hmac-sha256")
    assert parsed.secret == base64.b64decode(SECRET)
    assert parsed.authorities == (parsed.server,)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.53", "192.0.2.53", 53),
        ("ns.example.org:5300", "ns.example.org", 5300),
        ("[2001:db8::53]:5300", "2001:db8::53", 5300),
        ("[2001:db8::53]", "2001:db8::53", 53),
        ("2001:db8::53", "2001:db8::53", 53),
    ],
)
def test_every_way_to_write_a_server(text: str, host: str, port: int) -> None:
    assert parse_settings("bind", {"server": text}).server == Server(host, port)


@pytest.mark.parametrize("text", ["", "host:", "host:0", "host:65536", "host:dns", ":53", "[2001:db8::1]53", None, 53])
def test_a_server_that_is_none(text: object) -> None:
    (mistake,) = mistakes({"server": text})
    assert mistake.startswith("providers.bind.server: ")
    assert "192.0.2.53:53" in mistake


def test_all_mistakes_come_at_once() -> None:
    found = mistakes(
        {
            "sever": "x",
            "source": "here",
            "batch": 0,
            "authorities": "192.0.2.53",
            "tsig": {"algorithm": "md5", "secret": "%%%", "key": "x"},
        }
    )
    assert [mistake.partition(": ")[0] for mistake in found] == [
        "providers.bind.sever",
        "providers.bind.server",
        "providers.bind.tsig.key",
        "providers.bind.tsig.algorithm",
        "providers.bind.tsig.name",
        "providers.bind.tsig.secret",
        "providers.bind.source",
        "providers.bind.authorities",
        "providers.bind.batch",
    ]


@pytest.mark.parametrize(
    ("tsig", "key"),
    [
        ("prod", "tsig"),
        ({"name": "prod"}, "tsig"),
        ({"name": "prod", "secret": SECRET, "secret-env": "X"}, "tsig"),
        ({"name": "a..b", "secret": SECRET}, "tsig.name"),
        ({"name": "prod", "secret": ""}, "tsig.secret"),
        ({"name": "prod", "secret-env": "TRAFFICFED_NO_SUCH"}, "tsig.secret-env"),
        ({"name": "prod", "secret-file": "/nonexistent/key"}, "tsig.secret-file"),
    ],
)
def test_mistakes_about_the_key(tsig: object, key: str) -> None:
    found = mistakes({"server": "192.0.2.53", "tsig": tsig})
    assert f"providers.bind.{key}" in {mistake.partition(": ")[0] for mistake in found}


def test_the_secret_may_be_in_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    monkeypatch.setenv("PROD_KEY", SECRET)
    for where in ({"secret-file": str(path)}, {"secret-env": "PROD_KEY"}):
        parsed = parse_settings("bind", {"server": "192.0.2.53", "tsig": {"name": "prod", **where}})
        assert parsed.secret == base64.b64decode(SECRET)


def test_a_file_that_is_no_text_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfe\x00")
    (mistake,) = mistakes({"server": "192.0.2.53", "tsig": {"name": "prod", "secret-file": str(path)}})
    assert "not a text file" in mistake


def test_secrets_are_shown_nowhere() -> None:
    parsed = parse_settings("bind", {"server": "192.0.2.53", "tsig": TSIG})
    assert SECRET not in repr(parsed)
    assert str(parsed.secret) not in repr(parsed)
    assert isinstance(parsed, Settings)


def test_without_a_key_the_server_has_to_trust_the_address() -> None:
    assert parse_settings("bind", {"server": "192.0.2.53"}).key() is None


def test_capabilities_name_the_authorities_to_ask() -> None:
    provider = Rfc2136.from_settings("bind", {"server": "192.0.2.53", "authorities": ["192.0.2.1", "[2001:db8::1]:54"]})
    assert provider.capabilities.authorities == ("192.0.2.1:53", "[2001:db8::1]:54")
    assert provider.capabilities.atomicity == "batch"
    assert provider.capabilities.fence == "atomic"
