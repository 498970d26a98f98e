"""Where the hub keeps the kinds that may be propagated, asked of it: what it does not have cannot be followed."""

from collections.abc import Iterable
from http import HTTPStatus

from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import Value
from trafficfed.propagation.objects import TemplateKind


class _Resource(Wire, frozen=True):
    name: str
    kind: str
    namespaced: bool


class _Resources(Wire, frozen=True):
    resources: list[_Resource] | None = None


class Discovered(Value, frozen=True, kw_only=True):
    """``missing`` says, of each kind that the hub does not have, why it is not propagated."""

    kinds: tuple[TemplateKind, ...]
    missing: tuple[str, ...] = ()


async def discover(reader: Reader, wanted: Iterable[tuple[str, str]]) -> Discovered:
    """The kinds by apiVersion and kind. Raises Transient or Refused."""
    asked: dict[str, dict[str, TemplateKind]] = {}
    kinds, missing = [], []
    for api_version, kind in wanted:
        if api_version not in asked:
            asked[api_version] = await _served(reader, api_version)
        if (found := asked[api_version].get(kind)) is not None:
            kinds.append(found)
        else:
            missing.append(f"the hub has no kind {kind} in {api_version}: it is not propagated until the next start")
    return Discovered(kinds=tuple(kinds), missing=tuple(missing))


async def _served(reader: Reader, api_version: str) -> dict[str, TemplateKind]:
    path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    try:
        answer = await reader.get_json(path, _Resources)
    except Rejected as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return {}
    return {
        each.kind: TemplateKind(api_version=api_version, kind=each.kind, plural=each.name, namespaced=each.namespaced)
        for each in answer.resources or ()
        if "/" not in each.name
    }
