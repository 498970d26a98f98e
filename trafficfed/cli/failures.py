"""Errors -> exit codes, as ``trafficfed --help`` documents them."""

from trafficfed.errors import ConfigError, TrafficfedError, Transient

EXIT_FOUND = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Unreachable(Transient):
    """No controller answered."""


def exit_code(error: TrafficfedError) -> int:
    """The code a command ends with for want of something it needs.

    >>> exit_code(ConfigError("wrong")), exit_code(Unreachable("gone")), exit_code(Transient("later"))
    (2, 3, 1)
    """
    if isinstance(error, Unreachable):
        return EXIT_UNREACHABLE
    return EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FOUND
