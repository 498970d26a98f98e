"""Rows and tables that the tests of the table share."""

from collections.abc import Callable

import pytest

from trafficfed.model import Freshness, GlobalService, OperatorControl, Row, ServiceKey, Source
from trafficfed.steering.decide import decide
from trafficfed.table.table import Table
from trafficfed.testing import fleets

MakeRow = Callable[..., Row]


def make_row(name: str, *hostnames: str, weight: int = 100) -> Row:
    """A small row called ``name``; without hostnames its own is ``name.example.org``."""
    service = GlobalService(key=ServiceKey("prod", "shop", name), hostnames=hostnames or (f"{name}.example.org",))
    endpoint = fleets.endpoint("eu", weight=weight)
    undecided = Row(service=service, endpoints=(endpoint,), verdicts=(fleets.passing("eu"),))
    decision = decide(undecided, {}, (), 0.0)
    return Row(service=service, endpoints=(endpoint,), verdicts=undecided.verdicts, decision=decision, changed_s=1.5)


@pytest.fixture
def new_row() -> MakeRow:
    return make_row


@pytest.fixture
def table() -> Table:
    """A table with something of everything in it, at generation 3."""
    made = Table()
    made.commit([make_row("web"), make_row("api")])
    made.commit(sources=[Source(cluster="eu", uid="7f", revision=41, freshness=Freshness.FRESH)])
    made.commit(controls=(OperatorControl(kind="drain", cluster="us", who="ann", why="upgrade", until_s=90.5),))
    return made
