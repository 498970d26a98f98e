"""From the path and query of a request to what it asks for."""

from collections.abc import Mapping, Sequence

from trafficfed.model import Value
from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.cluster import Intent, Target
from trafficfed.sandbox.apiserver.failures import Cause
from trafficfed.sandbox.apiserver.kinds import KINDS, NAMESPACE, Kind, find, kinds_of

WORDS = {"": False, "0": False, "1": True, "false": False, "true": True}


class ListQuery(Value, frozen=True, kw_only=True):
    """The query parameters of a list or watch (meta/v1 ListOptions); ``revision`` None where none was given."""

    labels: str = ""
    fields: str = ""
    revision: int | None = None
    match: str = ""
    limit: int = 0
    token: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool | None = None
    timeout_s: int = 0


def parse_target(path: str, kinds: Sequence[Kind] = KINDS) -> Target:
    """Which object or collection a path names. Raises ApiFailure 404 where the path belongs to no kind served.

    >>> target = parse_target("/api/v1/namespaces/shop/services/web/status")
    >>> target.kind.name, target.namespace, target.name, target.subresource
    ('Service', 'shop', 'web', 'status')
    """
    parts = path.strip("/").split("/")
    size = 2 if parts[0] == "api" else 3
    group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
    rest = parts[size:]
    if not kinds_of(group, version, kinds):
        raise failures.no_such_resource()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in NAMESPACE.subresources:
        namespace, rest = rest[1], rest[2:]
    kind = find(group, version, rest[0], kinds)
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        raise failures.no_such_resource()
    name, subresource = (*rest[1:], "", "")[:2]
    if subresource and subresource not in kind.subresources:
        raise failures.no_such_resource()
    if name and kind.namespaced and not namespace:
        raise failures.no_such_resource()
    return Target(kind=kind, namespace=namespace, name=name, subresource=subresource)


def parse_list(query: Mapping[str, str]) -> ListQuery:
    """Raises ApiFailure 400 or 422 for parameters that mean nothing or contradict each other."""
    parsed = ListQuery(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        revision=_revision(query.get("resourceVersion", "")),
        match=query.get("resourceVersionMatch", ""),
        limit=_number(query, "limit"),
        token=query.get("continue", ""),
        watch=_word(query, "watch"),
        bookmarks=_word(query, "allowWatchBookmarks"),
        initial_events=_word(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
        timeout_s=_number(query, "timeoutSeconds"),
    )
    _check_list(parsed)
    return parsed


def _check_list(query: ListQuery) -> None:
    if query.initial_events is not None and not query.watch:
        raise _forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")
    if query.initial_events is not None and query.match != "NotOlderThan":
        text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise _forbidden("resourceVersionMatch", text)
    if query.watch and query.initial_events is None and query.match:
        raise _forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents")
    _check_word("resourceVersionMatch", query.match, ("", "Exact", "NotOlderThan"))
    if not query.watch and query.match and query.revision is None:
        raise _forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")
    if query.match == "Exact" and query.revision == 0:
        raise _forbidden("resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if query.token and query.revision:
        raise failures.bad_request("specifying resource version is not allowed when using continue")


def parse_intent(query: Mapping[str, str], user_agent: str) -> Intent:
    """How a write is meant. A writer that gives no name is known by its user agent up to the slash.

    >>> parse_intent({"dryRun": "All"}, "kubectl/v1.37.1 (linux/amd64)").manager
    'kubectl'
    """
    validation = query.get("fieldValidation") or "Warn"
    _check_word("dryRun", query.get("dryRun", "All"), ("All",))
    _check_word("fieldValidation", validation, ("Ignore", "Strict", "Warn"))
    return Intent(
        manager=query.get("fieldManager") or user_agent.split("/")[0] or "unknown",
        dry_run="dryRun" in query,
        validation=validation,
        force=_word(query, "force"),
    )


def _check_word(field: str, text: str, supported: tuple[str, ...]) -> None:
    if text not in supported:
        choices = ", ".join(f'"{one}"' for one in supported)
        why = f'Unsupported value: "{text}": supported values: {choices}'
        raise failures.invalid_options("WriteOptions", Cause("FieldValueNotSupported", why, field))


def _forbidden(field: str, text: str) -> failures.ApiFailure:
    return failures.invalid_options("ListOptions", Cause("FieldValueForbidden", f"Forbidden: {text}", field))


def _word(query: Mapping[str, str], key: str) -> bool:
    text = query.get(key, "").lower()
    if text not in WORDS:
        raise failures.bad_request(f'{key}: "{text}" is neither true nor false')
    return WORDS[text]


def _number(query: Mapping[str, str], key: str) -> int:
    text = query.get(key) or "0"
    if not text.isdecimal():
        raise failures.bad_request(f'{key}: "{text}" is no number')
    return int(text)


def _revision(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal():
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise failures.bad_request(f'invalid resource version: resourceVersion: Invalid value: "{text}": {why}')
    return int(text)
