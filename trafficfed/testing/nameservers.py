"""What tests of the name server share: chance that is scripted, questions in one line, and the real process."""

import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import msgspec

from trafficfed.feed.addresses import host_and_port
from trafficfed.nameserver.respond import Responder
from trafficfed.nameserver.settings import NameServerSettings
from trafficfed.testing.processes import ServerProcess


class ScriptedDraw:
    """Chance that always says the same; both are free to change between questions."""

    def __init__(self, fraction: float = 0.0, rotation: int = 0) -> None:
        self.next_fraction = fraction
        self.next_rotation = rotation

    def fraction(self, name: bytes, client: bytes | str) -> float:
        return self.next_fraction

    def rotation(self, count: int) -> int:
        return self.next_rotation % count


def question(
    name: str, kind: str = "A", subnet: str = "", payload: int = 1232, edns: bool = True
) -> dns.message.Message:
    """A query; ``subnet`` is ``address/prefix`` for EDNS Client Subnet."""
    options: list[dns.edns.Option] = []
    if subnet:
        address, _, prefix = subnet.partition("/")
        bits = ipaddress.ip_address(address).max_prefixlen
        options.append(dns.edns.ECSOption(address, int(prefix or bits), 0))
    if not edns and not subnet:
        return dns.message.make_query(name, kind, use_edns=False)
    return dns.message.make_query(name, kind, use_edns=0, payload=payload, options=options)


def ask(
    responder: Responder, name: str, kind: str = "A", subnet: str = "", client: str = "192.0.2.250"
) -> dns.message.Message:
    """One question to a responder in this process."""
    asked = question(name, kind, subnet)
    answer = responder.answer(asked.to_wire(), client)
    assert answer is not None
    response = dns.message.from_wire(answer)
    assert asked.is_response(response)
    return response


def values(response: dns.message.Message) -> tuple[str, ...]:
    """The answer section's data, sorted."""
    return tuple(sorted(data.to_text().removesuffix(".") for answer in response.answer for data in answer))


def scope(response: dns.message.Message) -> int | None:
    """The scope of the Client Subnet in a response, None without one."""
    found = [option.scopelen for option in response.options if isinstance(option, dns.edns.ECSOption)]
    return found[0] if found else None


class NameServerProcess:
    """``python -m trafficfed.nameserver`` as a real process, its settings and log in a directory."""

    def __init__(self, directory: Path, settings: NameServerSettings) -> None:
        self.directory = directory
        self.settings = settings
        self.address, self.port = host_and_port(settings.listen[0], "listen")
        self.process: ServerProcess | None = None

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "trafficfed.nameserver", str(self.directory / "settings.json")]

    def launch(self) -> ServerProcess:
        """Start it and do not wait."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "settings.json"
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(self.settings))
        self.process = ServerProcess(self.command, self.directory / "log")
        return self.process

    def start(self, rcode: str = "NOERROR", name: str = "") -> Self:
        """Start it and wait until it answers for a name (the first zone's, if none is given) with this rcode."""
        process = self.launch()
        process.wait_until(lambda: "event=Listening" in process.log.read_text())
        process.wait_until(lambda: self.rcode(name or self.settings.zones[0].name) == rcode)
        return self

    def wait_for(self, name: str, wanted: Sequence[str], kind: str = "A", subnet: str = "") -> None:
        """Wait until it gives exactly these values."""
        assert self.process is not None
        self.process.wait_until(lambda: values(self.ask(name, kind, subnet)) == tuple(sorted(wanted)), 20)

    def ask(
        self, name: str, kind: str = "A", subnet: str = "", tcp: bool = False, timeout_s: float = 2.0
    ) -> dns.message.Message:
        asked = question(name, kind, subnet)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(asked, self.address, port=self.port, timeout=timeout_s)

    def rcode(self, name: str) -> str:
        """The rcode of an SOA question, empty while nobody answers."""
        try:
            return dns.rcode.to_text(self.ask(name, "SOA", timeout_s=0.25).rcode())
        except (dns.exception.Timeout, OSError):
            return ""

    def stop(self) -> None:
        if self.process:
            self.process.terminate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
