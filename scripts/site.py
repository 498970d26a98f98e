"""The documentation as a site: the pages as they stand in the repository, put together and built strictly.

    python -m scripts.site OUTPUT        builds OUTPUT/index.html, and fails for whatever a reader would stumble over

The pages are written to be read in the repository too, where links lead to sources and tests. Those have no place in
the site: there such a link is its text.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]

OUTSIDE = {
    "README.md": "start.md",
    "CHANGELOG.md": "changelog.md",
    "providers/README.md": "providers.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Pages that stand elsewhere in the repository, and what they are called in the site."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("http://", "https://", "mailto:")

ROOMS = {
    "Start": ("start",),
    "Guides": (
        "guides/expose-a-service",
        "guides/steer-by-weight",
        "guides/steer-by-place",
        "guides/fail-over",
        "guides/drain-a-region",
        "guides/propagate",
        "guides/add-a-cluster",
        "guides/providers",
    ),
    "Concepts": (
        "how-it-works",
        "globalservices",
        "propagation",
        "services",
        "baselines",
        "several-controllers",
        "vantages",
        "failures",
        "security",
    ),
    "Reference": (
        "annotations",
        "objects",
        "configuration",
        "commands",
        "providers",
        "helm-values",
    ),
    "Running it": ("install", "operations", "live-page"),
    "Others": ("comparison", "migrating-from-external-dns", "migrating-from-k8gb", "benchmarks", "changelog"),
}


def places() -> Mapping[str, str]:
    """Every page by its path in the repository, with its path in the site."""
    found = {f"docs/{each}": each for each in _under(ROOT / "docs", "*.md")}
    return found | OUTSIDE


def _under(folder: Path, pattern: str) -> Iterator[str]:
    for path in sorted(folder.rglob(pattern)):
        yield path.relative_to(folder).as_posix()


def rewritten(text: str, page: str, where: Mapping[str, str]) -> str:
    """A page with its links as the site needs them; what stands in fences stays as it is."""
    parts = FENCED.split(text)
    return "".join(
        part if FENCED.fullmatch(part) else LINK.sub(lambda found: _link(found, page, where), part) for part in parts
    )


def _link(found: re.Match[str], page: str, where: Mapping[str, str]) -> str:
    image, text, target = found.groups()
    if target.startswith(("#", *ELSEWHERE)):
        return found[0]
    file, _, fragment = target.partition("#")
    meant = os.path.normpath(PurePosixPath(page).parent / file)
    here = PurePosixPath(where[page]).parent
    if meant.startswith("docs/images/"):
        return f"{image}[{text}]({os.path.relpath(meant.removeprefix('docs/'), here)})"
    folder = f"{meant}/README.md"
    if folder in where:
        meant = folder
    if meant not in where:
        return text
    anchor = f"#{fragment}" if fragment else ""
    return f"{image}[{text}]({os.path.relpath(where[meant], here)}{anchor})"


def index(where: Mapping[str, str]) -> str:
    """The first page: what there is, by room. Decisions and runbooks are as many as there are."""
    rooms = dict(ROOMS)
    rooms["Running it"] += tuple(_named("runbooks/", where))
    rooms["Decisions"] = tuple(_named("decisions/", where))
    trees = [
        "\n".join(("```{toctree}", f":caption: {room}", ":hidden:", "", *pages, "```")) for room, pages in rooms.items()
    ]
    listed = [f"- **{room}**: " + ", ".join(f"[](/{page}.md)" for page in pages) for room, pages in ROOMS.items()]
    lead = "One name for a Service in many Kubernetes clusters, always pointing at the clusters that can serve it."
    return "\n\n".join(("# trafficfed", lead, "\n".join(listed), *trees)) + "\n"


def _named(folder: str, where: Mapping[str, str]) -> list[str]:
    return sorted(site.removesuffix(".md") for site in where.values() if site.startswith(folder))


def lay_out(folder: Path) -> None:
    """Write the site's sources into a folder."""
    where = places()
    for page, site in where.items():
        target = folder / site
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(rewritten((ROOT / page).read_text(), page, where))
    shutil.copytree(ROOT / "docs" / "images", folder / "images")
    (folder / "index.md").write_text(index(where))


def build(output: Path) -> int:
    """Build strictly: every warning is an error, and all of them are told. Returns 0 where there is none."""
    with tempfile.TemporaryDirectory() as name:
        sources = Path(name) / "sources"
        sources.mkdir()
        lay_out(sources)
        options = ["-W", "-n", "-q", "-b", "html", "-c", str(ROOT / "docs" / "site"), "-d", f"{name}/trees"]
        return subprocess.run([sys.executable, "-m", "sphinx", *options, str(sources), str(output)]).returncode


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Build the documentation as a site, strictly.")
    parser.add_argument("output", type=Path, help="the folder to write it to")
    return build(parser.parse_args(arguments).output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
