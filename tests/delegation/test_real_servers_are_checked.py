"""``trafficfed check`` against real servers: BIND as the parent, Knot twice as the zone's, and our own name server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from trafficfed.cli import main
from trafficfed.model import RecordSet
from trafficfed.nameserver.settings import NameServerSettings, ServedZone
from trafficfed.table.disk import DiskLog
from trafficfed.table.table import Table
from trafficfed.testing.authorities import Bind, Knot
from trafficfed.testing.nameservers import NameServerProcess
from trafficfed.testing.sample_zone import ROWS

pytestmark = [pytest.mark.real, pytest.mark.slow]

ZONE = "fed.test"
PARENT = "127.0.0.1"  # BIND listens on addresses of interfaces only, Knot on any of the loopback network
NS1, NS2, OWN, NOBODY = (f"127.9.0.{number}" for number in range(2, 6))
GLUE = {"ns1.fed.test": NS1, "ns2.fed.test": NS2}
ZONE_FILE = f"""\
$ORIGIN {ZONE}.
$TTL 60
@ SOA ns1 hostmaster {{serial}} 3600 600 86400 30
@ NS ns1
@ NS ns2
ns1 A {NS1}
ns2 A {NS2}
"""
CONFIG = """\
owner: demo
clusters: [{{name: eu, in-cluster: true}}]
providers:
  bind: {{kind: rfc2136, server: "{server}", tsig: {{name: k., algorithm: hmac-sha256, secret: c2VjcmV0c2VjcmV0}}}}
zones: [{{name: fed.test, providers: [bind], open: true}}]
"""


class Servers(NamedTuple):
    parent: Bind
    ns1: Knot
    ns2: Knot

    @property
    def port(self) -> int:
        return self.parent.port

    def delegate(self, glue: dict[str, str], *more: tuple[str, str, str]) -> None:
        """What the parent says of the zone from now on."""
        for name, rdtype in ((ZONE, "NS"), (ZONE, "DS"), *((name, "A") for name in GLUE), ("ns9.fed.test", "A")):
            self.parent.erase(name, rdtype)
        if glue:
            self.parent.write(ZONE, 60, "NS", *(f"{name}." for name in glue))
        for name, address in glue.items():
            if address:
                self.parent.write(name, 60, "A", address)
        for name, rdtype, value in more:
            self.parent.write(name, 60, rdtype, value)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    directory = tmp_path_factory.mktemp("servers")
    with Bind(directory / "parent", "test", address=PARENT) as parent:
        children = [_child(directory, name, address) for name, address in (("ns1", NS1), ("ns2", NS2))]
        try:
            yield Servers(parent, *(each.start(parent.port) for each in children))
        finally:
            for each in children:
                each.stop()


def _child(directory: Path, name: str, address: str, serial: int = 7) -> Knot:
    knot = Knot(directory / name, ZONE, address=address)
    knot.directory.mkdir()
    knot.zone_file.write_text(ZONE_FILE.format(serial=serial))
    return knot


Check = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def check(tmp_path: Path, servers: Servers, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the command with the parent as resolver; code and view."""

    def run(*arguments: str, config: str = "") -> tuple[int, dict[str, Any]]:
        file = tmp_path / "trafficfed.yaml"
        file.write_text(config or CONFIG.format(server=f"{NS1}:{servers.port}"))
        where = ["--resolver", f"{PARENT}:{servers.port}", "--port", str(servers.port), "--config", str(file)]
        with pytest.raises(SystemExit) as ended:
            main(["check", ZONE, *where, *(arguments or ("--output", "json"))])
        out = capsys.readouterr().out
        return int(str(ended.value.code)), json.loads(out) if not arguments else {"text": out}

    return run


def bad(view: dict[str, Any]) -> list[str]:
    return [f"{each['subject']}: {each['text']}" for each in view["findings"] if each["level"] == "bad"]


def test_a_zone_in_order_is_found_from_its_parent_down(servers: Servers, check: Check) -> None:
    servers.delegate(GLUE)
    code, view = check()
    assert (code, bad(view), view["add"], view["remove"]) == (0, [], [], [])
    assert view["parent"] == f"{PARENT}:{servers.port}"
    said = {each["subject"]: each["text"] for each in view["findings"]}
    for name, address in GLUE.items():
        assert said[f"{name} {address}:{servers.port}"] == "answers over UDP and TCP, serial 7"
    assert "none, so any authority" in said["CAA"]


def test_the_page_names_every_finding(servers: Servers, check: Check) -> None:
    servers.delegate({"ns1.fed.test": NS1})
    code, view = check("--output", "table")
    assert code == 1
    lines = view["text"].splitlines()
    assert lines[0].endswith("something is wrong")
    assert "  BAD  delegation: the parent lacks ns2.fed.test" in lines
    assert lines[lines.index("Add to the parent's zone") + 1 :] == [
        "fed.test. 3600 IN NS ns2.fed.test.",
        f"ns2.fed.test. 3600 IN A {NS2}",
    ]


def test_a_zone_that_is_not_delegated_gets_its_lines_from_the_configured_server(servers: Servers, check: Check) -> None:
    servers.delegate({})
    code, view = check()
    assert code == 1
    assert view["add"] == [
        "fed.test. 3600 IN NS ns1.fed.test.",
        "fed.test. 3600 IN NS ns2.fed.test.",
        f"ns1.fed.test. 3600 IN A {NS1}",
        f"ns2.fed.test. 3600 IN A {NS2}",
    ]


def test_the_lines_once_added_are_right(servers: Servers, check: Check) -> None:
    servers.delegate({})
    for line in check()[1]["add"]:
        owner, ttl, _, rdtype, value = line.split()
        servers.parent.write(owner, int(ttl), rdtype, value) if rdtype == "A" else None
    servers.parent.write(ZONE, 3600, "NS", *(f"{name}." for name in GLUE))
    assert check()[0] == 0


def test_a_name_server_where_nothing_listens_is_told_by_both_ways(servers: Servers, check: Check) -> None:
    servers.delegate(GLUE | {"ns1.fed.test": NOBODY})
    code, view = check()
    assert code == 1
    assert f"ns1.fed.test {NOBODY}:{servers.port}: UDP: no answer; TCP: no answer" in bad(view)
    assert any(f"the parent has {NOBODY} for ns1.fed.test, the zone {NS1}" in each for each in bad(view))


def test_ds_records_without_signatures_are_bad(servers: Servers, check: Check) -> None:
    servers.delegate(GLUE, (ZONE, "DS", f"12345 13 2 {'ab' * 32}"))
    assert any(each.startswith("DNSSEC: the parent has DS records") for each in bad(check()[1]))


def test_who_may_issue_certificates_is_found_above_the_zone(servers: Servers, check: Check) -> None:
    servers.delegate(GLUE)
    servers.parent.write("test", 60, "CAA", '0 issue "ca.example.org"')
    said = {each["subject"]: each["text"] for each in check()[1]["findings"]}
    servers.parent.erase("test", "CAA")
    assert said["CAA"] == '0 issue "ca.example.org" (at test)'


def test_serials_that_differ_are_noted(servers: Servers, check: Check) -> None:
    servers.delegate(GLUE)
    servers.ns2.write("other.fed.test", 60, "A", "192.0.2.1")
    code, view = check()
    assert code == 0
    (note,) = [each["text"] for each in view["findings"] if each["subject"] == "SOA"]
    assert note.startswith("serials differ")


def test_the_name_server_of_our_own_passes(servers: Servers, check: Check, tmp_path: Path) -> None:
    """It is configured in the file, with its glue, and serves the last table on its disk."""
    key = tmp_path / "feed.key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    config = CONFIG.format(server=f"{NS1}:{servers.port}").replace("providers: [bind]", "providers: [own]").replace(
        "providers:\n", "providers:\n  own: {kind: embedded}\n"
    ) + (
        f"feed: {{listen: 127.0.0.1:19053, key-file: feed.key}}\n"
        f"nameserver:\n  listen: {OWN}:{servers.port}\n  feeds: 127.0.0.1:19053\n  key-file: feed.key\n"
        f"  zones:\n    - name: {ZONE}\n      nameservers: [ns9.fed.test]\n      mailbox: hostmaster@fed.test\n"
        f"      records: [{{name: ns9.fed.test, type: A, values: [{OWN}]}}]\n"
    )
    records = (RecordSet(name="ns9.fed.test", type="A", ttl=3600, values=(OWN,)),)
    settings = NameServerSettings(
        listen=(f"{OWN}:{servers.port}",),
        zones=(ServedZone(name=ZONE, nameservers=("ns9.fed.test",), mailbox="hostmaster@fed.test", records=records),),
        key=b"k" * 32,
        state=str(tmp_path / "state"),
        wait_s=0.0,
    )
    servers.delegate({})
    code, view = check(config=config)
    assert code == 1
    assert view["add"] == ["fed.test. 3600 IN NS ns9.fed.test.", f"ns9.fed.test. 3600 IN A {OWN}"]
    table = Table()
    table.commit(ROWS)
    DiskLog(tmp_path / "state", table.snapshot()).close()
    with NameServerProcess(tmp_path / "own", settings) as own:
        own.start()
        servers.delegate({"ns9.fed.test": OWN})
        code, view = check(config=config)
    assert (code, bad(view), view["add"]) == (0, [], [])


def test_a_zone_that_is_not_configured_is_asked_for_in_vain(servers: Servers, tmp_path: Path) -> None:
    file = tmp_path / "trafficfed.yaml"
    file.write_text(CONFIG.format(server=f"{NS1}:{servers.port}"))
    with pytest.raises(SystemExit) as ended:
        main(["check", "other.test", "--resolver", PARENT, "--config", str(file)])
    assert ended.value.code == 2


def test_where_nobody_answers_it_is_told_and_the_lines_all_the_same(servers: Servers, check: Check) -> None:
    code, view = check("--parent", NOBODY, "--output", "table")
    assert code == 1
    assert "no name server of the parent zone answers" in view["text"]
    assert "fed.test. 3600 IN NS ns1.fed.test." in view["text"]
