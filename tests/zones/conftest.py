"""A zone in memory with a publisher on it, in virtual time."""

import pytest

from trafficfed.testing.publishing import Rig
from trafficfed_providers.memory import Memory


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def rig(memory: Memory) -> Rig:
    return Rig(memory)
