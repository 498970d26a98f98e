"""What the documentation says of the live page's bounds and paths is what the code has; its pictures are all shown."""

import re

import pytest

from trafficfed.observe import live, stream
from trafficfed.observe.http_api import application
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.page_files import PAGE
from trafficfed.operations import LOOKED_AT
from trafficfed.testing.operations import ScriptedOperations
from trafficfed.testing.pages import ROOT, page, pages

TEXT = re.sub(r"\s+", " ", (ROOT / "docs/live-page.md").read_text())
APPLICATION = application(ScriptedOperations(), Metrics(Gauges), "t" * 43)
EVENTS = re.search(r"MOST_EVENTS = (\d+)", (PAGE / "feed.js").read_text())


@pytest.mark.parametrize(
    "said",
    [
        f"There may be {stream.MOST_VIEWERS} viewers",
        f"{stream.MOST_WAITING} of them or for {live.WRITE_S:.0f} seconds",
        f"A comment comes after {stream.BEAT_S:.0f} seconds of silence",
        f"the first {LOOKED_AT} services",
        f"A request body may have {APPLICATION._client_max_size // 1024} KiB",
        f"the last {EVENTS[1] if EVENTS else 0} lines",
    ],
)
def test_bounds_are_those_of_the_code(said: str) -> None:
    assert said in TEXT


def test_every_path_that_it_names_is_served() -> None:
    served = {route.resource.canonical for route in APPLICATION.router.routes() if route.resource}
    named = set(re.findall(r"`(?:GET )?(/api/[a-z]+)", TEXT))
    assert {"/api/stream", "/api/chain", "/api/preview", "/api/access"} <= named <= served


def test_every_picture_is_shown_somewhere() -> None:
    shown = {
        target.rpartition("/")[2] for each in pages() for target in each.links if target.endswith((".png", ".svg"))
    }
    assert {path.name for path in (ROOT / "docs/images").iterdir()} == shown
    assert page("docs/live-page.md").links
