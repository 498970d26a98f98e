"""What no single field can tell: names that must exist or be unique, and files that must be there and kept to oneself.

These read the document as it was written, so that they report beside the schema's mistakes and not after them.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path as FilePath

from trafficfed.config.leadership_checks import leadership_mistakes
from trafficfed.config.places import Mistake, Path
from trafficfed.config.settings import read_key
from trafficfed.config.wording import nearest
from trafficfed.discovery.declared import HUB
from trafficfed.nameserver.settings import KEY_OCTETS

_MAKE_KEY = "make one with: head -c 32 /dev/urandom | base64 >"

Resolve = Callable[[str], FilePath]
Items = list[tuple[Path, Mapping[str, object]]]
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def mistakes(data: object, kinds: Collection[str], resolve: Resolve) -> Iterator[Mistake]:
    """Everything across sections that must be mended before anything can run."""
    root = _mapping(data)
    yield from _required(root)
    yield from _duplicates(_items(root, "clusters"), "cluster")
    yield from _duplicates(_items(root, "zones"), "zone")
    yield from _called_hub(root)
    yield from _no_cluster_ids(root)
    yield from _baselines_without_hub(root)
    yield from _duplicates(_items(root, "vantages"), "vantage")
    yield from _unknown_kinds(root, kinds)
    yield from _unknown_names(root)
    yield from leadership_mistakes(root)
    for path, file in _files(root):
        yield from _unusable_file(path, file, resolve(file))


def warnings(data: object, resolve: Resolve) -> Iterator[Mistake]:
    """What works, but hardly as meant."""
    root = _mapping(data)
    for path, zone in _items(root, "zones"):
        if not zone.get("open") and not zone.get("grants"):
            yield Mistake(path, "has neither grants nor open: true, so nobody may claim a name in it; add one of them")
    for path, file in _files(root):
        yield from _unsafe_file(path, file, resolve(file))
    providers = _mapping(root.get("providers"))
    if "feed" not in root and any(_mapping(options).get("kind") == "embedded" for options in providers.values()):
        yield Mistake(
            ("providers",), "has an embedded name server but no feed to serve it; add feed: {listen, key-file}"
        )


def _unusable_file(path: Path, written: str, file: FilePath) -> Iterator[Mistake]:
    if path[-1] == "kubeconfig":
        return  # a member out of reach ends nothing; warnings() tells
    if not file.is_file():
        yield Mistake(path, f"names {written}, which is no file; create it or correct the path")
    elif not os.access(file, os.R_OK):
        yield Mistake(path, f"names {written}, which this user cannot read; mend its owner or its mode")
    elif path[-1] == "key-file" and len(read_key(file)) < KEY_OCTETS:
        yield Mistake(path, f"names {written}, whose key is shorter than {KEY_OCTETS} octets; {_MAKE_KEY} {written}")


def _unsafe_file(path: Path, written: str, file: FilePath) -> Iterator[Mistake]:
    if not file.is_file():
        if path[-1] == "kubeconfig":
            yield Mistake(path, f"names {written}, which is no file; this cluster stays unreachable until it is there")
    elif file.stat().st_mode & 0o007:
        yield Mistake(path, f"names {written}, which every user of this machine can read; run chmod 600 on it")


def _required(root: Mapping[str, object]) -> Iterator[Mistake]:
    if "nameserver" in root and not any(root.get(key) for key in ("clusters", "zones", "providers")):
        return
    for key, example in (
        ("owner", "owner: demo"),
        ("clusters", "clusters: [{name: eu, context: eu}]"),
        ("providers", "providers: {own: {kind: embedded}}"),
        ("zones", "zones: [{name: fed.example.org, providers: [own]}]"),
    ):
        if root.get(key) in (None, [], {}):
            yield Mistake((key,), f"is missing; write it, for example {example}")


def _duplicates(items: Items, what: str) -> Iterator[Mistake]:
    seen: dict[str, int] = {}
    for at, (path, item) in enumerate(items):
        name = str(item.get("name", "")).lower().removesuffix(".")
        if name and name in seen:
            yield Mistake(
                (*path, "name"), f"is the {what} {name} once more, see item {seen[name]}; give each its own name"
            )
        seen.setdefault(name, at)


def _called_hub(root: Mapping[str, object]) -> Iterator[Mistake]:
    for path, item in _items(root, "clusters") if root.get("hub") else ():
        if item.get("name") == HUB:
            yield Mistake(
                (*path, "name"), f"is {HUB}, which is what grants call the hub; give this member another name"
            )


def _baselines_without_hub(root: Mapping[str, object]) -> Iterator[Mistake]:
    if _mapping(root.get("baselines")).get("members") in ("read", "write") and not root.get("hub"):
        yield Mistake(("baselines", "members"), "needs a hub, where baselines stand; add the section hub")


def _no_cluster_ids(root: Mapping[str, object]) -> Iterator[Mistake]:
    """Names of clusters are labels of names in DNS there (KEP-1645, ``status.clusters``)."""
    writes = _mapping(root.get("services")).get("imports") == "write"
    for path, item in _items(root, "clusters") if writes else ():
        name = item.get("name")
        if isinstance(name, str) and not _DNS_LABEL.fullmatch(name):
            yield Mistake(
                (*path, "name"),
                f"is '{name}', which exports cannot carry (services.imports: write); use small letters, digits and '-'",
            )


def _unknown_kinds(root: Mapping[str, object], kinds: Collection[str]) -> Iterator[Mistake]:
    for name, options in _mapping(root.get("providers")).items():
        kind = _mapping(options).get("kind")
        if isinstance(kind, str) and kind not in kinds:
            hint = (
                f"installed are {', '.join(sorted(kinds))}" if kinds else "none is installed; install trafficfed again"
            )
            yield Mistake(("providers", name, "kind"), f"is '{kind}', which is no installed provider; {hint}")


def _unknown_names(root: Mapping[str, object]) -> Iterator[Mistake]:
    clusters = {str(item["name"]) for _, item in _items(root, "clusters") if "name" in item}
    claimants = {*clusters, HUB} if root.get("hub") else clusters
    providers = set(_mapping(root.get("providers")))
    for path, zone in _items(root, "zones"):
        yield from _strangers((*path, "providers"), zone.get("providers"), providers, "provider")
        for at, grant in enumerate(_list(zone.get("grants"))):
            here = (*path, "grants", at, "clusters")
            yield from _strangers(here, _mapping(grant).get("clusters"), claimants, "cluster")
    homes: Items = [(("vantage",), _mapping(root.get("vantage"))), *_items(root, "vantages")]
    for path, vantage in homes:
        home = vantage.get("cluster")
        if isinstance(home, str) and home not in clusters:
            yield Mistake(
                (*path, "cluster"),
                f"names the cluster '{home}', which is not configured; {nearest(str(home), clusters)}",
            )


def _strangers(path: Path, names: object, known: Collection[str], what: str) -> Iterator[Mistake]:
    for at, name in enumerate(_list(names)):
        if isinstance(name, str) and name not in known:
            yield Mistake((*path, at), f"names the {what} '{name}', which is not configured; {nearest(name, known)}")


def _files(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every key that names a file which holds a secret."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            if isinstance(child, str) and (key == "kubeconfig" or key.endswith("-file")):
                yield (*path, key), child
            elif key not in ("labels", "compliance"):
                yield from _files(child, (*path, key))
    elif isinstance(value, list):
        for at, child in enumerate(value):
            yield from _files(child, (*path, at))


def _items(root: Mapping[str, object], key: str) -> Items:
    return [((key, at), item) for at, item in enumerate(_list(root.get(key))) if isinstance(item, Mapping)]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
