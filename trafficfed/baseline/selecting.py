"""Which objects and namespaces a rule is about. Pure."""

from collections.abc import Iterator

from trafficfed.baseline.structs import Namespaces, Objects
from trafficfed.baseline.view import Kind, View
from trafficfed.propagation.objects import ObjectKey, matches

NAMESPACES: Kind = ("v1", "Namespace")


def kind_of(selector: Objects) -> Kind:
    return selector.api_version, selector.kind


def selects(selector: Objects, key: ObjectKey, labels: dict[str, str], view: View) -> bool:
    """Whether it is about an object. A namespace that is not seen has no labels."""
    if (key.group, key.kind) != (selector.api_version.rpartition("/")[0], selector.kind):
        return False
    if selector.name and key.name != selector.name:
        return False
    return matches(selector.label_selector, labels) and in_namespaces(selector.namespaces, _home(key), view)


def _home(key: ObjectKey) -> str:
    """The namespace that decides about an object: of a Namespace, itself (as for an admission policy)."""
    return key.name if (key.group, key.kind) == ("", "Namespace") else key.namespace


def in_namespaces(wanted: Namespaces, name: str, view: View) -> bool:
    if not name:  # what stands in no namespace is not kept away by any (as for an admission policy)
        return True
    if (wanted.names and name not in wanted.names) or name in wanted.exclude:
        return False
    if wanted.label_selector is None:
        return True
    found = view.namespace(name)
    return matches(wanted.label_selector, found.labels if found is not None else {})


def namespaces_of(wanted: Namespaces, view: View) -> Iterator[str]:
    """Those that are there and meant."""
    for each in view.all(NAMESPACES):
        if in_namespaces(wanted, each.key.name, view):
            yield each.key.name
