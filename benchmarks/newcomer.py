"""A newcomer's first minutes: what the README says to type, typed, in a clean clone, with the time that each step took.

The commands are read from the README, and from what the demo prints; none of them is written down here a second time.
"""

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, expect

from benchmarks.measures import clock_s, say
from trafficfed.testing.browsers import Visit, chromium
from trafficfed.testing.pages import ROOT, page

SECTION = "## Try it"
DEMO = "make demo"
UP_S = 600.0
"""A fresh environment is set up first: a hundred packages over whatever line there is."""

SOON_S = 30.0
HINT = re.compile(r"^    (\S.*)$", re.MULTILINE)


class Step(NamedTuple):
    """What was done, and after how many seconds it was seen to have worked."""

    what: str
    took_s: float


def measure(directory: Path, *, clone: bool = True) -> list[Step]:
    """Walk the path. ``clone`` False: in this checkout, which is set up already."""
    checkout = _cloned(directory) if clone else ROOT
    walked = _Walk()
    with _demo(checkout, directory / "said") as demo:
        walked.step(
            "make demo: set up, and every region answers its own clients", lambda: _answers(demo, "127.0.1."), UP_S
        )
        with chromium() as browser:
            visit = Visit(browser, demo.hint("http://"))
            walked.step("the live page shows the failover's service", lambda: _shown(visit.page), SOON_S)
            _order(visit.page, demo.output_of("cat "))
            walked.step(
                "drain eu on the page: its clients get another region", lambda: not _answers(demo, "127.0.1."), SOON_S
            )
            visit.page.get_by_role("button", name="End the drain of eu").click()
            visit.page.get_by_role("button", name=re.compile("^Yes, end the drain")).click()
            walked.step("end the drain: they come back", lambda: _answers(demo, "127.0.1."), SOON_S)
            demo.output_of("kill ")
            walked.step(
                "kill eu's backend: its clients go to the next region", lambda: not _answers(demo, "127.0.1."), SOON_S
            )
            walked.step("the page has it", lambda: _is_out(visit.page), SOON_S)
            visit.close()
    walked.step("Ctrl-C: everything has ended", lambda: demo.ended, SOON_S)
    return walked.steps


class _Walk:
    """Measures each step from the end of the one before."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._begun_s = clock_s()

    def step(self, what: str, reached: Callable[[], bool], within_s: float) -> None:
        while not reached():
            if clock_s() - self._begun_s > within_s:
                raise SystemExit(f"not within {within_s:g} s: {what}")
            time.sleep(0.05)
        self.steps.append(Step(what, clock_s() - self._begun_s))
        say(f"{self.steps[-1].took_s:6.1f} s  {what}")
        self._begun_s = clock_s()


class _Demo:
    """The demo as a newcomer has it in his first terminal; commands that it prints are typed in a second one."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: Path) -> None:
        self._process, self._said = process, said

    @property
    def ended(self) -> bool:
        """Whether it has, and said so; make itself ends otherwise than with 0 when it is interrupted."""
        return self._process.poll() is not None and "nothing is left running" in self._said.read_text()

    def hint(self, begins: str) -> str:
        """The newest command or address of those offered that begins so; empty where none was printed yet."""
        offered = HINT.findall(self._said.read_text())
        return next((each for each in reversed(offered) if each.startswith(begins)), "")

    def output_of(self, begins: str) -> str:
        """What such a command says."""
        done = subprocess.run(shlex.split(self.hint(begins)), capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip()


@contextmanager
def _demo(checkout: Path, said: Path) -> Iterator[_Demo]:
    """The README's first command, in a process group of its own, as a terminal gives it; ended as Ctrl-C does."""
    if DEMO not in _commands():
        raise SystemExit(f"the README's section {SECTION!r} does not begin with {DEMO!r}")
    environment = os.environ | {"NO_COLOR": "1"}
    with said.open("wb") as out:
        process = subprocess.Popen(
            shlex.split(DEMO), cwd=checkout, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield _Demo(process, said)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(SOON_S)


def _commands() -> Sequence[str]:
    """What the section says to type, in order."""
    text = page("README.md").text
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    return re.findall(r"^\$ (.*)$", section, re.MULTILINE)


def _cloned(directory: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(directory / "clone")], check=True)
    return directory / "clone"


def _answers(demo: _Demo, network: str) -> bool:
    """Whether a client in eu is given an address there, by the line that the demo prints."""
    return bool(demo.hint("dig ")) and demo.output_of("dig ").startswith(network)


def _shown(shown: Page) -> bool:
    option = shown.get_by_role("listbox", name="Services").get_by_role("option").first
    expect(option).to_be_visible()
    option.click()
    return shown.get_by_role("row", name=re.compile("^eu 127")).first.is_visible()


def _is_out(shown: Page) -> bool:
    return "NotServing" in (shown.get_by_role("row", name=re.compile("^eu 127")).first.text_content() or "")


def _order(shown: Page, token: str) -> None:
    shown.get_by_role("button", name="Read only: allow orders").click()
    shown.get_by_label("Token").fill(token)
    shown.get_by_role("button", name="Allow", exact=True).click()
    form = shown.locator("#order")
    form.get_by_label("Cluster").select_option("eu")
    form.get_by_label("Who").fill("newcomer")
    form.get_by_label("Why").fill("to see it")
    form.get_by_role("button", name="Preview").click()
    shown.get_by_role("button", name="Yes, drain of cluster eu").click()


def report(steps: Sequence[Step]) -> str:
    """A table in Markdown."""
    lines = ["| step | s |", "|---|---|", *(f"| {step.what} | {step.took_s:.1f} |" for step in steps)]
    return "\n".join([*lines, f"| all of it | {sum(step.took_s for step in steps):.1f} |"])
