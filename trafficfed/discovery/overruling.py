"""What a GlobalService on the hub makes of the annotations of its service: they describe their endpoint only."""

from collections.abc import Iterator

from msgspec.structs import replace

from trafficfed.discovery import claims
from trafficfed.discovery.addresses import canonical_literal
from trafficfed.discovery.annotations import PREFIX
from trafficfed.discovery.claims import Claim
from trafficfed.discovery.declared import HUB, Declaration, Written, refusal
from trafficfed.discovery.guard import Guard
from trafficfed.discovery.hostnames import canonical_hostname
from trafficfed.errors import ConfigError
from trafficfed.model import GlobalService, Refusal, ServiceKey

RULED = ("hostname", "steering", "ttl", "health-check", "target-form")
"""The annotations that speak of the whole service."""


def ruled(claim: Claim, service: GlobalService) -> Claim:
    """A claim as it counts where the hub rules: whatever is reachable offers its endpoint, and stands for all names."""
    kept = [refused for refused in claim.refusals if refused.reason != "NoHostname"]
    if overruled := tuple(_overruled(claim, service)):
        kept.append(_told(claim, overruled))
    return replace(
        claim,
        hostnames=service.hostnames,
        offers=claim.reachable,
        steering=None,
        ttl=None,
        form=None,
        health_check=None,
        broken=tuple([key for key in claim.broken if key not in RULED]),
        refusals=tuple(kept),
    )


def _overruled(claim: Claim, service: GlobalService) -> Iterator[str]:
    """The annotations that say something else than the GlobalService; saying the same is nobody's mistake."""
    if not set(claim.hostnames) <= set(service.hostnames):
        yield "hostname"
    if claim.steering not in (None, service.steering):
        yield "steering"
    if claim.ttl not in (None, service.ttl):
        yield "ttl"
    if claim.health_check is not None and _asked(claim) != _asked_by(service):
        yield "health-check"
    if claim.form not in (None, service.stated_form):
        yield "target-form"


def _asked(claim: Claim) -> tuple[str, int, str, str] | None:
    check = claim.health_check
    return None if check is None else (check.scheme, check.port, check.path, check.host)


def _asked_by(service: GlobalService) -> tuple[str, int, str, str]:
    check = service.health_check
    return check.scheme, check.port, check.path, check.host


def _told(claim: Claim, overruled: tuple[str, ...]) -> Refusal:
    keys = ", ".join(f"{PREFIX}{key}" for key in overruled)
    rules = f"GlobalService {claim.key.namespace}/{claim.key.name} on the hub rules"
    text = f"{rules}: {keys} of this Service {'do' if len(overruled) > 1 else 'does'} not count; write it there"
    return claims.refusal(claim.key, claim.cluster, "Overruled", text)


def unreadable(target: str) -> str:
    """Why an entry of the fallback is neither an address nor a hostname; empty where it is one."""
    try:
        if canonical_literal(target) is None:
            canonical_hostname(target)
    except ConfigError as error:
        return f"fallback {error}; name an address or a hostname"
    return ""


def objections(
    key: ServiceKey, declaration: Declaration | None, written: Written | None, guard: Guard
) -> tuple[Refusal, ...]:
    """What stands against an object of the hub whatever the clusters offer: what it says cannot be read, or may not be
    said. The hub is the claimant: grants name it as ``hub``."""
    mistakes = written.mistakes if written is not None else ()
    found = [refusal(key, reason, message) for reason, message in mistakes]
    fallback = declaration.service.fallback if declaration is not None else ()
    found += [refusal(key, "InvalidFallback", why) for why in map(unreadable, fallback) if why]
    for hostname in declaration.service.hostnames if declaration is not None else ():
        if (zone := guard.zone_of(hostname)) is None:
            fix = "is in no configured zone; use a name inside one, or configure its zone"
            found.append(refusal(key, "OutsideZones", f"{hostname} {fix}"))
        elif not guard.permits(HUB, key.namespace, hostname):
            who = f"namespace {key.namespace} of the hub is not granted {hostname}"
            found.append(refusal(key, "NotGranted", f"{who}; ask for a grant in zone {zone.name} that has it"))
    return tuple(found)
