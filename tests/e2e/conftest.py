"""One world for all end-to-end tests of a worker; each test uses services of its own and mends what it broke."""

from collections.abc import Iterator

import pytest

from trafficfed.testing.world import World, world


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running
