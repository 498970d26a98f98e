"""No other site's page reaches the API through a user's browser: Origin and fetch metadata say where a call is from."""

from collections.abc import Collection, Mapping


def is_foreign(headers: Mapping[str, str], hosts: Collection[str]) -> bool:
    """Whether a browser made this call for a page of another site. Programs that are no browsers send neither header.

    ``hosts`` are the names under which the API is served besides the one that was called, as a proxy may call it by
    another. What a user types or follows as a link is a navigation (Fetch Metadata, W3C), and is nobody's call.

    >>> is_foreign({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}, ())
    False
    >>> is_foreign({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:9090"}, ())
    True
    >>> is_foreign({"Host": "127.0.0.1:8080", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, ())
    True
    """
    origin = headers.get("Origin")
    if origin is not None:
        return not _is_own(origin.lower(), headers.get("Host", "").lower(), hosts)
    site, mode = headers.get("Sec-Fetch-Site", "none"), headers.get("Sec-Fetch-Mode", "")
    return site not in ("none", "same-origin") and mode != "navigate"


def _is_own(origin: str, host: str, hosts: Collection[str]) -> bool:
    scheme, _, place = origin.partition("://")
    name = place.rpartition(":")[0] if place.rpartition(":")[2].isdigit() else place
    return scheme in ("http", "https") and bool(place) and (place == host or name in hosts)
