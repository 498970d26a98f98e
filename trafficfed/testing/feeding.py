"""Controllers as their followers see them: a feed on a port of its own, with a standing that tests set."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from trafficfed.feed.channel import Keys
from trafficfed.feed.messages import Answered, Propose, Resume, Standing
from trafficfed.feed.notes import Note
from trafficfed.feed.server import FeedServer, VantageService
from trafficfed.model import OperatorControl, Row, ServiceKey
from trafficfed.table.codec import decode_snapshot, encode_snapshot
from trafficfed.table.table import Delta, Table
from trafficfed.testing.processes import free_port

KEY = b"0123456789abcdef0123456789abcdef"


class Played:
    """A feed's source whose every property is set from outside."""

    def __init__(self, table: Table, standing: Standing = Standing.LEADS, leader: str = "") -> None:
        self.table = table
        self.overlay: dict[ServiceKey, Row] = {}
        self.stands = standing
        self.knows = leader
        self.publishes = True
        self.silent_s = self.lease_s = 0.0

    def standing(self) -> Standing:
        return self.stands

    def leader(self) -> str:
        return self.knows

    def can_publish(self) -> bool:
        return self.publishes

    def heard_s(self) -> float:
        return self.silent_s


class PlayedController:
    """A controller's feed. Its port stays the same over restarts; ``notes`` is what it had to tell."""

    def __init__(
        self,
        standing: Standing = Standing.LEADS,
        *,
        keys: Keys = lambda identity: KEY,
        beat_s: float = 0.05,
        vantages: VantageService | None = None,
    ) -> None:
        self.source = Played(Table(), standing)
        self.notes: list[Note] = []
        self.objection = ""
        self.proposed: list[Propose] = []
        self.answers: Callable[[Propose], Answered] = lambda proposal: Answered(proposal.id, ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        self._more = keys, beat_s, vantages
        self.feed = self._server()

    def _server(self) -> FeedServer:
        keys, beat_s, vantages = self._more
        return FeedServer(
            self.address,
            keys,
            self.source,
            self.notes.append,
            beat_s=beat_s,
            objection=self._object,
            vantages=vantages,
            propose=self._take,
        )

    def _object(self, resume: Resume) -> str:
        """Against followers that have something to lose."""
        return self.objection if resume.services else ""

    async def _take(self, proposal: Propose) -> Answered:
        self.proposed.append(proposal)
        return self.answers(proposal)

    def commit(
        self,
        rows: Iterable[Row] = (),
        removed: Iterable[ServiceKey] = (),
        controls: tuple[OperatorControl, ...] | None = None,
    ) -> Delta:
        """Change the table and publish it. Raises ValueError where that changes nothing."""
        delta = self.source.table.commit(rows, removed, controls=controls)
        if delta is None:
            raise ValueError("the change changes nothing")
        self.feed.publish(delta)
        return delta

    def relay(self, delta: Delta) -> None:
        """Take over a leader's change, as a controller does that follows one."""
        self.source.table.apply(delta)
        self.feed.publish(delta)

    def copy(self, leader: "PlayedController", epoch: str = "") -> None:
        """Take over a leader's whole table; with its ``epoch`` its followers need no snapshot from here."""
        self.source.table.adopt(decode_snapshot(encode_snapshot(leader.source.table.snapshot())))
        self.feed.restart(epoch)

    def stand(self, standing: Standing, leader: str = "") -> None:
        """Become this, and say so at once."""
        self.source.stands, self.source.knows = standing, leader
        self.feed.standing_changed()

    def take_over(self, term: int) -> None:
        """Begin a term as its leader."""
        self.source.table.begin_term(term)
        self.source.stands = Standing.LEADS
        self.feed.restart()

    def judge(self, *rows: Row, dropped: Iterable[ServiceKey] = ()) -> None:
        """Judge these rows otherwise than the table, and no more so those that are dropped."""
        for key in dropped:
            del self.source.overlay[key]
        self.source.overlay.update((row.key, row) for row in rows)
        self.feed.overlaid(rows, dropped)

    @asynccontextmanager
    async def up(self, same: bool = True) -> AsyncIterator[None]:
        """Serve until the block ends; not the ``same``: another process with the same table."""
        self.feed = self.feed if same else self._server()
        started = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.feed.run(started.set))
            await started.wait()
            yield
            task.cancel()
