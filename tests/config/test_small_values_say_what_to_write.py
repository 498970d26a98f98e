"""Durations, addresses, ranges and names: what is right is canonical, what is wrong is told with the right form."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.config.fields import cidr, continent, country, dns_name, duration, identifier, listen_address
from trafficfed.config.settings import ListenAddress

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(st.integers(0, 10**6), st.sampled_from([("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("", 1)]))
def test_a_duration_is_its_number_times_its_unit(number: int, unit: tuple[str, float]) -> None:
    assert duration(f"{number}{unit[0]}") == pytest.approx(number * unit[1])


@given(st.floats(0, 10**6).map(lambda value: round(value, 3)))
def test_a_bare_number_is_seconds(number: float) -> None:
    assert duration(number) == number or "e" in str(number)


@pytest.mark.parametrize("written", ["", "10 x", "-3", "1d", "1h30m", "five", True, None, [1], "1e3", "٣s"])
def test_what_is_no_duration_is_told_how_to_be_one(written: object) -> None:
    with pytest.raises(ValueError, match=r"is no duration; write seconds such as 10, or 500ms, 30s, 1m"):
        duration(written)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_with_a_port_is_read_back_from_its_own_text(address: object, port: int) -> None:
    written = ListenAddress(str(address), port)
    assert listen_address(str(written)) == written


@pytest.mark.parametrize(
    "written",
    ["", ":80", "localhost", "127.0.0.1:", "127.0.0.1:70000", "1.2.3:80", "::1:x", "a b:80", "300.1.1.1:1", None],
)
def test_what_is_no_listen_address_is_told_how_to_be_one(written: object) -> None:
    with pytest.raises(ValueError, match=r"is no address with a port; write it like 127\.0\.0\.1:8080"):
        listen_address(written)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_network_is_canonical_or_told_what_was_meant(address: ipaddress.IPv4Address, bits: int) -> None:
    prefix = min(bits, address.max_prefixlen)
    meant = ipaddress.ip_network((address, prefix), strict=False)
    assert cidr(str(meant)) == str(meant)
    if address != meant.network_address:
        with pytest.raises(ValueError, match=f"has bits set beyond its prefix; write {meant}"):
            cidr(f"{address}/{prefix}")


@pytest.mark.parametrize("written", ["", "ten", "10.0.0.0/33", "10.0.0/8", None, "::/129"])
def test_what_is_no_range_is_told_how_to_be_one(written: object) -> None:
    with pytest.raises(ValueError, match=r"is no CIDR range; write it like 192\.0\.2\.0/24"):
        cidr(written)


@given(st.lists(labels, min_size=1, max_size=5).map(".".join))
def test_a_name_is_the_same_in_any_case_and_with_its_dot(name: str) -> None:
    assert dns_name(name.upper() + ".") == dns_name(name) == name


@pytest.mark.parametrize(
    "written", ["", ".", "a..b", "-a.test", "a-.test", "a b", "x" * 64, "a." * 127 + "ab", 7, None, "ü.test"]
)
def test_what_is_no_dns_name_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is no DNS name; write it like"):
        dns_name(written)


@pytest.mark.parametrize("written", ["", "-eu", "eu-", "a/b", "a b", "x" * 64, 7, True, None])
def test_what_is_no_name_of_ours_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is no name; use up to 63"):
        identifier(written)


@pytest.mark.parametrize("written", ["eu", "EU-1", "a.b_c", "7", "x" * 63])
def test_a_name_of_ours_is_kept_as_written(written: str) -> None:
    assert identifier(written) == written


def test_places_are_codes_in_capitals() -> None:
    assert country("ie") == "IE"
    assert continent("eu") == "EU"
    with pytest.raises(ValueError, match="'Erin' is no country"):
        country("Erin")
    with pytest.raises(ValueError, match="'XX' is no continent; write one of AF, AN, AS, EU, NA, OC, SA"):
        continent("XX")
