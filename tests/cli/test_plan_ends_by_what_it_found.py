"""``trafficfed plan`` is a check for scripts: 0 where nothing would change, 1 where something would."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trafficfed import app
from trafficfed.config.settings import Settings
from trafficfed.observe.views import ChangeView, CopyView, HeldView, PlanView

Run = Callable[..., Any]
CHANGE = ChangeView(
    provider="own", zone="fed.test", name="web.fed.test", action="create", after=("web.fed.test 30 A a",)
)
HELD = HeldView(confirm_id="7f3a", message="too many", provider="own", zone="fed.test")


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (PlanView(owner="demo"), 0),
        (PlanView(owner="demo", losses=("geo is left out",), incomplete=("eu was never read",)), 0),
        (PlanView(owner="demo", changes=(CHANGE,)), 1),
        (PlanView(owner="demo", held=(HELD,)), 1),
        (PlanView(owner="demo", copies=(CopyView(cluster="eu", object="Secret shop/key", action="apply"),)), 1),
    ],
)
def test_the_code_tells_whether_anything_would_change(
    trafficfed: Run, stopped: Path, monkeypatch: pytest.MonkeyPatch, view: PlanView, code: int
) -> None:
    asked: list[Settings] = []

    def planned(settings: Settings) -> PlanView:
        asked.append(settings)
        return view

    monkeypatch.setattr(app, "plan", planned)
    said = trafficfed("plan", "--config", stopped, "--output", "json")
    assert (said.code, said.err) == (code, "")
    assert len(json.loads(said.out)["changes"]) == len(view.changes)
    assert [settings.owner for settings in asked] == ["demo"]


def test_the_real_plan_of_a_cluster_nobody_can_read_removes_nothing_and_says_why(
    trafficfed: Run, stopped: Path
) -> None:
    stopped.write_text(stopped.read_text().replace("in-cluster: true", "kubeconfig: ./absent, context: eu"))
    said = trafficfed("plan", "--config", stopped, "--output", "json")
    view = json.loads(said.out)
    assert (said.code, view["changes"]) == (0, [])
    assert any("eu" in why for why in view["incomplete"])
