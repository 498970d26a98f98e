"""What ``trafficfed check`` shows."""

from trafficfed.observe.views import View


class FindingView(View, frozen=True, kw_only=True):
    """One thing looked at. ``level`` is good, doubt (it works, but) or bad (clients get no or wrong answers)."""

    subject: str
    level: str
    text: str


class CheckView(View, frozen=True, kw_only=True):
    """A zone's standing in the DNS. ``add`` and ``remove`` are lines of the parent's zone file."""

    zone: str
    parent: str = ""
    right: bool = True
    findings: tuple[FindingView, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
