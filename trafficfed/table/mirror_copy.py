"""One place's copy of the table: brought to what the leader wants, alone, whatever the other places do."""

import asyncio
from collections.abc import Callable

import msgspec

from trafficfed.errors import Refused, Transient
from trafficfed.model import Value
from trafficfed.ports import Clock
from trafficfed.reports import ProviderFailed, Report
from trafficfed.table.mirror import Header, Image, Names, read, writes
from trafficfed.table.place import MirrorPlace, Overtaken
from trafficfed.table.seal import Seal

CALL_S = 10.0
"""How long a place may take for a call; storing may take as much longer as it has chunks to take in."""
PER_CHUNK_S = 0.5
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 30.0
CHECK_S = 600.0
"""How often a place that is up to date is read all the same: somebody may have deleted or altered what is there."""


class Kept(Value, frozen=True):
    """What a place is known to hold; term 0 where nothing is known. ``problem`` is why it lags, empty if it does not.

    ``at_s`` is when it was last found, or made, to be so.
    """

    place: str
    term: int = 0
    generation: int = 0
    at_s: float = 0.0
    problem: str = ""


class Copy:
    """``want`` what it should hold; ``run`` sees to it. ``news`` is called whenever something succeeded or failed."""

    def __init__(
        self,
        place: MirrorPlace,
        seal: Seal,
        clock: Clock,
        report: Report,
        leads: Callable[[], bool],
        news: Callable[[], None],
        token: Callable[[], str],
    ) -> None:
        self._place, self._seal, self._clock = place, seal, clock
        self._report, self._leads, self._news = report, leads, news
        self._wake = asyncio.Event()
        self._reign, self._token = 0, token
        self._names = Names(token())
        self._unnamed: frozenset[str] = frozenset()
        self._image: Image | None = None
        self._standing: Header | None = None
        self._loaded = False
        self._newest = (0, 0)
        self.kept = Kept(place.name)
        self.failures = 0

    @property
    def seen_term(self) -> int:
        """The highest term that was met there."""
        return self._newest[0]

    def has(self, term: int, generation: int) -> bool:
        """Whether it holds the table of this term, at this generation or a later one."""
        return self.kept.term == term and self.kept.generation >= generation

    def want(self, image: Image) -> None:
        """Hold this from now on."""
        self._image = image
        self._wake.set()

    def wake(self) -> None:
        """Do not wait for the next try."""
        self._wake.set()

    def forget(self) -> None:
        """Another may write there from now on."""
        self._reign += 1
        self._names = Names(self._token())
        self._image = None
        self._loaded = False
        self.kept = Kept(self._place.name)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await within(self._wake, CHECK_S):
                self._loaded = False
            self._wake.clear()
            await self._catch_up()

    async def _catch_up(self) -> None:
        retry_s = FIRST_RETRY_S
        while self._behind:
            if self._leads() and await self._attempt(retry_s):
                retry_s = FIRST_RETRY_S
            if self._behind:  # at once where something newer is wanted meanwhile
                await within(self._wake, retry_s)
                self._wake.clear()
                retry_s = min(LAST_RETRY_S, 2 * retry_s)

    @property
    def _behind(self) -> bool:
        return self._image is not None and not (self._loaded and self._holds(self._image))

    def _holds(self, image: Image) -> bool:
        return self._standing is not None and self._standing.position == image.position

    async def _attempt(self, retry_s: float) -> bool:
        """One try, and a second at once where somebody else had written in between."""
        reign = self._reign
        try:
            try:
                await self._bring(reign)
            except Overtaken:
                await self._bring(reign)
        except (Transient, Refused) as error:
            self._tell(reign, str(error), retry_s)
            self.failures += 1
            return False
        finally:
            self._news()
        return True

    async def _bring(self, reign: int) -> None:
        if not self._loaded:
            await self._look(reign)
        image = self._image
        if image is None or reign != self._reign or not self._leads():
            return
        former = self._standing
        chunks, standing = writes(image, former, self._names, self._seal)
        self._loaded = False  # unless all of it succeeds
        if chunks:
            await self._place.store(chunks, CALL_S + PER_CHUNK_S * len(chunks))
        if reign != self._reign:
            return
        self._standing, self._loaded = standing, True
        self._newest = max(self._newest, standing.position)
        self.kept = Kept(self._place.name, image.term, image.generation, self._clock.now_s())
        if chunks:
            await self._tidy(reign, (former.names if former else frozenset()) - standing.names)

    async def _tidy(self, reign: int, released: frozenset[str]) -> None:
        """Drop what no header names: only now that ours stands no other writer's can name it either."""
        self._news()
        unused = (*self._names.release(released), *sorted(self._unnamed - released))
        self._unnamed = frozenset()
        if unused:
            try:
                await self._place.drop(unused, CALL_S + PER_CHUNK_S * len(unused))
            except (Transient, Refused) as error:  # they harm nobody, and the next look finds them again
                self._tell(reign, f"chunks that are no longer needed were not deleted: {error}", 0.0)

    async def _look(self, reign: int) -> None:
        """Learn what is there. Raises Refused where a newer leader, or another federation, has written it."""
        reading = read(await self._place.load(CALL_S), self._seal)
        if reign != self._reign or self._image is None:
            return
        found = reading.header
        if found is not None and found.term > self._image.term:
            self._newest = max(self._newest, found.position)
            raise Refused(f"a leader of term {found.term} has written there, this one is of term {self._image.term}")
        if reading.faults:
            self._tell(reign, f"{reading.faults[0]}; it is written anew", 0.0)
        elif (found.position if found else (0, 0)) < self._newest:
            self._tell(reign, "an older table has come back there, as from a backup; it is written anew", 0.0)
        self._names.abandon()  # what of them is there is unnamed too, and to be dropped
        self._unnamed = frozenset(reading.unnamed)
        self._standing, self._loaded = found, True

    def _tell(self, reign: int, problem: str, retry_s: float) -> None:
        if reign != self._reign or problem == self.kept.problem:
            return
        self.kept = msgspec.structs.replace(self.kept, problem=problem)
        self._report(ProviderFailed(f"mirror {self._place.name}", "", problem, retry_s))


async def within(event: asyncio.Event, limit_s: float) -> bool:
    """Whether it was set before so long had passed."""
    try:
        async with asyncio.timeout(limit_s):
            return await event.wait()
    except TimeoutError:
        return False
