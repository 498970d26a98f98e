"""What is right and what is wrong about a zone's delegation: a pure function of what was seen."""

from collections.abc import Iterator

from trafficfed.delegation.report import CheckView, FindingView
from trafficfed.delegation.seen import Glue, ServerSeen, SoaSeen, Wanted, ZoneSeen

TTL_S = 3600
"""Of the lines to add: short enough to mend a mistake within the hour. Parents often set their own."""


def check(seen: ZoneSeen, wanted: Wanted) -> CheckView:
    """Every finding, in the order of a resolver's way: parent, glue, servers, content."""
    found = (
        *_delegation(seen, wanted),
        *_glue(seen, wanted),
        *_servers(seen),
        *_soa(seen),
        *_signatures(seen),
        _caa(seen),
    )
    names = nameservers(seen, wanted)
    return CheckView(
        zone=seen.zone,
        parent=seen.parent.server,
        right=all(each.level != "bad" for each in found),
        findings=found,
        add=tuple(_missing(seen, wanted)) if seen.parent.server else tuple(_lines(seen, wanted)),
        remove=tuple(_ns(seen.zone, each) for each in seen.parent.nameservers if names and each not in names),
    )


def nameservers(seen: ZoneSeen, wanted: Wanted) -> tuple[str, ...]:
    """The name servers that the zone should have: those configured, else those it names itself, else the parent's."""
    own = next((each.nameservers for each in seen.servers if each.serves and each.nameservers), ())
    return tuple(sorted(wanted.nameservers or own or seen.parent.nameservers))


def needs_glue(name: str, zone: str) -> bool:
    """Whether a name server cannot be found without its address at the parent (RFC 9471 section 2).

    >>> needs_glue("ns1.fed.test", "fed.test"), needs_glue("ns.other.test", "fed.test")
    (True, False)
    """
    return name == zone or name.endswith(f".{zone}")


def _good(subject: str, text: str) -> FindingView:
    return FindingView(subject=subject, level="good", text=text)


def _doubt(subject: str, text: str) -> FindingView:
    return FindingView(subject=subject, level="doubt", text=text)


def _bad(subject: str, text: str) -> FindingView:
    return FindingView(subject=subject, level="bad", text=text)


# ---------------------------------------------------------------- the parent


def _delegation(seen: ZoneSeen, wanted: Wanted) -> Iterator[FindingView]:
    parent, names = seen.parent, nameservers(seen, wanted)
    if not parent.server:
        yield _bad("delegation", "no name server of the parent zone answers; name one with --parent")
        return
    if not parent.nameservers:
        yield _bad("delegation", f"the parent, asked at {parent.server}, does not delegate the zone: nobody finds it")
        return
    missing = [each for each in names if each not in parent.nameservers]
    surplus = [each for each in parent.nameservers if each not in names]
    if missing or surplus:
        said = [f"lacks {', '.join(missing)}"] if missing else []
        said += [f"has {', '.join(surplus)}, which the zone has not"] if surplus else []
        yield _bad("delegation", f"the parent {'; it '.join(said)}")
    else:
        yield _good("delegation", f"{', '.join(names)}, at the parent as in the zone")
    if len(names) == 1:
        yield _doubt("delegation", "one name server only: when it is gone, so are the names (RFC 2182 section 5)")


def _glue(seen: ZoneSeen, wanted: Wanted) -> Iterator[FindingView]:
    for name in seen.parent.nameservers:
        if not needs_glue(name, seen.zone):
            continue
        there, right = _of(seen.parent.glue, name), _addresses(seen, wanted, name)
        if not there:
            yield _bad("glue", f"the parent has no address of {name}, which lies in the zone: resolvers cannot find it")
        elif right and set(there) != set(right):
            yield _bad("glue", f"the parent has {', '.join(there)} for {name}, the zone {', '.join(right)}")
        else:
            yield _good("glue", f"{name} is {', '.join(there)}")


def _addresses(seen: ZoneSeen, wanted: Wanted, name: str) -> tuple[str, ...]:
    return _of(wanted.addresses, name) or _of(seen.addresses, name)


def _of(glue: tuple[Glue, ...], name: str) -> tuple[str, ...]:
    return tuple(sorted(address for owner, address in glue if owner == name))


def _lines(seen: ZoneSeen, wanted: Wanted) -> Iterator[str]:
    """The whole delegation as lines of the parent's zone file."""
    names = nameservers(seen, wanted)
    yield from (_ns(seen.zone, name) for name in names)
    for name in names:
        if needs_glue(name, seen.zone):
            yield from (_address(name, each) for each in _addresses(seen, wanted, name))


def _missing(seen: ZoneSeen, wanted: Wanted) -> Iterator[str]:
    there = {_ns(seen.zone, name) for name in seen.parent.nameservers}
    there |= {_address(name, address) for name, address in seen.parent.glue}
    yield from (line for line in _lines(seen, wanted) if line not in there)


def _ns(zone: str, name: str) -> str:
    return f"{zone}. {TTL_S} IN NS {name}."


def _address(name: str, address: str) -> str:
    return f"{name}. {TTL_S} IN {'AAAA' if ':' in address else 'A'} {address}"


# ---------------------------------------------------------------- its name servers


def _servers(seen: ZoneSeen) -> Iterator[FindingView]:
    found = {each.name for each in seen.servers}
    for name in seen.parent.nameservers:
        if name not in found:
            yield _bad(name, "has no address, so nobody can ask it")
    for server in seen.servers:
        yield _server(server)


def _server(server: ServerSeen) -> FindingView:
    subject = f"{server.name or 'configured'} {server.address}"
    wrong = [f"{way}: {why}" for way, soa in (("UDP", server.udp), ("TCP", server.tcp)) if (why := _lame(soa))]
    if wrong:
        return _bad(subject, "; ".join(wrong))
    return _good(subject, f"answers over UDP and TCP, serial {server.udp.serial if server.udp else 0}")


def _lame(soa: SoaSeen | None) -> str:
    if soa is None:
        return "no answer"
    if soa.rcode != "NOERROR":
        return f"says {soa.rcode}"
    if not soa.authoritative or not soa.serial:
        return "does not serve the zone"
    return ""


def _soa(seen: ZoneSeen) -> Iterator[FindingView]:
    serving = [each for each in seen.servers if each.serves]
    serials = sorted({each.udp.serial for each in serving if each.udp is not None})
    if len(serials) > 1:
        yield _doubt(
            "SOA",
            f"serials differ: {_by_serial(serving)}; well where a change is on its way, or where these"
            " are name servers of our own, which count by themselves",
        )
    elif serials:
        yield _good("SOA", f"all have serial {serials[0]}")
    sets = {each.nameservers for each in serving if each.nameservers}
    if len(sets) > 1:
        said = "; ".join(f"{each.address} has {', '.join(each.nameservers)}" for each in serving)
        yield _bad("NS", f"the name servers disagree about who they are: {said}")


def _by_serial(serving: list[ServerSeen]) -> str:
    return ", ".join(f"{each.address} has {each.udp.serial}" for each in serving if each.udp is not None)


# ---------------------------------------------------------------- what else decides whether a name is of use


def _signatures(seen: ZoneSeen) -> Iterator[FindingView]:
    if seen.parent.signed and not seen.signed:
        yield _bad("DNSSEC", "the parent has DS records, but the zone is not signed: validating resolvers refuse it")
    elif seen.parent.signed:
        yield _good("DNSSEC", "signed, and the parent says so")
    elif seen.signed:
        yield _doubt("DNSSEC", "the zone is signed, but the parent has no DS records, so nobody checks it")


def _caa(seen: ZoneSeen) -> FindingView:
    caa = seen.caa
    if caa.records:
        return _good("CAA", f"{'; '.join(caa.records)} (at {caa.at})")
    if not caa.known:
        return _doubt("CAA", "not known: nobody answered for all the names above the zone")
    return _good("CAA", "none, so any authority may issue certificates (RFC 8659 section 3)")
