"""One root, and below it who must act: the user, time, an administrator, or nobody but a confirming operator."""


class TrafficfedError(Exception):
    """Root of everything trafficfed raises on purpose."""


class ConfigError(TrafficfedError):
    """The user's configuration or input is wrong. The text names the place (``file:line key``) and the fix."""


class AdapterError(ConfigError):
    """A provider or probe kind is unknown, or its optional dependency is not installed."""


class Transient(TrafficfedError):
    """It may work later; nothing was changed. ``retry_after_s`` is what the other side asked for, None if nothing."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(TrafficfedError):
    """The other side said no (credentials, permissions, policy): trying again does not help until someone acts."""


class Fenced(Refused):
    """Another leadership has begun and its fence stands in the zone: nothing more is written there by this one.

    ``term`` is the term that was seen, 0 where none was.
    """

    def __init__(self, message: str, term: int = 0) -> None:
        super().__init__(message)
        self.term = term


class Unsafe(TrafficfedError):
    """A brake: the step is possible but too large to take without an operator's confirmation."""
