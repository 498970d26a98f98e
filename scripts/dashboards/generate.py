"""Writes deploy/grafana: python -m scripts.dashboards.generate [--check]

With --check nothing is written, and the names of files that differ or do not belong there are printed.
"""

import json
import sys
from pathlib import Path

from scripts.dashboards.cluster import ONE_CLUSTER
from scripts.dashboards.controllers import INTERNALS
from scripts.dashboards.fleet import FLEET
from scripts.dashboards.grammar import Dashboard, as_json
from scripts.dashboards.publication import PUBLICATION
from scripts.dashboards.service import ONE_SERVICE

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
ALL: tuple[Dashboard, ...] = (FLEET, ONE_SERVICE, ONE_CLUSTER, PUBLICATION, INTERNALS)


def files() -> dict[Path, str]:
    """Every file with what is to be in it."""
    return {FOLDER / f"{each.uid}.json": json.dumps(as_json(each), indent=1) + "\n" for each in ALL}


def stale(wanted: dict[Path, str]) -> list[Path]:
    """Files that differ, are missing, or belong to no dashboard any more."""
    differ = {path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text}
    return sorted(differ | (set(FOLDER.glob("*.json")) - wanted.keys()))


def main(arguments: list[str]) -> int:
    wanted = files()
    found = stale(wanted)
    if "--check" in arguments:
        print("".join(f"{path.name}\n" for path in found), end="")
        return 1 if found else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in found:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
