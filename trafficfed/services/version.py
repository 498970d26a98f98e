"""What of the standard's and of meshes' APIs an API server has."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.usable import RETRY_S
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.services.kinds import GROUP, VERSIONS
from trafficfed.services.meshes import API_VERSION, ISTIO_KINDS

UNDEFINED = f"its API server has no ServiceExports: install the definitions of {GROUP} there"


class _Version(Wire, frozen=True):
    version: str


class _Group(Wire, frozen=True):
    versions: tuple[_Version, ...] = ()


async def standard_version(reader: Reader, lost: Callable[[str], None]) -> str:
    """The version to use, once there is any; ``lost`` is told each time why there is none."""
    while True:
        try:
            group = await reader.get_json(f"/apis/{GROUP}", _Group)
        except Rejected as error:
            lost(UNDEFINED if error.status == HTTPStatus.NOT_FOUND else str(error))
        except (Transient, Refused) as error:
            lost(str(error))
        else:
            served = {each.version for each in group.versions}
            for version in VERSIONS:
                if version in served:
                    return version
            lost(f"its API server has {GROUP} only as {', '.join(sorted(served))}, not {VERSIONS[0]}")
        await asyncio.sleep(RETRY_S)


class _Kind(Wire, frozen=True):
    name: str


class _Resources(Wire, frozen=True):
    resources: tuple[_Kind, ...] = ()


async def without_istio(reader: Reader) -> str:
    """Why Istio cannot be told of anything; empty where it can."""
    try:
        found = await reader.get_json(f"/apis/{API_VERSION}", _Resources)
    except (Transient, Refused) as error:
        missing = isinstance(error, Rejected) and error.status == HTTPStatus.NOT_FOUND
        return f"Istio is not installed there: no {API_VERSION}" if missing else str(error)
    lacks = {kind.plural for kind in ISTIO_KINDS} - {each.name for each in found.resources}
    return f"Istio is not installed there: no {', '.join(sorted(lacks))}" if lacks else ""
