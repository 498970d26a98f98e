"""Every annotation: what may be written, and what holds where it is wrong."""

from scripts.reference.tables import drawn
from trafficfed.discovery.annotations import ALL

TITLES = ("key", "value", "default", "applies to")
TITLES_OF_FALLBACKS = ("annotation", "endpoint or service that is known", "new one")


def table() -> str:
    return drawn(TITLES, ((f"`{each.key}`", each.value, each.default, each.scope) for each in ALL))


def table_of_fallbacks() -> str:
    return drawn(TITLES_OF_FALLBACKS, ((f"`{each.key}`", each.held, each.new) for each in ALL))
