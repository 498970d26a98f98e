"""The settings of Google Cloud DNS: every mistake is named with its key and the fix, and secrets are not shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from trafficfed.errors import ConfigError
from trafficfed.testing.google_dns.tokens import Tokens
from trafficfed_providers.google_settings import parse_settings


def test_nothing_has_to_be_said_where_the_machine_has_credentials() -> None:
    settings = parse_settings("g", {})
    assert settings.endpoint == settings.project == settings.managed_zone == ""
    assert settings.requests_per_s == 5.0


def test_all_mistakes_come_at_once_each_with_its_key_and_fix() -> None:
    wrong = {
        "project": "Shop Production",
        "managed-zone": "fed.example.org",
        "credentials-file": "/nowhere/key.json",
        "endpoint": "dns.googleapis.com",
        "requests-per-second": 0,
        "zone": "x",
    }
    with pytest.raises(ConfigError) as caught:
        parse_settings("g", wrong)
    assert sorted(str(caught.value).splitlines()) == [
        "providers.g.credentials-file: /nowhere/key.json cannot be read (No such file or directory); "
        "check the path and its permissions",
        "providers.g.endpoint: 'dns.googleapis.com' is not a URL such as https://dns.googleapis.com; "
        "leave it out for Google's own",
        "providers.g.managed-zone: 'fed.example.org' is not the zone's name in Cloud DNS, not its DNS name",
        "providers.g.project: 'Shop Production' is not a project's ID, such as shop-prod-1",
        "providers.g.requests-per-second: must be a number from 0.01 to 1000, not 0",
        "providers.g.zone: unknown key; known ones are project, managed-zone, credentials-file, endpoint, "
        "requests-per-second",
    ]


def test_an_endpoint_without_credentials_needs_a_project() -> None:
    with pytest.raises(ConfigError, match=r"providers\.g\.project: is missing"):
        parse_settings("g", {"endpoint": "http://127.0.0.1:8080"})
    settings = parse_settings("g", {"endpoint": "http://127.0.0.1:8080/", "project": "shop-prod-1"})
    credentials, project = settings.credentials(())
    assert (settings.endpoint, project) == ("http://127.0.0.1:8080", "shop-prod-1")
    assert type(credentials).__name__ == "AnonymousCredentials"


@pytest.mark.parametrize("value", ["http://", "ftp://example.org", "https://[", 7, "http://example.org:99999999"])
def test_an_endpoint_is_a_url(value: object) -> None:
    with pytest.raises(ConfigError, match=r"providers\.g\.endpoint: "):
        parse_settings("g", {"endpoint": value, "project": "shop-prod-1"})


@pytest.mark.parametrize("value", [True, "5", -1, 1001, None, float("nan")])
def test_a_rate_is_a_number_in_bounds(value: object) -> None:
    with pytest.raises(ConfigError, match=r"providers\.g\.requests-per-second: "):
        parse_settings("g", {"requests-per-second": value})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "does not hold credentials of Google Cloud"),
        ("[]", "has the type None"),
        (json.dumps({"type": "service_account"}), "does not hold credentials of Google Cloud"),
        (json.dumps({"type": "gdch_service_account"}), "has the type 'gdch_service_account'; use one of"),
        (
            json.dumps({"type": "external_account", "credential_source": {"executable": {"command": "x"}}}),
            "does not hold",
        ),
        (
            json.dumps({"type": "service_account", "client_email": "a", "token_uri": "b", "private_key": "no"}),
            "does not",
        ),
    ],
)
def test_a_file_that_holds_no_credentials_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"providers\.g\.credentials-file: ") as caught:
        parse_settings("g", {"credentials-file": str(path)})
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_binary_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.p12"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a text file"):
        parse_settings("g", {"credentials-file": str(path)})


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("account") / "key.json"
    path.write_text(Tokens(lambda: 0.0).key_file("shop-prod-1", "http://127.0.0.1:1"))
    return path


def test_a_key_file_tells_its_project_and_another_one_can_be_said(key_file: Path) -> None:
    credentials, project = parse_settings("g", {"credentials-file": str(key_file)}).credentials(("scope",))
    assert (project, credentials.scopes) == ("shop-prod-1", ("scope",))
    other = parse_settings("g", {"credentials-file": str(key_file), "project": "dns-prod-1"})
    assert other.credentials(())[1] == "dns-prod-1"


def test_a_user_and_a_federated_identity_are_credentials_too(tmp_path: Path) -> None:
    kinds: list[dict[str, Any]] = [
        {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"},
        {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {"file": str(tmp_path / "token")},
        },
    ]
    for info in kinds:
        path = tmp_path / "key.json"
        path.write_text(json.dumps(info))
        credentials, _ = parse_settings("g", {"credentials-file": str(path)}).credentials(())
        assert type(credentials).__name__ == "Credentials"


def test_secrets_are_not_shown(key_file: Path) -> None:
    settings = parse_settings("g", {"credentials-file": str(key_file)})
    assert "PRIVATE" in settings.credentials_info
    assert "PRIVATE" not in repr(settings)
    assert "PRIVATE" not in f"{settings}"
