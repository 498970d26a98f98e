"""What a controller gives to its feed: the table, what it is worth, and what is judged otherwise."""

import secrets
from collections.abc import Mapping
from typing import Protocol

from trafficfed.feed.backlog import Backlog
from trafficfed.feed.messages import Beat, Change, Full, Overlay, Standing, controls_digest, encode
from trafficfed.model import Row, ServiceKey
from trafficfed.table.codec import encode_delta, encode_snapshot
from trafficfed.table.table import Delta, Table


class FeedSource(Protocol):
    """A controller as its feed sees it. Whenever the standing or leader changes, tell ``standing_changed``."""

    @property
    def table(self) -> Table:
        """Its own where it leads, else the leader's last one."""
        ...

    @property
    def overlay(self) -> Mapping[ServiceKey, Row]:
        """The rows that it judges otherwise than the table says; sent only while it is alone."""
        ...

    @property
    def lease_s(self) -> float:
        """How long a leader's word holds in its electorate, 0 where it has none."""
        ...

    def standing(self) -> Standing:
        """What the table is worth at this moment.

        It leads once the table is of its own term, and relays once the table is of the term of the leader that it
        hears: one that knows of a new leader but does not have its table yet is still alone.
        """
        ...

    def leader(self) -> str:
        """The name of the leader it knows of, itself included; empty where it knows of none."""
        ...

    def can_publish(self) -> bool:
        """Whether it reaches the providers."""
        ...

    def heard_s(self) -> float:
        """For how long it has not heard the leader, 0 where it leads."""
        ...


class Lone:
    """The source of a controller that leads because there is no other."""

    lease_s = 0.0

    def __init__(self, table: Table, name: str = "") -> None:
        self.table = table
        self.overlay: Mapping[ServiceKey, Row] = {}
        self._name = name

    def standing(self) -> Standing:
        return Standing.LEADS

    def leader(self) -> str:
        return self._name

    def can_publish(self) -> bool:
        return True

    def heard_s(self) -> float:
        return 0.0


class History:
    """The table's changes under one name (``epoch``), encoded once for all followers."""

    def __init__(self, source: FeedSource) -> None:
        self.source = source
        self.epoch = secrets.token_hex(8)
        self._backlog = Backlog()
        self._full: tuple[int, int, bytes] | None = None

    def add(self, delta: Delta) -> None:
        """A change that was committed or taken over."""
        self._full = None
        self._backlog.add(delta.generation, encode(Change(encode_delta(delta))))

    def restart(self, epoch: str = "") -> None:
        """Another table: what was kept leads nowhere."""
        self.epoch = epoch or secrets.token_hex(8)
        self._full = None
        self._backlog = Backlog()

    def leading_on(self, epoch: str, generation: int) -> list[bytes]:
        """The frames that bring a follower from where it stands to the table: changes, or a complete one.

        Nothing for one that is ahead in the same history: a relay waits until the leader's changes have reached it.
        """
        upto = self.source.table.generation
        if epoch == self.epoch:
            if generation >= upto:
                return []
            if changes := self._backlog.after(generation, upto):
                return changes
        return [self._complete()]

    def _complete(self) -> bytes:
        table = self.source.table
        if self._full is None or self._full[:2] != (table.term, table.generation):
            data = encode_snapshot(table.snapshot())
            self._full = table.term, table.generation, encode(Full(self.epoch, data))
        return self._full[2]

    def beat(self, heeded: int = 0, objection: str = "") -> Beat:
        """What the controller says of itself at the moment."""
        source = self.source
        return Beat(
            source.table.term,
            source.table.generation,
            source.standing(),
            source.leader(),
            source.can_publish(),
            source.heard_s(),
            heeded,
            objection,
            source.lease_s,
        )

    def overlay(self) -> Overlay:
        """All that is judged otherwise."""
        table = self.source.table
        rows = self.source.overlay
        return Overlay(
            table.term, controls_digest(table.controls), tuple(rows[key] for key in sorted(rows)), whole=True
        )
