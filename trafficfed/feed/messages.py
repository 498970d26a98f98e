"""What travels on the feed: tables and changes down to followers, states and proposals up, targets and observations.

Three kinds of followers are told apart by the identity that they authenticate with: ``nameserver``,
``controller/NAME`` and ``vantage/NAME``. The first two take tables, the last takes targets. All hear beats.
"""

import enum
import hashlib

import msgspec

from trafficfed.errors import Refused
from trafficfed.model import Observation, OperatorControl, Row, ServiceKey, Target, Value
from trafficfed.unreadable import UNREADABLE

BEAT_S = 2.0  # how often a quiet link says that it lives: as a leader renews its Lease
SILENCE_S = 10.0  # a link that says nothing for a lease time is gone


class Standing(enum.StrEnum):
    """What a controller's table is: its own to change, the leader's as it arrives, or the last that a leader sent."""

    LEADS = "leads"
    RELAYS = "relays"
    ALONE = "alone"


class Resume(Value, frozen=True, tag=True):
    """A table follower's first message: where it stands, in the generations of the feed called ``epoch`` ("" = none).

    ``services`` is how many it answers for at the moment. Without ``wants_table`` it gets beats only; it may ask
    again at any time on the same connection, and each ``Beat`` counts how many of its messages were heeded.
    """

    epoch: str = ""
    term: int = 0
    generation: int = 0
    services: int = 0
    wants_table: bool = True


class Full(Value, frozen=True, tag=True):
    """A complete table, as the table's codec writes a snapshot. Changes of the same ``epoch`` continue it."""

    epoch: str
    data: bytes


class Change(Value, frozen=True, tag=True):
    """One delta, as the table's codec writes it."""

    data: bytes


class Beat(Value, frozen=True, tag=True):
    """The controller lives, and this is its table's position: a follower that is elsewhere has missed something.

    ``leader`` is the name of the leader it knows of ("" = none), ``heard_s`` how long ago it last heard that one (0
    where it leads), ``can_publish`` whether it reaches the providers. ``heeded`` counts this connection's ``Resume``;
    ``objection`` is why this follower gets no table from it yet, empty where it may have it. ``lease_s`` is how long a
    leader's word holds in its electorate, 0 where it has none.
    """

    term: int
    generation: int
    standing: Standing = Standing.LEADS
    leader: str = ""
    can_publish: bool = False
    heard_s: float = 0.0
    heeded: int = 0
    objection: str = ""
    lease_s: float = 0.0


class Overlay(Value, frozen=True, tag=True):
    """Rows that a controller without a leader judges otherwise than the leader's last table of that ``term`` says.

    ``controls`` is that table's ``controls_digest``; ``dropped`` are the services whose own row holds again. The
    first one after ``Resume`` is ``whole``: rows that are not in it are overlaid no more.
    """

    term: int
    controls: bytes
    rows: tuple[Row, ...] = ()
    dropped: tuple[ServiceKey, ...] = ()
    whole: bool = False


class Propose(Value, frozen=True, tag=True):
    """Upward, from one controller to the leader: a control to take in, or the id of one to ``undo``.

    ``id`` is the proposal's own; the answer bears it.
    """

    id: str
    control: OperatorControl | None = None
    undo: str = ""


class Answered(Value, frozen=True, tag=True):
    """Downward: what became of the proposal of that ``id``. ``message`` is a sentence for the operator."""

    id: str
    ok: bool
    message: str = ""


class Status(Value, frozen=True, tag=True):
    """Upward, with every beat: the highest term the follower ever saw, and whether it reaches the providers."""

    highest_term: int = 0
    can_publish: bool = False


class ServiceTargets(Value, frozen=True):
    """All targets of one service; none where it is probed no more."""

    service: ServiceKey
    targets: tuple[Target, ...] = ()


class Targets(Value, frozen=True, tag=True):
    """Downward, to a vantage: what to probe. ``full``: services that are not in it are probed no more."""

    services: tuple[ServiceTargets, ...] = ()
    full: bool = False


class Suspect(Value, frozen=True, tag=True):
    """Downward, to a vantage: probe one target at the pace of suspicion, or (not ``on``) at its own again."""

    service: ServiceKey
    cluster: str
    address: str
    on: bool


class Observations(Value, frozen=True, tag=True):
    """Upward, from a vantage: what was seen. Whose vantage it is says the connection, not the message.

    ``sent_s`` is the vantage's own clock when it was sent: with it an observation tells its age, whatever that clock
    may be off by. ``cluster`` is the member the vantage runs in, ``region`` where that is; empty = none, not stated.
    """

    seen: tuple[Observation, ...] = ()
    sent_s: float = 0.0
    cluster: str = ""
    region: str = ""


Message = Resume | Full | Change | Beat | Overlay | Propose | Answered | Status | Targets | Suspect | Observations


class NotReadable(Refused):
    """A frame that carries no message of this version."""


def encode(message: Message) -> bytes:
    """A message as a frame's payload."""
    return msgspec.msgpack.encode(message)


def decode(payload: bytes) -> Message:
    """The message in a frame's payload. Raises NotReadable."""
    try:
        return _DECODER.decode(payload)
    except UNREADABLE as error:
        raise NotReadable(f"a frame does not decode: {error}") from error


def controls_digest(controls: tuple[OperatorControl, ...]) -> bytes:
    """What two tables with the same operator controls have in common (BLAKE2b of 128 bits).

    >>> controls_digest(()) == controls_digest((OperatorControl(kind="freeze"),))
    False
    """
    return hashlib.blake2b(msgspec.msgpack.encode(controls), digest_size=16).digest()


_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
