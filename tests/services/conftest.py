"""The schemas that emulated API servers share, and worlds made of them."""

from collections.abc import Callable
from functools import partial

import pytest

from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.testing.services_world import ServicesWorld


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """Reading them takes a second."""
    return Schemas()


@pytest.fixture
def make(schemas: Schemas) -> Callable[..., ServicesWorld]:
    """Called inside the test: its clock is the test's event loop."""
    return partial(ServicesWorld, schemas)
