"""Steps in members as they end: how many, and how long after what caused them."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from trafficfed.propagation.outcome import DONE, Ended

# An edit is in a near member within some 15 ms; a burst, a far member and one that comes back take longer.
APPLIED_S = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0)


class StepMetrics:
    """``trafficfed_PART_steps`` and ``trafficfed_PART_event_to_applied_seconds``; ``ended`` is a Listener."""

    def __init__(self, registry: CollectorRegistry, part: str, steps: str, delay: str) -> None:
        """``steps`` and ``delay`` say what is counted."""
        labels = ("cluster", "step", "outcome")
        self.steps = Counter(f"trafficfed_{part}_steps", steps, labels, registry=registry)
        self.delay = Histogram(
            f"trafficfed_{part}_event_to_applied_seconds", delay, ("cluster",), buckets=APPLIED_S, registry=registry
        )

    def ended(self, ended: Ended) -> None:
        """One step ended."""
        self.steps.labels(ended.cluster, ended.step, ended.outcome).inc()
        if ended.outcome == DONE and ended.since_event_s is not None:
            self.delay.labels(ended.cluster).observe(ended.since_event_s)
