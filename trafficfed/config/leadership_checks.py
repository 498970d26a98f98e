"""What the ``leadership`` section says of clusters, zones and peers, held against the rest of the file."""

from collections.abc import Iterator, Mapping

from trafficfed.config.places import Mistake, Path
from trafficfed.config.wording import nearest

HERE = "leadership"


def leadership_mistakes(root: Mapping[str, object]) -> Iterator[Mistake]:
    """Places that do not exist, places that stand twice, peers that cannot be told apart, a feed that is not there."""
    section = root.get(HERE)
    if not isinstance(section, Mapping):
        return
    clusters = {str(item["name"]) for item in _items(root.get("clusters")) if "name" in item}
    zones = {str(item["name"]).lower().removesuffix("."): item for item in _items(root.get("zones")) if "name" in item}
    seen: set[str] = set()
    for at, place in enumerate(_items(section.get("electorate"))):
        yield from _place((HERE, "electorate", at), place, clusters, zones, seen)
    yield from _peers(section)
    if "feed" not in root:
        yield Mistake((HERE,), "needs a feed for its peers to follow; add feed: {listen, key-file}")


def _place(
    path: Path,
    place: Mapping[str, object],
    clusters: set[str],
    zones: Mapping[str, Mapping[str, object]],
    seen: set[str],
) -> Iterator[Mistake]:
    zone = str(place.get("zone", "")).lower().removesuffix(".")
    cluster = place.get("cluster")
    name = f"cluster {cluster}" if cluster else f"zone {zone}"
    if name in seen:
        yield Mistake(path, f"is the {name} once more; a place has one vote")
    seen.add(name)
    if isinstance(cluster, str) and cluster not in clusters:
        yield Mistake(
            (*path, "cluster"), f"names the cluster '{cluster}', which is not configured; {nearest(cluster, clusters)}"
        )
    if not zone:
        return
    if zone not in zones:
        yield Mistake((*path, "zone"), f"names the zone '{zone}', which is not configured; {nearest(zone, zones)}")
        return
    providers = zones[zone].get("providers")
    known = [str(each) for each in providers] if isinstance(providers, list) else []
    provider = place.get("provider")
    if provider is None and len(known) > 1:
        yield Mistake(path, f"does not say at which of {', '.join(known)} the zone votes; add provider")
    if provider is not None and provider not in known:
        yield Mistake(
            (*path, "provider"), f"names '{provider}', which {zone} is not at; {nearest(str(provider), known)}"
        )


def _peers(section: Mapping[str, object]) -> Iterator[Mistake]:
    seen = {str(section.get("name", ""))}
    for at, peer in enumerate(_items(section.get("peers"))):
        name = str(peer.get("name", ""))
        if name and name in seen:
            yield Mistake(
                (HERE, "peers", at, "name"),
                f"is {name} once more; every controller has a name of its own, this one too",
            )
        seen.add(name)


def _items(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
