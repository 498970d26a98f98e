"""docs/globalservices.md has every field with its default, every condition and every reason, and nothing else."""

import ast
import enum
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml

from trafficfed.config.load import load
from trafficfed.crds.globalservice import GlobalServiceObject, GlobalServiceSpec
from trafficfed.globalservices.status import ACCEPTED, CONFLICT, READY
from trafficfed.testing.pages import ROOT, code, page

PAGE = page("docs/globalservices.md")
REASON = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)*")
SAID_BY_THE_FOLD = ("FormNotPossible",)
"""Passed on from what stands against the endpoints."""

ELSEWHERE = {"Overruled", "NoAddress", "NoHostname", "Drained", "NoEvidence", ACCEPTED, READY}
"""Told on the clusters' own Services or lines, or names of conditions."""


def fields(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for each in msgspec.structs.fields(struct):
        default = "required" if each.required else each.default
        if isinstance(default, msgspec.Struct):
            yield from fields(type(default), f"{prefix}{each.encode_name}.")
        else:
            yield prefix + each.encode_name, default


def shown(default: Any) -> str:
    if isinstance(default, tuple):
        return f"[{', '.join(map(shown, default))}]" if default else "none"
    if isinstance(default, enum.Enum):
        return str(default.value)
    return f"{default:g}" if isinstance(default, int | float) else default or "none"


def test_every_field_is_described_with_its_default() -> None:
    rows = {code(row[0]): (code(row[1]) or row[1]) for row in PAGE.tables("field", "default", "meaning")}
    assert rows == {name: shown(default) for name, default in fields(GlobalServiceSpec)}


def reasons() -> set[str]:
    """Every reason that the code has for the hub's object: text of its own in these modules."""
    found = set(SAID_BY_THE_FOLD)
    for name in ("discovery/declared.py", "discovery/declared_admission.py", "discovery/overruling.py"):
        found |= words(name)
    return (found | words("globalservices/status.py")) - ELSEWHERE


def words(name: str) -> set[str]:
    tree = ast.parse((ROOT / "trafficfed" / name).read_text())
    constants = (each.value for each in ast.walk(tree) if isinstance(each, ast.Constant))
    return {value for value in constants if isinstance(value, str) and REASON.fullmatch(value)}


def test_every_reason_is_described_and_no_other() -> None:
    rows = list(PAGE.tables("reason", "condition", "meaning"))
    assert {code(row[0]) for row in rows} == reasons() | {"Accepted"}
    assert {code(row[1]) for row in rows} == {ACCEPTED, READY, CONFLICT}


def test_every_condition_is_described_and_no_other() -> None:
    assert {code(row[0]) for row in PAGE.tables("condition", "holds when")} == {ACCEPTED, READY, CONFLICT}


def test_the_example_is_one_that_is_taken() -> None:
    (text,) = [fence.text for fence in PAGE.fences if fence.language == "yaml"]
    found = msgspec.convert(yaml.safe_load(text), type=GlobalServiceObject)
    assert found.spec.hostnames == ("web.fed.example.org",)


def test_the_grant_for_the_hub_is_one_that_is_taken(tmp_path: Any) -> None:
    match = re.search(r"`(\{clusters: \[hub\].*\})`", PAGE.text)
    assert match is not None
    file = tmp_path / "trafficfed.yaml"
    file.write_text(
        "owner: demo\nclusters: [{name: eu, context: eu}]\nhub: {context: hub}\nproviders: {own: {kind: memory}}\n"
        f"zones: [{{name: fed.example.org, providers: [own], grants: [{match[1]}]}}]\n"
    )
    (zone,) = load(file, {"HOME": str(tmp_path)}).zones
    assert zone.grants[0].clusters == ("hub",)


@pytest.mark.parametrize("word", ["confirm hub", "forget hub"])
def test_what_operators_are_told_to_do_can_be_done(word: str) -> None:
    assert f"`trafficfed {word}`" in PAGE.text
