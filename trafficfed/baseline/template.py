"""Templates of objects that must be there: their text takes values of the cluster they are for."""

import re
from collections.abc import Mapping
from typing import Any

from trafficfed.errors import ConfigError
from trafficfed.model import Cluster

Json = dict[str, Any]
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
PROPERTIES = ("name", "region", "zone", "provider", "country")
MAPS = ("labels", "compliance")


def facts_of(cluster: Cluster, version: str = "") -> Json:
    """What expressions see as ``variables.cluster`` and templates as ``cluster``; ``version`` is its API server's."""
    stated = {name: getattr(cluster, name) for name in PROPERTIES}
    return {**stated, "version": version, "labels": dict(cluster.labels), "compliance": dict(cluster.compliance)}


def filled(template: Json, facts: Mapping[str, Any], path: str = "template") -> Json:
    """The object with every ``${cluster.PROPERTY}`` replaced. ``$${`` stands for ``${`` itself.

    Raises ConfigError with the path of the text that asks for what this cluster does not state.

    >>> filled({"data": {"where": "in ${cluster.region}"}}, {"region": "eu"})
    {'data': {'where': 'in eu'}}
    """
    return {name: _filled(value, facts, f"{path}.{name}") for name, value in template.items()}


def _filled(value: Any, facts: Mapping[str, Any], path: str) -> Any:
    if isinstance(value, str):
        return _text(value, facts, path)
    if isinstance(value, dict):
        return filled(value, facts, path)
    if isinstance(value, list):
        return [_filled(each, facts, f"{path}[{at}]") for at, each in enumerate(value)]
    return value


def _text(text: str, facts: Mapping[str, Any], path: str) -> str:
    if "${" not in text:
        return text
    parts = text.split("$${")
    replaced = (PLACEHOLDER.sub(lambda found: _value(found[1], facts, path), part) for part in parts)
    return "${".join(replaced)


def _value(asked: str, facts: Mapping[str, Any], path: str) -> str:
    root, _, name = asked.strip().partition(".")
    key, _, inner = name.partition(".")
    known = [f"cluster.{each}" for each in (*PROPERTIES, "version")] + [f"cluster.{each}.KEY" for each in MAPS]
    if root != "cluster" or key not in (*PROPERTIES, "version", *MAPS) or (key in MAPS) != bool(inner):
        raise ConfigError(f"{path}: ${{{asked}}} is no property of a cluster; there are {', '.join(known)}")
    value = facts.get(key, {}).get(inner, "") if inner else facts.get(key, "")
    if not value:
        raise ConfigError(f"{path}: the cluster states no {name}; state it in its configuration, or leave it out here")
    return str(value)
