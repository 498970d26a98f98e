"""The view of one cluster: a reflector for each watched kind, and nothing that goes wrong in it gets out."""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Never, TypeVar

from trafficfed.kubernetes_api.backoff import Backoff, Recovery
from trafficfed.kubernetes_api.reflector import Reflector
from trafficfed.kubernetes_api.resource import ENDPOINT_SLICES, NODES, SERVICES, Resource
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Event, Lost, Watched
from trafficfed.model import Refusal
from trafficfed.ports import Clock
from trafficfed.reports import RefusalCleared, Report, ReportEvent, ServiceRefused

T = TypeVar("T", bound=Watched)


def _tell_nobody(event: ReportEvent) -> None:
    pass


class ClusterWatch:
    """Watches Services, EndpointSlices and Nodes of one cluster and tells ``sink`` with the cluster's name.

    ``report`` is told of objects that cannot be read.
    """

    def __init__(
        self,
        name: str,
        transport: Reader,
        sink: Callable[[str, Event], None],
        clock: Clock,
        report: Report = _tell_nobody,
        random: Random | None = None,
    ) -> None:
        self.name = name
        self._transport, self._sink, self._clock, self._report = transport, sink, clock, report
        self._random = random or Random()
        self._recovery = Recovery()
        self._refusals: dict[tuple[str, str], Refusal] = {}

    async def run(self) -> None:
        """For ever, until cancelled. Raises nothing that a cluster could cause."""
        async with asyncio.TaskGroup() as tasks:
            for start in (self._keep(SERVICES), self._keep(ENDPOINT_SLICES), self._keep(NODES)):
                tasks.create_task(start, name=f"watch of cluster {self.name}")

    async def _keep(self, resource: Resource[T]) -> Never:
        backoff = Backoff()
        while True:
            try:
                await self._reflector(resource).run()
            except Exception as error:
                # The one supervisor: a mistake of ours met in one cluster must not end the views of the others.
                logging.getLogger(__name__).exception("watch of %ss in cluster %s failed", resource.name, self.name)
                self._sink(self.name, Lost(resource.any_kind, f"internal error: {type(error).__name__}: {error}"))
            await asyncio.sleep(backoff.delay_s(self._random))
            backoff = backoff.after()

    def _reflector(self, resource: Resource[T]) -> Reflector[T]:
        def sink(event: Event) -> None:
            self._sink(self.name, event)

        def unreadable(key: str, error: str) -> None:
            self._tell_unreadable(f"{resource.name} {key}", error)

        return Reflector(
            self._transport, resource, sink, self._clock, unreadable, self._random, recovery=self._recovery
        )

    def _tell_unreadable(self, name: str, error: str) -> None:
        before = self._refusals.pop((self.name, name), None)
        if before is not None:
            self._report(RefusalCleared(before))
        if error:
            refusal = Refusal(
                cluster=self.name,
                object=name,
                reason="Unreadable",
                message=f"{error}; its last readable state is kept: correct the object or upgrade trafficfed",
            )
            self._refusals[self.name, name] = refusal
            self._report(ServiceRefused(refusal))
