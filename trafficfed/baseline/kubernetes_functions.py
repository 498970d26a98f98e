"""What Kubernetes adds to CEL (its documentation, "Common Expression Language in Kubernetes", libraries for lists,
regular expressions, quantities, IP addresses and CIDRs), for a library that knows the language itself.

Not there: URLs, semantic versions, formats and the authorizer. An expression that uses them is refused as it is
compiled. Quantities, addresses and networks are maps of their text here, types of their own there: what can be compared
with what is told when it runs.
"""

import ipaddress
import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import re2
from cel_expr_python import cel

from trafficfed.errors import ConfigError
from trafficfed.propagation.capacity import quantity

Type = cel.Type
ANY, LIST, TEXT, YES, NUMBER = Type.DYN, Type.List(Type.DYN), Type.STRING, Type.BOOL, Type.INT
QUANTITY, ADDRESS, NETWORK = "quantity", "ip", "cidr"


def extension() -> "cel.CelExtension":
    """For the environment that expressions are compiled in."""
    declared = (*_LISTS, *_TEXT, *_QUANTITIES, *_ADDRESSES)
    named: dict[str, list[Any]] = {}
    for number, (name, member, takes, gives, does) in enumerate(declared):
        overload = cel.Overload(f"kubernetes_{name}_{number}", gives, list(takes), member, does)
        named.setdefault(name, []).append(overload)
    return cel.CelExtension("kubernetes", [cel.FunctionDecl(name, each) for name, each in named.items()])


def _is_sorted(found: Sequence[Any]) -> bool:
    return all(one <= other for one, other in itertools.pairwise(found))


def _index_of(found: Sequence[Any], wanted: Any) -> int:
    return next((at for at, each in enumerate(found) if each == wanted), -1)


def _last_index_of(found: Sequence[Any], wanted: Any) -> int:
    return next((at for at in range(len(found) - 1, -1, -1) if found[at] == wanted), -1)


def _find(text: str, pattern: str) -> str:
    found = re2.search(pattern, text)
    return str(found.group(0)) if found else ""


def _find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    found = [str(each.group(0)) for each in re2.finditer(pattern, text)]
    return found if most < 0 else found[:most]


def _can(read: Callable[[str], Any]) -> Callable[[str], bool]:
    def can_be_read(text: str) -> bool:
        try:
            read(text)
        except (ValueError, ConfigError):
            return False
        return True

    return can_be_read


def _made(kind: str, read: Callable[[str], Any]) -> Callable[[str], dict[str, str]]:
    def made(text: str) -> dict[str, str]:
        read(text)
        return {kind: text}

    return made


def _amount(of: Any) -> Fraction:
    return quantity(_text(of, QUANTITY))


def _text(of: Any, kind: str) -> str:
    if not isinstance(of, dict) or kind not in of:
        raise ValueError(f"no such overload: this takes a {kind}")
    return str(of[kind])


def _ip(of: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(of if isinstance(of, str) else _text(of, ADDRESS))


def _cidr(of: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(of if isinstance(of, str) else _text(of, NETWORK), strict=False)


def _contains_cidr(network: Any, other: Any) -> bool:
    outer, inner = _cidr(network), _cidr(other)
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _sign(amount: Fraction) -> int:
    return (amount > 0) - (amount < 0)


def _quantity_of(amount: Fraction) -> dict[str, str]:
    """In billionths, the smallest that a quantity has."""
    return {QUANTITY: f"{round(amount * 10**9)}n"}


_Declared = tuple[str, bool, tuple[Any, ...], Any, Callable[..., Any]]

_LISTS: tuple[_Declared, ...] = (
    ("isSorted", True, (LIST,), YES, _is_sorted),
    ("sum", True, (LIST,), ANY, sum),
    ("min", True, (LIST,), ANY, min),
    ("max", True, (LIST,), ANY, max),
    ("indexOf", True, (LIST, ANY), NUMBER, _index_of),
    ("lastIndexOf", True, (LIST, ANY), NUMBER, _last_index_of),
)
_TEXT: tuple[_Declared, ...] = (
    ("find", True, (TEXT, TEXT), TEXT, _find),
    ("findAll", True, (TEXT, TEXT), LIST, _find_all),
    ("findAll", True, (TEXT, TEXT, NUMBER), LIST, _find_all),
)
_QUANTITIES: tuple[_Declared, ...] = (
    ("quantity", False, (TEXT,), ANY, _made(QUANTITY, quantity)),
    ("isQuantity", False, (TEXT,), YES, _can(quantity)),
    ("isGreaterThan", True, (ANY, ANY), YES, lambda one, other: _amount(one) > _amount(other)),
    ("isLessThan", True, (ANY, ANY), YES, lambda one, other: _amount(one) < _amount(other)),
    ("compareTo", True, (ANY, ANY), NUMBER, lambda one, other: _sign(_amount(one) - _amount(other))),
    ("sign", True, (ANY,), NUMBER, lambda of: _sign(_amount(of))),
    ("isInteger", True, (ANY,), YES, lambda of: _amount(of).denominator == 1),
    ("asInteger", True, (ANY,), NUMBER, lambda of: int(_amount(of))),
    ("asApproximateFloat", True, (ANY,), Type.DOUBLE, lambda of: float(_amount(of))),
    ("add", True, (ANY, ANY), ANY, lambda one, other: _quantity_of(_amount(one) + _amount(other))),
    ("sub", True, (ANY, ANY), ANY, lambda one, other: _quantity_of(_amount(one) - _amount(other))),
)
_ADDRESSES: tuple[_Declared, ...] = (
    ("ip", False, (TEXT,), ANY, _made(ADDRESS, _ip)),
    ("isIP", False, (TEXT,), YES, _can(_ip)),
    ("family", True, (ANY,), NUMBER, lambda of: _ip(of).version),
    ("isLoopback", True, (ANY,), YES, lambda of: _ip(of).is_loopback),
    ("isUnspecified", True, (ANY,), YES, lambda of: _ip(of).is_unspecified),
    ("cidr", False, (TEXT,), ANY, _made(NETWORK, _cidr)),
    ("isCIDR", False, (TEXT,), YES, _can(_cidr)),
    ("containsIP", True, (ANY, ANY), YES, lambda network, address: _ip(address) in _cidr(network)),
    ("containsCIDR", True, (ANY, ANY), YES, _contains_cidr),
    ("prefixLength", True, (ANY,), NUMBER, lambda of: _cidr(of).prefixlen),
)
