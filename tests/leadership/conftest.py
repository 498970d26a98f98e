"""Worlds in which elections are held, and histories of faults to hold them under."""

from collections.abc import Callable

import pytest

from trafficfed.testing.elections import World

THREE = ("ap", "eu", "us")


@pytest.fixture
def world() -> Callable[..., World]:
    """A world in which every message arrives in time, with all controllers running on exact clocks."""

    def make(controllers: int = 2, places: tuple[str, ...] = THREE, *, started: bool = True, seed: int = 1) -> World:
        made = World(seed, places, [1.0] * controllers)
        for controller in made.controllers if started else ():
            controller.start()
        return made

    return make
