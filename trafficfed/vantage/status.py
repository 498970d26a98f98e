"""What a prober shows of itself."""

from trafficfed.model import Value


class Numbers(Value, frozen=True, kw_only=True):
    """Everything that its metrics show; ``controllers`` are (address, connected, results not sent yet)."""

    passed: int
    failed: int
    impossible: int
    services: int
    targets: int
    in_flight: int
    waiting: int
    followed: bool
    dropped: int
    controllers: tuple[tuple[str, bool, int], ...]
