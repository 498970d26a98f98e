"""Guardrails (law 11): which zone a hostname belongs to, who may claim it, and which addresses may stand behind it."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TypeVar

from trafficfed.discovery.addresses import Network, forbidden_block, parse_address, parse_network
from trafficfed.discovery.annotations import Targets
from trafficfed.errors import ConfigError
from trafficfed.model import Cluster, Grant, Zone

Q = TypeVar("Q")
A = TypeVar("A")

_REMEMBERED = 65536


class Guard:
    """Zones and clusters, compiled once: asked on every fold. Raises ConfigError for a range that is none."""

    def __init__(self, clusters: Mapping[str, Cluster], zones: Sequence[Zone]) -> None:
        self._zones = {zone.name: zone for zone in zones}
        self._publish = {zone.name: tuple(map(parse_network, zone.publish)) for zone in zones}
        self._offers = {name: tuple(map(parse_network, cluster.offers)) for name, cluster in clusters.items()}
        self._zone_of: dict[str, Zone | None] = {}
        self._permitted: dict[tuple[str, str, str], bool] = {}
        self._objections: dict[tuple[str, str, str], str] = {}

    def zone_of(self, hostname: str) -> Zone | None:
        """The zone with the longest matching name, by whole labels: a zone beneath another one rules its own names."""
        try:
            return self._zone_of[hostname]
        except KeyError:
            return _remember(self._zone_of, hostname, self._find_zone(hostname))

    def _find_zone(self, name: str) -> Zone | None:
        while name:
            if (zone := self._zones.get(name)) is not None:
                return zone
            name = name.partition(".")[2]
        return None

    def is_apex(self, hostname: str) -> bool:
        """Whether a name is a zone's own, where no CNAME may stand (RFC 1034 section 3.6.2)."""
        return hostname in self._zones

    def permits(self, cluster: str, namespace: str, hostname: str) -> bool:
        """Whether any grant of the hostname's zone lets this namespace of this cluster claim it."""
        question = (cluster, namespace, hostname)
        try:
            return self._permitted[question]
        except KeyError:
            zone = self.zone_of(hostname)
            answer = zone is not None and (
                zone.open or any(_grants(grant, cluster, namespace, hostname) for grant in zone.grants)
            )
            return _remember(self._permitted, question, answer)

    def objection(self, address: str, cluster: str, hostname: str) -> str:
        """Why an address of a cluster must not stand behind a hostname; empty where it may."""
        zone = self.zone_of(hostname)
        if zone is None:
            return f"{hostname} is in no configured zone"
        question = (address, cluster, zone.name)
        try:
            return self._objections[question]
        except KeyError:
            return _remember(self._objections, question, self._judge(address, cluster, zone))

    def lets_through(self, targets: Targets, cluster: str, hostnames: Sequence[str]) -> bool:
        """Whether any of the targets may stand behind all the hostnames; where a load balancer's name leads is seen
        only when it is resolved."""
        if targets.hostnames:
            return True
        for address in targets.addresses:
            for hostname in hostnames:
                if self.objection(address, cluster, hostname):
                    break
            else:
                return True
        return False

    def _judge(self, text: str, cluster: str, zone: Zone) -> str:
        try:
            address = parse_address(text)
        except ConfigError as error:
            return str(error)
        publish, offers = self._publish[zone.name], self._offers.get(cluster, ())
        listed = [network for network in publish if address in network]
        block = forbidden_block(address)
        if block is not None and not any(_is_within(network, block[1]) for network in listed):
            return f"{text} is a {block[0]} address; list {block[1]} in publish of zone {zone.name} if that is meant"
        if publish and not listed:
            return f"{text} is outside publish of zone {zone.name}"
        if offers and not any(address in network for network in offers):
            return f"{text} is outside offers of cluster {cluster}"
        return ""


def _remember(memory: dict[Q, A], question: Q, answer: A) -> A:
    """Answers never change while a Guard lives; the bound is against names and addresses without end."""
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[question] = answer
    return answer


def _is_within(network: Network, block: Network) -> bool:
    """A wide range such as 0.0.0.0/0 does not list loopback by accident: only a range inside the block does.

    >>> _is_within(parse_network("127.1.0.0/16"), parse_network("127.0.0.0/8"))
    True
    >>> _is_within(parse_network("0.0.0.0/0"), parse_network("127.0.0.0/8"))
    False
    """
    return (
        network.version == block.version and network.prefixlen >= block.prefixlen and network.network_address in block
    )


def _grants(grant: Grant, cluster: str, namespace: str, hostname: str) -> bool:
    return (
        (not grant.clusters or cluster in grant.clusters)
        and (not grant.namespaces or namespace in grant.namespaces)
        and (not grant.names or any(_covers(pattern.lower(), hostname) for pattern in grant.names))
    )


def _covers(pattern: str, hostname: str) -> bool:
    """Shell patterns, whose * also crosses dots. A wildcard hostname answers for every name beneath it, so a pattern
    must cover all those: ``?.example.org`` and ``www.example.org`` do not cover ``*.example.org``.

    >>> _covers("*.example.org", "www.eu.example.org"), _covers("*.example.org", "*.example.org")
    (True, True)
    >>> _covers("?.example.org", "*.example.org")
    False
    """
    if hostname.startswith("*") and not pattern.startswith("*"):
        return False
    return fnmatch.fnmatchcase(hostname, pattern)
