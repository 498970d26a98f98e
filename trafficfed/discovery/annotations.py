"""What a user wrote on an object, as values: each annotation read on its own, so that a bad one harms only itself.

A bad annotation is never read as its absence: it is named in ``broken``, and the fold goes on with what the
table has. Without a row it goes on with what harms nobody: see ``FALLBACKS``.
"""

from collections.abc import Callable, Mapping

from trafficfed.discovery.addresses import canonical_literal
from trafficfed.discovery.healthcheck_url import parse_health_check
from trafficfed.discovery.hostnames import canonical_hostname, claimed_hostname, quoted
from trafficfed.errors import ConfigError
from trafficfed.model import Form, HealthCheck, Value

PREFIX = "trafficfed.io/"

ORDERING = ("geo", "failover")
PICKING = ("weighted", "multivalue")

LARGEST = 65535
"""Of weight and tier: 16 bits, as weight and priority of SRV (RFC 2782)."""

LONGEST_TTL = 2**31 - 1
"""Seconds (RFC 2181 section 8)."""

WRITTEN_BY_US = frozenset({f"{PREFIX}content-hash"})
"""What propagation puts on its copies: nothing that a user says."""

FALLBACKS = {
    "hostname": "names that the table has stay, no other is claimed",
    "steering": "the table's steering holds, multivalue for a new service",
    "weight": "the table's weight holds, 0 for a new endpoint (it serves only where nothing else does)",
    "tier": f"the table's tier holds, {LARGEST} for a new endpoint (it stands by behind all others)",
    "health-check": "the table's check holds, a TCP connection to the first port for a new endpoint",
    "ttl": "the table's TTL holds, 30 for a new service",
    "target": "the table's addresses hold, a new endpoint waits",
    "drain": "the table's setting holds, a new endpoint stays drained",
    "target-form": "the form follows the endpoints",
    "traffic-policy": "only the other annotations count",
}


class Targets(Value, frozen=True):
    """Where an endpoint is reached: IP literals and hostnames, both canonical, sorted, without duplicates."""

    addresses: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.addresses or self.hostnames)


class Mistake(Value, frozen=True):
    """One annotation that was not taken: its key without the prefix, a reason code, and what to do."""

    key: str
    reason: str
    message: str


class Stated(Value, frozen=True, kw_only=True):
    """The annotations of one object; None where it says nothing, or nothing usable (then the key is ``broken``).

    ``hostnames`` keeps the usable entries of a list even where another entry broke the key.
    """

    hostnames: tuple[str, ...] | None = None
    steering: tuple[str, ...] | None = None
    weight: int | None = None
    tier: int | None = None
    health_check: HealthCheck | None = None
    ttl: int | None = None
    target: Targets | None = None
    drained: bool | None = None
    form: Form | None = None
    broken: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()


def read_annotations(annotations: Mapping[str, str] | None) -> Stated | None:
    """All of ours on one object, None where there is none.

    >>> read_annotations({"trafficfed.io/hostname": "www.example.org", "trafficfed.io/ttl": "60"}).ttl
    60
    """
    stated = {key: text for key, text in (annotations or {}).items() if key not in WRITTEN_BY_US}
    ours = {key[len(PREFIX) :]: text for key, text in stated.items() if key.startswith(PREFIX)}
    if not ours:
        return None
    found: dict[str, object] = {}
    mistakes: list[Mistake] = []
    for key, text in sorted(ours.items()):
        if key == "hostname":
            found["hostnames"] = _hostnames(text, mistakes)
        elif key in _PARSERS:
            field, parse = _PARSERS[key]
            try:
                found[field] = parse(text.strip())
            except ConfigError as error:
                mistakes.append(_mistake(key, "InvalidAnnotation", str(error)))
        else:
            mistakes.append(_unknown(key, text))
    broken = sorted({mistake.key for mistake in mistakes if mistake.reason == "InvalidAnnotation"})
    return Stated(broken=tuple(broken), mistakes=tuple(mistakes), **found)  # type: ignore[arg-type] # fields by name


def _mistake(key: str, reason: str, what: str) -> Mistake:
    fallback = f"; until then {FALLBACKS[key]}" if key in FALLBACKS else ""
    return Mistake(key, reason, f"{PREFIX}{key}: {what}{fallback}")


def _unknown(key: str, text: str) -> Mistake:
    if key == "traffic-policy":
        what = f"{quoted(text)} cannot be used: this version has no TrafficPolicy objects; remove the annotation"
        return _mistake(key, "NotSupported", f"{what} and annotate the settings themselves")
    known = ", ".join(sorted(("hostname", *_PARSERS)))
    return Mistake(key, "UnknownAnnotation", f"{quoted(PREFIX + key)} is not known; known here are {known}")


def _hostnames(text: str, mistakes: list[Mistake]) -> tuple[str, ...]:
    """Comma list; each entry stands for itself, an empty one (a trailing comma) is nobody's mistake."""
    names: dict[str, None] = {}
    entries = [entry for part in text.split(",") if (entry := part.strip())]
    for entry in entries:
        try:
            names[claimed_hostname(entry)] = None
        except ConfigError as error:
            mistakes.append(_mistake("hostname", "InvalidAnnotation", f"{error}; write e.g. www.example.org"))
    if not entries:
        what = f"{quoted(text)} names nothing; write a hostname, or remove the annotation to withdraw"
        mistakes.append(_mistake("hostname", "InvalidAnnotation", what))
    return tuple(names)


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        # int() alone would also take signs, underscores and digits of other scripts
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and least <= int(text) <= most):
            raise ConfigError(f"{quoted(text)} is not a whole number from {least} to {most}")
        return int(text)

    return parse


def _drain(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ConfigError(f'{quoted(text)} is neither "true" nor "false"')
    return text.lower() == "true"


def _steering(text: str) -> tuple[str, ...]:
    words = tuple(word.strip().lower() for word in text.split(","))
    for word in words:
        if word not in (*ORDERING, *PICKING):
            known = ", ".join((*ORDERING, *PICKING))
            raise ConfigError(f"{quoted(word)} in {quoted(text)} is not supported; this version has {known}")
    if len(set(words)) < len(words):
        raise ConfigError(f"{quoted(text)} has a word twice; name each once")
    if any(word in PICKING for word in words[:-1]):
        raise ConfigError(f"{quoted(text)}: {' or '.join(PICKING)} ends a chain, as in geo,failover,weighted")
    return words


def _target(text: str) -> Targets:
    """One bad entry spoils the list: what was meant by the rest of it is not known."""
    addresses, hostnames = set(), set()
    for entry in (part.strip() for part in text.split(",")):
        if (literal := canonical_literal(entry)) is not None:
            addresses.add(literal)
        else:
            hostnames.add(canonical_hostname(entry))
    return Targets(tuple(sorted(addresses)), tuple(sorted(hostnames)))


def _form(text: str) -> Form:
    if text.lower() not in tuple(Form):
        raise ConfigError(f"{quoted(text)} is neither {' nor '.join(Form)}")
    return Form(text.lower())


_PARSERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "steering": ("steering", _steering),
    "weight": ("weight", _whole_number(0, LARGEST)),
    "tier": ("tier", _whole_number(0, LARGEST)),
    "health-check": ("health_check", parse_health_check),
    "ttl": ("ttl", _whole_number(1, LONGEST_TTL)),
    "target": ("target", _target),
    "drain": ("drained", _drain),
    "target-form": ("form", _form),
}
