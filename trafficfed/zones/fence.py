"""The fence of a zone: a TXT record with the term of the leadership that may write there.

It stands at ``_trafficfed.<zone>`` and reads::

    "trafficfed/1 owner=prod term=7"

A leader raises it once when it takes over, from a lower term to its own by compare-and-set, and every write it makes
there carries it as a condition. So a former leader that does not know yet that it is one writes nothing any more,
whatever was on its way when it was held up.
"""

import asyncio
from collections.abc import Iterable

from trafficfed.errors import Fenced, Refused, Transient
from trafficfed.model import NameChange, Outcome, RecordSet, Value
from trafficfed.ports import Provider
from trafficfed.zones.ownership import FENCE_LABEL, TTL
from trafficfed.zones.txt_words import txt_pairs, txt_value, word, word_value

_ATTEMPTS = 5
"""Others that raise theirs at the same moment each win once; more than so many conflicts are somebody's mistake."""

_TERM_DIGITS = 18


class Fence(Value, frozen=True):
    """``owner`` is the one that the markers name too: all controllers of a fleet have the same."""

    owner: str
    term: int


def fence_name(zone: str) -> str:
    """
    >>> fence_name("fed.example.org")
    '_trafficfed.fed.example.org'
    """
    return f"{FENCE_LABEL}.{zone}"


def fence_set(zone: str, owner: str, term: int) -> RecordSet:
    """The record set that a leader of this term raises.

    >>> fence_set("fed.example.org", "prod", 7).values
    ('"trafficfed/1 owner=prod term=7"',)
    """
    value = txt_value((word("owner", owner), f"term={term}"))
    return RecordSet(name=fence_name(zone), type="TXT", ttl=TTL, values=(value,))


def parse_fence(record_set: RecordSet) -> Fence | None:
    """The fence in a TXT record set, None where it is not one that we understand whole: then it is foreign."""
    pairs = txt_pairs(record_set)
    if pairs is None or [key for key, _ in pairs] != ["owner", "term"]:
        return None
    (_, owner), (_, term) = pairs
    if not (term.isascii() and term.isdigit() and len(term) <= _TERM_DIGITS):
        return None
    return Fence(word_value(owner), int(term))


def term_in(record_sets: Iterable[RecordSet], zone: str, owner: str) -> int:
    """The term of this owner's fence among the record sets of a zone, 0 where there is none."""
    name = fence_name(zone)
    fences = [parse_fence(found) for found in record_sets if found.name == name and found.type == "TXT"]
    return max((fence.term for fence in fences if fence is not None and fence.owner == owner), default=0)


def fallen(fence: RecordSet, standing: Iterable[RecordSet]) -> Fenced:
    """What a provider raises where not exactly ``fence`` stands; ``standing`` is what was found at its name."""
    found = [there for there in standing if (there.name, there.type) == (fence.name, fence.type)]
    ours = parse_fence(fence)
    theirs = parse_fence(found[0]) if found else None
    says = f"it says {', '.join(found[0].values)}" if found else "it is gone"
    term = theirs.term if theirs is not None and ours is not None and theirs.owner == ours.owner else 0
    return Fenced(f"the fence {fence.name} no longer says {', '.join(fence.values)}: {says}", term)


async def raise_fence(provider: Provider, zone: str, owner: str, term: int, deadline_s: float) -> RecordSet:
    """Have the fence of this term stand, and return it exactly as it stands.

    Nothing is written where it stands already. Raises Fenced where a higher term does, Refused where the name holds
    another owner's fence or something else, Transient where it is not known to stand within ``deadline_s``.
    """
    try:
        async with asyncio.timeout(deadline_s):
            for _ in range(_ATTEMPTS):
                standing = await read_fence(provider, zone, deadline_s)
                if standing is not None and _is_raised(standing, owner, term):
                    return standing
                await _write(provider, zone, standing, fence_set(zone, owner, term), deadline_s)
    except TimeoutError as error:
        raise Transient(f"the fence {fence_name(zone)} was not raised within {deadline_s:g} s") from error
    raise Transient(f"the fence {fence_name(zone)} does not stay as it is written: somebody else changes it")


async def read_fence(provider: Provider, zone: str, deadline_s: float) -> RecordSet | None:
    """The TXT record set at the fence's name, whatever it says. Raises Transient or Refused."""
    found = await provider.read_names(zone, (fence_name(zone),), deadline_s)
    if any(there.type == "CNAME" for there in found):
        raise Refused(f"{fence_name(zone)} is a CNAME, and the fence has to stand there: take the CNAME away")
    return next((there for there in found if there.type == "TXT"), None)


def _is_raised(standing: RecordSet, owner: str, term: int) -> bool:
    """Whether it stands at our term; False where it is to be raised from a lower one."""
    fence = parse_fence(standing)
    if fence is None:
        raise Refused(
            f"{standing.name} holds {', '.join(standing.values)}, which is no fence of ours: take it away, or use a "
            "zone of its own"
        )
    if fence.owner != owner:
        raise Refused(
            f"{standing.name} is the fence of owner {fence.owner}, and this controller's owner is {owner}: two fleets "
            "cannot write one zone; set the same owner, or delete the fence if that fleet is no more"
        )
    if fence.term > term:
        raise Fenced(
            f"the fence {standing.name} stands at term {fence.term}, above term {term} of this one", fence.term
        )
    return fence.term == term


async def _write(
    provider: Provider, zone: str, standing: RecordSet | None, wanted: RecordSet, deadline_s: float
) -> None:
    """One attempt; a conflict is looked at again by the caller."""
    before = () if standing is None else (standing,)
    change = NameChange(name=wanted.name, before=before, after=(wanted,), reason="a new leadership")
    (result,) = await provider.apply(zone, (change,), deadline_s)
    if result.outcome is Outcome.REFUSED:
        raise Refused(f"the fence {wanted.name} cannot be raised: {result.message}")
    if result.outcome is Outcome.FAILED:
        raise Transient(f"the fence {wanted.name} could not be raised: {result.message}")
