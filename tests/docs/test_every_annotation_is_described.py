"""docs/annotations.md has every annotation with its default and fallback, every kind of refusal, and nothing else."""

import ast
import re
from collections.abc import Iterator

import pytest

from trafficfed.discovery.annotations import ALL, PREFIX, read_annotations
from trafficfed.model import Endpoint, GlobalService, ServiceKey
from trafficfed.testing.pages import ROOT, code, page

PAGE = page("docs/annotations.md")
REASON = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+|Conflict|Delegated|Overruled|Unreadable")
REFUSING = {"refusal", "mistake", "Mistake", "refuse", "Refusal", "foreign_record"}
"""Whoever calls one of these names a reason."""


def known() -> set[str]:
    """What the reader of annotations itself says is known, and what it keeps for later."""
    stated = read_annotations({f"{PREFIX}nonsense": "1"})
    assert stated is not None
    (mistake,) = stated.mistakes
    return {*mistake.message.rpartition("known here are ")[2].split(", "), "traffic-policy"}


def test_the_reader_says_what_the_table_has() -> None:
    assert {each.key for each in ALL} == known()


def test_the_defaults_are_those_of_the_model() -> None:
    defaults = {code(row[0]): row[2] for row in PAGE.tables("key", "value", "default", "applies to")}
    endpoint, service = Endpoint(cluster="eu"), GlobalService(key=ServiceKey("a", "b", "c"), hostnames=())
    assert defaults["weight"] == str(endpoint.weight)
    assert defaults["tier"] == str(endpoint.tier)
    assert defaults["ttl"] == str(service.ttl)
    assert code(defaults["drain"]) == str(endpoint.drained).lower()
    assert code(defaults["steering"]) == ",".join(service.steering)


@pytest.mark.parametrize("key", ["weight", "tier", "ttl"])
def test_the_ends_of_a_range_are_in_it_and_nothing_beyond(key: str) -> None:
    values = {code(row[0]): row[1] for row in PAGE.tables("key", "value", "default", "applies to")}
    found = re.search(r"from (\d+) to (\d+)", values[key])
    assert found is not None
    least, most = int(found[1]), int(found[2])
    broken = {
        number: bool(stated.broken)
        for number in (least - 1, least, most, most + 1)
        if (stated := read_annotations({PREFIX + key: str(number)})) is not None
    }
    assert broken == {least - 1: True, least: False, most: False, most + 1: True}


def test_every_example_of_an_annotation_is_taken() -> None:
    examples = [
        (found[1], found[2])
        for fence in (*PAGE.fences, *page("README.md").fences)
        for found in re.finditer(r"trafficfed\.io/([a-z-]+)=(\S+)", fence.text)
    ]
    assert len(examples) >= 6
    for key, value in examples:
        stated = read_annotations({PREFIX + key: value})
        assert stated is not None
        assert stated.mistakes == (), f"{key}={value}"


def test_the_words_of_steering_are_those_that_are_taken() -> None:
    words = {code(row[0]) for row in PAGE.tables("word", "effect")}
    for word in words:
        stated = read_annotations({f"{PREFIX}steering": word})
        assert stated is not None
        assert stated.steering == (word,)
    refused = read_annotations({f"{PREFIX}steering": "nonsense"})
    assert refused is not None
    assert set(refused.mistakes[0].message.split("this version has ")[1].split(";")[0].split(", ")) == words


def reasons() -> Iterator[str]:
    """Every reason that the product's own code refuses something with."""
    yield from ("NoHostname", "InvalidAddress")  # named in a list first, made refusals of later
    for path in (ROOT / "trafficfed").rglob("*.py"):
        if {"testing", "sandbox"}.isdisjoint(path.parts) and path.parent.name in REFUSERS:
            text = path.read_text()
            constants = dict(re.findall(r'^([A-Z_]+) = "(\w+)"$', text, re.MULTILINE))
            for call in ast.walk(ast.parse(text)):
                if isinstance(call, ast.Call) and _called(call).lstrip("_") in REFUSING:
                    yield from _reasons(call, constants)


REFUSERS = {"discovery", "zones", "kubernetes_api"}
"""The packages that take, or do not take, what users wrote on their Services."""


def _called(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _reasons(call: ast.Call, constants: dict[str, str]) -> Iterator[str]:
    for argument in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg != "cluster")]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and REASON.fullmatch(argument.value):
            yield argument.value
        elif isinstance(argument, ast.Name) and argument.id in constants:
            yield constants[argument.id]


def test_the_table_of_refusals_has_every_reason_and_no_other() -> None:
    of_the_hub = {code(row[0]) for row in page("docs/globalservices.md").tables("reason", "condition", "meaning")}
    shown = {code(row[0]) for row in PAGE.tables("reason", "meaning")}
    assert shown <= set(reasons())
    assert set(reasons()) - shown <= of_the_hub, "what is refused on the hub only stands on its own page"
