"""The schemas that emulated API servers share, and worlds made of them."""

from collections.abc import Callable
from functools import partial

import pytest

from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.testing.baselines_world import BaselinesWorld


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """Reading them takes a second."""
    return Schemas()


@pytest.fixture
def make(schemas: Schemas) -> Callable[..., BaselinesWorld]:
    """Called inside the test: its clock is the test's event loop."""
    return partial(BaselinesWorld, schemas)
