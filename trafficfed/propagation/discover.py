"""Where the hub keeps the kinds that may be propagated, asked of it: what it does not have cannot be followed."""

from collections.abc import Iterable
from http import HTTPStatus

from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import Refusal, Value
from trafficfed.propagation.objects import TemplateKind
from trafficfed.propagation.select import not_on_hub


class _Resource(Wire, frozen=True):
    name: str
    kind: str
    namespaced: bool


class _Resources(Wire, frozen=True):
    resources: list[_Resource] | None = None


class Discovered(Value, frozen=True, kw_only=True):
    """``absent`` are the kinds that the hub does not have, by apiVersion and kind."""

    kinds: tuple[TemplateKind, ...]
    absent: tuple[tuple[str, str], ...] = ()

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why each absent kind is not propagated."""
        return tuple(not_on_hub(*each) for each in self.absent)


async def discover(reader: Reader, wanted: Iterable[tuple[str, str]]) -> Discovered:
    """The kinds by apiVersion and kind. Raises Transient or Refused."""
    asked: dict[str, dict[str, TemplateKind]] = {}
    kinds, absent = [], []
    for api_version, kind in wanted:
        if api_version not in asked:
            asked[api_version] = await _served(reader, api_version)
        if (found := asked[api_version].get(kind)) is not None:
            kinds.append(found)
        else:
            absent.append((api_version, kind))
    return Discovered(kinds=tuple(kinds), absent=tuple(absent))


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
