"""Fleets that fold what their clusters show into a real table."""

import pytest

from trafficfed.testing.folding import FoldingFleet


@pytest.fixture
def fleet() -> FoldingFleet:
    """Two clusters, eu and us, and one open zone, example.org. Nothing is listed yet."""
    return FoldingFleet()
