"""Settings: every mistake at once with its key and fix, and no key in any text."""

from pathlib import Path

import msgspec
import pytest

from trafficfed.errors import ConfigError
from trafficfed.feed.addresses import host_and_port
from trafficfed.model import RecordSet
from trafficfed.nameserver.process import main
from trafficfed.nameserver.settings import NameServerSettings, Place, ServedZone, check, load, mistakes
from trafficfed.testing.sample_zone import PLACES, ZONE

KEY = b"0123456789abcdef"
GOOD = NameServerSettings(
    listen=("127.0.0.1:5300", "[::1]:5300"),
    zones=(ZONE,),
    key=KEY,
    state="/var/lib/trafficfed",
    feeds=("192.0.2.1:7400",),
    places=PLACES,
    metrics="127.0.0.1:9400",
)


def changed(**fields: object) -> NameServerSettings:
    return msgspec.structs.replace(GOOD, **fields)


def zone_with(*records: RecordSet) -> NameServerSettings:
    return changed(zones=(msgspec.structs.replace(ZONE, records=records),))


def record(name: str, kind: str) -> RecordSet:
    return RecordSet(name=name, type=kind, ttl=30, values=("x.example.net.",))


def test_good_settings_have_no_mistakes_and_come_back_from_a_file(tmp_path: Path) -> None:
    assert mistakes(GOOD) == ()
    path = tmp_path / "settings.json"
    path.write_bytes(msgspec.json.encode(GOOD))
    assert load(path) == GOOD


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (changed(listen=()), "nameserver.listen is empty"),
        (changed(state=""), "nameserver.state is empty"),
        (changed(key=b"short"), "nameserver.key has 5 octets; a feed needs at least 16"),
        (
            changed(listen=("localhost:53",)),
            "nameserver.listen 'localhost:53': not an IP address",
        ),
        (
            changed(listen=("127.0.0.1:0",)),
            "nameserver.listen '127.0.0.1:0': a port is 1 to 65535",
        ),
        (changed(feeds=("192.0.2.1",)), "nameserver.feeds '192.0.2.1': not a host and a port"),
        (changed(metrics="x:1"), "nameserver.metrics 'x:1': not an IP address"),
        (changed(places=(Place(network="192.0.2.1/24"),)), "nameserver.places '192.0.2.1/24': "),
        (changed(zones=(ZONE, ZONE)), "nameserver.zones example.org: written twice"),
        (
            changed(zones=(ServedZone(name="e.org", nameservers=(), mailbox="a@e.org"),)),
            "nameserver.zones e.org: no nameservers",
        ),
        (
            changed(zones=(ServedZone(name="a..b", nameservers=("n",), mailbox="a@e.org"),)),
            "nameserver.zones a..b: 'a..b': a label has 1 to 63 octets",
        ),
        (zone_with(record("web.example.com", "TXT")), "web.example.com TXT: lies outside the zone"),
        (zone_with(record("sub.example.org", "NS")), "sub.example.org NS: the zone's own NS come from nameservers"),
        (zone_with(record("example.org", "SOA")), "example.org SOA: the SOA is made from nameservers and mailbox"),
        (zone_with(record("example.org", "CNAME")), "example.org CNAME: a zone's apex cannot be a CNAME"),
    ],
)
def test_each_mistake_names_its_key_and_the_fix(settings: NameServerSettings, mistake: str) -> None:
    (found,) = mistakes(settings)
    assert mistake in found


def test_all_mistakes_are_told_at_once() -> None:
    bad = changed(listen=("a:1", "b:2"), key=b"", state="")
    with pytest.raises(ConfigError) as caught:
        check(bad)
    assert len(str(caught.value).splitlines()) == 4


def test_without_a_feed_no_key_is_needed() -> None:
    assert mistakes(changed(feeds=(), key=b"")) == ()


def test_the_key_is_in_no_text() -> None:
    assert KEY.decode() not in repr(GOOD)
    assert KEY.decode() not in str(GOOD)
    assert "listen=('127.0.0.1:5300'" in repr(GOOD)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("192.0.2.1:53", ("192.0.2.1", 53)), ("[2001:DB8::1]:53", ("2001:db8::1", 53)), ("[::]:5300", ("::", 5300))],
)
def test_addresses_are_read(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text, "listen") == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"{", "truncated"),
        (b"{}", "missing required field `listen`"),
        (b"[]", "Expected `object`"),
    ],
)
def test_a_bad_file_is_one_message_and_exit_status_2(
    tmp_path: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert str(path) in told
    assert told.count("\n") == 1


def test_without_a_file_the_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "SETTINGS.json" in capsys.readouterr().err
