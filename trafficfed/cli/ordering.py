"""Orders about steering, as the running controller is asked to carry them out."""

import getpass
import os
from pathlib import Path

from trafficfed.cli.asking import last_table
from trafficfed.cli.configured import note, settings_of
from trafficfed.cli.controller import Controller
from trafficfed.cli.failures import EXIT_UNREACHABLE, Unreachable
from trafficfed.cli.output import Screen, write
from trafficfed.config.fields import duration
from trafficfed.config.settings import Settings
from trafficfed.errors import ConfigError
from trafficfed.observe import api_token
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.views import ControlsView, DoneView


def control(
    config: Path,
    kind: str,
    cluster: str,
    service: str,
    *,
    for_: str,
    why: str,
    who: str,
    output: str,
    to: str = "",
    share: int = 0,
) -> int:
    """Bring a control into force."""
    done = _control(config, kind, cluster, service, for_=for_, why=why, who=who, to=to, share=share)
    write(done, output, Screen.of_terminal(os.environ))
    return 0


def drain(
    config: Path, cluster: str, service: str, *, for_: str, why: str, who: str, output: str, timeout: str = ""
) -> int:
    """Take a cluster out, and with a ``timeout`` wait until nobody can be sent there any more."""
    timeout_s = seconds(timeout, "--timeout")
    done = _control(config, "drain", cluster, service, for_=for_, why=why, who=who)
    if timeout_s:
        note(done.message)
        done = DoneView(message=_waited(config, cluster, service, timeout_s))
    write(done, output, Screen.of_terminal(os.environ))
    return 0


def _waited(config: Path, cluster: str, service: str, timeout_s: float) -> str:
    from trafficfed.cli.draining import Draining
    from trafficfed.clock import SystemClock

    return Draining(settings_of(config), SystemClock()).wait(cluster, service, timeout_s)


def _control(
    config: Path,
    kind: str,
    cluster: str,
    service: str,
    *,
    for_: str,
    why: str,
    who: str,
    to: str = "",
    share: int = 0,
) -> DoneView:
    wanted = ControlRequest(
        kind=kind,
        cluster=cluster,
        service=service,
        who=who or _user(),
        why=why,
        for_s=seconds(for_, "--for"),
        to=to,
        share=share,
    )
    return _order(config, "/api/control", wanted)


def undo(config: Path, kind: str, cluster: str, service: str, output: str) -> int:
    """End a control before its time."""
    done = _order(config, "/api/undo", UndoRequest(kind=kind, cluster=cluster, service=service))
    write(done, output, Screen.of_terminal(os.environ))
    return 0


def _order(config: Path, path: str, wanted: ControlRequest | UndoRequest) -> DoneView:
    settings = settings_of(config)
    return Controller(settings.api).send(path, wanted, DoneView, api_token.read(settings.state_dir))


def controls(config: Path, output: str) -> int:
    """List what is in force."""
    settings = settings_of(config)
    try:
        view = Controller(settings.api).get("/api/controls", ControlsView)
    except Unreachable as error:
        view = _stored(settings, error)
    write(view, output, Screen.of_terminal(os.environ))
    return 0 if view.live else EXIT_UNREACHABLE


def _stored(settings: Settings, error: Unreachable) -> ControlsView:
    table = last_table(settings, error)
    from trafficfed.clock import SystemClock
    from trafficfed.observe.stored import stored_controls

    return stored_controls(table, settings.owner, SystemClock().now_s())


def check_extent(cluster: str, service: str, *, everything: bool) -> None:
    """Everything is meant only where that is said. Raises ConfigError."""
    if everything and (cluster or service):
        raise ConfigError("--all is everything; leave it out, or the cluster and the service")
    if not (everything or cluster or service):
        raise ConfigError("say what is meant: a cluster, --service NAME, or --all")


def seconds(text: str, option: str) -> float:
    """A time as people write it, 0 where nothing is written. Raises ConfigError."""
    if not text:
        return 0.0
    try:
        found = duration(text)
    except ValueError:
        found = 0.0
    if not found:
        raise ConfigError(f"{option} {text}: is no time; write it like 90s, 30m or 2h")
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in many containers; KeyError before Python 3.13
        return f"uid {os.getuid()}"
