"""What a name server has to tell, as values; the process decides who reads them."""

from collections.abc import Callable

from trafficfed.model import Value


class Note(Value, frozen=True):
    """One thing that happened. ``event`` is a CamelCase code that stays the same, ``message`` a sentence."""

    event: str
    message: str


Tell = Callable[[Note], None]
