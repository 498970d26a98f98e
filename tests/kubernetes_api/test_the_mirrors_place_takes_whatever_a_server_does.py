"""What a real API server cannot be made to do on demand: expired pages, silence, answers in the middle of a store."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Expired, Rejected, Unavailable
from trafficfed.kubernetes_api.mirror_place import AT_ONCE, DATA_KEY, ConfigMapPlace
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params
from trafficfed.table.place import Chunk, Overtaken

pytestmark = pytest.mark.looptime

T = TypeVar("T")
HEADER = "trafficfed-table"
DEADLINE_S = 5.0


class Board:
    """ConfigMaps of one namespace, served in pages of two; ``before`` may do or raise anything for a request."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, bytes]] = {}
        self.requests: list[str] = []
        self.lists: list[dict[str, str]] = []
        self.before: Callable[[str], Awaitable[None]] | None = None
        self.expired = False
        self.under_way = self.most = 0

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        self.lists.append(dict(params))
        if self.before:
            await self.before("GET")
        names = sorted(self.kept)
        start = int(params.get("continue", "0"))
        if start and self.expired:
            raise Expired("410 Gone: the continue parameter is too old")
        end = start + 2 if "limit" in params else len(names)
        items = [self.shown(name) for name in names[start:end]]
        metadata = {"resourceVersion": "9", **({"continue": str(end)} if end < len(names) else {})}
        return msgspec.json.decode(msgspec.json.encode({"metadata": metadata, "items": items}), type=type)

    def shown(self, name: str) -> dict[str, Any]:
        version, data = self.kept[name]
        return {"metadata": {"name": name, "resourceVersion": str(version)}, "binaryData": {DATA_KEY: data}}

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        sent = msgspec.json.decode(body or b"{}")
        name = sent["metadata"]["name"] if "metadata" in sent else path.rpartition("/")[2]
        self.requests.append(f"{method} {name}")
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0.01)
            if self.before:
                await self.before(f"{method} {name}")
            return self.written(method, name, sent)
        finally:
            self.under_way -= 1

    def written(self, method: str, name: str, sent: dict[str, Any]) -> bytes:
        if method == "DELETE":
            self.kept.pop(name, None)
            return b"{}"
        data = msgspec.json.decode(msgspec.json.encode(sent["binaryData"][DATA_KEY]), type=bytes)
        self.kept[name] = (len(self.requests), data)
        return msgspec.json.encode(self.shown(name))


def chunks(count: int) -> list[Chunk]:
    return [*(Chunk(f"{HEADER}-a-{number}", b"%d" % number) for number in range(count)), Chunk(HEADER, b"head")]


async def test_a_list_of_several_pages_is_complete() -> None:
    board = Board()
    place = ConfigMapPlace("eu", board)
    await place.store(chunks(5), DEADLINE_S)
    assert len(await place.load(DEADLINE_S)) == 6
    assert len(board.lists) == 3
    assert all(each["labelSelector"] == "trafficfed.io/mirror=table" for each in board.lists)


async def test_pages_that_expire_lead_to_one_list_without_pages() -> None:
    board = Board()
    place = ConfigMapPlace("eu", board)
    await place.store(chunks(5), DEADLINE_S)
    board.expired = True
    assert len(await place.load(DEADLINE_S)) == 6
    assert "limit" not in board.lists[-1]


async def test_a_config_map_without_our_data_is_an_empty_chunk() -> None:
    class Bare(Board):
        def shown(self, name: str) -> dict[str, Any]:
            return {"metadata": {"name": name, "resourceVersion": "4"}}

    board = Bare()
    board.kept[HEADER] = (4, b"")
    assert await ConfigMapPlace("eu", board).load(DEADLINE_S) == {HEADER: b""}


@pytest.mark.parametrize("act", ["load", "store", "drop"])
async def test_silence_ends_at_the_deadline(act: str) -> None:
    board = Board()

    async def hang(_: str) -> None:
        await asyncio.Event().wait()

    board.before = hang
    place = ConfigMapPlace("eu", board)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "load": lambda: place.load(DEADLINE_S),
        "store": lambda: place.store(chunks(3), DEADLINE_S),
        "drop": lambda: place.drop([HEADER], DEADLINE_S),
    }
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(Transient, match="the table in eu took more than 5 s"):
        await calls[act]()
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(DEADLINE_S)


async def test_chunks_are_stored_side_by_side_and_the_header_alone_at_last() -> None:
    board = Board()
    await ConfigMapPlace("eu", board).store(chunks(40), DEADLINE_S)
    assert board.most == AT_ONCE
    assert board.requests[-1] == f"POST {HEADER}"
    assert len(board.requests) == 41


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (Unavailable("409 Conflict: already exists", 409), Overtaken),
        (Unavailable("500 Internal Server Error", 500), Unavailable),
        (Rejected("403 Forbidden", 403), Rejected),
        (Transient("the connection broke off"), Transient),
    ],
)
async def test_a_failed_chunk_keeps_the_header_from_being_stored(failure: Exception, raised: type[Exception]) -> None:
    board = Board()

    async def fail(request: str) -> None:
        if request.endswith("-a-3"):
            raise failure

    board.before = fail
    with pytest.raises(raised):
        await ConfigMapPlace("eu", board).store(chunks(40), DEADLINE_S)
    assert HEADER not in board.kept
    assert len(board.requests) < 2 * AT_ONCE, "nothing new is begun after a failure"


async def test_of_several_failures_the_first_is_told() -> None:
    board = Board()

    async def fail(request: str) -> None:
        raise Transient(f"failed: {request}")

    board.before = fail
    with pytest.raises(Transient, match=f"failed: POST {HEADER}-a-0"):
        await ConfigMapPlace("eu", board).store(chunks(40), DEADLINE_S)


@pytest.mark.parametrize("status", [404, 409])
async def test_what_is_gone_or_used_by_others_meanwhile_is_not_dropped(status: int) -> None:
    board = Board()
    place = ConfigMapPlace("eu", board)
    await place.store(chunks(2), DEADLINE_S)

    async def refuse(_: str) -> None:
        raise Rejected("gone", 404) if status == 404 else Unavailable("409 Conflict: precondition failed", 409)

    board.before = refuse
    await place.drop([f"{HEADER}-a-0", f"{HEADER}-a-1"], DEADLINE_S)
    assert sorted(board.kept) == [HEADER, f"{HEADER}-a-0", f"{HEADER}-a-1"]


async def test_without_permission_to_delete_that_is_told() -> None:
    board = Board()

    async def refuse(_: str) -> None:
        raise Rejected("403 Forbidden: cannot delete", 403)

    board.before = refuse
    with pytest.raises(Refused, match="cannot delete"):
        await ConfigMapPlace("eu", board).drop([HEADER], DEADLINE_S)
