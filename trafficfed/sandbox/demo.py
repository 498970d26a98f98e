"""The demo: three regions and a hub on this machine, the controller and the name server as processes, a live view.

``run(check=True)`` performs one failover and one placement by the hub unattended instead, prints the measured times,
and returns 1 if anything was wrong.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import msgspec
import yaml

from trafficfed.cli.output import Screen
from trafficfed.clock import SystemClock
from trafficfed.crds.definitions import crds_yaml
from trafficfed.observe.views import StatusView
from trafficfed.ports import Clock
from trafficfed.sandbox.fleet import HUB, Fleet
from trafficfed.sandbox.live import Hints, page
from trafficfed.sandbox.story import KINDS, Story
from trafficfed.sandbox.trial import Trial
from trafficfed.testing.deployment import Deployment
from trafficfed.testing.processes import free_port

ZONE = "fed.test"
REFRESH_S = 1.0
HEALTH = {"interval": 2, "timeout": 1, "fall": 3, "rise": 3, "failback": 5, "suspicion": 0.5}
"""A fifth of the defaults, so that a failover and the way back fit into a minute."""
ANNOTATIONS = {"steering": "geo,weighted", "ttl": "5"}
PLACED = ("eu-central-1", "us-east-1")
"""The regions that the story's policy names at first."""
CLIENTS: Mapping[str, str] = {"192.0.2.0/24": "DE", "198.51.100.0/24": "US", "203.0.113.0/24": "JP"}
"""Documentation ranges (RFC 5737) that stand for the clients of a country each."""


@dataclass(frozen=True)
class Demo:
    """Everything that runs: the emulated fleet in this process, the product in two of its own."""

    fleet: Fleet
    deployment: Deployment
    story: Story
    file: Path
    clock: Clock

    async def answers(self, hostname: str) -> dict[str, tuple[str, ...]]:
        """What a name answers to a client of each region; nothing where the server does not answer."""
        found = {}
        for region in self.fleet.regions:
            with contextlib.suppress(OSError, dns.exception.Timeout):
                found[region.cluster.name] = await asyncio.to_thread(
                    self.deployment.answer, hostname, client=region.client
                )
        return found

    async def status(self) -> StatusView | None:
        body = await asyncio.to_thread(self.deployment.get, "/api/status")
        return msgspec.json.decode(body, type=StatusView) if body else None


def run(*, check: bool) -> int:
    """Run the demo until Ctrl-C, or the unattended check; returns the exit status."""
    try:
        return asyncio.run(_run(check))
    except KeyboardInterrupt:
        print("\nthe demo has ended; nothing is left running")
        return 0


async def _run(check: bool) -> int:
    print("starting three clusters and a hub, their backends, the controller and the name server ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="trafficfed-demo-") as directory:
        async with _started(Path(directory)) as demo:
            if check:
                return await Trial(demo.fleet, demo.deployment, demo.story, demo.file, HEALTH, demo.clock).run()
            await _show(demo)
    return 0


@contextlib.asynccontextmanager
async def _started(directory: Path) -> AsyncIterator[Demo]:
    clock = SystemClock()
    story = Story(zone=ZONE, port=free_port("0.0.0.0"), annotations=tuple(ANNOTATIONS.items()))
    definitions = tuple(yaml.safe_load_all(crds_yaml()))
    fleet = Fleet(directory / "fleet", clock, annotations=ANNOTATIONS, port=story.port, processes=True, hub=definitions)
    async with fleet:
        deployment = _deployment(directory, fleet)
        file = story.write(directory / "story.yaml", PLACED)
        try:
            await asyncio.to_thread(deployment.start)
            yield Demo(fleet, deployment, story, file, clock)
        finally:
            await asyncio.to_thread(deployment.stop)


def _deployment(directory: Path, fleet: Fleet) -> Deployment:
    members = [(cluster, fleet.kubeconfig, cluster.name) for cluster in fleet.clusters]
    places = [{"network": network, "country": country} for network, country in CLIENTS.items()]
    deployment = Deployment(directory, ZONE, members, owner="demo", health=HEALTH, places=places)
    hub = {"kubeconfig": str(fleet.kubeconfig), "context": HUB}
    deployment.set(hub=hub, propagation={"kinds": list(KINDS)})
    return deployment


async def _show(demo: Demo) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    screen = Screen.of_terminal(os.environ)
    hints = Hints.of(demo.fleet, demo.deployment, demo.story, demo.file)
    shown = ""
    while not stop.is_set():
        status, answers = await demo.status(), await demo.answers(demo.fleet.hostnames[0])
        placed = await demo.answers(hints.story)
        text = "\n".join(page(status, answers, placed, demo.fleet, hints, screen))
        if screen.terminal or text != shown:
            screen.clear()
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
            shown = text
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFRESH_S):
                await stop.wait()
    print("\nthe demo has ended; nothing is left running")
