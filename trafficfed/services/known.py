"""What planning goes by: the table's word on verdicts and members, and each member's part in a Service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trafficfed.model import OperatorControl, Row, ServiceKey, Source
from trafficfed.services.conditions import is_valid
from trafficfed.services.exports import Common, Export
from trafficfed.services.member import Member
from trafficfed.services.reading import Backing, Declared, Slice


@dataclass(slots=True)
class Known:
    """What the table has that decides here: read as it is at the moment."""

    rows: Mapping[ServiceKey, Row]
    sources: Mapping[str, Source]
    controls: Callable[[], tuple[OperatorControl, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """One member's part in a Service: its export, as far as it is one, with what is behind it."""

    member: Member
    declared: Declared
    service: Backing | None
    slices: tuple[Slice, ...] = ()

    @property
    def export(self) -> Export | None:
        if self.service is None or not is_valid(self.service):
            return None
        common = self.service.common
        told = Common(
            type=common.type,
            session_affinity=common.session_affinity,
            affinity_timeout_s=common.affinity_timeout_s,
            ip_families=common.ip_families,
            internal_traffic_policy=common.internal_traffic_policy,
            traffic_distribution=common.traffic_distribution,
            labels=self.declared.labels,
            annotations=self.declared.annotations,
            preference=self.declared.preference,
        )
        return Export(
            cluster=self.member.name, created_s=self.declared.created_s, common=told, ports=self.service.ports
        )
