"""Real authoritative servers as plain processes on loopback: BIND and Knot, each with one zone and one TSIG key.

They write nothing outside the directory they are given and are ended by their own process id. The configurations are
the smallest that take signed dynamic updates (RFC 2136) and signed transfers (RFC 5936).
"""

import base64
import secrets
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import dns.zone

from trafficfed.errors import ConfigError
from trafficfed.testing.processes import free_port

KEY_NAME = "trafficfed-test."
ALGORITHM = "hmac-sha256"
_POLL_S = 0.05
_POLLS = 200
_PORTS = 3
"""Another process may take a port between our looking and the server's binding: then try another one."""


class Authority(ABC):
    """One server with one primary zone. ``start`` returns once it answers; ``update_count`` counts applied updates."""

    package = ""
    binary = ""

    def __init__(self, directory: Path, zone: str, *, address: str = "127.0.0.1", records: str = "") -> None:
        self.directory = directory
        self.zone = zone
        self.address = address
        self.port = 0
        self.secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self._records = records
        self._process: subprocess.Popen[bytes] | None = None
        self._first_serial = 0

    @abstractmethod
    def configure(self) -> Path:
        """Write the configuration file for ``self.port`` and return its path."""

    @abstractmethod
    def command(self, configuration: Path) -> list[str]:
        """The command line that runs the server in the foreground."""

    @property
    def zone_file(self) -> Path:
        return self.directory / "zone.db"

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return (self.directory / "log").read_text(errors="replace")

    @property
    def tsig(self) -> dict[str, str]:
        """The key in the form of the rfc2136 provider's settings."""
        return {"name": KEY_NAME, "algorithm": ALGORITHM, "secret": self.secret}

    @property
    def settings(self) -> dict[str, object]:
        """Settings of an rfc2136 provider that writes to this server."""
        return {"server": f"{self.address}:{self.port}", "tsig": self.tsig}

    def start(self, port: int = 0) -> Self:
        """On a free port, or on the one that is given."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.zone_file.exists():
            self.zone_file.write_text(_zone_text(self.zone, self.address, self._records))
        for attempt in range(_PORTS):
            self.port = port or free_port(self.address)
            try:
                self._run()
            except ConfigError:
                if attempt == _PORTS - 1:
                    raise
            else:
                break
        self._first_serial = self.serial()
        return self

    def restart(self) -> None:
        """Stop in good order and start again on the same port with what was written kept."""
        self.stop()
        self._run()

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Hang: connections stand, nothing is answered."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def query(self, name: str, rdtype: str, *, timeout_s: float = 3.0) -> tuple[str, ...]:
        """The values of one RRset as a client sees them over UDP, sorted; empty where there is none."""
        response = self.ask(name, rdtype, timeout_s=timeout_s)
        wanted = dns.rdatatype.from_text(rdtype)
        return tuple(sorted(rdata.to_text() for rrset in response.answer if rrset.rdtype == wanted for rdata in rrset))

    def ask(self, name: str, rdtype: str, *, timeout_s: float = 3.0) -> dns.message.Message:
        """The whole response of one query over UDP, or TCP where it is truncated."""
        request = dns.message.make_query(name, rdtype)
        return dns.query.udp_with_fallback(request, self.address, timeout=timeout_s, port=self.port)[0]

    def serial(self) -> int:
        answer = self.query(self.zone, "SOA")
        return int(answer[0].split()[2])

    def update_count(self) -> int:
        """How many updates that changed something were applied since ``start``: each raises the serial by one."""
        return self.serial() - self._first_serial

    def records(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The whole zone by transfer: (name, type) to sorted values; the SOA is left out."""
        zone = dns.zone.from_xfr(
            dns.query.xfr(
                self.address, self.zone, port=self.port, keyring=self._keyring(), keyname=KEY_NAME, relativize=False
            ),
            relativize=False,
        )
        return {
            (name.to_text(omit_final_dot=True), dns.rdatatype.to_text(rdataset.rdtype)): tuple(
                sorted(rdata.to_text() for rdata in rdataset)
            )
            for name, rdataset in zone.iterate_rdatasets()
            if rdataset.rdtype != dns.rdatatype.SOA
        }

    def write(self, name: str, ttl: int, rdtype: str, *values: str) -> None:
        """Replace one RRset by hand, as an administrator does."""
        update = self._update()
        update.replace(dns.name.from_text(name), ttl, rdtype, *values)
        self._send(update)

    def erase(self, name: str, rdtype: str) -> None:
        """Delete one RRset by hand."""
        update = self._update()
        update.delete(dns.name.from_text(name), rdtype)
        self._send(update)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _keyring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        return {dns.name.from_text(KEY_NAME): dns.tsig.Key(KEY_NAME, self.secret, ALGORITHM)}

    def _update(self) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(self.zone, keyring=self._keyring())

    def _send(self, update: dns.update.UpdateMessage) -> None:
        response = dns.query.tcp(update, self.address, timeout=5, port=self.port)
        if response.rcode() != dns.rcode.NOERROR:
            raise ConfigError(f"{self.binary} refused the test's own update: {dns.rcode.to_text(response.rcode())}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ConfigError(f"{self.binary} for {self.zone} is not running: call start() first")
        return self._process

    def _run(self) -> None:
        command = self.command(self.configure())
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(_POLLS):
            if self._answers():
                return
            if _ended_within(self._process, _POLL_S):
                break
        self.kill()
        raise ConfigError(f"{self.binary} did not start on {self.address}:{self.port}:\n{self.log[-2000:]}")

    def _answers(self) -> bool:
        try:
            return bool(self.query(self.zone, "SOA", timeout_s=0.2))
        except (dns.exception.Timeout, OSError):
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        if not _ended_within(process, 10):
            process.kill()
            process.wait(10)


class Bind(Authority):
    """ISC BIND 9 in the foreground, without control channel; any record type may be updated by the key."""

    package = "bind9"
    binary = "named"

    def configure(self) -> Path:
        path = self.directory / "named.conf"
        path.write_text(
            f'options {{ directory "{self.directory}"; pid-file "{self.directory}/pid";\n'
            f'  session-keyfile "{self.directory}/session"; managed-keys-directory "{self.directory}";\n'
            f"  listen-on port {self.port} {{ {self.address}; }}; listen-on-v6 {{ none; }};\n"
            "  recursion no; dnssec-validation no; notify no; allow-query { any; };\n"
            f'  allow-transfer {{ key "{KEY_NAME}"; }}; minimal-responses yes; }};\n'
            "controls { };\n"
            f'key "{KEY_NAME}" {{ algorithm {ALGORITHM}; secret "{self.secret}"; }};\n'
            f'zone "{self.zone}" {{ type primary; file "{self.zone_file}";\n'
            f'  update-policy {{ grant "{KEY_NAME}" zonesub ANY; }}; }};\n'
        )
        return path

    def command(self, configuration: Path) -> list[str]:
        return [find(self.binary, self.package), "-g", "-n", "1", "-c", str(configuration)]


class Knot(Authority):
    """Knot DNS in the foreground. Its database folder must exist before it starts, else every update fails."""

    package = "knot"
    binary = "knotd"

    def configure(self) -> Path:
        (self.directory / "db").mkdir(exist_ok=True)
        path = self.directory / "knot.conf"
        path.write_text(
            f"server:\n    rundir: {self.directory}\n    listen: {self.address}@{self.port}\n"
            "    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
            f"database:\n    storage: {self.directory / 'db'}\n"
            f"key:\n  - id: {KEY_NAME}\n    algorithm: {ALGORITHM}\n    secret: {self.secret}\n"
            f"acl:\n  - id: trusted\n    key: {KEY_NAME}\n    action: [update, transfer]\n"
            f"zone:\n  - domain: {self.zone}\n    acl: trusted\n    file: {self.zone_file}\n"
        )
        return path

    def command(self, configuration: Path) -> list[str]:
        return [find(self.binary, self.package), "-c", str(configuration)]


def find(binary: str, package: str) -> str:
    """Path of a server's program; ConfigError names the package where it is missing."""
    found = shutil.which(binary) or shutil.which(binary, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise ConfigError(f"{binary} is not installed; these tests run the real server: apt-get install {package}")
    return found


def _ended_within(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _zone_text(zone: str, address: str, records: str) -> str:
    return (
        f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\nns A {address}\n"
        + records.rstrip("\n")
        + "\n"
    )
