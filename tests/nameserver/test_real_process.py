"""The name server as a real process, asked by dig, by dnspython and through unbound as a caching resolver."""

import asyncio
import base64
import socket
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import msgspec
import pytest

from trafficfed.feed.notes import Note
from trafficfed.feed.server import FeedServer
from trafficfed.feed.source import Lone
from trafficfed.nameserver.settings import NameServerSettings, Place
from trafficfed.table.disk import DiskLog
from trafficfed.table.table import Table
from trafficfed.testing.nameservers import NameServerProcess, question, scope, values
from trafficfed.testing.processes import free_port
from trafficfed.testing.resolvers import Unbound
from trafficfed.testing.sample_zone import AP, ROWS, US, ZONE, anyone, service_row

pytestmark = pytest.mark.real

KEY = b"0123456789abcdef0123456789abcdef"


def settings_for(directory: Path, *feeds: str, **more: object) -> NameServerSettings:
    known = {
        "listen": (f"127.0.0.1:{free_port()}",),
        "zones": (ZONE,),
        "key": KEY,
        "state": str(directory / "state"),
        "feeds": feeds,
        "places": (
            Place(network="198.51.100.0/24", continent="EU"),
            Place(network="203.0.113.0/24", continent="NA", country="US"),
        ),
        "wait_s": 0.5,
    }
    return msgspec.convert({**known, **more}, NameServerSettings)


def keep(directory: Path, table: Table) -> None:
    """Leave a table on disk, as an earlier run of the server would."""
    DiskLog(directory / "state", table.snapshot()).close()


def sample_table() -> Table:
    table = Table()
    table.commit(ROWS)
    return table


@pytest.fixture
def table() -> Table:
    return sample_table()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServerProcess]:
    """A server with a table on disk and no controller, for all tests that only ask it."""
    directory = tmp_path_factory.mktemp("server")
    keep(directory, sample_table())
    with NameServerProcess(directory, settings_for(directory)).start() as started:
        yield started


def dig(server: NameServerProcess, *arguments: str) -> str:
    command = ["dig", f"@{server.address}", "-p", str(server.port), "+tries=1", "+time=2", "+nostats", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout


def test_dig_reads_every_kind_of_answer(server: NameServerProcess) -> None:
    assert sorted(dig(server, "+short", "all.example.org").split()) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert sorted(dig(server, "+short", "+tcp", "all.example.org", "AAAA").split()) == ["2001:db8::1", "2001:db8::3"]
    assert dig(server, "+short", "cdn.example.org").split() == ["lb.example.net."]
    assert dig(server, "+short", "example.org", "CAA").strip() == '0 issue "ca.example"'
    soa = dig(server, "+short", "example.org", "SOA").split()
    assert soa[:3] == ["ns1.example.org.", r"dns\.admin.example.org.", "1"]
    assert "status: NXDOMAIN" in dig(server, "nope.example.org")
    assert "status: REFUSED" in dig(server, "example.com")
    assert '"RFC8482"' in dig(server, "all.example.org", "ANY", "+notcp")
    assert "status: NOTIMP" in dig(server, "+opcode=status", "all.example.org")
    assert "status: BADVERS" in dig(server, "+edns=1", "+noednsnegotiation", "all.example.org")
    complaints = dig(server, "all.example.org") + dig(server, "nope.example.org") + dig(server, "+edns=1", "x.org")
    assert "WARNING" not in complaints.replace("WARNING: recursion requested but not available", "")


def test_dig_sees_the_scope_of_a_client_subnet(server: NameServerProcess) -> None:
    assert "CLIENT-SUBNET: 198.51.100.0/24/24" in dig(server, "+subnet=198.51.100.0/24", "geo.example.org")
    assert dig(server, "+short", "+subnet=198.51.100.0/24", "geo.example.org").split() == ["192.0.2.1"]
    assert dig(server, "+short", "+subnet=203.0.113.9", "geo.example.org").split() == ["192.0.2.2"]
    assert "CLIENT-SUBNET: 0.0.0.0/0/0" in dig(server, "+subnet=0.0.0.0/0", "geo.example.org")
    assert "CLIENT-SUBNET: 0.0.0.0/0/0" in dig(server, "+subnet=0", "geo.example.org")


def test_many_questions_go_through_one_tcp_connection(server: NameServerProcess) -> None:
    with socket.create_connection((server.address, server.port), timeout=5) as stream:
        for _ in range(50):
            asked = question("all.example.org")
            dns.query.send_tcp(stream, asked)
            response, _ = dns.query.receive_tcp(stream)
            assert asked.is_response(response)
            assert len(values(response)) == 3


def test_a_burst_of_datagrams_is_answered_to_the_last(server: NameServerProcess) -> None:
    """More than one wake's batch, sent before the first answer is read."""
    packets = [question("all.example.org") for _ in range(200)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((server.address, server.port))
        for packet in packets:
            sock.send(packet.to_wire())
        answered = {dns.message.from_wire(sock.recv(4096)).id for _ in packets}
    assert answered == {packet.id for packet in packets}


def test_what_is_no_dns_leaves_the_server_alive(server: NameServerProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for octets in (b"", b"x", b"\xff" * 600, bytes(12), b"GET / HTTP/1.1\r\n\r\n"):
            sock.sendto(octets, (server.address, server.port))
    with socket.create_connection((server.address, server.port), timeout=5) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stream.recv(10) == b""
    assert server.rcode("example.org") == "NOERROR"


@asynccontextmanager
async def controller(table: Table, port: int) -> AsyncIterator[tuple[FeedServer, list[Note]]]:
    notes: list[Note] = []
    feed = FeedServer(f"127.0.0.1:{port}", lambda identity: KEY, Lone(table), notes.append)
    started = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(feed.run(started.set))
        await started.wait()
        yield feed, notes
        task.cancel()


async def test_a_change_reaches_the_answers_and_survives_the_controller_and_a_restart(
    tmp_path: Path, table: Table
) -> None:
    """Feed cut: serve on. Restart without a controller: SERVFAIL first, then the last table. Feed back: resume."""
    port = free_port()
    server = NameServerProcess(tmp_path, settings_for(tmp_path, f"127.0.0.1:{port}", wait_s=2.0))
    try:
        async with controller(table, port) as (feed, _):
            await asyncio.to_thread(server.start)
            assert values(await asyncio.to_thread(server.ask, "web2.example.org")) == ()
            delta = table.commit([service_row("web2.example.org", anyone(US))])
            assert delta is not None
            feed.publish(delta)
            await asyncio.to_thread(server.wait_for, "web2.example.org", ("192.0.2.2",))
            soa = await asyncio.to_thread(server.ask, "example.org", "SOA")
            assert soa.answer[0][0].serial == table.generation == 2
        assert values(await asyncio.to_thread(server.ask, "web2.example.org")) == ("192.0.2.2",)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start, "SERVFAIL")
        await asyncio.to_thread(server.wait_for, "web2.example.org", ("192.0.2.2",))
        table.commit([service_row("web2.example.org", anyone(AP))])
        async with controller(table, port):
            await asyncio.to_thread(server.wait_for, "web2.example.org", ("192.0.2.3",))
    finally:
        await asyncio.to_thread(server.stop)


def test_a_server_that_never_had_a_table_denies_nothing(tmp_path: Path) -> None:
    """Not even after the wait: an empty table would be a denial of every service."""
    settings = settings_for(tmp_path, wait_s=0.1)
    with NameServerProcess(tmp_path, settings).start("SERVFAIL") as server:
        assert server.process is not None
        server.process.wait_until(lambda: "Listening" in server.process.tail() if server.process else False)
        for _ in range(5):
            assert server.rcode("web.example.org") == "SERVFAIL"
        assert server.rcode("example.com") == "REFUSED"


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path, table: Table) -> None:
    keep(tmp_path, table)
    server = NameServerProcess(tmp_path, settings_for(tmp_path)).start()
    assert server.process is not None
    server.process.kill()
    with server.start():
        assert len(values(server.ask("all.example.org"))) == 3


def test_after_a_pause_it_does_not_answer_from_what_may_be_old(tmp_path: Path, table: Table) -> None:
    keep(tmp_path, table)
    settings = settings_for(tmp_path, wait_s=4.0, lease_s=1.0)
    with NameServerProcess(tmp_path, settings).start() as server:
        process = server.process
        assert process is not None
        process.pause()
        process.wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text().split()[2] == "T")
        subprocess.run(["sleep", "1.5"], check=True)
        process.resume()
        assert server.rcode("web.example.org") == "SERVFAIL"
        process.wait_until(lambda: server.rcode("web.example.org") == "NOERROR")
        assert "Paused" in process.tail()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_port_is_one_clear_error(tmp_path: Path, kind: socket.SocketKind) -> None:
    settings = settings_for(tmp_path)
    host, _, port = settings.listen[0].partition(":")
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((host, int(port)))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        server = NameServerProcess(tmp_path, settings)
        (tmp_path / "settings.json").write_bytes(msgspec.json.encode(settings))
        ended = subprocess.run(server.command, capture_output=True, text=True, timeout=20, check=False)
    transport = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert ended.stderr == (
        f"trafficfed nameserver: nameserver.listen {settings.listen[0]} ({transport}): Address already in use;"
        " stop what uses it or choose another\n"
    )


def test_a_state_directory_in_use_is_one_clear_error(tmp_path: Path, server: NameServerProcess) -> None:
    settings = settings_for(server.directory)
    (tmp_path / "settings.json").write_bytes(msgspec.json.encode(settings))
    command = NameServerProcess(tmp_path, settings).command
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert "in use by another process" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert server.rcode("example.org") == "NOERROR"


def test_metrics_show_answers_and_the_age_of_the_table(tmp_path: Path, table: Table) -> None:
    keep(tmp_path, table)
    address = f"127.0.0.1:{free_port()}"
    with NameServerProcess(tmp_path, settings_for(tmp_path, metrics=address)).start() as server:
        server.ask("nope.example.org")
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
            assert answer.status == 200
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(numbers['trafficfed_nameserver_queries_total{rcode="NXDOMAIN"}']) == 1
    assert float(numbers["trafficfed_nameserver_table_services"]) == len(ROWS)
    assert float(numbers["trafficfed_nameserver_feed_connected"]) == 0
    assert 0 < float(numbers["trafficfed_nameserver_table_age_seconds"]) < 300


def test_the_log_never_shows_the_key(server: NameServerProcess) -> None:
    assert server.process is not None
    log = server.process.log.read_bytes()
    assert b"Listening" in log
    assert KEY not in log
    assert base64.b64encode(KEY) not in log


@pytest.fixture
def resolver(tmp_path: Path, server: NameServerProcess) -> Iterator[Unbound]:
    started = Unbound(tmp_path, "example.org", server.port)
    yield started
    started.process.terminate()


def test_a_caching_resolver_keeps_the_answers_of_client_regions_apart(resolver: Unbound) -> None:
    """Each region asks before and after every other, unknown places and an unlocated client among them."""
    expected = {
        "198.51.100.0/24": ("192.0.2.1",),
        "203.0.113.0/24": ("192.0.2.2",),
        "192.0.2.0/24": ("192.0.2.3",),
        "100.64.0.0/24": ("192.0.2.3",),
    }
    for _ in range(2):
        for first in expected:
            for second in expected:
                assert values(resolver.ask("geo.example.org", first)) == expected[first]
                assert values(resolver.ask("geo.example.org", second)) == expected[second]


def test_a_caching_resolver_asks_once_for_what_is_the_same_for_all(
    resolver: Unbound, server: NameServerProcess
) -> None:
    found = {values(resolver.ask("web.example.org", f"10.{at}.0.0/24")) for at in range(20)}
    assert len(found) == 1, "scope 0: one pick for all clients of this resolver, as long as it keeps it"


def test_a_denial_does_not_spread_from_one_family_to_the_other(resolver: Unbound) -> None:
    assert values(resolver.ask("geo.example.org", "203.0.113.0/24", "AAAA")) == ()
    assert values(resolver.ask("geo.example.org", "198.51.100.0/24", "AAAA")) == ("2001:db8::1",)
    assert values(resolver.ask("geo.example.org", "203.0.113.0/24")) == ("192.0.2.2",)


def test_a_caching_resolver_takes_denials_and_aliases(resolver: Unbound) -> None:
    assert resolver.ask("nope.example.org").rcode() == dns.rcode.NXDOMAIN
    assert resolver.ask("none.example.org").rcode() == dns.rcode.NOERROR
    assert values(resolver.ask("cdn.example.org", kind="CNAME")) == ("lb.example.net",)
    assert values(resolver.ask("x.y.apps.example.org")) == ("192.0.2.2",)


def test_scopes_of_the_process_are_those_of_the_places(server: NameServerProcess) -> None:
    assert scope(server.ask("geo.example.org", subnet="198.51.100.7/32")) == 24
    assert scope(server.ask("web.example.org", subnet="198.51.100.7/32")) == 0
