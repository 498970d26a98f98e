"""The table's mirror: a copy in every elector, kept by whoever leads, and what a controller starts from."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

from trafficfed.errors import Refused, Transient
from trafficfed.model import Value
from trafficfed.ports import Clock
from trafficfed.reports import ProviderFailed, Report
from trafficfed.table.mirror import (
    MOST_CHUNKS,
    Cut,
    Header,
    Image,
    Oversized,
    Reading,
    Shards,
    chunks_for,
    image_of,
    read,
    snapshot_in,
)
from trafficfed.table.mirror_copy import Copy, Kept, within
from trafficfed.table.place import MirrorPlace
from trafficfed.table.seal import Seal
from trafficfed.table.table import Delta, Snapshot, Table

COALESCE_S = 3.0
"""How long changes are gathered before they are written: what a lost leader may take with it unless a peer heard it."""
FLUSH_S = 5.0
# So few chunks are encoded at once, in some milliseconds; more of them in a thread, beside everything else.
_INLINE = 8


class Mirror:
    """Follows the table while this controller leads; every place is written to independently of the others."""

    def __init__(
        self,
        places: Sequence[MirrorPlace],
        table: Table,
        key: bytes,
        owner: str,
        clock: Clock,
        report: Report,
        *,
        leads: Callable[[], bool] = lambda: True,
        coalesce_s: float = COALESCE_S,
        token: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        """``key`` is the controllers' shared key, ``owner`` the federation's name: both part of every chunk's seal.

        ``token`` makes names that no other writer uses.
        """
        self._table, self._report, self._leads, self._coalesce_s = table, report, leads, coalesce_s
        self._seal = Seal(owner, key)
        self._shards: Shards | None = None
        self._image: Image | None = None
        self._changed, self._urgent, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._problem, self._impossible = "", (-1, -1)
        self._copies = tuple(Copy(each, self._seal, clock, report, leads, self._news.set, token) for each in places)

    @property
    def kept_in(self) -> tuple[Kept, ...]:
        """What each place is known to hold of this leadership's table, for status."""
        return tuple(copy.kept for copy in self._copies)

    @property
    def seen_term(self) -> int:
        """The highest term met at any place."""
        return max((copy.seen_term for copy in self._copies), default=0)

    def append(self, delta: Delta) -> None:
        """Take in a delta that the table has committed; it is written within seconds, while this controller leads."""
        if self._shards is not None:
            self._shards.take(delta)
        self._changed.set()

    async def flush(self, at_least: int, *, enough: int = 0, deadline_s: float = FLUSH_S) -> int:
        """Write now. In how many places the table stands at this generation or a later one.

        Returns as soon as ``enough`` places have it (0: a majority of them), or each has it or failed; at the deadline
        at the latest. Always 0 where this controller does not lead.
        """
        enough = enough or len(self._copies) // 2 + 1
        before = [copy.failures for copy in self._copies]
        self._urgent.set()
        self._changed.set()
        for copy in self._copies:
            copy.wake()
        try:
            async with asyncio.timeout(deadline_s):
                while self._leads() and self._standing(at_least) < enough and self._awaited(at_least, before):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass  # how far it came is the answer
        return self._standing(at_least) if self._leads() else 0

    def _standing(self, at_least: int) -> int:
        """A generation of another term's table is no proof that ours stands there."""
        return sum(copy.has(self._table.term, at_least) for copy in self._copies)

    def _awaited(self, at_least: int, before: Sequence[int]) -> bool:
        """Whether any place has neither taken it nor failed since."""
        tried = zip(self._copies, before, strict=True)
        return any(copy.failures == failures and not copy.has(self._table.term, at_least) for copy, failures in tried)

    async def run(self) -> None:
        """Until cancelled; harmless while this controller does not lead."""
        self._forget()
        async with asyncio.TaskGroup() as tasks:
            for copy in self._copies:
                tasks.create_task(copy.run(), name=f"mirror {copy.kept.place}")
            tasks.create_task(self._follow(), name="mirror")

    async def _follow(self) -> None:
        while True:
            if not self._leads():
                self._forget()
            elif self._behind:
                await self._take()
            await self._gather()

    async def _gather(self) -> None:
        """Until a change has waited for its companions, or a flush asks; a new leadership is noticed as soon."""
        if await within(self._changed, self._coalesce_s):
            self._changed.clear()
            await within(self._urgent, self._coalesce_s)
        self._urgent.clear()

    @property
    def _behind(self) -> bool:
        position = (self._table.term, self._table.generation)
        return self._impossible != position and (self._image is None or self._image.position != position)

    def _forget(self) -> None:
        """Of a former leadership nothing holds: others may have written since."""
        self._shards = self._image = None
        for copy in self._copies:
            copy.forget()

    async def _take(self) -> None:
        """Encode what changed and give it to every place."""
        try:
            self._image = image = await self._encode()
        except Oversized as error:
            self._impossible = (self._table.term, self._table.generation)
            self._failed(str(error))
            return
        self._problem = ""
        for copy in self._copies:
            copy.want(image)

    def _failed(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._report(ProviderFailed("mirror", "", problem, self._coalesce_s))

    async def _encode(self) -> Image:
        count = 0
        while True:
            cut = self._cut(count)
            try:
                return await _image(cut, self._image, self._seal)
            except Oversized as error:
                self._shards = None
                count = 2 * cut.count
                if not error.divisible or count > MOST_CHUNKS:
                    raise

    def _cut(self, count: int) -> Cut:
        """The rows are gathered anew where no delta led to them: after a gap, and for a new leadership's table."""
        table = self._table
        follows = self._image is None or self._image.term == table.term
        if self._shards is None or self._shards.generation != table.generation or not follows:
            count = max(count, self._shards.count if self._shards is not None else 0)
            wanted = max(count, chunks_for(len(table.rows)))
            self._shards = Shards(table.rows.values(), table.generation, wanted)
        sources = (table.sources[cluster] for cluster in sorted(table.sources))
        return self._shards.cut(table.term, sources, table.controls)


async def _image(cut: Cut, former: Image | None, seal: Seal) -> Image:
    if len(cut.changed) <= _INLINE:
        return image_of(cut, former, seal)
    return await asyncio.to_thread(image_of, cut, former, seal)


class Loaded(Value, frozen=True):
    """The newest table found, and where. ``answered`` are the places that told what they have, also if that is nothing.

    ``missing`` are the others, each with its reason.
    """

    snapshot: Snapshot | None
    source: str
    answered: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]

    @property
    def is_new_fleet(self) -> bool:
        """Whether every place answered that there is no table, and the disk has none: one may begin with nothing."""
        return self.snapshot is None and not self.missing


async def newest(
    places: Sequence[MirrorPlace], disk: Snapshot | None, deadline_s: float, *, key: bytes, owner: str
) -> Loaded:
    """The newest by term and generation of what the places and the disk hold; of equals the disk's.

    ``disk`` is None, or still at its beginning, where nothing was kept there. A place that is silent, or whose copy is
    forged, incomplete or another federation's, is missing for that reason and holds up nothing beyond the deadline.
    """
    seal = Seal(owner, key)
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(_read(place, seal, deadline_s), name=f"load {place.name}") for place in places]
    readings: dict[str, Reading] = {}
    missing: dict[str, str] = {}
    for place, task in zip(places, asked, strict=True):
        if isinstance(told := task.result(), Reading):
            readings[place.name] = told
        else:
            missing[place.name] = told
    best, source = (disk, "disk") if disk is not None and disk != Snapshot() else (None, "")
    for name, reading in sorted(readings.items(), key=lambda item: _position(item[1].header), reverse=True):
        try:
            if not reading.faults and _position(reading.header) <= _position(best):
                continue
            best, source = snapshot_in(reading), name
        except Refused as error:
            missing[name] = str(error)
    answered = tuple(place.name for place in places if place.name not in missing)
    return Loaded(best, source, answered, tuple(missing.items()))


async def _read(place: MirrorPlace, seal: Seal, deadline_s: float) -> Reading | str:
    """What a place has, or why that cannot be known."""
    try:
        return read(await place.look(deadline_s), seal)
    except (Transient, Refused) as error:
        return str(error)


def _position(table: Header | Snapshot | None) -> tuple[int, int]:
    return (table.term, table.generation) if table is not None else (-1, -1)
