"""Bytes that are no UTF-8 are one object that cannot be read, like any other damage: they end nothing."""

from collections.abc import Callable

import pytest

from trafficfed.errors import ConfigError
from trafficfed.propagation.objects import read_template
from trafficfed.propagation.select import read_policy

BAD = b'{"apiVersion": "v1", "kind": "caf\xe9", "metadata": {"name": "a\xe9"}, "spec": {"resourceSelectors": []}}'


@pytest.mark.parametrize("read", [read_template, read_policy])
def test_it_is_refused_with_a_reason(read: Callable[[bytes], object]) -> None:
    with pytest.raises(ConfigError, match=r"not a Kubernetes object|cannot be read"):
        read(BAD)
