"""The configuration file of a running controller: looked at, read whole, and taken over, or refused and left alone."""

import asyncio
import contextlib
import functools
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, Never

from trafficfed.config.settings import Settings
from trafficfed.errors import ConfigError, TrafficfedError
from trafficfed.ports import Clock
from trafficfed.process import first_error
from trafficfed.reports import ConfigurationRead, Report

LOOK_S = 2.0
"""A mounted ConfigMap changes by a link that is exchanged, often a minute late: looking is as good as a watch, and some
kilobytes are read in no time."""

Read = Callable[[], Settings]
"""Reads the file as it is now. Raises ConfigError with every mistake in it."""

Serve = Callable[[Settings, Callable[[], None]], Coroutine[Any, Any, None]]
"""Serves these settings until cancelled, and calls back once it has begun to."""

BOUND = ("owner", "state_dir", "leadership")
"""What a running controller does not change: whose the records are, where its table is, and who elects whom. A slip in
one of them must not be taken over by all controllers at once."""


async def keep_serving(configuration: "Configuration", serve: Serve) -> Never:
    """Serve what is in force, and begin anew with every file that can be taken over.

    To begin anew is what a start is: with the table from the disk, which changes no answer. Where a controller cannot
    begin with new settings it begins again with those before. Raises what ends it otherwise.
    """
    settings: Settings = configuration.settings
    before: Settings | None = None
    take: Callable[[], None] = functools.partial(configuration.take, settings)
    while True:
        try:
            found = await _until_changed(configuration, functools.partial(serve, settings, take))
        except BaseExceptionGroup as group:
            error = first_error(group)
            if error is None or before is None or configuration.settings is settings:
                raise
            configuration.refuse(f"a controller cannot begin with it: {error}")
            settings, before, take = before, None, _again
        else:
            settings, before = found, configuration.settings
            take = functools.partial(configuration.take, settings)


async def _until_changed(configuration: "Configuration", serve: Callable[[], Coroutine[Any, Any, None]]) -> Settings:
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve(), name="controller")
        found = await configuration.changed()
        serving.cancel()
    return found


def _again() -> None:
    """What was in force is so again: the file stays refused."""


class Configuration:
    """What holds, what the file says, and why the one is not the other.

    ``settings`` are in force. ``refused`` has every mistake of the file as it stands where it is not, else nothing;
    ``taken_at_s`` is when the file in force was taken. ``check`` tells what only the parts themselves can find wrong.
    """

    def __init__(self, settings: Settings, read: Read, check: Callable[[Settings], None], clock: Clock) -> None:
        self.settings = settings
        self.refused = ""
        self.taken_at_s = clock.now_s()
        self._read, self._check, self._clock = read, check, clock
        self._seen = self._looked = _digest(settings)
        self._asked = asyncio.Event()
        self._report: Report = _unheard

    def tell(self, report: Report) -> None:
        """Who hears from now on what becomes of the file."""
        self._report = report

    def ask(self) -> None:
        """Read it now and begin anew with it, also where it says the same: what it points to may differ (keys)."""
        self._asked.set()

    async def changed(self) -> Settings:
        """The next settings to begin anew with. What cannot be taken over is told, and changes nothing."""
        while True:
            asked = await self._until_due()
            try:
                found = self._read()
                self._refuse_bound(found)
                self._check(found)
            except Exception as error:  # noqa: BLE001 - whatever a file does to an adapter, what is in force goes on
                told = isinstance(error, TrafficfedError)
                self.refuse(str(error) if told else f"{type(error).__name__}: {error}")
                continue
            if asked or found.meaning != self.settings.meaning:
                return found
            self._settle("it says what is in force")

    def take(self, settings: Settings) -> None:
        """A controller has begun with these."""
        self.settings, self.taken_at_s = settings, self._clock.now_s()
        self._settle("it is in force")

    def refuse(self, why: str) -> None:
        """The file as it stands is not taken over; what was in force stays so."""
        if why != self.refused:
            self.refused = why
            self._report(ConfigurationRead(str(self.settings.path), why))

    def _refuse_bound(self, found: Settings) -> None:
        changed = [name.replace("_", "-") for name in BOUND if getattr(found, name) != getattr(self.settings, name)]
        if changed:
            raise ConfigError(
                f"{found.path}: {', '.join(changed)}: cannot change while the controller runs; restart it, or undo that"
            )

    def _settle(self, how: str) -> None:
        self.refused = ""
        self._report(ConfigurationRead(str(self.settings.path), "", how))

    async def _until_due(self) -> bool:
        """Until somebody asks (True), or the content is new and the same for two looks: it may be half written."""
        while True:
            before = self._looked
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._asked.wait()
            self._looked = _digest(self.settings)
            if self._asked.is_set():
                self._asked.clear()
                self._seen = self._looked
                return True
            if self._looked == before != self._seen:
                self._seen = self._looked
                return False


def _digest(settings: Settings) -> str:
    """Of the file's content; empty where it cannot be read, which reading it tells in full."""
    try:
        return hashlib.sha256(settings.path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _unheard(event: object) -> None:
    """Nobody listens yet."""
