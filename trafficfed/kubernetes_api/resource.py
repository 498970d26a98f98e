"""The watched kinds and where an API server keeps them."""

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from trafficfed.kubernetes_api.wire import EndpointSlice, Node, Service, Watched

T = TypeVar("T", bound=Watched)


@dataclass(frozen=True, slots=True)
class Resource(Generic[T]):
    """One kind: its path over all namespaces and the slim shape it is read into."""

    path: str
    kind: type[T]

    @property
    def any_kind(self) -> type[Watched]:
        """The same kind for events that carry no object: type checkers see no union in a bound variable."""
        return cast(type[Watched], self.kind)

    @property
    def name(self) -> str:
        """For messages: ``Service``."""
        return self.kind.__name__


SERVICES = Resource("/api/v1/services", Service)
ENDPOINT_SLICES = Resource("/apis/discovery.k8s.io/v1/endpointslices", EndpointSlice)
NODES = Resource("/api/v1/nodes", Node)
