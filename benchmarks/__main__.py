"""`python -m benchmarks`: every benchmark in turn, or one by name; see README.md for what each measures."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import change_to_answer


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--names", default="10,1000,10000", help="sizes of the fleet, comma separated")
    parser.add_argument("--changes", type=int, default=200, help="changes measured at each size")
    given = parser.parse_args(arguments)
    sizes = [int(size) for size in given.names.split(",")]
    with tempfile.TemporaryDirectory(prefix="trafficfed-bench-") as directory:
        results = [change_to_answer.measure(Path(directory) / str(size), size, given.changes) for size in sizes]
    print(change_to_answer.report(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
