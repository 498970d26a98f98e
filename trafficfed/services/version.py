"""Which version of the standard's API an API server has."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.usable import RETRY_S
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.services.kinds import GROUP, VERSIONS

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
