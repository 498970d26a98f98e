"""The demo's live view as lines of text: the fleet, what each region's clients get, what happened, and what to try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from trafficfed.cli.output import Screen
from trafficfed.cli.tables import Cell, Row, table
from trafficfed.observe.views import StatusView, TargetView
from trafficfed.sandbox.backend_process import BackendProcess
from trafficfed.sandbox.fleet import HUB, Fleet
from trafficfed.sandbox.story import Story
from trafficfed.testing.deployment import Deployment

EVENTS = 8


@dataclass(frozen=True)
class Hints:
    """The commands that the view offers, as they must be typed; ``story`` is the name that applying the file brings."""

    dig: str
    kubectl: str
    hub: str
    file: Path
    story: str
    metrics: str
    page: str
    token: Path

    @classmethod
    def of(cls, fleet: Fleet, deployment: Deployment, story: Story, file: Path) -> Self:
        name, client = fleet.hostnames[0], fleet.regions[0].client
        return cls(
            dig=f"dig +short @127.0.0.1 -p {deployment.dns_port} {name} +subnet={client}/24",
            kubectl=f"kubectl --kubeconfig {fleet.kubeconfig} --context eu -n {fleet.namespace}",
            hub=f"kubectl --kubeconfig {fleet.kubeconfig} --context {HUB}",
            file=file,
            story=story.hostname,
            metrics=f"curl -s http://127.0.0.1:{deployment.api_port}/metrics",
            page=f"http://127.0.0.1:{deployment.api_port}/",
            token=deployment.directory / "state" / "api-token",
        )


def page(
    status: StatusView | None,
    answers: Mapping[str, tuple[str, ...]],
    placed: Mapping[str, tuple[str, ...]],
    fleet: Fleet,
    hints: Hints,
    screen: Screen,
) -> list[str]:
    """The whole view; ``status`` None where the controller does not answer; ``placed``: the story's answers."""
    paint = screen.paint
    lines = [paint("trafficfed demo: one name, three regions", "title"), ""]
    lines += _regions(status, answers, fleet, screen)
    if any(placed.values()):
        lines += ["", paint(f"placed by the hub: {hints.story}", "title"), *_placed(placed, fleet, screen)]
    if status is None:
        lines += ["", paint("the controller does not answer; the name server goes on with its last table", "bad")]
    else:
        lines += ["", paint("last events", "title"), *_events(status)]
    return [*lines, "", paint("try", "title"), *_tries(fleet, hints), "", "Ctrl-C ends everything."]


def _regions(
    status: StatusView | None, answers: Mapping[str, tuple[str, ...]], fleet: Fleet, screen: Screen
) -> list[str]:
    freshness = {cluster.name: cluster.freshness for cluster in status.clusters} if status else {}
    services = [one for one in status.services if fleet.hostnames[0] in one.hostnames] if status else []
    targets = {target.cluster: target for service in services for target in service.targets}
    rows: list[Row] = []
    for region in fleet.regions:
        name = region.cluster.name
        rows.append(
            [
                name,
                region.cluster.region,
                freshness.get(name, "?"),
                region.address,
                _verdict(targets.get(name)),
                _latency(targets.get(name)),
                _answer(name, answers.get(name, ()), fleet),
            ]
        )
    titles = ["CLUSTER", "REGION", "VIEW", "ADDRESS", "VERDICT", "LATENCY", f"{fleet.hostnames[0]} FOR ITS CLIENTS"]
    return table(titles, rows, screen.width, screen.paint)


def _placed(placed: Mapping[str, tuple[str, ...]], fleet: Fleet, screen: Screen) -> list[str]:
    rows: list[Row] = [[name, _answer(name, addresses, fleet)] for name, addresses in placed.items()]
    return table(["CLIENTS IN", "GET"], rows, screen.width, screen.paint)


def _verdict(target: TargetView | None) -> Cell:
    if target is None:
        return Cell("?", "doubt")
    return Cell(f"{target.state} ({target.reason})", "good" if target.serving else "bad")


def _latency(target: TargetView | None) -> str:
    return "" if target is None or target.rtt_s is None else f"{target.rtt_s * 1e6:.0f} us"


def _answer(name: str, addresses: Sequence[str], fleet: Fleet) -> Cell:
    if not addresses:
        return Cell("no answer", "bad")
    regions = {region.address: region.cluster.name for region in fleet.regions}
    where = ", ".join(f"{address} ({regions.get(address, '?')})" for address in addresses)
    return Cell(where, "good" if {regions.get(address) for address in addresses} == {name} else "doubt")


def _events(status: StatusView) -> list[str]:
    return [
        f"  {datetime.fromtimestamp(event.at_s, UTC):%H:%M:%S}  {event.kind}: {event.text}"
        for event in status.events[-EVENTS:]
    ]


def _tries(fleet: Fleet, hints: Hints) -> list[str]:
    lines = ["  see it live in a browser; to drain a cluster there, allow orders with the token:", f"    {hints.page}"]
    lines += [f"    cat {hints.token}", "  ask as a client in eu:", f"    {hints.dig}"]
    backend = fleet.backends["eu"]
    if isinstance(backend, BackendProcess):
        if backend.pid is not None:
            lines += ["  kill eu's backend and watch its clients go to the next region:", f"    kill {backend.pid}"]
        else:
            lines += ["  start eu's backend again and watch them come back:", f"    {' '.join(backend.command)}"]
    return [
        *lines,
        "  see and change the annotations (weight, tier, drain ...):",
        f"    {hints.kubectl} get services",
        f"    {hints.kubectl} annotate service web trafficfed.io/drain=true",
        f"  put a workload, its Service and a policy onto the hub, and watch {hints.story} come up where it says:",
        f"    {hints.hub} apply -f {hints.file}",
        "  see what became of it; change the policy's regions in the file, and apply it again:",
        f"    {hints.hub} -n news get deployments,services,propagationpolicies",
        "  metrics:",
        f"    {hints.metrics}",
    ]
