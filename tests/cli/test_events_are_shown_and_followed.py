"""``events``: what happened lately, chosen by what it is about, and what happens while somebody looks."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trafficfed.cli.events import choice
from trafficfed.observe.views import EventView, ServiceView, StatusView
from trafficfed.testing.operations import ScriptedOperations

Run = Callable[..., Any]
EVENTS = (
    EventView(at_s=3661.0, kind="cluster", text="cluster=us freshness=Suspect", level="warning", cluster="us"),
    EventView(at_s=3662.0, kind="decided", text="service=prod/shop/web answer=192.0.2.1", service="prod/shop/web"),
    EventView(at_s=3663.0, kind="published", text="name=web.fed.test outcome=Done", name="web.fed.test"),
    EventView(at_s=3664.0, kind="verdict", text="service=prod/shop/api", service="prod/shop/api", cluster="eu"),
)
VIEW = StatusView(
    owner="demo",
    at_s=5.0,
    events=EVENTS,
    services=(ServiceView(service="prod/shop/web", hostnames=("web.fed.test", "www.fed.test")),),
)


@pytest.fixture
def operations() -> ScriptedOperations:
    scripted = ScriptedOperations()
    scripted.view = VIEW
    return scripted


def test_each_event_is_a_line_with_its_time_kind_and_facts(trafficfed: Run, running: Path) -> None:
    code, out, err = trafficfed("events", "-c", running)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "01:01:01  cluster           cluster=us freshness=Suspect"
    assert len(out.splitlines()) == len(EVENTS)
    assert trafficfed("events", "-c", running, "-o", "wide").out.startswith("1970-01-01T01:01:01Z  cluster ")


def test_programs_get_the_same_with_the_count_to_go_on_from(trafficfed: Run, running: Path) -> None:
    found = json.loads(trafficfed("events", "-c", running, "-o", "json", "-n", "2").out)
    assert (found["seen"], [each["kind"] for each in found["events"]]) == (4, ["published", "verdict"])
    assert json.loads(trafficfed("events", "-c", running, "-o", "json", "-n", "0").out)["events"] == []


@pytest.mark.parametrize(
    ("chosen", "kinds"),
    [
        ({"service": "shop/web"}, ["decided", "published"]),
        ({"service": "www.fed.test"}, ["decided", "published"]),
        ({"service": "shop/api"}, ["verdict"]),
        ({"service": "shop/none"}, []),
        ({"cluster": "us"}, ["cluster"]),
        ({"warnings": True}, ["cluster"]),
        ({"service": "shop/web", "warnings": True}, []),
    ],
)
def test_only_what_is_about_the_thing_asked_for_is_shown(chosen: dict[str, Any], kinds: list[str]) -> None:
    nothing: dict[str, Any] = {"service": "", "cluster": "", "warnings": False}
    wanted = choice(VIEW.services, **(nothing | chosen))
    assert [each.kind for each in EVENTS if wanted(each)] == kinds


def test_a_service_that_is_no_more_is_found_by_its_own_names() -> None:
    wanted = choice((), service="web.fed.test", cluster="", warnings=False)
    assert [each.kind for each in EVENTS if wanted(each)] == ["published"]


def test_the_choice_is_made_by_the_command_too(trafficfed: Run, running: Path) -> None:
    out = trafficfed("events", "-s", "shop/web", "-c", running).out
    assert [line.split()[1] for line in out.splitlines()] == ["decided", "published"]


def test_without_a_controller_nothing_is_remembered(trafficfed: Run, stopped: Path) -> None:
    code, out, err = trafficfed("events", "-c", stopped)
    assert (code, out) == (3, "")
    assert "no controller answers" in err


def test_what_happens_is_followed_until_interrupted(running: Path, operations: ScriptedOperations) -> None:
    command = [sys.executable, "-m", "trafficfed", "events", "--follow", "-n", "1", "-c", str(running)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[1] == "verdict"
        late = EventView(at_s=3700.0, kind="held", text="confirm=7f3a", level="warning")
        operations.view = StatusView(owner="demo", at_s=6.0, events=(*EVENTS, late))
        assert process.stdout.readline() == "01:01:40  held              confirm=7f3a\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def test_text_from_members_steers_no_terminal(trafficfed: Run, running: Path, operations: ScriptedOperations) -> None:
    nasty = EventView(at_s=1.0, kind="refused", text="message='\x1b[2J\nx'")
    operations.view = StatusView(owner="demo", at_s=6.0, events=(nasty,))
    out = trafficfed("events", "-c", running).out
    assert "\x1b" not in out
    assert out.count("\n") == 1
