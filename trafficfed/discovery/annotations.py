"""What a user wrote on an object, as values: each annotation read on its own, so that a bad one harms only itself.

A bad annotation is never read as its absence: it is named in ``broken``, and the fold goes on with what the
table has. Without a row it goes on with what harms nobody: see ``ALL``.
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

WRITTEN_BY_US = frozenset({f"{PREFIX}{key}" for key in ("content-hash", "marked-by", "marks")})
"""What propagation puts on its copies, and exports on their Services: nothing that a user says."""


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
        elif (known := _BY_KEY.get(key)) and known.parse:
            try:
                found[known.field] = known.parse(text.strip())
            except ConfigError as error:
                mistakes.append(_mistake(key, "InvalidAnnotation", str(error)))
        else:
            mistakes.append(_unknown(key, text))
    broken = sorted({mistake.key for mistake in mistakes if mistake.reason == "InvalidAnnotation"})
    return Stated(broken=tuple(broken), mistakes=tuple(mistakes), **found)  # type: ignore[arg-type] # fields by name


def _mistake(key: str, reason: str, what: str) -> Mistake:
    fallback = _BY_KEY[key].fallback
    return Mistake(key, reason, f"{PREFIX}{key}: {what}; until then {fallback}")


def _unknown(key: str, text: str) -> Mistake:
    if key == "traffic-policy":
        what = f"{quoted(text)} cannot be used: this version has no TrafficPolicy objects; remove the annotation"
        return _mistake(key, "NotSupported", f"{what} and annotate the settings themselves")
    known = ", ".join(sorted(each.key for each in ALL if each.scope))
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


SERVICE = "the whole service"
ENDPOINT = "this cluster's endpoint"
"""What an annotation speaks of."""

SAME = "the same"


class Annotation(Value, frozen=True, kw_only=True):
    """One that we read. The words are for the reference: what may be written, what holds without, for what it is, and
    what holds where it is wrong for what is known and for what is new. Without ``parse`` it is read in another way."""

    key: str
    field: str = ""
    parse: Callable[[str], object] | None = None
    value: str
    default: str = ""
    scope: str = ""
    held: str
    new: str

    @property
    def fallback(self) -> str:
        """What holds where it is wrong, as a part of a sentence."""
        new = "" if self.new == SAME else f" (of what is new: {self.new})"
        return f"{self.held}{new}".replace("`", "")


ALL = (
    Annotation(
        key="hostname",
        value="one or more names, separated by commas",
        default="required",
        scope=SERVICE,
        held="names held stay, good entries of the list are taken, nothing else is claimed",
        new="good entries are taken",
    ),
    Annotation(
        key="steering",
        field="steering",
        parse=_steering,
        value=f"a chain of {', '.join(f'`{word}`' for word in (*ORDERING, *PICKING))}",
        default="`multivalue`",
        scope=SERVICE,
        held="the steering held stays",
        new="`multivalue`",
    ),
    Annotation(
        key="weight",
        field="weight",
        parse=_whole_number(0, LARGEST),
        value=f"whole number from 0 to {LARGEST}",
        default="100",
        scope=ENDPOINT,
        held="the weight held stays",
        new="0: it serves only where nothing else does",
    ),
    Annotation(
        key="tier",
        field="tier",
        parse=_whole_number(0, LARGEST),
        value=f"whole number from 0 to {LARGEST}; 0 serves first",
        default="0",
        scope=ENDPOINT,
        held="the tier held stays",
        new=f"{LARGEST}, behind all others",
    ),
    Annotation(
        key="health-check",
        field="health_check",
        parse=parse_health_check,
        value="`http://:PORT/PATH`, `https://:PORT/PATH` or `tcp://:PORT`",
        default="TCP to the first port",
        scope=f"{ENDPOINT}, and clusters that state none",
        held="the check held stays",
        new="the service's check, else TCP to the first port",
    ),
    Annotation(
        key="ttl",
        field="ttl",
        parse=_whole_number(1, LONGEST_TTL),
        value=f"seconds, whole number from 1 to {LONGEST_TTL}",
        default="30",
        scope=SERVICE,
        held="the TTL held stays",
        new="30",
    ),
    Annotation(
        key="target",
        field="target",
        parse=_target,
        value="IP addresses or hostnames, separated by commas",
        default="what the Service itself shows",
        scope=ENDPOINT,
        held="the addresses held stay",
        new="the endpoint waits",
    ),
    Annotation(
        key="drain",
        field="drained",
        parse=_drain,
        value="`true` or `false`",
        default="`false`",
        scope=ENDPOINT,
        held="the setting held stays",
        new="drained",
    ),
    Annotation(
        key="target-form",
        field="form",
        parse=_form,
        value=" or ".join(f"`{form}`" for form in Form),
        default="follows the endpoints",
        scope=SERVICE,
        held="the form held stays",
        new="follows the endpoints",
    ),
    Annotation(
        key="traffic-policy",
        value="reserved; refused in this version",
        held="only the other annotations count",
        new=SAME,
    ),
)
_BY_KEY = {each.key: each for each in ALL}
