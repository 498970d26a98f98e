"""The live page's part of the HTTP API: its files, and the stream of what changes."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from trafficfed.observe.page_files import PageFile, answered, page_files
from trafficfed.observe.stream import Stream, Viewer

WRITE_S = 20.0
"""A viewer that takes nothing for so long is gone, or as good as gone."""

PIECE = 64 * 1024
"""So much is handed to a connection at once: a whole fleet's status must not wait in memory once for each viewer."""

STREAM_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
}
"""The last one asks proxies not to keep messages back until there are many."""


class Live:
    """One method a route."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._files: Mapping[str, PageFile] = page_files()

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/stream", self.stream), *(web.get(path, self.file) for path in self._files)]

    async def file(self, request: web.Request) -> web.Response:
        return answered(self._files[request.path], request)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Messages until the viewer leaves, lags behind, or the controller ends."""
        assert request.transport is not None, "a request that is handled has a connection"
        viewer = self._stream.join(request.transport)
        answer = web.StreamResponse(headers=STREAM_HEADERS)
        try:
            await answer.prepare(request)
            await _tell(answer, viewer)
        except TimeoutError:
            viewer.drop()
        except ConnectionResetError:
            pass  # it has left
        finally:
            self._stream.leave(viewer)
        return answer

    async def close(self, _: web.Application) -> None:
        """All viewers are told that it is over, so that the process can end."""
        self._stream.close()


async def _tell(answer: web.StreamResponse, viewer: Viewer) -> None:
    while (message := await viewer.next()) is not None:
        for start in range(0, len(message), PIECE):
            async with asyncio.timeout(WRITE_S):
                await answer.write(message[start : start + PIECE])
