"""``drain --wait`` believes the authorities, not the controller alone: a real Knot that still gives the old answer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trafficfed.cli import main
from trafficfed.config.settings import ListenAddress
from trafficfed.observe import api_token
from trafficfed.observe.views import ControlView, RuleView, ServiceView, StatusView, TargetView
from trafficfed.testing.authorities import Knot
from trafficfed.testing.operations import ScriptedOperations, serving_in_a_thread

pytestmark = [pytest.mark.real, pytest.mark.slow]

NAME, OLD, NEW = "web.fed.test", "192.0.2.1", "198.51.100.1"
CONFIG = """\
owner: demo
api: {api}
clusters: [{{name: eu, in-cluster: true}}, {{name: us, in-cluster: true}}]
providers:
  bind:
    kind: rfc2136
    server: {server}
    authorities: [{authorities}]
    tsig: {{name: k., algorithm: hmac-sha256, secret: c2VjcmV0c2VjcmV0}}
zones: [{{name: fed.test, providers: [bind], open: true}}]
"""
VIEW = StatusView(
    owner="demo",
    at_s=1.0,
    controls=(ControlView(id="7f3a", kind="drain", cluster="eu"),),
    services=(
        ServiceView(
            service="default/shop/web",
            hostnames=(NAME,),
            ttl=0,
            serving=True,
            rules=(RuleView(where="any", answer=(NEW,), clusters=("us",)),),
            targets=(
                TargetView(cluster="eu", address=OLD, state="Serving", serving=True, drained=True),
                TargetView(cluster="us", address=NEW, state="Serving", serving=True),
            ),
        ),
    ),
)


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    with Knot(tmp_path_factory.mktemp("knot") / "knot", "fed.test") as running:
        yield running


@pytest.fixture
def drain(tmp_path: Path, knot: Knot, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Any]]:
    """Drains eu and waits a moment, with these authorities; code, output and notes."""
    operations = ScriptedOperations()
    operations.view = VIEW

    def run(api: ListenAddress, *authorities: str) -> tuple[int, str, str]:
        file = tmp_path / "trafficfed.yaml"
        server = f"{knot.address}:{knot.port}"
        stated = ", ".join(f'"{each}"' for each in (server, *authorities))
        file.write_text(CONFIG.format(api=api, server=server, authorities=stated))
        with pytest.raises(SystemExit) as ended:
            main(["drain", "eu", "--wait", "--timeout", "10ms", "--why", "w", "--config", str(file)])
        out, err = capsys.readouterr()
        return int(str(ended.value.code)), out, err

    with serving_in_a_thread(operations, api_token.ensure(tmp_path / "state")) as api:
        yield lambda *authorities: run(api, *authorities)


def test_it_is_not_over_while_one_gives_the_old_address(knot: Knot, drain: Callable[..., Any]) -> None:
    knot.write(NAME, 60, "A", OLD, NEW)
    code, out, err = drain()
    assert (code, out) == (1, "")
    assert f"{NAME} is still {OLD} at 127.0.0.1:{knot.port}" in err


def test_it_is_not_over_before_the_published_ttl_has_passed_thrice(knot: Knot, drain: Callable[..., Any]) -> None:
    """The authority's TTL counts where it is longer than the service's."""
    knot.write(NAME, 60, "A", NEW)
    code, _, err = drain()
    assert code == 1
    assert "given out nowhere; waiting until the TTL of 60 s has passed thrice" in err


def test_it_is_over_once_none_gives_it(knot: Knot, drain: Callable[..., Any]) -> None:
    knot.write(NAME, 0, "A", NEW)
    code, out, _ = drain()
    assert (code, out) == (0, "cluster eu is given out nowhere, and the TTL of 0 s has passed thrice since\n")


def test_an_authority_that_does_not_answer_is_named_and_not_waited_for(knot: Knot, drain: Callable[..., Any]) -> None:
    knot.write(NAME, 0, "A", NEW)
    code, _, err = drain("127.9.0.9:53530")
    assert code == 0
    assert "127.9.0.9:53530 does not answer, so it is not known what it gives out" in err
