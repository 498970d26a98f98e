"""Commands that run the program itself, in this process."""

import os
from pathlib import Path

from trafficfed.cli.configured import checked_settings_of, settings_of
from trafficfed.cli.failures import EXIT_FOUND
from trafficfed.cli.output import Screen, write
from trafficfed.config.settings import Settings
from trafficfed.errors import ConfigError


def run(config: Path) -> None:
    """The controller, until it is told to stop."""
    from trafficfed import app

    app.run(lambda: _of_controller(settings_of(config), config))  # warnings go to the log, with all that follows


def plan(config: Path, output: str) -> int:
    """What would change, without changing it."""
    settings = _of_controller(checked_settings_of(config), config)
    from trafficfed import app

    view = app.plan(settings)
    write(view, output, Screen.of_terminal(os.environ))
    return EXIT_FOUND if view.changes or view.copies or view.held else 0


def nameserver(config: Path) -> None:
    """A name server, until it is told to stop."""
    settings = checked_settings_of(config).nameserver
    if settings is None:
        raise ConfigError(f"{config}: nameserver: is missing; add the section, or name the file that has it")
    import asyncio

    from trafficfed.nameserver.process import serve

    asyncio.run(serve(settings))


def prober(config: Path) -> None:
    """A vantage, until it is told to stop."""
    from trafficfed.vantage import file, process

    process.run(file.load(config, os.environ))


def demo(*, check: bool) -> int:
    """A whole fleet on this machine, live or unattended."""
    from trafficfed.sandbox import demo

    return demo.run(check=check)


def _of_controller(settings: Settings, config: Path) -> Settings:
    if not settings.zones:
        raise ConfigError(f"{config}: zones: is missing; this file is a name server's, a controller needs more")
    return settings
