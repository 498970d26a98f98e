"""Every zone at every provider that records are written to: whether it is reached, and what waits for it."""

from collections.abc import Callable, Collection

from trafficfed.model import Value
from trafficfed.observe.exposition import Family


class OutletState(Value, frozen=True, kw_only=True):
    """``reached``: the last that was asked of the provider was done. ``since_s``: the event behind the oldest change
    that is not made yet, in UTC seconds, None where nothing waits. ``calls``: call, outcome, and how often.
    ``requests_left`` of the provider's budget, None where it has none."""

    provider: str
    zone: str
    leads: bool = True
    reached: bool = False
    names: int = 0
    waiting: int = 0
    since_s: float | None = None
    requests_left: float | None = None
    calls: tuple[tuple[str, str, int], ...] = ()


def of_outlets(outlets: Collection[OutletState]) -> tuple[Family, ...]:
    """Who does not lead writes nothing and waits for nothing: of it there are the calls alone."""
    leading = [outlet for outlet in outlets if outlet.leads]

    def family(name: str, text: str, value: Callable[[OutletState], float | None]) -> Family:
        numbers = (((outlet.provider, outlet.zone), value(outlet)) for outlet in leading)
        samples = ((labels, float(number)) for labels, number in numbers if number is not None)
        return Family(f"trafficfed_provider_{name}", text, ("provider", "zone"), samples)

    return (
        family(
            "reached",
            "1 where the provider did what the leader last asked of it. Alert where it stays 0.",
            lambda it: it.reached,
        ),
        family("names", "Names there that are ours, as the leader knows.", lambda it: it.names),
        family("waiting_services", "Services that the leader still has to plan or write.", lambda it: it.waiting),
        family(
            "oldest_change_timestamp_seconds",
            (
                "When the event was behind the oldest change not made yet, held ones not counted; absent where "
                "nothing waits."
            ),
            lambda it: it.since_s,
        ),
        family(
            "requests_left",
            (
                "Requests that the leader's budget lets go at once; below 0 as many wait their turn. Only of "
                "providers whose vendor limits them, one budget for all zones."
            ),
            lambda it: it.requests_left,
        ),
        _calls(outlets),
    )


def _calls(outlets: Collection[OutletState]) -> Family:
    samples = (
        ((outlet.provider, outlet.zone, call, outcome), float(count))
        for outlet in outlets
        for call, outcome, count in sorted(outlet.calls)
    )
    text = (
        "Times a provider was asked to read a zone, to read_names or to apply changes, the fence "
        "included: Done, Transient, Refused, or Broken (cut off, or a fault of the adapter). One may take"
        " several requests."
    )
    return Family("trafficfed_provider_calls_total", text, ("provider", "zone", "call", "outcome"), samples, "counter")
