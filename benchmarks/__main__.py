"""`python -m benchmarks`: every benchmark in turn, or one by name; see README.md for what each measures."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import baselines as fleet_baselines
from benchmarks import change_to_answer, exports, hub_to_members, newcomer, page_viewers, region_death, scrape


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benchmark", nargs="?", choices=tuple(BENCHMARKS), help="one of them alone")
    parser.add_argument("--names", default="10,1000,10000", help="answers, scrape: sizes of the fleet, comma separated")
    parser.add_argument("--objects", type=int, default=1000, help="propagation: objects created at once")
    parser.add_argument("--changes", type=int, default=200, help="changes measured one at a time")
    parser.add_argument("--services", default="10,1000", help="death: numbers of services, comma separated")
    parser.add_argument("--deaths", type=int, default=20, help="death: how often the leader's region dies")
    parser.add_argument("--viewed", type=int, default=1000, help="page: services that the live page shows")
    parser.add_argument("--clusters", type=int, default=10, help="exports: clusters that export to each other")
    parser.add_argument("--exported", type=int, default=1000, help="exports: Services that each of them exports")
    parser.add_argument("--judged", type=int, default=50_000, help="baselines: objects in all clusters together")
    given = parser.parse_args(arguments)
    for name in [given.benchmark] if given.benchmark else BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="trafficfed-bench-") as directory:
            print(BENCHMARKS[name](Path(directory), given), flush=True)
    return 0


def answers(directory: Path, given: argparse.Namespace) -> str:
    sizes = [int(size) for size in given.names.split(",")]
    return change_to_answer.report(
        [change_to_answer.measure(directory / str(size), size, given.changes) for size in sizes]
    )


def propagation(directory: Path, given: argparse.Namespace) -> str:
    return hub_to_members.report(hub_to_members.measure(directory, given.objects, given.changes))


def death(directory: Path, given: argparse.Namespace) -> str:
    sizes = [int(size) for size in given.services.split(",")]
    return region_death.report(
        [(size, region_death.measure(directory / str(size), size, given.deaths)) for size in sizes]
    )


def page(directory: Path, given: argparse.Namespace) -> str:
    return page_viewers.report(page_viewers.measure(directory, given.viewed, (0, 50)))


def scrapes(_: Path, given: argparse.Namespace) -> str:
    sizes = [int(size) for size in given.names.split(",")]
    return scrape.report([scrape.measure(size, each=each) for size in sizes for each in (True, False)])


def baselines(_: Path, given: argparse.Namespace) -> str:
    return fleet_baselines.report(fleet_baselines.measure(given.judged, given.changes))


def first_minutes(directory: Path, given: argparse.Namespace) -> str:
    return newcomer.report(newcomer.measure(directory))


def shared(_: Path, given: argparse.Namespace) -> str:
    return exports.report(exports.measure(given.clusters, given.exported, 50, given.changes))


BENCHMARKS = {
    "answers": answers,
    "propagation": propagation,
    "death": death,
    "exports": shared,
    "baselines": baselines,
    "page": page,
    "scrape": scrapes,
    "newcomer": first_minutes,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
