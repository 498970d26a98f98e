"""The place that the tests of the mirror work with promises what the real one promises."""

import pytest

from trafficfed.testing.mirror_contract import MirrorPlaceContract, Place
from trafficfed.testing.mirror_places import MemoryPlace, Shelf


class TestMemoryPlace(MirrorPlaceContract):
    @pytest.fixture
    def place(self) -> Place:
        shelf = Shelf()
        return lambda: MemoryPlace("eu", shelf)
