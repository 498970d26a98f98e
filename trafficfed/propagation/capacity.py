"""What a member's nodes have free, and how many replicas of a workload that is."""

import re
from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from typing import Any

from trafficfed.errors import ConfigError
from trafficfed.model import Value

_SUFFIXES = {
    **{
        suffix: Fraction(1000) ** power
        for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
    **{suffix: Fraction(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([eE][+-]?[0-9]{1,2})|([a-zA-Z]*))")


def quantity(text: str) -> Fraction:
    """A resource quantity as Kubernetes writes it (API reference, Quantity). Raises ConfigError.

    >>> quantity("250m") == Fraction(1, 4), quantity("1Gi") == 1024**3, quantity("1e3") == 1000
    (True, True, True)
    """
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or (found[3] or "") not in _SUFFIXES:
        raise ConfigError(f"{text!r} is no quantity; write e.g. 500m or 2Gi")
    number = Fraction(found[1].rstrip("."))
    return number * Fraction(10) ** int(found[2][1:]) if found[2] else number * _SUFFIXES[found[3] or ""]


class Room(Value, frozen=True):
    """CPU in thousandths of a core, memory in bytes, number of Pods: what is free, or what one replica takes."""

    cpu_m: int = 0
    memory: int = 0
    pods: int = 1

    def less(self, taken: "Room") -> "Room":
        return Room(self.cpu_m - taken.cpu_m, self.memory - taken.memory, self.pods - taken.pods)


def fitting(nodes: Iterable[Room], one: Room) -> int:
    """How many replicas fit on nodes with this much free, none of them split over two.

    >>> fitting([Room(1500, 2**30, 10), Room(700, 2**30, 10)], Room(500, 2**28))
    4
    """
    return sum(_fitting(node, one) for node in nodes)


def _fitting(node: Room, one: Room) -> int:
    limits = [node.pods // one.pods]
    if one.cpu_m:
        limits.append(node.cpu_m // one.cpu_m)
    if one.memory:
        limits.append(node.memory // one.memory)
    return max(0, min(limits))


def pod_request(spec: Any) -> Room:
    """What a Pod of this spec asks of a node: its containers together, or its largest init container if that is more
    (Kubernetes documentation, "Resource sharing within containers"). Raises ConfigError for what is no quantity.
    """
    running = [_request(each) for each in spec.get("containers") or ()]
    starting = [_request(each) for each in spec.get("initContainers") or () if each.get("restartPolicy") != "Always"]
    running += [_request(each) for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    overhead = _amount(spec.get("overhead") or {})
    cpu = max(sum(r.cpu_m for r in running), *(r.cpu_m for r in starting), 0)
    memory = max(sum(r.memory for r in running), *(r.memory for r in starting), 0)
    return Room(cpu + overhead.cpu_m, memory + overhead.memory, 1)


def _request(container: Any) -> Room:
    """Limits stand for requests that are left out, as API servers fill them in."""
    resources = container.get("resources") or {}
    return _amount({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def _amount(resources: Any) -> Room:
    cpu, memory = quantity(str(resources.get("cpu", "0"))), quantity(str(resources.get("memory", "0")))
    return Room(ceil(cpu * 1000), ceil(memory), 0)


def node_room(allocatable: Any) -> Room:
    """What a node has for Pods, from its ``status.allocatable``. Raises ConfigError for what is no quantity."""
    amount = _amount(allocatable)
    return Room(amount.cpu_m, amount.memory, int(quantity(str(allocatable.get("pods", "110")))))
