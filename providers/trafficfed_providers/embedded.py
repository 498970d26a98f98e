"""The embedded name server as a provider: it expresses every decision, and takes them from the feed, not from here."""

from collections.abc import Mapping, Sequence
from typing import NoReturn, Self

from trafficfed.errors import ConfigError, Refused
from trafficfed.model import Capabilities, NameChange, RecordSet, Result


class Embedded:
    """States what our own name servers can do, so that lowering loses nothing for them.

    They hold whole decisions, rules and weights included, and receive them by the table's feed. There are no record
    sets to read or to write here: whoever tries has wired it wrongly and is told so.
    """

    capabilities = Capabilities(
        weighted=True,
        geo=("network", "subdivision", "country", "continent", "any"),
        failover=True,
        health=False,
        alias=False,
        ttl_floor=0,
        batch=1_000_000,
        rate_per_s=0.0,
        atomicity="batch",
        fence="atomic",
    )

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, object]) -> Self:
        """It has no settings of its own: the name server process has. Raises ConfigError for any."""
        if settings:
            raise ConfigError(
                f"providers.{name}: embedded has no setting {', '.join(sorted(settings))}; write it under nameserver"
            )
        return cls()

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        """Raises Refused."""
        self._refuse(zone)

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        """Raises Refused."""
        self._refuse(zone)

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        """Raises Refused."""
        self._refuse(zone)

    async def close(self) -> None:
        """Nothing is open."""

    @staticmethod
    def _refuse(zone: str) -> NoReturn:
        raise Refused(f"zone {zone}: the embedded name server holds decisions, not record sets; it follows the feed")
