"""Lists: selectors, pages that show one consistent state, and reading as of an earlier revision."""

import base64
import binascii
from collections.abc import Iterable

import orjson

from trafficfed.model import Value
from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.cluster import Cluster, Target
from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.sandbox.apiserver.routing import ListQuery
from trafficfed.sandbox.apiserver.selectors import matcher
from trafficfed.sandbox.apiserver.store import Key

TOKEN_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to go on with an inconsistent one."
)
NOW = -1
"""The revision of a token that goes on with whatever stands at the time."""


class Page(Value, frozen=True, kw_only=True):
    """One answer to a list: encoded objects and the list's own metadata."""

    items: tuple[bytes, ...]
    metadata: tuple[tuple[str, str | int], ...]


def read_page(cluster: Cluster, target: Target, query: ListQuery) -> Page:
    """Raises ApiFailure 410 where the state asked for is no longer known, 504 where it lies in the future."""
    revision, after = _place(cluster, target, query)
    if revision == cluster.store.revision:
        found = cluster.store.objects(target.kind, target.namespace)
    else:
        found = cluster.store.objects_at(target.kind, target.namespace, revision)
    test = matcher(target.kind, query.labels, query.fields)
    chosen = [key for key in found if after is None or key > after]
    if test is not None:
        chosen = [key for key in chosen if test(orjson.loads(found[key]))]
    metadata: dict[str, str | int] = {"resourceVersion": str(revision)}
    if query.limit and len(chosen) > query.limit:
        metadata["continue"] = _encode_token(revision, chosen[query.limit - 1])
        if test is None:
            metadata["remainingItemCount"] = len(chosen) - query.limit
        chosen = chosen[: query.limit]
    return Page(items=tuple(found[key] for key in chosen), metadata=tuple(metadata.items()))


def encode_list(target: Target, page: Page) -> bytes:
    """The list as its kind's List object; the items leave out kind and apiVersion, as real ones do."""
    head = orjson.dumps(
        {"kind": f"{target.kind.name}List", "apiVersion": target.kind.api_version, "metadata": dict(page.metadata)}
    )
    prefix = len(orjson.dumps({"kind": target.kind.name, "apiVersion": target.kind.api_version}))
    return head[:-1] + b',"items":[' + b",".join(_without_head(page.items, prefix)) + b"]}"


def _without_head(items: Iterable[bytes], prefix: int) -> Iterable[bytes]:
    # Every stored object starts with its kind and apiVersion; the comma after them stands where the brace was.
    return (b"{" + raw[prefix:] for raw in items)


def _place(cluster: Cluster, target: Target, query: ListQuery) -> tuple[int, Key | None]:
    """(the revision to read at, the key after which to go on)."""
    current = cluster.store.revision
    if query.token:
        return _resume(cluster, target, query.token)
    if query.revision is not None and query.revision > current:
        raise failures.too_large_revision(query.revision, current)
    if query.match == "Exact" and query.revision is not None:
        return query.revision, None
    return current, None


def _resume(cluster: Cluster, target: Target, token: str) -> tuple[int, Key]:
    revision, namespace, name = _decode_token(token)
    key = Key(target.kind.qualified, namespace, name)
    if revision == NOW:
        return cluster.store.revision, key
    try:
        cluster.store.since(revision)
    except failures.ApiFailure as error:
        fresh = _encode_token(NOW, key)
        raise failures.expired(TOKEN_TOO_OLD, {"continue": fresh}) from error
    return revision, key


def _encode_token(revision: int, key: Key) -> str:
    content: Json = {"v": "meta.k8s.io/v1", "rv": revision, "start": [key.namespace, key.name]}
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def _decode_token(token: str) -> tuple[int, str, str]:
    try:
        content = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = content["start"]
        return int(content["rv"]), namespace, name
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise failures.bad_request(f"invalid continue token: {error}") from error
