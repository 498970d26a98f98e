"""What should stand of one import in one member: the import, its derived Service, and other clusters' endpoints. Pure.

The derived Service gives the address of the clusterset (KEP-1645, "ClusterSetIP"); its EndpointSlices are copies, one
of each slice of each exporting cluster, so that a change of one endpoint writes one object, and no copy is ever larger
than an API server allows its original to be.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import orjson

from trafficfed.model import Value
from trafficfed.propagation.objects import TemplateKind
from trafficfed.services import kinds as words
from trafficfed.services.exports import ImportType, Merged, Port
from trafficfed.services.kinds import SERVICE, SLICE
from trafficfed.services.reading import FAMILIES, Slice, SlicePort, Stand, with_endpoints

Json = dict[str, Any]

MOST_ADDRESSES = 2
"""Of an import (ServiceImport v1beta1, ``spec.ips``)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One object as it should be; ``hash`` is of its content, which is put together only where it has to be written.

    ``has_source``: it is a copy of what is seen elsewhere, so that nobody asks it what it says.
    """

    kind: TemplateKind
    namespace: str
    name: str
    hash: str
    make: Callable[[], Json]
    has_source: bool = False

    def body(self) -> bytes:
        """As it is applied."""
        stated = self.make()
        annotations = stated["metadata"].get("annotations") or {}
        stated["metadata"]["annotations"] = {**annotations, words.HASH_ANNOTATION: self.hash}
        return orjson.dumps(stated)


class Source(Value, frozen=True, kw_only=True):
    """One cluster's part. ``ports`` are those of the import at which its endpoints stand. ``given``: its endpoints may
    be given out in the member that is asked about. ``copied``: nobody sees the cluster now, and the slices are those
    that were copied before.
    """

    cluster: str
    ports: tuple[Port, ...] = ()
    slices: tuple[Slice, ...] = ()
    given: bool = True
    copied: bool = False


@lru_cache(maxsize=10_000)
def derived_name(namespace: str, name: str) -> str:
    """The derived Service's name: ``derived-`` and ten characters of the lower-case base32hex SHA-256 of
    namespace/name, as the reference implementation of the standard has it.

    >>> derived_name("shop", "web")
    'derived-isrlchlhrq'
    """
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
    return f"derived-{base64.b32hexencode(digest).decode().lower()[:10]}"


def import_wish(
    owner: str, version: str, namespace: str, name: str, merged: Merged, addresses: Iterable[str] = ()
) -> Wish:
    """``addresses`` are those of the derived Service, once it has any."""
    common = merged.common
    headless = common.type is ImportType.HEADLESS
    annotations = dict(common.annotations)
    if not headless:
        annotations[words.DERIVED_SERVICE] = derived_name(namespace, name)
    spec: Json = {"type": str(common.type), **_shared(merged)}
    if addresses and not headless:
        spec["ips"] = list(addresses)[:MOST_ADDRESSES]
    if common.ip_families:
        spec["ipFamilies"] = list(common.ip_families)[:MOST_ADDRESSES]
    return wish(owner, words.imports(version), namespace, name, {"spec": spec}, dict(common.labels), annotations)


def service_wish(owner: str, namespace: str, name: str, merged: Merged, parent: Json) -> Wish:
    """The derived Service: no selector, so that nobody but us says what stands behind it."""
    common = merged.common
    spec: Json = {"type": "ClusterIP", **_shared(merged)}
    if common.ip_families:
        dual = len(common.ip_families) > 1
        spec["ipFamilyPolicy"] = "PreferDualStack" if dual else "SingleStack"
        spec["ipFamilies"] = list(common.ip_families)
    labels = {words.SERVICE_NAME: name}
    return wish(owner, SERVICE, namespace, derived_name(namespace, name), {"spec": spec}, labels, {}, parent)


def slice_wishes(
    owner: str, namespace: str, name: str, type: ImportType, sources: Iterable[Source], parent: Json
) -> Iterator[Wish]:
    """A copy of each slice of each source that has a port in the import."""
    for source in sources:
        labels = {**_slice_labels(namespace, name, source.cluster, type), words.OWNER_LABEL: owner}
        for each in source.slices:
            if each.address_type in FAMILIES and (ports := _kept(each, source)) is not None:
                copy = each.name if source.copied else copy_name(name, source.cluster, each.name)
                metadata = {"name": copy, "namespace": namespace, "labels": labels, "ownerReferences": [parent]}
                yield Wish(
                    SLICE,
                    namespace,
                    copy,
                    hash_of([each.digest, metadata, list(map(_slice_port, ports)), source.given]),
                    partial(_slice_content, each, ports, source, metadata),
                    has_source=not source.copied,
                )


def distinct(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """An address stands in one slice only: while Pods move between slices it may be in two."""
    seen: set[tuple[str, str]] = set()
    found = []
    for each in slices:
        fresh = {end.address: end for end in each.endpoints if (each.address_type, end.address) not in seen}
        seen |= {(each.address_type, address) for address in fresh}
        found.append(each if len(fresh) == len(each.endpoints) else with_endpoints(each, tuple(fresh.values())))
    return tuple(found)


def _slice_content(each: Slice, ports: tuple[SlicePort, ...], source: Source, metadata: Json) -> Json:
    return {
        "apiVersion": SLICE.api_version,
        "kind": SLICE.kind,
        "metadata": dict(metadata),
        "addressType": each.address_type,
        "ports": [_slice_port(port) for port in ports],
        "endpoints": [_endpoint(end, source) for end in each.endpoints],
    }


def _slice_labels(namespace: str, name: str, cluster: str, type: ImportType) -> dict[str, str]:
    labels = {words.SERVICE_NAME: name, words.SOURCE_CLUSTER: cluster, words.MANAGED_BY: words.MANAGER}
    if type is ImportType.CLUSTER_SET_IP:
        labels[words.LOCAL_SERVICE_NAME] = derived_name(namespace, name)
    return labels


def copy_name(service: str, cluster: str, original: str) -> str:
    """Tells people whose it is, and is another for each slice of each cluster.

    >>> copy_name("web", "eu", "web-x7k2p")
    'web-eu-45a996faed'
    """
    return f"{service[:40]}-{cluster[:40]}-{hashlib.sha256(f'{cluster}/{original}'.encode()).hexdigest()[:10]}"


def _kept(original: Slice, source: Source) -> tuple[SlicePort, ...] | None:
    """Ports of the slice that the import has under the same name and protocol; None where it is reached at none. A
    Headless Service may have no ports at all."""
    if source.copied or not (original.ports or source.ports):
        return original.ports
    names = {(port.name, port.protocol) for port in source.ports}
    return tuple(port for port in original.ports if (port.name, port.protocol) in names) or None


def _endpoint(each: Stand, source: Source) -> Json:
    """``ready`` is what takes an endpoint out; ``serving`` stays what its own cluster says, so that a copy alone tells
    how to bring it back."""
    conditions = {"ready": each.ready and source.given, "serving": each.serving, "terminating": each.terminating}
    stated: Json = {"addresses": [each.address], "conditions": conditions}
    if each.hostname:
        stated["hostname"] = each.hostname
    if each.zone:
        stated["zone"] = each.zone
    return stated


def _slice_port(port: SlicePort) -> Json:
    stated: Json = {"name": port.name, "protocol": port.protocol}
    if port.port is not None:
        stated["port"] = port.port
    if port.app_protocol:
        stated["appProtocol"] = port.app_protocol
    return stated


def _shared(merged: Merged) -> Json:
    """What an import and its derived Service have alike."""
    common = merged.common
    stated: Json = {
        "ports": [_port(port) for port in merged.ports],
        "sessionAffinity": common.session_affinity,
        "internalTrafficPolicy": common.internal_traffic_policy,
    }
    if common.affinity_timeout_s is not None:
        stated["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": common.affinity_timeout_s}}
    if common.traffic_distribution:
        stated["trafficDistribution"] = common.traffic_distribution
    return stated


def _port(port: Port) -> Json:
    stated: Json = {"port": port.port, "protocol": port.protocol}
    if port.name:
        stated["name"] = port.name
    if port.app_protocol:
        stated["appProtocol"] = port.app_protocol
    return stated


def parent_of(version: str, name: str, uid: str) -> Json:
    """The owner reference to an import: what belongs to it goes with it, whoever deletes it."""
    kind = words.imports(version)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "name": name, "uid": uid}


def wish(
    owner: str,
    kind: TemplateKind,
    namespace: str,
    name: str,
    content: Json,
    labels: dict[str, str],
    annotations: dict[str, str],
    parent: Json | None = None,
) -> Wish:
    """An object of ours. ``parent`` is its owner reference."""
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "labels": {**labels, words.OWNER_LABEL: owner},
        "annotations": annotations,
    }
    if parent is not None:
        metadata["ownerReferences"] = [parent]
    stated = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}
    return Wish(kind, namespace, name, hash_of(stated), lambda: {**stated, "metadata": dict(metadata)})


def hash_of(content: Any) -> str:
    """Of content as JSON, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
