"""What a user writes for Route 53 is checked: every mistake at once, with its key and the fix; secrets stay hidden."""

from pathlib import Path

import pytest

from trafficfed.errors import ConfigError
from trafficfed_providers.route53 import Route53
from trafficfed_providers.route53_settings import Settings, parse_settings

KEYS = {"access-key-id": "AKIA1", "secret-access-key": "a secret that nobody may see"}


def mistakes(settings: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings("aws", settings)
    return str(caught.value).splitlines()


def keys_of(found: list[str]) -> list[str]:
    return [mistake.partition(": ")[0].removeprefix("providers.aws.") for mistake in found]


def test_nothing_has_to_be_set() -> None:
    assert parse_settings("aws", {}) == Settings()
    assert Settings().requests_per_s == 5.0


def test_everything_can_be_set() -> None:
    parsed = parse_settings(
        "aws",
        {
            **KEYS,
            "region": "cn-north-1",
            "endpoint-url": "http://127.0.0.1:4566",
            "zone-id": {"Fed.Example.org.": "/hostedzone/Z1D633PJN98FT9"},
            "health-checks": {"us": "b", "eu": "a"},
            "requests-per-second": 2,
            "authorities": ["ns-1.awsdns-00.com:53", "[2001:db8::53]:53"],
        },
    )
    assert parsed.zone_ids == (("fed.example.org", "Z1D633PJN98FT9"),)
    assert parsed.health_checks == (("eu", "a"), ("us", "b"))
    assert (parsed.region, parsed.requests_per_s) == ("cn-north-1", 2.0)
    assert parsed.authorities == ("ns-1.awsdns-00.com:53", "[2001:db8::53]:53")


def test_all_mistakes_come_at_once() -> None:
    found = mistakes(
        {
            "zone": "x",
            "secret-access-key": "x",
            "region": 5,
            "endpoint-url": "localhost:4566",
            "zone-id": {"fed.test": "not an id"},
            "health-checks": ["h1"],
            "requests-per-second": 0,
            "authorities": "ns-1",
        }
    )
    assert keys_of(found) == [
        "zone",
        "access-key-id",
        "region",
        "endpoint-url",
        "zone-id.fed.test",
        "health-checks",
        "requests-per-second",
        "authorities",
    ]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"access-key-id": "AKIA1"}, "access-key-id"),
        ({**KEYS, "secret-access-key-env": "X"}, "access-key-id"),
        ({**KEYS, "profile": "prod"}, "profile"),
        ({"access-key-id": "AKIA1", "secret-access-key-env": "TRAFFICFED_NO_SUCH"}, "secret-access-key-env"),
        ({"access-key-id": "AKIA1", "secret-access-key-file": "/nonexistent/key"}, "secret-access-key-file"),
        ({"access-key-id": "", "secret-access-key": "x"}, "access-key-id"),
        ({"zone-id": "Z1"}, "zone-id"),
        ({"zone-id": {"fed.test": 5}}, "zone-id"),
        ({"requests-per-second": True}, "requests-per-second"),
        ({"requests-per-second": float("nan")}, "requests-per-second"),
        ({"authorities": ["ns-1"]}, "authorities"),
    ],
)
def test_mistakes_by_key(settings: dict[str, object], key: str) -> None:
    assert key in keys_of(mistakes(settings))


def test_the_secret_may_be_in_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text("secret\n")
    monkeypatch.setenv("AWS_KEY_OF_PROD", "secret")
    for where in ({"secret-access-key-file": str(path)}, {"secret-access-key-env": "AWS_KEY_OF_PROD"}):
        assert parse_settings("aws", {"access-key-id": "AKIA1", **where}).secret_access_key == "secret"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00"])
def test_a_file_that_holds_no_secret_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    found = mistakes({"access-key-id": "AKIA1", "secret-access-key-file": str(path)})
    assert keys_of(found) == ["secret-access-key-file"]


def test_secrets_are_shown_nowhere() -> None:
    parsed = parse_settings("aws", dict(KEYS))
    assert KEYS["secret-access-key"] not in repr(parsed)
    assert KEYS["secret-access-key"] not in str(parsed)


def test_capabilities_say_that_it_steers_by_trees_and_what_it_checks() -> None:
    plain = Route53.from_settings("aws", dict(KEYS)).capabilities
    assert (plain.routing, plain.weighted, plain.failover, plain.health) == ("tree", True, False, False)
    assert (plain.atomicity, plain.fence) == ("batch", "atomic")
    checked = Route53.from_settings("aws", {**KEYS, "health-checks": {"eu": "h1"}}).capabilities
    assert (checked.failover, checked.health, checked.checks) == (True, True, (("eu", "h1"),))
