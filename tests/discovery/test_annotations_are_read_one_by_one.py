"""Each annotation is read on its own; a bad one is named with its object, key, value and fix, and harms only itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.discovery.annotations import ALL, PREFIX, WRITTEN_BY_US, Stated, Targets, read_annotations
from trafficfed.discovery.healthcheck_url import parse_health_check
from trafficfed.errors import ConfigError
from trafficfed.model import HealthCheck
from trafficfed.propagation.portable import HASH_ANNOTATION
from trafficfed.services.meshes import HASH_OF_MARKS, MARKED_BY


def read(**annotations: str) -> Stated:
    stated = read_annotations({PREFIX + key.replace("_", "-"): text for key, text in annotations.items()})
    assert stated is not None
    return stated


def mistake(**annotations: str) -> str:
    """The one mistake's text; it must be the only one."""
    (found,) = read(**annotations).mistakes
    return found.message


@pytest.mark.parametrize("annotations", [None, {}, {"example.org/hostname": "www.example.org", "app": "web"}])
def test_an_object_without_our_annotations_states_nothing(annotations: dict[str, str] | None) -> None:
    assert read_annotations(annotations) is None


def test_all_annotations_are_read() -> None:
    stated = read(
        hostname="www.example.org, example.org",
        steering="geo, failover,weighted",
        weight="30",
        tier="1",
        health_check="https://:8443/healthz",
        ttl="60",
        target="192.0.2.9",
        drain="True",
    )
    assert stated == Stated(
        hostnames=("www.example.org", "example.org"),
        steering=("geo", "failover", "weighted"),
        weight=30,
        tier=1,
        health_check=HealthCheck(scheme="https", port=8443, path="/healthz"),
        ttl=60,
        target=Targets(("192.0.2.9",)),
        drained=True,
    )


def test_what_is_not_annotated_is_not_stated() -> None:
    assert read(hostname="www.example.org") == Stated(hostnames=("www.example.org",))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("WWW.Example.ORG.", ("www.example.org",)),
        (" a.example.org ,b.example.org,", ("a.example.org", "b.example.org")),
        ("a.example.org,A.EXAMPLE.org", ("a.example.org",)),
        ("bücher.example.org", ("xn--bcher-kva.example.org",)),
        ("*.Example.org", ("*.example.org",)),
        ("*.bücher.example.org", ("*.xn--bcher-kva.example.org",)),
    ],
)
def test_hostnames_become_canonical(text: str, names: tuple[str, ...]) -> None:
    assert read(hostname=text).hostnames == names
    assert not read(hostname=text).broken


@pytest.mark.parametrize(
    "bad",
    [
        "www..example.org",
        "-www.example.org",
        "www-.example.org",
        "under_score.example.org",
        "two words.example.org",
        "www.*.example.org",
        "w*.example.org",
        "*",
        "*.",
        "192.0.2.1",
        "2001:db8::1",
        "http://www.example.org",
        "a" * 64 + ".example.org",
        ".".join(["a" * 60] * 4),
        "xn--a.example.org",
        "line\nbreak.example.org",
    ],
)
def test_a_bad_hostname_harms_no_other_in_the_list(bad: str) -> None:
    stated = read(hostname=f"good.example.org,{bad}")
    assert stated.hostnames == ("good.example.org",)
    assert stated.broken == ("hostname",)
    assert stated.mistakes[0].reason == "InvalidAnnotation"
    assert "\n" not in stated.mistakes[0].message


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_hostname_is_a_mistake_not_a_withdrawal(text: str) -> None:
    stated = read(hostname=text)
    assert stated.hostnames == ()
    assert stated.broken == ("hostname",)
    assert "remove the annotation to withdraw" in stated.mistakes[0].message


@pytest.mark.parametrize("key", ["weight", "tier"])
@pytest.mark.parametrize("text", ["10%", "-1", "+1", "1.5", "65536", "1_000", "٣", "", "ten", "0x10", "9" * 30])
def test_a_number_is_digits_in_range_and_nothing_else(key: str, text: str) -> None:
    stated = read(hostname="www.example.org", **{key: text})
    assert stated.broken == (key,)
    assert getattr(stated, key) is None
    assert "from 0 to 65535" in stated.mistakes[0].message


@pytest.mark.parametrize("text", ["0", "65535", " 7 ", "007"])
def test_numbers_at_the_ends_of_the_range_are_taken(text: str) -> None:
    assert read(weight=text).weight == int(text)


@pytest.mark.parametrize("text", ["0", "-5", "30s", "2147483648"])
def test_a_ttl_is_whole_seconds_from_one(text: str) -> None:
    assert "from 1 to 2147483647" in mistake(ttl=text)


@pytest.mark.parametrize("text", ["yes", "1", "", "on"])
def test_drain_is_true_or_false(text: str) -> None:
    assert '"true" nor "false"' in mistake(drain=text)


@pytest.mark.parametrize(("text", "drained"), [("true", True), ("FALSE", False)])
def test_drain_may_be_written_in_any_case(text: str, drained: bool) -> None:
    assert read(drain=text).drained is drained


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gio", "'gio' in 'gio' is not supported"),
        ("latency", "this version has geo, failover, weighted, multivalue"),
        ("geo,geo", "twice"),
        ("weighted,geo", "ends a chain"),
        ("weighted,multivalue", "ends a chain"),
        ("", "not supported"),
        ("geo,,weighted", "not supported"),
    ],
)
def test_a_steering_chain_is_refused_with_what_is_supported(text: str, says: str) -> None:
    assert says in mistake(steering=text)


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("192.0.2.1", Targets(("192.0.2.1",))),
        ("192.0.2.2, 192.0.2.1,192.0.2.2", Targets(("192.0.2.1", "192.0.2.2"))),
        ("2001:DB8:0:0::1", Targets(("2001:db8::1",))),
        ("::ffff:192.0.2.1", Targets(("192.0.2.1",))),
        ("LB.example.net.", Targets((), ("lb.example.net",))),
        ("192.0.2.1,lb.example.net", Targets(("192.0.2.1",), ("lb.example.net",))),
    ],
)
def test_targets_are_addresses_and_hostnames_in_canonical_form(text: str, targets: Targets) -> None:
    assert read(target=text).target == targets


@pytest.mark.parametrize("bad", ["192.0.2.256", "010.0.0.1", "fe80::1%eth0", "", "*.example.org", "192.0.2.0/24"])
def test_one_bad_target_spoils_the_list(bad: str) -> None:
    stated = read(target=f"192.0.2.1,{bad}")
    assert stated.target is None
    assert stated.broken == ("target",)


def test_a_traffic_policy_is_refused_alone() -> None:
    stated = read(hostname="www.example.org", weight="5", traffic_policy="gold")
    (found,) = stated.mistakes
    assert found.reason == "NotSupported"
    assert "'gold'" in found.message
    assert "annotate the settings themselves" in found.message
    assert (stated.weight, stated.broken) == (5, ())


def test_an_unknown_key_is_named_with_the_known_ones() -> None:
    (found,) = read(hostname="www.example.org", hostnames="a.example.org").mistakes
    assert found.reason == "UnknownAnnotation"
    assert "'trafficfed.io/hostnames'" in found.message
    assert "health-check, hostname, steering" in found.message


def test_every_mistake_says_key_value_and_what_holds_meanwhile() -> None:
    bad = dict.fromkeys(("steering", "weight", "tier", "health_check", "ttl", "target", "drain"), "n!onsense")
    stated = read(hostname="n!onsense", **bad)
    assert len(stated.mistakes) == 8
    for found in stated.mistakes:
        assert found.message.startswith(f"{PREFIX}{found.key}: ")
        assert "n!onsense" in found.message
        assert next(each.fallback for each in ALL if each.key == found.key) in found.message


def test_a_long_or_hostile_value_cannot_flood_or_forge_a_log_line() -> None:
    text = mistake(weight="x\n\x1b[31m" + "y" * 10_000)
    assert len(text) < 400
    assert text.isprintable()


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("http://:8080", HealthCheck(scheme="http", port=8080)),
        ("https:///healthz", HealthCheck(scheme="https", path="/healthz")),
        ("HTTPS://:443/a?b=c", HealthCheck(scheme="https", port=443, path="/a?b=c")),
        ("https://api.Example.org:8443/x", HealthCheck(scheme="https", port=8443, path="/x", host="api.example.org")),
        ("tcp://:5432", HealthCheck(scheme="tcp", port=5432)),
        ("tcp://:5432/", HealthCheck(scheme="tcp", port=5432)),
        ("tcp://", HealthCheck(scheme="tcp")),
    ],
)
def test_a_health_check_is_one_url(text: str, check: HealthCheck) -> None:
    assert parse_health_check(text) == check


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("grpc://:9090/svc", "grpc checks are not supported yet; use http, https, tcp"),
        ("dns://:53/www.example.org", "dns checks are not supported yet"),
        ("ftp://:21", "not one of http, https, tcp"),
        ("https://192.0.2.1:8443/", "the endpoint's own addresses"),
        ("https://[2001:db8::1]:8443/", "the endpoint's own addresses"),
        ("https://169.254.169.254/latest/meta-data", "the endpoint's own addresses"),
        ("https://:0/", "port 0"),
        ("https://:65536/", "port 65536"),
        ("https://:port/", "not a check"),
        ("https://user:secret@www.example.org/", "not a check"),
        ("https://:8443/a b", "not a check"),
        ("https://:8443/a\r\nX-Evil: 1", "not a check"),
        ("https://:8443/a#b", "fragment"),
        ("https://:8443/" + "a" * 1024, "1024"),
        ("tcp://:5432/path", "tcp has only a port"),
        ("tcp://db.example.org:5432", "tcp has only a port"),
        ("https://not_a_host/", "not a hostname"),
        ("/healthz", "not a check"),
        ("8443", "not a check"),
        ("", "not a check"),
    ],
)
def test_a_health_check_that_cannot_be_done_says_why(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_health_check(text)
    assert says in str(refused.value)


KEYS = st.sampled_from([*(each.key for each in ALL), "hostnames", ""])


@given(st.dictionaries(KEYS, st.text(max_size=40), max_size=6))
def test_no_text_whatsoever_raises_or_vanishes(annotations: dict[str, str]) -> None:
    """Whatever is written is either stated or named as a mistake."""
    stated = read_annotations({PREFIX + key: text for key, text in annotations.items()})
    if not annotations:
        assert stated is None
        return
    assert stated is not None
    taken = {
        "hostname": bool(stated.hostnames),
        "steering": stated.steering is not None,
        "weight": stated.weight is not None,
        "tier": stated.tier is not None,
        "health-check": stated.health_check is not None,
        "ttl": stated.ttl is not None,
        "target": stated.target is not None,
        "drain": stated.drained is not None,
        "target-form": stated.form is not None,
    }
    refused = {found.key for found in stated.mistakes}
    assert {key for key, is_taken in taken.items() if is_taken} | refused == set(annotations)


def test_what_propagation_and_exports_write_is_no_users_word() -> None:
    assert {HASH_ANNOTATION, MARKED_BY, HASH_OF_MARKS} == WRITTEN_BY_US
    assert read_annotations(dict.fromkeys(WRITTEN_BY_US, "x")) is None
    assert read_annotations({HASH_ANNOTATION: "0123"}) is None
    stated = read_annotations({HASH_ANNOTATION: "0123", f"{PREFIX}ttl": "60"})
    assert stated is not None
    assert (stated.ttl, stated.mistakes) == (60, ())
