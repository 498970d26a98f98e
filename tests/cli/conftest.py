"""A configuration, the controller it points at, and the command as a user runs it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from trafficfed.cli import main
from trafficfed.config.settings import ListenAddress
from trafficfed.model import (
    Decision,
    Endpoint,
    GlobalService,
    Member,
    Row,
    Rule,
    ServiceKey,
    Source,
    State,
    Verdict,
    Where,
)
from trafficfed.observe import api_token
from trafficfed.table.disk import DiskLog
from trafficfed.table.table import Table
from trafficfed.testing.operations import ScriptedOperations, serving_in_a_thread

CONFIG = """\
owner: demo
api: {api}
clusters: [{{name: eu, region: eu-west-1, in-cluster: true}}]
providers: {{own: {{kind: memory}}}}
zones: [{{name: fed.test, providers: [own], open: true}}]
"""


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def trafficfed(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs one command in this process."""

    def run(*arguments: object) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(int(str(ended.value.code)), out, err)

    return run


@pytest.fixture
def configure(tmp_path: Path) -> Callable[[ListenAddress], Path]:
    """Writes a configuration that points at an API."""

    def write(api: ListenAddress) -> Path:
        file = tmp_path / "trafficfed.yaml"
        file.write_text(CONFIG.format(api=api))
        return file

    return write


@pytest.fixture
def operations() -> ScriptedOperations:
    return ScriptedOperations()


@pytest.fixture
def running(
    tmp_path: Path, configure: Callable[[ListenAddress], Path], operations: ScriptedOperations
) -> Iterator[Path]:
    """The configuration of a controller that runs and says what ``operations`` says."""
    with serving_in_a_thread(operations, api_token.ensure(tmp_path / "state")) as api:
        yield configure(api)


@pytest.fixture
def stopped(configure: Callable[[ListenAddress], Path], operations: ScriptedOperations) -> Path:
    """The configuration of a controller that has ended."""
    with serving_in_a_thread(operations, "t" * 43) as api:
        file = configure(api)
    return file


@pytest.fixture
def table_on_disk(tmp_path: Path) -> Row:
    """What the last controller left in the state folder: one service that eu serves."""
    key = ServiceKey("default", "shop", "web")
    member = Member(cluster="eu", weight=100, addresses=("192.0.2.1",))
    row = Row(
        service=GlobalService(key=key, hostnames=("web.fed.test",)),
        endpoints=(Endpoint(cluster="eu", addresses=("192.0.2.1",)),),
        verdicts=(Verdict(cluster="eu", address="192.0.2.1", state=State.SERVING, serving=True),),
        decision=Decision(service=key, hostnames=("web.fed.test",), rules=(Rule(where=Where(), pool=(member,)),)),
    )
    table = Table()
    table.commit([row], [], sources=[Source(cluster="eu")])
    with DiskLog(tmp_path / "state", table.snapshot()):
        pass
    return row
