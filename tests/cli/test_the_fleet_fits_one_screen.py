"""``top``: the worst first, never more than the screen holds, drawn on a real terminal that is as before afterwards."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.cli.overview import ordered, overview, trouble
from trafficfed.cli.tables import Paint
from trafficfed.cli.top import ENDS, Looking
from trafficfed.observe.views import ClusterView, EventView, RuleView, ServiceView, StatusView, TargetView
from trafficfed.testing.operations import ScriptedOperations

PLAIN = Paint(on=False)


def service(name: str, **fields: Any) -> ServiceView:
    target = TargetView(cluster="eu", address="192.0.2.1", state="Serving", serving=True, rtt_s=0.0123)
    base = ServiceView(
        service=f"prod/shop/{name}",
        hostnames=(f"{name}.fed.test",),
        serving=True,
        changed_s=940.0,
        rules=(RuleView(where="any", answer=("192.0.2.1",), clusters=("eu",)),),
        targets=(target,),
    )
    return replace(base, **fields)


def target(**fields: Any) -> tuple[TargetView, ...]:
    up = TargetView(cluster="eu", address="192.0.2.1", state="Serving", serving=True)
    return (up, replace(up, cluster="us", **fields))


SERVICES = (
    service("well"),
    service("drained", targets=target(drained=True)),
    service("frozen", frozen="by bob: moving"),
    service("out", targets=target(serving=False, state="NotServing", reason="ProbesFailing")),
    service("down", serving=False),
)
VIEW = StatusView(
    owner="demo",
    at_s=1000.0,
    services=SERVICES,
    clusters=(ClusterView(name="eu", freshness="Stale", endpoints=5, reason="the stream ended"),),
    events=tuple(EventView(at_s=float(at), kind="verdict", text=f"n={at}") for at in range(9)),
)


def test_the_worst_comes_first_and_what_is_well_may_be_left_out() -> None:
    assert [each.service.rpartition("/")[2] for each in ordered(SERVICES)] == [
        "down",
        "out",
        "drained",
        "frozen",
        "well",
    ]
    assert [trouble(each) for each in ordered(SERVICES)] == [0, 1, 2, 2, 3]
    assert "prod/shop/well" not in [each.service for each in ordered(SERVICES, amiss=True)]


def test_a_screen_has_clusters_services_the_last_events_and_the_keys() -> None:
    lines = overview(VIEW, 120, 24, PLAIN)
    assert len(lines) == 24
    assert lines[0] == "demo  ready  5 services, 1 down, 0 controls  00:16:40 UTC"
    assert lines[1] == "  eu Stale  5 endpoints  the stream ended"
    assert lines[3].split() == ["down", "down.fed.test", "eu", "12.3", "ms", "1m"]
    assert lines[4].split()[:5] == ["out", "out.fed.test", "eu", "us", "ProbesFailing"]
    assert [line for line in lines if "verdict" in line][-1] == lines[-2]
    assert lines[-1].startswith("1-5 of 5  q ends")


@given(st.integers(0, 40), st.integers(20, 200), st.integers(4, 60), st.integers(0, 60), st.booleans())
def test_it_is_never_larger_than_the_screen(count: int, width: int, height: int, first: int, amiss: bool) -> None:
    services = tuple(SERVICES[at % len(SERVICES)] for at in range(count))
    lines = overview(replace(VIEW, services=services), width, height, PLAIN, first, amiss=amiss)
    assert 0 < len(lines) <= height
    assert all(len(line) <= max(width, 60) for line in lines)


@settings(max_examples=25)
@given(st.integers(1, 25), st.integers(6, 20))
def test_every_service_is_reached_by_moving(count: int, height: int) -> None:
    services = tuple(service(f"s{at:03}") for at in range(count))
    view = replace(VIEW, services=services)
    seen = {
        word for first in range(count) for line in overview(view, 120, height, PLAIN, first) for word in line.split()
    }
    assert {each.hostnames[0] for each in services} <= seen


def test_nothing_from_outside_steers_the_terminal() -> None:
    nasty = service("x", hostnames=("\x1b[2Jx",), targets=target(serving=False, reason="\x1b]0;y\x07"))
    assert not any(
        "\x1b" in line or "\x07" in line for line in overview(replace(VIEW, services=(nasty,)), 200, 30, PLAIN)
    )


def test_keys_move_and_choose() -> None:
    looking = Looking()
    for key in ("j", "\x1b[B", "\x1b[6~", "k", "?"):
        looking = looking.after(key)
    assert looking == Looking(21)
    assert looking.after("g") == Looking(0)
    assert looking.after("p").after("p") == Looking(0)
    assert "q" in ENDS


# ---------------------------------------------------------------- a real terminal


@contextmanager
def terminal(config: Path, rows: int = 20, columns: int = 100) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The command on a terminal of its own; the other end of it, and the process."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    command = [sys.executable, "-m", "trafficfed", "top", "--every", "100ms", "--config", str(config)]
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment | {"TERM": "xterm"}
    ) as it:
        try:
            yield ours, it
        finally:
            it.kill()
            it.wait()
            os.close(theirs)
            os.close(ours)


def read_until(ours: int, wanted: str) -> str:
    """What was drawn until this is there; the test's own time limit ends it where it never comes."""
    seen = ""
    while wanted not in seen:
        seen += os.read(ours, 65536).decode(errors="replace")
    return seen


def test_a_terminal_shows_changes_and_is_as_before_afterwards(running: Path, operations: ScriptedOperations) -> None:
    operations.view = VIEW
    with terminal(running) as (ours, process):
        before = termios.tcgetattr(ours)
        drawn = read_until(ours, "1-5 of 5")
        assert drawn.startswith("\x1b[?1049h")
        operations.view = replace(VIEW, services=(*SERVICES, service("new", serving=False)))
        assert "2 down" in read_until(ours, "new.fed.test")
        os.write(ours, b"p")
        read_until(ours, "1-5 of 5")  # what is well is left out
        os.write(ours, b"q")
        assert read_until(ours, "\x1b[?1049l")
        assert process.wait(20) == 0
        assert termios.tcgetattr(ours)[3] == before[3] | termios.ECHO | termios.ICANON


def test_a_controller_that_goes_away_is_told_and_waited_for(stopped: Path) -> None:
    with terminal(stopped) as (ours, process):
        assert "no controller answers" in read_until(ours, "no service yet")
        os.write(ours, b"q")
        assert process.wait(20) == 0


@pytest.mark.parametrize("arguments", [(), ("--every", "soon")])
def test_without_a_terminal_or_a_time_it_says_so(trafficfed: Any, running: Path, arguments: tuple[str, ...]) -> None:
    code, out, err = trafficfed("top", *arguments, "-c", running)
    assert (code, out) == (2, "")
    assert ("--every soon: is no time" if arguments else "top needs a terminal") in err
