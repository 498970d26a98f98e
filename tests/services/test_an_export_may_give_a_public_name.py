"""Annotations of ours on a ServiceExport are those of its Service: one object exports it and gives it a name."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.discovery.annotations import read_annotations
from trafficfed.testing.services_world import ServicesWorld, make_export, make_service

pytestmark = pytest.mark.looptime
Make = Callable[..., ServicesWorld]
NAME, TTL = "trafficfed.io/hostname", "trafficfed.io/ttl"


def named(**annotations: str) -> dict[str, Any]:
    found = make_export()
    found["metadata"]["annotations"] = {"note": "mine", **annotations}
    return found


def said(world: ServicesWorld, at: str = "eu") -> dict[str, str]:
    found = world.get(at, "Service", "web")
    assert found is not None
    return dict(found["metadata"].get("annotations") or {})


async def test_what_the_export_says_of_a_name_stands_on_the_service_as_long_as_it_says_so(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    world.write("eu", named(**{NAME: "web.fed.example.org", TTL: "60"}))
    async with world.running():
        assert (said(world)[NAME], said(world)[TTL]) == ("web.fed.example.org", "60")
        assert "note" not in said(world)
        stated = read_annotations(said(world))
        assert stated is not None
        assert (stated.hostnames, stated.ttl, stated.mistakes) == (("web.fed.example.org",), 60, ())
        world.write("eu", named(**{NAME: "shop.fed.example.org"}))
        await asyncio.sleep(2)
        assert said(world)[NAME] == "shop.fed.example.org"
        assert TTL not in said(world)
        world.remove("eu", "ServiceExport", "web")
        await asyncio.sleep(2)
        assert said(world) == {}


async def test_what_a_user_wrote_on_the_service_himself_stays(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    mine = make_service()
    mine["metadata"]["annotations"] = {NAME: "mine.fed.example.org"}
    world.write("eu", mine, named(**{NAME: "web.fed.example.org"}))
    async with world.running() as services:
        assert said(world) == {NAME: "mine.fed.example.org"}
        assert [each.reason for each in services.refusals] == ["FieldConflict"]
        assert world.imported("us") == {"eu": ["10.1.0.1"]}


async def test_the_second_run_writes_nothing(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    world.write("eu", named(**{NAME: "web.fed.example.org"}))
    async with world.running():
        pass
    world.restart()
    for at in world.servers:
        world.writes(at)
    async with world.running(60):
        assert [world.writes(at) for at in world.servers] == [[], [], []]


def test_marks_are_nothing_that_a_user_says() -> None:
    assert read_annotations({"trafficfed.io/marked-by": "demo", "trafficfed.io/marks": "x"}) is None
