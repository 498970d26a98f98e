"""The product as users run it: a configuration file, a controller and a name server as processes of their own.

    deployment = Deployment(directory, "fed.test", kubeconfig, clusters)
    deployment.publish_to("bind", {"kind": "rfc2136", **bind.settings})
    deployment.start()
    deployment.answer("web.fed.test", client="192.0.2.1")   # asked of the embedded name server, with client subnet
    deployment.restart_controller()
    deployment.stop()

Every method blocks.
"""

import ipaddress
import json
import secrets
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import yaml

from trafficfed.model import Cluster
from trafficfed.testing.processes import ServerProcess, free_port

QUICK: Mapping[str, float] = {"interval": 1, "timeout": 0.5, "fall": 3, "rise": 2, "failback": 2, "suspicion": 0.3}
"""Health settings that let a test see a failover within seconds."""


class Deployment:
    """One controller and one embedded name server over members, each reached by a context of some kubeconfig."""

    def __init__(
        self,
        directory: Path,
        zone: str,
        clusters: Iterable[tuple[Cluster, Path, str]],
        *,
        owner: str = "test",
        health: Mapping[str, float] = QUICK,
        zone_settings: Mapping[str, object] | None = None,
        places: Iterable[Mapping[str, str]] = (),
        feed_key: str = "",
    ) -> None:
        """``clusters`` are properties, kubeconfig and context of each member. An empty ``feed_key`` is made up."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.zone = zone
        self.owner = owner
        self.dns_port, self.api_port, self.feed_port, self.metrics_port = (free_port() for _ in range(4))
        self.health = dict(health)
        self.zone_settings: dict[str, object] = {
            "open": True,
            "publish": ["127.0.0.0/8"],
            "approximate": ["geo", "weighted"],
            **(zone_settings or {}),
        }
        self._clusters = [_cluster_section(*member) for member in clusters]
        self._places = list(places)
        self._providers: dict[str, Mapping[str, object]] = {"own": {"kind": "embedded"}}
        self._extra: dict[str, object] = {}
        self.nameserver_extra: dict[str, object] = {}
        self.controller: ServerProcess | None = None
        self.nameserver: ServerProcess | None = None
        self.feeds = [self.feed]
        (directory / "feed.key").write_text(feed_key or secrets.token_hex(32))
        (directory / "feed.key").chmod(0o600)

    # ------------------------------------------------------------------ configuration

    @property
    def feed(self) -> str:
        """Where this controller's feed listens."""
        return f"127.0.0.1:{self.feed_port}"

    def publish_to(self, name: str, provider: Mapping[str, object]) -> None:
        """Publish the zone to one more provider."""
        self._providers[name] = provider

    def set(self, **sections: object) -> None:
        """Set or replace whole sections of the configuration; takes effect at the next start."""
        self._extra.update(sections)

    @property
    def sections(self) -> Mapping[str, Any]:
        """What ``set`` was given so far."""
        return dict(self._extra)

    @property
    def config(self) -> Path:
        return self.directory / "trafficfed.yaml"

    def write(self) -> Path:
        """Write the configuration file, and return its path."""
        data: dict[str, object] = {
            "owner": self.owner,
            "state": "./state",
            "api": f"127.0.0.1:{self.api_port}",
            "feed": {"listen": self.feed, "key-file": "./feed.key"},
            "clusters": self._clusters,
            "providers": dict(self._providers),
            "zones": [{"name": self.zone, "providers": list(self._providers), **self.zone_settings}],
            "health": self.health,
            "log": {"format": "json"},
            "nameserver": {
                "listen": f"127.0.0.1:{self.dns_port}",
                "feeds": self.feeds,
                "key-file": "./feed.key",
                "state": "./nameserver-state",
                "metrics": f"127.0.0.1:{self.metrics_port}",
                "places": self._places,
                "zones": [
                    {
                        "name": self.zone,
                        "nameservers": [f"ns1.{self.zone}"],
                        "mailbox": f"hostmaster@{self.zone}",
                        "records": [{"name": f"ns1.{self.zone}", "type": "A", "values": ["127.0.0.1"]}],
                    }
                ],
                **self.nameserver_extra,
            },
            **self._extra,
        }
        self.config.write_text(yaml.safe_dump(data, sort_keys=False))
        self.config.chmod(0o600)
        return self.config

    # ------------------------------------------------------------------ processes

    def start(self) -> Self:
        """Start both and wait until the controller is ready and the name server answers."""
        self.launch_nameserver()
        self.start_controller()
        self.wait_for_nameserver()
        return self

    def start_controller(self, *, wait_s: float = 60.0) -> None:
        """Start the controller, and wait until it acts."""
        self.launch_controller()
        assert self.controller is not None, "it was just launched"
        self.controller.wait_until(self.ready, wait_s)

    def launch_controller(self) -> None:
        """Start the controller, and do not wait for it."""
        self.write()
        if self.controller is not None:
            self.controller.kill()
        self.controller = self._run("run", "controller.log")

    def start_nameserver(self) -> None:
        """Start the name server, and wait until it answers anything at all."""
        self.launch_nameserver()
        self.wait_for_nameserver()

    def launch_nameserver(self) -> None:
        """Start the name server, and do not wait for it."""
        self.write()
        if self.nameserver is not None:
            self.nameserver.kill()
        self.nameserver = self._run("nameserver", "nameserver.log")

    def wait_for_nameserver(self) -> None:
        assert self.nameserver is not None, "it is launched before"
        self.nameserver.wait_until(self._answers)

    def _run(self, command: str, log: str) -> ServerProcess:
        arguments = [sys.executable, "-m", "trafficfed", command, "--config", str(self.config)]
        return ServerProcess(arguments, self.directory / log)

    def stop_controller(self) -> None:
        """In good order, as an update would."""
        if self.controller is not None:
            self.controller.terminate()
            self.controller = None

    def kill_controller(self) -> None:
        if self.controller is not None:
            self.controller.kill()
            self.controller = None

    def restart_controller(self, *, wait_s: float = 60.0) -> None:
        self.stop_controller()
        self.start_controller(wait_s=wait_s)

    def stop_nameserver(self) -> None:
        if self.nameserver is not None:
            self.nameserver.terminate()
            self.nameserver = None

    def stop(self) -> None:
        self.stop_controller()
        self.stop_nameserver()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------------ what it says

    def ready(self) -> bool:
        return self.get("/readyz") is not None

    def get(self, path: str) -> str | None:
        """The body of one of the controller's pages, None where it does not answer with success."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}{path}", timeout=5) as answer:
                body: bytes = answer.read()
                return body.decode()
        except OSError:
            return None

    def status(self) -> dict[str, Any]:
        """The status view; raises AssertionError where the controller does not answer."""
        body = self.get("/api/status")
        assert body is not None, f"the controller does not answer; its log: {self.log()}"
        status: dict[str, Any] = json.loads(body)
        return status

    def log(self, size: int = 4000) -> str:
        """The end of the controller's log."""
        path = self.directory / "controller.log"
        return path.read_bytes()[-size:].decode(errors="replace") if path.exists() else ""

    def answer(self, name: str, rdtype: str = "A", *, client: str = "") -> tuple[str, ...]:
        """What the embedded name server answers a client (by client subnet), sorted."""
        return answered(self.ask(name, rdtype, client=client), rdtype)

    def ask(self, name: str, rdtype: str = "A", *, client: str = "", within_s: float = 2.0) -> dns.message.Message:
        """The whole response of the embedded name server over UDP."""
        return ask("127.0.0.1", self.dns_port, name, rdtype, client=client, within_s=within_s)

    def _answers(self) -> bool:
        try:
            self.ask(self.zone, "SOA", within_s=0.1)  # what is asked before it listens is lost
        except (OSError, dns.exception.Timeout):
            return False
        return True


def ask(
    server: str, port: int, name: str, rdtype: str, *, client: str = "", within_s: float = 2.0
) -> dns.message.Message:
    """One query over UDP; ``client`` travels as client subnet (RFC 7871), /24 or /56 as public resolvers send it."""
    options: list[dns.edns.Option] = []
    if client:
        bits = 24 if ipaddress.ip_address(client).version == 4 else 56
        options = [dns.edns.ECSOption(client, bits)]
    query = dns.message.make_query(name, rdtype, use_edns=0, options=options)
    return dns.query.udp(query, server, timeout=within_s, port=port)


def answered(response: dns.message.Message, rdtype: str) -> tuple[str, ...]:
    """The values of one type in a response's answer section, sorted."""
    wanted = dns.rdatatype.from_text(rdtype)
    return tuple(sorted(rdata.to_text() for rrset in response.answer if rrset.rdtype == wanted for rdata in rrset))


def _cluster_section(cluster: Cluster, kubeconfig: Path, context: str) -> dict[str, object]:
    section: dict[str, object] = {"name": cluster.name, "kubeconfig": str(kubeconfig), "context": context}
    for key in ("clusterset", "region", "zone", "provider", "country", "continent", "latitude", "longitude"):
        if value := getattr(cluster, key):
            section[key] = value
    if cluster.offers:
        section["offers"] = list(cluster.offers)
    for key in ("labels", "compliance"):
        if value := getattr(cluster, key):
            section[key] = dict(value)
    return section
