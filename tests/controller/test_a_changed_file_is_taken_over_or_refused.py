"""The file of a running controller: a good one begins anew, a wrong one is told and changes nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from trafficfed.config.load import load
from trafficfed.config.settings import Settings
from trafficfed.errors import AdapterError, ConfigError
from trafficfed.observe.lines import line
from trafficfed.process import first_error
from trafficfed.reloading import LOOK_S, Configuration, keep_serving
from trafficfed.reports import ConfigurationRead, ReportEvent
from trafficfed.testing.scripted_api import LoopClock

pytestmark = pytest.mark.looptime

FILE = """\
owner: prod
clusters:
  - name: eu
    region: eu-west-1
zones:
  - name: fed.test
    providers: [own]
providers:
  own: {kind: embedded}
"""
SOON_S = 3 * LOOK_S


class Controller:
    """What ``keep_serving`` keeps: notes the settings that it ran with, and fails where it is told to."""

    def __init__(self) -> None:
        self.begun: list[Settings] = []
        self.running: Settings | None = None
        self.fails: Callable[[Settings], str] = lambda settings: ""

    async def serve(self, settings: Settings, begun: Callable[[], None]) -> None:
        if why := self.fails(settings):
            raise ConfigError(why)
        self.begun.append(settings)
        self.running = settings
        begun()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.running = None


class World:
    """A file, a configuration of it and a controller."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(FILE)
        self.told: list[ConfigurationRead] = []
        self.controller = Controller()
        self.checked: Callable[[Settings], None] = lambda settings: None
        self.configuration = Configuration(self.read(), self.read, lambda found: self.checked(found), LoopClock())
        self.configuration.tell(self.hear)

    def read(self) -> Settings:
        return load(self.path, {}, ("embedded",))

    def hear(self, event: ReportEvent) -> None:
        assert isinstance(event, ConfigurationRead)
        self.told.append(event)

    def write(self, text: str) -> None:
        self.path.write_text(text)

    async def serve(self) -> None:
        await keep_serving(self.configuration, self.controller.serve)

    @property
    def regions(self) -> list[str]:
        return [settings.clusters[0].region for settings in self.controller.begun]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path / "trafficfed.yaml")


class Serving:
    """A world's controller, kept while the context lasts."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> None:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._task = self._tasks.create_task(self._world.serve())
        await asyncio.sleep(SOON_S)

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await self._tasks.__aexit__(None, None, None)


async def test_a_good_file_is_begun_with_once_it_has_stood_for_two_looks(world: World) -> None:
    async with Serving(world):
        taken_at_s = world.configuration.taken_at_s
        world.write(FILE.replace("eu-west-1", "eu-central-1"))
        await asyncio.sleep(SOON_S)
        assert world.regions == ["eu-west-1", "eu-central-1"]
        assert world.configuration.settings == world.controller.running == world.read()
        assert world.configuration.taken_at_s > taken_at_s
        assert [each.outcome for each in world.told] == ["it is in force", "it is in force"]


async def test_a_file_that_is_still_being_written_is_waited_for(world: World) -> None:
    async with Serving(world):
        for part in (FILE[:30], FILE[:60], FILE[:90]):
            world.write(part)
            await asyncio.sleep(LOOK_S)
        world.write(FILE.replace("eu-west-1", "eu-central-1"))
        await asyncio.sleep(SOON_S)
        assert world.regions == ["eu-west-1", "eu-central-1"]
        assert not any(each.refused for each in world.told)


async def test_every_mistake_of_a_wrong_file_is_told_once_and_nothing_is_disturbed(world: World) -> None:
    async with Serving(world):
        world.write(FILE.replace("name: eu", "nam: eu").replace("kind: embedded", "kind: none"))
        await asyncio.sleep(10 * SOON_S)
        assert len(world.controller.begun) == 1
        assert world.controller.running is not None
        refused = world.configuration.refused.splitlines()
        assert len(refused) >= 2
        assert any(each.startswith(f"{world.path}:9: providers.own.kind") for each in refused)
        (told,) = [each for each in world.told if each.refused]
        assert line(told).level == "warning"
        assert "; " in line(told).text
        world.write(FILE)
        await asyncio.sleep(SOON_S)
        assert world.configuration.refused == ""
        assert len(world.controller.begun) == 1, "it says what is in force all the time"
        assert world.told[-1].outcome == "it says what is in force"


async def test_a_file_that_is_gone_or_no_text_changes_nothing(world: World) -> None:
    async with Serving(world):
        world.path.unlink()
        await asyncio.sleep(SOON_S)
        assert "no such file" in world.configuration.refused
        world.path.write_bytes(b"\xff\xfe")
        await asyncio.sleep(SOON_S)
        assert "is not UTF-8 text" in world.configuration.refused
        assert len(world.controller.begun) == 1


async def test_a_comment_begins_nothing(world: World) -> None:
    async with Serving(world):
        world.write(f"# as agreed on Monday\n{FILE}# and on Tuesday\n")
        await asyncio.sleep(SOON_S)
        assert len(world.controller.begun) == 1


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [("owner: prod", "owner: test", "owner"), ("clusters:", "state: elsewhere\nclusters:", "state-dir")],
)
async def test_whose_the_records_are_and_where_the_table_is_does_not_change_under_way(
    world: World, before: str, after: str, key: str
) -> None:
    async with Serving(world):
        world.write(FILE.replace(before, after))
        await asyncio.sleep(SOON_S)
        assert (
            f"{key}: cannot change while the controller runs; restart it, or undo that" in world.configuration.refused
        )
        assert len(world.controller.begun) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConfigError("own: no such key"), "own: no such key"),
        (AdapterError("install trafficfed[route53]"), "install trafficfed[route53]"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
    ],
)
async def test_what_an_adapter_finds_wrong_is_refused_before_anything_ends(
    world: World, error: Exception, said: str
) -> None:
    def check(settings: Settings) -> None:
        raise error

    async with Serving(world):
        world.checked = check
        world.write(FILE.replace("eu-west-1", "eu-central-1"))
        await asyncio.sleep(SOON_S)
        assert world.configuration.refused == said
        assert len(world.controller.begun) == 1


async def test_who_cannot_begin_with_a_file_goes_back_to_what_there_was_and_says_so(world: World) -> None:
    async with Serving(world):
        world.controller.fails = lambda found: "api: taken" if found.clusters[0].region == "eu-central-1" else ""
        world.write(FILE.replace("eu-west-1", "eu-central-1"))
        await asyncio.sleep(10 * SOON_S)
        assert world.regions == ["eu-west-1", "eu-west-1"]
        assert world.configuration.refused == "a controller cannot begin with it: api: taken"
        world.write(FILE.replace("eu-west-1", "eu-north-1"))
        await asyncio.sleep(SOON_S)
        assert world.regions[-1] == "eu-north-1"
        assert world.configuration.refused == ""


async def test_who_is_asked_begins_anew_though_the_file_says_the_same(world: World) -> None:
    """What the file points to may be another key."""
    async with Serving(world):
        world.configuration.ask()
        await asyncio.sleep(0.1)
        assert len(world.controller.begun) == 2


async def test_a_controller_that_could_never_begin_ends_with_the_reason(world: World) -> None:
    world.controller.fails = lambda found: "api: taken"
    with pytest.raises(BaseExceptionGroup) as failed:
        await world.serve()
    assert str(first_error(failed.value)) == "api: taken"


async def test_what_ends_a_controller_later_is_no_reason_to_begin_again(world: World) -> None:
    async def serve(settings: Settings, begun: Callable[[], None]) -> None:
        begun()
        await asyncio.sleep(100 * LOOK_S)
        raise ConfigError("broken")

    world.configuration.ask()
    with pytest.raises(BaseExceptionGroup) as failed:
        await keep_serving(world.configuration, serve)
    assert str(first_error(failed.value)) == "broken"


def test_an_error_of_others_is_not_taken_for_ours() -> None:
    inner = ExceptionGroup("inner", [OSError("disk"), ConfigError("ours")])
    assert str(first_error(ExceptionGroup("outer", [ValueError("no"), inner]))) == "ours"
    assert first_error(ExceptionGroup("outer", [ValueError("no")])) is None
