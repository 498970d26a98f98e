"""Providers and probes come by entry points, loaded only when named; what is missing says how to get it."""

import re
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from trafficfed import registry
from trafficfed.errors import AdapterError


def test_every_installed_provider_loads_and_makes_itself_from_settings() -> None:
    kind = registry.provider_kind("memory")
    assert kind.from_settings("mine", {}).capabilities.batch > 0


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(AdapterError, match=r"rout53.*known are .*memory.*rfc2136"):
        registry.provider_kind("rout53")


def test_there_is_a_probe_for_every_scheme_that_annotations_may_name() -> None:
    assert {"http", "https", "tcp"} <= registry.probes().keys()


def test_a_missing_dependency_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("exotic", "a_module_that_is_not_installed:Provider", registry.PROVIDERS)
    monkeypatch.setattr(registry, "entry_points", lambda **_: EntryPoints([broken]))
    with pytest.raises(AdapterError, match=re.escape("pip install 'trafficfed[exotic]'")):
        registry.provider_kind("exotic")
