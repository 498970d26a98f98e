"""Adapters by name: found through entry points, imported only when configured."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Protocol, cast

from trafficfed.errors import AdapterError
from trafficfed.ports import Probe, Provider

PROVIDERS = "trafficfed.providers"
HEALTHCHECKS = "trafficfed.healthchecks"


class ProviderKind(Protocol):
    """What a provider's entry point names: a class that makes itself from its settings."""

    def from_settings(self, name: str, settings: Mapping[str, object]) -> Provider:
        """Raises ConfigError naming the key and the fix."""
        ...


def provider_kind(kind: str) -> ProviderKind:
    """The class of a provider kind. Raises AdapterError where it is unknown or its dependency is missing."""
    return cast(ProviderKind, _load(PROVIDERS, kind))


def provider_kinds() -> frozenset[str]:
    """The kinds that are installed; nothing is imported for it."""
    return _names(PROVIDERS)


def probes() -> dict[str, Probe]:
    """One probe for every scheme that is installed: they are cheap to import and a Service may name any of them."""
    return {point.name: cast("type[Probe]", point.load())() for point in entry_points(group=HEALTHCHECKS)}


def _names(group: str) -> frozenset[str]:
    return frozenset(point.name for point in entry_points(group=group))


def _load(group: str, name: str) -> object:
    found = entry_points(group=group, name=name)
    if not found:
        raise AdapterError(f"{name} is no kind in {group}; known are {', '.join(sorted(_names(group)))}")
    try:
        return next(iter(found)).load()
    except ModuleNotFoundError as error:
        raise AdapterError(f"{name} needs {error.name}: pip install 'trafficfed[{name}]'") from error
