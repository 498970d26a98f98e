"""Regions that can die whole: API server, controller, name server, prober and backend of each, one leader among them.

    with regions(directory, ["eu", "us", "ap"]) as fleet:
        fleet.apply("web")
        fleet.wait_until(lambda: fleet.answers("web") == fleet.expected("eu", "us", "ap"), 20, "all serve")
        fleet.leader().kill()

Every method blocks. The first region also has the hub where there is one.
"""

import contextlib
import functools
import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dns.exception
import yaml

from trafficfed.model import Cluster
from trafficfed.testing.authorities import Bind
from trafficfed.testing.clusters import ClusterFarm
from trafficfed.testing.deployment import QUICK, Deployment
from trafficfed.testing.hubs import allow_baselines, allow_propagation, allow_services, make_hub
from trafficfed.testing.processes import ServerProcess, free_port
from trafficfed.testing.real_cluster import RealCluster
from trafficfed.testing.world import CLIENTS, NAMESPACE, PLACES, REGIONS, ZONE

LEASE: Mapping[str, float] = {"lease": 4.0, "renew": 0.8}
"""A lease that lets a test see a takeover within seconds."""
POLL_S = 0.05
LEADER_S = 60.0


class Region:
    """One region and everything in it, which lives and dies together."""

    def __init__(self, name: str, cluster: RealCluster, deployment: Deployment, directory: Path, number: int) -> None:
        self.name, self.cluster, self.deployment = name, cluster, deployment
        self.directory = directory
        self.address = f"127.0.{number}.20"
        self.port = free_port(self.address)
        self.backend: ServerProcess | None = None
        self.prober: ServerProcess | None = None

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Everything but the API server, which runs already. Does not wait until the controller is ready."""
        self.start_backend()
        self.start_prober()
        self.deployment.launch_nameserver()
        self.start_controller()
        self.deployment.wait_for_nameserver()

    def start_backend(self) -> None:
        if self.backend is not None:
            self.backend.kill()
        arguments = [sys.executable, "-m", "trafficfed.testing.backends", self.address, str(self.port)]
        self.backend = ServerProcess([*arguments, "--name", self.name], self.directory / "backend.log")

    def start_prober(self) -> None:
        if self.prober is not None:
            self.prober.kill()
        arguments = [sys.executable, "-m", "trafficfed", "prober", "--config", str(self.directory / "prober.yaml")]
        self.prober = ServerProcess(arguments, self.directory / "prober.log")

    def start_controller(self) -> None:
        self.deployment.launch_controller()

    def lose_controller(self) -> None:
        """The controller and all that it had on disk are gone."""
        self.deployment.kill_controller()
        shutil.rmtree(self.directory / "state")

    def kill(self) -> None:
        """SIGKILL to all of it at once: whoever asks is refused."""
        for process in self._processes():
            process.kill_now()

    def pause(self) -> None:
        """SIGSTOP to all of it at once: whoever asks waits."""
        for process in self._processes():
            process.pause()

    def resume(self) -> None:
        for process in self._processes():
            process.resume()

    def revive(self) -> None:
        """Start everything again after ``kill``, from what it had on disk."""
        self.cluster.etcd.restart()
        self.cluster.restart()
        self.start()

    def stop(self) -> None:
        """End what runs, whatever state it is in."""
        for process in (self.backend, self.prober, self.deployment.controller, self.deployment.nameserver):
            if process is not None:
                process.resume()
                process.kill()
        self.deployment.controller = self.deployment.nameserver = None

    def _processes(self) -> list[ServerProcess]:
        own = (self.deployment.controller, self.deployment.nameserver, self.prober, self.backend)
        return [*self.cluster.processes, *(process for process in own if process is not None)]

    # ------------------------------------------------------------------ what it says

    def answer(self, name: str) -> tuple[str, ...]:
        """What this region's name server answers a client of its own; empty where it does not answer in time."""
        return self.answer_to(name, self.name)

    def answer_to(self, name: str, client: str) -> tuple[str, ...]:
        try:
            return self.deployment.answer(f"{name}.{ZONE}", client=CLIENTS[client])
        except (dns.exception.Timeout, OSError):
            return ()

    def serial(self) -> int:
        """The serial of the zone at this region's name server."""
        (soa,) = self.deployment.answer(ZONE, "SOA")
        return int(soa.split()[2])

    def status(self) -> dict[str, Any]:
        return self.deployment.status()

    def run(self, *arguments: str) -> str:
        """A command as an operator of this region gives it; its output. Raises CalledProcessError."""
        command = [sys.executable, "-m", "trafficfed", *arguments, "--config", str(self.deployment.config)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def leads(self) -> bool:
        """Whether its controller says that it leads; False where it says nothing."""
        return self.standing() == "leads"

    def standing(self) -> str:
        """What its controller says of itself: leads, relays or alone; empty where it says nothing."""
        if self.deployment.controller is None or not self.deployment.controller.running:
            return ""
        body = self.deployment.get("/api/status")
        leadership = (json.loads(body).get("leadership") or {}) if body is not None else {}
        return str(leadership.get("standing", ""))


class Regions:
    """All regions, and BIND outside of them where records are written too."""

    def __init__(self, regions: Sequence[Region], bind: Bind, zone_votes: bool, lease_s: float) -> None:
        self.zone_votes, self.lease_s = zone_votes, lease_s
        self.regions = {region.name: region for region in regions}
        self.bind = bind

    def apply(self, name: str, **annotations: str) -> None:
        """An annotated Service at every region's backend."""
        for region in self.regions.values():
            self.apply_in(region.name, name, **annotations)

    def apply_plain(self, name: str) -> None:
        """A Service that says nothing to us, at every region's backend."""
        for region in self.regions.values():
            region.cluster.apply_service(
                NAMESPACE, name, {}, ports=(region.port,), addresses=(region.address,), ready=2
            )

    def apply_in(self, where: str, name: str, **annotations: str) -> None:
        """An annotated Service at one region's backend."""
        region = self.regions[where]
        keys = {"hostname": f"{name}.{ZONE}", "steering": "geo", "health-check": f"http://:{region.port}/"}
        keys |= {key.replace("_", "-"): value for key, value in annotations.items()}
        region.cluster.apply_service(
            NAMESPACE,
            name,
            {f"trafficfed.io/{key}": value for key, value in keys.items()},
            ports=(region.port,),
            addresses=(region.address,),
            ready=2,
        )

    def addresses(self, *names: str) -> tuple[str, ...]:
        """Of these regions, or of all."""
        return tuple(sorted(self.regions[name].address for name in names or self.regions))

    def answers(self, name: str) -> dict[str, tuple[str, ...]]:
        """What clients of each region get from their own name server, and anyone from BIND."""
        return {**{region.name: region.answer(name) for region in self.regions.values()}, "bind": self.in_bind(name)}

    def stand_by(self, within_s: float = 60.0) -> None:
        """Wait until one controller leads, the others hold its table, and each has watched the electors for a lease: an
        elector that was just met grants no vote before."""
        others = len(self.regions) - 1
        self.wait_until(
            lambda: sorted(map(Region.standing, self.regions.values())) == ["leads", *["relays"] * others],
            within_s,
            "one leads and the others hold its table",
        )
        time.sleep(self.lease_s)

    def settle(self, name: str, within_s: float = 30.0) -> None:
        """Wait until every region serves its own clients, BIND gives all, and every controller answers."""
        wanted = {**{region.name: (region.address,) for region in self.regions.values()}, "bind": self.addresses()}
        self.wait_until(lambda: self.answers(name) == wanted, within_s, f"{name} comes from everywhere: {wanted}")
        self.wait_until(
            lambda: all(region.deployment.get("/api/status") for region in self.regions.values()),
            within_s,
            "every controller answers",
        )

    def die(self, region: Region, how: Callable[[], None], name: str, within_s: float) -> dict[str, float]:
        """Have a whole region fail, and tell after how long it was out of each surviving authority's answers.

        Raises AssertionError for any empty answer meanwhile, and where it takes longer than ``within_s``.
        """
        rest = self.others(region)
        asked: dict[str, Callable[[], tuple[str, ...]]] = {
            each.name: functools.partial(each.answer_to, name, region.name) for each in rest
        }
        asked["bind"] = functools.partial(self.in_bind, name)
        out: dict[str, float] = {}
        how()
        started = time.monotonic()  # noqa: TID251 - measures the real product from outside
        while out.keys() != asked.keys():
            for authority, ask in asked.items():
                answer = ask()
                now_s = time.monotonic() - started  # noqa: TID251 - as above
                assert answer, f"{authority} answers nothing after {now_s:.2f} s\n{self.logs()}"
                if region.address not in answer:
                    out.setdefault(authority, now_s)
            assert now_s < within_s, f"out after {within_s:.1f} s only at {out}\n{self.logs()}"
            time.sleep(POLL_S / 5)
        return out

    def in_bind(self, name: str) -> tuple[str, ...]:
        return self.bind.query(f"{name}.{ZONE}", "A")

    def leader(self, within_s: float = 30.0) -> Region:
        """The region whose controller leads, waited for."""
        found: list[Region] = []

        def leading() -> bool:
            """Asked once: a moment later it may be another one, or none."""
            found[:] = filter(Region.leads, self.regions.values())
            return bool(found)

        self.wait_until(leading, within_s, "a leader is elected")
        return found[0]

    def others(self, region: Region) -> list[Region]:
        return [other for other in self.regions.values() if other is not region]

    def wait_until(self, reached: Callable[[], bool], within_s: float, what: str) -> float:
        """Poll until it is so; returns the seconds it took. Raises AssertionError with every controller's log."""
        started = time.monotonic()  # noqa: TID251 - measures the real product from outside
        while not reached():
            took_s = time.monotonic() - started  # noqa: TID251 - as above
            assert took_s < within_s, f"not within {within_s:.1f} s: {what}\n{self.logs()}"
            time.sleep(POLL_S)
        return time.monotonic() - started  # noqa: TID251 - as above

    def logs(self) -> str:
        return "\n".join(f"--- {region.name}\n{region.deployment.log(3000)}" for region in self.regions.values())


def make_regions(
    farm: ClusterFarm,
    directory: Path,
    names: Sequence[str],
    bind: Bind,
    *,
    zone_votes: bool = False,
    hub: bool = False,
    services: bool = False,
    baselines: bool = False,
    health: Mapping[str, float] = QUICK,
    lease: Mapping[str, float] = LEASE,
    **settings: Any,
) -> Regions:
    """Regions over real API servers, each with an etcd of its own, none of their other parts started.

    ``zone_votes``: the zone at BIND is the third elector beside two clusters. ``hub``: the first region's API server is
    the hub too. ``services``: members export Services to each other, ``baselines``: those of the hub are kept.
    ``settings`` are further sections.
    """
    clusters = dict(zip(names, farm.start(*names, own_etcd=True), strict=True))
    for cluster in clusters.values():
        cluster.ensure_namespace("trafficfed")
    if hub:
        first = clusters[names[0]]
        settings["hub"] = {"kubeconfig": str(make_hub(first).kubeconfig), "context": first.context}
        for cluster in clusters.values():
            allow_propagation(cluster)
    if services:
        settings["services"] = {"imports": "write"}
        for cluster in clusters.values():
            allow_services(cluster)
    if baselines:
        settings["baselines"] = {"members": "write"}
        allow_baselines(clusters[names[0]], *clusters.values())
    keys = {name: secrets.token_hex(32) for name in ("feed", "controllers", *names)}
    members = [(REGIONS[name], cluster.kubeconfig, cluster.context) for name, cluster in clusters.items()]
    made = []
    for number, (name, cluster) in enumerate(clusters.items(), 1):
        home = directory / name
        deployment = Deployment(home, ZONE, members, health=health, places=PLACES, feed_key=keys["feed"])
        deployment.publish_to("bind", {"kind": "rfc2136", **bind.settings})
        if services:
            place = {"cluster": name, "kubeconfig": str(cluster.kubeconfig), "context": cluster.context}
            deployment.nameserver_extra["clusterset"] = place
        made.append(Region(name, cluster, deployment, home, number))
    for region in made:
        peers = [other for other in made if other is not region]
        electorate: list[dict[str, str]] = [{"cluster": name} for name in names]
        if zone_votes:
            electorate.append({"zone": ZONE, "provider": "bind"})
        region.deployment.feeds = [each.deployment.feed for each in (region, *peers)]
        region.deployment.set(
            vantage={"name": f"controller-{region.name}", "cluster": region.name},
            vantages=[
                {"name": f"probe-{each.name}", "cluster": each.name, "key-file": f"./probe-{each.name}.key"}
                for each in made
            ],
            leadership={
                "name": region.name,
                "key-file": "./controllers.key",
                "electorate": electorate,
                "peers": [
                    {"name": each.name, "feed": each.deployment.feed, "region": _region_of(REGIONS[each.name])}
                    for each in peers
                ],
                **lease,
            },
            **settings,
        )
        _secret(region.directory / "controllers.key", keys["controllers"])
        for each in made:
            _secret(region.directory / f"probe-{each.name}.key", keys[each.name])
        _prober_file(region)
    return Regions(made, bind, zone_votes, lease["lease"])


def _region_of(cluster: Cluster) -> str:
    return cluster.region


def _secret(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def _prober_file(region: Region) -> None:
    file = region.directory / "prober.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "prober": {
                    "name": f"probe-{region.name}",
                    "cluster": region.name,
                    "controllers": region.deployment.feeds,
                    "key-file": f"./probe-{region.name}.key",
                }
            }
        )
    )
    file.chmod(0o600)


@contextmanager
def regions(directory: Path, names: Sequence[str] = ("eu", "us", "ap"), **options: Any) -> Iterator[Regions]:
    """Everything started, the first region leading. ``options`` are those of ``make_regions``."""
    with ExitStack() as stack:
        farm = stack.enter_context(ClusterFarm(directory / "clusters"))
        bind = stack.enter_context(Bind(directory / "bind", ZONE))
        fleet = make_regions(farm, directory / "product", names, bind, **options)
        stack.callback(_end, fleet)
        first, *others = fleet.regions.values()
        first.start()
        fleet.leader(LEADER_S)
        for region in others:
            region.start()
        yield fleet


def _end(fleet: Regions) -> None:
    for region in fleet.regions.values():
        with contextlib.suppress(ProcessLookupError):
            region.resume()
        region.stop()
