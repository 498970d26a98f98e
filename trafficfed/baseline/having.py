"""Objects that must be there: which ones in one cluster, and what of each is not as it must be. Pure."""

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from trafficfed.baseline.fields import Difference, difference
from trafficfed.baseline.selecting import in_namespaces, namespaces_of
from trafficfed.baseline.structs import Match, MustHave
from trafficfed.baseline.template import filled
from trafficfed.baseline.view import Seen, View
from trafficfed.errors import ConfigError
from trafficfed.model import Value
from trafficfed.propagation.objects import ObjectKey

Json = dict[str, Any]


class Wanted(Value, frozen=True, kw_only=True):
    """One object that must be there, as JSON."""

    key: ObjectKey
    api_version: str
    body: bytes
    exact: bool = False

    @property
    def hash(self) -> str:
        return hashlib.blake2b(self.body, digest_size=8).hexdigest()


class Having:
    """One template in one cluster: which objects it asks for there. Raises ConfigError where it does not fit."""

    def __init__(self, rule: MustHave, facts: Json, view: View) -> None:
        self._rule, self._view = rule, view
        self._stated = filled(rule.template, facts)
        metadata = self._stated.get("metadata") or {}
        if not isinstance(metadata, dict) or not self._stated.get("apiVersion") or not self._stated.get("kind"):
            raise ConfigError("template: needs apiVersion, kind and metadata")
        self._metadata: Json = metadata
        self._of_namespaces = (self._stated["apiVersion"], self._stated["kind"]) == ("v1", "Namespace")
        if not metadata.get("name") and not (self._of_namespaces and rule.namespaces is not None):
            raise ConfigError("template.metadata.name: is missing; name the object that must be there")
        if self._of_namespaces and rule.namespaces is not None and metadata.get("name"):
            raise ConfigError("template.metadata.name: the selected namespaces have names; leave it out, or namespaces")

    def all(self) -> Iterator[Wanted]:
        if self._rule.namespaces is None:
            yield self._wanted()
            return
        for name in namespaces_of(self._rule.namespaces, self._view):
            yield self._in(name)

    def of_namespace(self, name: str) -> Wanted | None:
        """What is asked for because of one namespace; None where it is not there, or not meant."""
        wanted = self._rule.namespaces
        if wanted is None or self._view.namespace(name) is None or not in_namespaces(wanted, name, self._view):
            return None
        return self._in(name)

    def key_in(self, name: str) -> ObjectKey:
        """The object that is asked for where a namespace is there and meant."""
        return self._in(name).key

    def wanted_for(self, key: ObjectKey) -> Wanted | None:
        """What is asked of one object; None where nothing is."""
        if self._rule.namespaces is None:
            found: Wanted | None = self._wanted()
        else:
            found = self.of_namespace(key.name if self._of_namespaces else key.namespace)
        return found if found is not None and found.key == key else None

    def _in(self, namespace: str) -> Wanted:
        return self._wanted(**{"name" if self._of_namespaces else "namespace": namespace})

    def _wanted(self, **placed: str) -> Wanted:
        metadata = {**self._metadata, **placed}
        api_version, kind = str(self._stated["apiVersion"]), str(self._stated["kind"])
        group = api_version.rpartition("/")[0]
        return Wanted(
            key=ObjectKey(group, kind, metadata.get("namespace", ""), metadata["name"]),
            api_version=api_version,
            body=orjson.dumps({**self._stated, "metadata": metadata}),
            exact=self._rule.match is Match.EXACT,
        )


def lacks(want: Wanted, seen: Seen | None) -> Difference | None:
    """What is not as it must be; None where all is."""
    if seen is None:
        return Difference(path="", message="is not there")
    return difference(orjson.loads(want.body), orjson.loads(seen.body), exact=want.exact)
