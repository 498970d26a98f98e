"""What one vantage is told, as a frozen value."""

from trafficfed.model import Value


class ProberSettings(Value, frozen=True, kw_only=True):
    """Everything a prober process needs.

    ``name`` is the vantage's own, unique among all; ``cluster`` the member it runs in (it does not vote on that one's
    endpoints), ``region`` where it is, both empty where not stated. ``controllers`` are their feeds (``host:port``),
    in order of preference; ``key`` is the secret shared with them. ``metrics`` is an ``address:port`` for Prometheus,
    empty = none. ``level`` and ``format`` are those of its log; ``warnings`` are lines to begin it with.
    """

    name: str
    controllers: tuple[str, ...]
    key: bytes
    cluster: str = ""
    region: str = ""
    metrics: str = ""
    level: str = "info"
    format: str = "auto"
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Everything but the key, which must reach no log.

        >>> "secret" in repr(ProberSettings(name="eu-1", controllers=(), key=b"secret"))
        False
        """
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "key")
        return f"ProberSettings({', '.join(shown)})"
