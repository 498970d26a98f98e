"""A real Prometheus that scrapes what it is told to, with rules; from the distribution's package.

    with Prometheus(directory, {"controllers": ["127.0.0.1:8080"]}, rules=[path]) as prometheus:
        prometheus.wait_until(lambda: prometheus.value("min(up)") == 1.0, "all targets are scraped")

Every method blocks.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from trafficfed.testing.processes import ServerProcess, free_port

Labels = Mapping[str, str]
POLL_S = 0.25
INTERVAL = "1s"


class Prometheus:
    """Scrapes each job's addresses and evaluates the rules every second."""

    def __init__(self, directory: Path, jobs: Mapping[str, Sequence[str]], *, rules: Iterable[Path] = ()) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._directory = directory
        self._config = directory / "prometheus.yaml"
        self._config.write_text(
            yaml.safe_dump(
                {
                    "global": {
                        "scrape_interval": INTERVAL,
                        "scrape_timeout": INTERVAL,
                        "evaluation_interval": INTERVAL,
                    },
                    "rule_files": [str(path) for path in rules],
                    "scrape_configs": [
                        {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
                        for job, addresses in jobs.items()
                    ],
                }
            )
        )
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        self._process = ServerProcess(
            [
                "prometheus",
                f"--config.file={self._config}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
            ],
            self._directory / "prometheus.log",
        )
        try:
            self._process.wait_until(self._ready)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of every series that an expression gives now. Raises AssertionError where it is wrong."""
        found = self._get("/api/v1/query", query=expression)
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in found["result"]]

    def value(self, expression: str) -> float | None:
        """The only value of an expression, None where it gives nothing."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression} gives {len(found)} series"
        return found[0][1] if found else None

    def families(self) -> dict[str, str]:
        """Name and type of every metric that any target says it has, with or without series.

        Counters with the suffix that their series have: OpenMetrics describes them without.
        """
        told = self._get("/api/v1/targets/metadata", limit="100000")
        return {_as_series(each["metric"], each["type"]): each["type"] for each in told}

    def firing(self) -> list[Labels]:
        """The labels of every alert that fires now."""
        return [each["labels"] for each in self._get("/api/v1/alerts")["alerts"] if each["state"] == "firing"]

    def wait_until(self, reached: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
        """Poll until it is so. Raises AssertionError where it does not become so in time."""
        for _ in range(int(within_s / POLL_S)):
            if reached():
                return
            time.sleep(POLL_S)
        raise AssertionError(f"not within {within_s:.0f} s: {what}")

    def _get(self, path: str, **parameters: str) -> Any:
        asked = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode(errors='replace')}") from error

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _as_series(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" and not name.endswith("_total") else name
