"""Where API servers keep a kind that is not known by heart."""

from collections.abc import Iterable

from trafficfed.errors import ConfigError, Refused
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.propagation.objects import DEFAULT_KINDS, TemplateKind


class _Resource(Wire, frozen=True):
    name: str
    kind: str
    namespaced: bool


class _Resources(Wire, frozen=True):
    resources: list[_Resource] | None = None


_KNOWN = {(kind.api_version, kind.kind): kind for kind in DEFAULT_KINDS}


def is_known(api_version: str, kind: str) -> TemplateKind | None:
    """A kind that needs no asking."""
    return _KNOWN.get((api_version, kind))


async def discover(reader: Reader, wanted: Iterable[tuple[str, str]]) -> tuple[TemplateKind, ...]:
    """The kinds by apiVersion and kind. Raises ConfigError for one that the hub does not have, Transient, Refused."""
    found = []
    for api_version, kind in wanted:
        found.append(is_known(api_version, kind) or await _asked(reader, api_version, kind))
    return tuple(found)


async def _asked(reader: Reader, api_version: str, kind: str) -> TemplateKind:
    path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    try:
        answer = await reader.get_json(path, _Resources)
    except Refused as error:
        raise ConfigError(f"propagation.kinds: the hub does not serve {api_version} ({error})") from None
    for each in answer.resources or ():
        if each.kind == kind and "/" not in each.name:
            return TemplateKind(api_version=api_version, kind=kind, plural=each.name, namespaced=each.namespaced)
    raise ConfigError(f"propagation.kinds: the hub has no kind {kind} in {api_version}; correct or remove it")
