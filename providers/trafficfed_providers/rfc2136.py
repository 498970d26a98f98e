"""BIND, Knot, PowerDNS, Windows and whatever else takes dynamic updates (RFC 2136): atomic compare-and-set over TCP.

A NOERROR is no proof: what a message should have done is asked again by a second one that holds prerequisites only.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Self

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.update

from trafficfed.errors import Fenced, Refused, Transient
from trafficfed.model import Capabilities, NameChange, Outcome, RecordSet, Result
from trafficfed.zones.fence import fallen
from trafficfed_providers.dns_records import Gathered, same_values
from trafficfed_providers.dns_stream import DnsStream, NoAnswer
from trafficfed_providers.dns_update import OTHER_TYPES, absolute, check, compare_and_set, unused
from trafficfed_providers.rfc2136_settings import Settings, parse_settings

_PREREQUISITE = (dns.rcode.YXDOMAIN, dns.rcode.YXRRSET, dns.rcode.NXRRSET, dns.rcode.NXDOMAIN)
_NEVER = (dns.rcode.NOTAUTH, dns.rcode.NOTIMP)
_READ_NAMES_MAX = 100
"""Above so many names one transfer costs less than a query for every type of each."""


class Rfc2136:
    """One primary server. ``name`` is what the user calls it, for messages."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._stream = self._open_stream()

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, object]) -> Self:
        """Raises ConfigError that lists every mistake with its key and fix."""
        return cls(name, parse_settings(name, settings))

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            batch=self._settings.batch,
            atomicity="batch",
            fence="atomic",
            authorities=tuple(str(server) for server in self._settings.authorities),
        )

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        """The whole zone by transfer (AXFR)."""
        async with self._within(deadline_s):
            return await self._transfer(zone)

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        async with self._within(deadline_s):
            wanted = sorted(set(names))
            if len(wanted) > _READ_NAMES_MAX:
                return tuple(found for found in await self._transfer(zone) if found.name in set(wanted))
            found = await self._ask(zone, [(name, rdtype) for name in wanted for rdtype in OTHER_TYPES])
            feigned = await self._feigned(zone, {there.name for there in found})
            return tuple(there for there in found if there.name not in feigned)

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        results: list[Result] = []
        sent = False
        try:
            async with self._within(deadline_s):
                await self._stream.connect()
                sent = True
                for at in range(0, len(changes), self._settings.batch):
                    await self._apply(zone, changes[at : at + self._settings.batch], results, fence)
        except Fenced:
            raise
        except (Transient, Refused) as error:
            unknown = sent and isinstance(error, NoAnswer)
            if not results and not unknown:
                raise
            outcome = Outcome.REFUSED if isinstance(error, Refused) else Outcome.FAILED
            results += [_result(change, outcome, str(error)) for change in changes[len(results) :]]
        return tuple(results)

    async def close(self) -> None:
        await self._stream.close()

    def _open_stream(self) -> DnsStream:
        return DnsStream(self._settings.server, self._settings.key(), self._settings.source)

    async def _apply(
        self, zone: str, changes: Sequence[NameChange], results: list[Result], fence: RecordSet | None
    ) -> None:
        """One message for all; where one of them stands in the way, halves of it until that one is alone.

        ``results`` grows in the order of the changes, so that whatever breaks off leaves what is known by then.
        """
        impossible = _impossible(changes)
        rcode = dns.rcode.FORMERR if impossible else await self._update(zone, changes, fence)
        if rcode == dns.rcode.NOERROR:
            await self._confirm(zone, changes, results)
        elif len(changes) == 1:
            results += impossible or [self._failure(changes[0], rcode)]
        else:
            half = len(changes) // 2
            await self._apply(zone, changes[:half], results, fence)
            await self._apply(zone, changes[half:], results, fence)

    async def _update(self, zone: str, changes: Sequence[NameChange], fence: RecordSet | None) -> dns.rcode.Rcode:
        try:
            response = await self._stream.exchange(compare_and_set(zone, changes, fence))
        except (dns.exception.DNSException, OSError, ValueError, struct.error):
            return dns.rcode.FORMERR
        rcode = response.rcode()
        if rcode in _NEVER:
            raise Refused(self._zone_refused(zone, rcode))
        if rcode in (dns.rcode.REFUSED, dns.rcode.SERVFAIL):
            await self._require_service(zone)
        if rcode in _PREREQUISITE and fence is not None:
            await self._require_fence(zone, fence)
        return rcode

    async def _require_fence(self, zone: str, fence: RecordSet) -> None:
        """Tell a message that the fence stopped from one that met other records than were read."""
        found = await self._ask(zone, ((fence.name, fence.type),))
        if not (found and same_values(found[0], fence)):
            raise fallen(fence, found)

    async def _require_service(self, zone: str) -> None:
        """Tell a server that takes no update at all from one that refuses a record, by an update of nothing."""
        rcode = (await self._stream.exchange(dns.update.UpdateMessage(absolute(zone)))).rcode()
        if rcode in (dns.rcode.REFUSED, *_NEVER):
            raise Refused(self._zone_refused(zone, rcode))
        if rcode != dns.rcode.NOERROR:
            raise Transient(f"{self._settings.server} answers {dns.rcode.to_text(rcode)} to updates of {zone}")

    async def _confirm(self, zone: str, changes: Sequence[NameChange], results: list[Result]) -> None:
        """Many names are asked for by one message of prerequisites; a single one by queries, which wait for no journal.

        The queries go one after the other: a server that delays its second small answer until the first is acknowledged
        (RFC 896) would cost 40 ms.
        """
        if len(changes) == 1:
            results.append(await self._read_back(zone, changes[0]))
            return
        rcode = (await self._stream.exchange(check(zone, changes))).rcode()
        if rcode == dns.rcode.NOERROR:
            results += [_result(change, Outcome.DONE) for change in changes]
        else:
            half = len(changes) // 2
            await self._confirm(zone, changes[:half], results)
            await self._confirm(zone, changes[half:], results)

    async def _read_back(self, zone: str, change: NameChange) -> Result:
        keys = sorted({(found.name, found.type) for found in (*change.before, *change.after)})
        found = {(there.name, there.type): there for key in keys for there in await self._ask(zone, (key,))}
        expected = {(record_set.name, record_set.type): record_set for record_set in change.after}
        if found.keys() - expected.keys():
            feigned = await self._feigned(zone, {name for name, _ in found.keys() - expected.keys()})
            found = {key: there for key, there in found.items() if key[0] not in feigned}
        wrong = [key for key in keys if not same_values(found.get(key), expected.get(key))]
        if not wrong:
            return _result(change, Outcome.DONE)
        records = ", ".join(f"{name} {rdtype}" for name, rdtype in wrong)
        message = f"the server accepted the change, but {records} is not as written"
        return _result(change, Outcome.CONFLICT, message)

    async def _transfer(self, zone: str) -> tuple[RecordSet, ...]:
        """Over a connection of its own: a long transfer must not hold up an update."""
        stream = self._open_stream()
        try:
            return await self._gather(zone, stream)
        finally:
            await stream.close()

    async def _gather(self, zone: str, stream: DnsStream) -> tuple[RecordSet, ...]:
        request = dns.message.make_query(absolute(zone), dns.rdatatype.AXFR)
        request.use_edns(False)
        gathered, ends, signed = Gathered(), 0, False
        messages = stream.transfer(request)
        async with contextlib.aclosing(messages):
            async for message in messages:
                if message.rcode() != dns.rcode.NOERROR:
                    raise Refused(
                        f"{self._settings.server} refused the transfer of {zone} "
                        f"({dns.rcode.to_text(message.rcode())}): allow transfers of it to this key or address"
                    )
                for rrset in message.answer:
                    ends += rrset.rdtype == dns.rdatatype.SOA
                    gathered.add(rrset)
                signed = message.had_tsig
                if ends >= 2 or not message.answer:
                    break
        if ends < 2 or (self._settings.key_name and not signed):
            raise Transient(
                f"the transfer of {zone} from {self._settings.server} is not complete or its end not signed"
            )
        return await asyncio.to_thread(gathered.record_sets)

    async def _ask(self, zone: str, keys: Sequence[tuple[str, str]]) -> tuple[RecordSet, ...]:
        """The record sets of these names and types that are really there."""
        requests = [dns.message.make_query(absolute(name), rdtype) for name, rdtype in keys]
        gathered = Gathered()
        for request, response in zip(requests, await self._stream.exchange_all(requests), strict=True):
            self._require_answer(zone, response)
            question = request.question[0]
            for rrset in response.answer:
                if rrset.name == question.name and rrset.rdtype == question.rdtype:
                    gathered.add(rrset)
        return gathered.record_sets()

    def _require_answer(self, zone: str, response: dns.message.Message) -> None:
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            rcode = dns.rcode.to_text(response.rcode())
            raise Transient(f"{self._settings.server} answers {rcode} to queries in {zone}")

    async def _feigned(self, zone: str, names: set[str]) -> set[str]:
        """Names that own nothing: a wildcard answered for them (RFC 4592)."""
        suspects = sorted(name for name in names if not name.startswith("*."))
        responses = await self._stream.exchange_all([unused(zone, name) for name in suspects])
        pairs = zip(suspects, responses, strict=True)
        return {name for name, response in pairs if response.rcode() == dns.rcode.NOERROR}

    @contextlib.asynccontextmanager
    async def _within(self, deadline_s: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline_s):
                yield
        except TimeoutError as error:
            raise NoAnswer(f"{self._settings.server} did not answer within {deadline_s:g} s") from error

    def _who(self) -> str:
        return f"TSIG key {self._settings.key_name}" if self._settings.key_name else "this address without a TSIG key"

    def _zone_refused(self, zone: str, rcode: dns.rcode.Rcode) -> str:
        return (
            f"{self._settings.server} takes no updates of {zone} from {self._who()} ({dns.rcode.to_text(rcode)}): "
            "allow them there (BIND update-policy or allow-update, Knot acl action update), and check the zone's name"
        )

    def _failure(self, change: NameChange, rcode: dns.rcode.Rcode) -> Result:
        text = dns.rcode.to_text(rcode)
        if rcode in _PREREQUISITE:
            return _result(change, Outcome.CONFLICT, f"the records there are no longer what was last read ({text})")
        if rcode == dns.rcode.SERVFAIL:
            return _result(change, Outcome.FAILED, f"{self._settings.server} answers SERVFAIL to this change")
        causes = {
            dns.rcode.REFUSED: f"allow {self._who()} to write this name and type there",
            dns.rcode.NOTZONE: "a name of it is outside the zone",
            dns.rcode.FORMERR: "a record of it is not valid or too large",
        }
        message = f"{self._settings.server} refuses this change ({text}): {causes.get(rcode, 'see its log')}"
        return _result(change, Outcome.REFUSED, message)


def _result(change: NameChange, outcome: Outcome, message: str = "") -> Result:
    return Result(name=change.name, outcome=outcome, message=message)


def _impossible(changes: Sequence[NameChange]) -> list[Result]:
    """Refusals of those changes that plain record sets cannot express."""
    return [
        _result(change, Outcome.REFUSED, "RFC 2136 has no routing: it holds plain record sets only")
        for change in changes
        if any(record_set.routing for record_set in change.after)
    ]
