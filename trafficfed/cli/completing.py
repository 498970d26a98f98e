"""What a shell offers after Tab: names from the configuration, and from the controller where it answers."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

if TYPE_CHECKING:
    from trafficfed.config.settings import Settings
    from trafficfed.observe.views import StatusView

SHELLS = ("bash", "zsh", "fish")
Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def script(shell: str, command: click.Command, program: str) -> str:
    """What the shell has to read so that Tab works after ``program``."""
    kind = get_completion_class(shell)
    assert kind is not None, "the option lets nothing else through"
    # The variable's name is click's: the command looks for it when it starts.
    return kind(command, {}, program, f"_{program.replace('-', '_').upper()}_COMPLETE").source()


def clusters(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The configured clusters."""
    return _begun(begun, lambda settings: (each.name for each in settings.clusters), context)


def zones(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The configured zones."""
    return _begun(begun, lambda settings: (each.name for each in settings.zones), context)


def hostnames(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The names that the controller answers for."""
    return _begun(
        begun, lambda settings: (name for each in _status(settings).services for name in each.hostnames), context
    )


def services(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The services that the controller knows, as namespace/name."""
    return _begun(
        begun, lambda settings: (each.service.partition("/")[2] for each in _status(settings).services), context
    )


def held(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """What a brake holds."""
    return _begun(begun, lambda settings: (each.confirm_id for each in _status(settings).held), context)


def _status(settings: "Settings") -> "StatusView":
    from trafficfed.cli.controller import Controller
    from trafficfed.observe.views import StatusView

    return Controller(settings.api).get("/api/status", StatusView)


def _begun(begun: str, names: Callable[["Settings"], Iterable[str]], context: click.Context) -> list[str]:
    """Those that begin so; none where they cannot be known, as nobody who presses Tab wants to read why."""
    from trafficfed.cli.configured import settings_of
    from trafficfed.errors import TrafficfedError

    try:
        found = names(settings_of(_config(context)))
        return sorted({each for each in found if each.startswith(begun)})
    except TrafficfedError:
        return []


def _config(context: click.Context) -> Path:
    given = context.params.get("config")
    return given if isinstance(given, Path) else Path("trafficfed.yaml")
