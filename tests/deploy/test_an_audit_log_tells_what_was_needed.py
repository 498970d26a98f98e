"""What is read out of an audit log: the permission that each request needed, and which rules gave more than that."""

import json
from pathlib import Path
from typing import Any

import pytest

from trafficfed.testing.audit import LOG, POLICY, Permission, asked, audited, granted, idle

Json = dict[str, Any]
PODS: Json = {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}


def event(verb: str, code: int = 200, **about: str) -> Json:
    return {"verb": verb, "objectRef": about, "responseStatus": {"code": code}}


def logged(folder: Path, *events: Json) -> Path:
    (folder / LOG).write_text("".join(f"{json.dumps(each)}\n" for each in events))
    return folder


def test_a_request_needs_its_verb_on_its_resource_and_subresource(tmp_path: Path) -> None:
    about = {"resource": "deployments", "apiGroup": "apps", "subresource": "status", "namespace": "shop"}
    found = asked(logged(tmp_path, event("patch", 200, **about)))
    assert found.outside == {Permission("patch", "apps", "deployments/status")}
    assert (found.within, found.missing) == (frozenset(), frozenset())


def test_an_apply_that_makes_an_object_needs_to_create_too(tmp_path: Path) -> None:
    found = asked(logged(tmp_path, event("patch", 201, resource="secrets")))
    assert {each.verb for each in found.used} == {"patch", "create"}


def test_the_own_namespace_is_told_apart(tmp_path: Path) -> None:
    found = asked(logged(tmp_path, event("list", resource="configmaps", namespace="trafficfed")))
    assert found.within == found.used == {Permission("list", "", "configmaps")}
    assert found.outside == frozenset()


def test_what_was_forbidden_is_missing_and_not_used(tmp_path: Path) -> None:
    found = asked(logged(tmp_path, event("list", 403, resource="pods")))
    assert found.missing == {Permission("list", "", "pods")}
    assert found.used == frozenset()


def test_discovery_needs_no_permission_of_ours(tmp_path: Path) -> None:
    assert asked(logged(tmp_path, {"verb": "get", "responseStatus": {"code": 200}})).used == frozenset()


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    logged(tmp_path, event("list", resource="pods"))
    with (tmp_path / LOG).open("a") as log:
        log.write('{"verb": "li')
    assert asked(tmp_path).used == {Permission("list", "", "pods")}


def test_rules_give_every_verb_on_every_resource() -> None:
    assert {str(each) for each in granted([PODS])} == {
        "get core/pods",
        "list core/pods",
        "get core/pods/log",
        "list core/pods/log",
    }


@pytest.mark.parametrize(
    ("used", "left"),
    [
        ([("get", "pods"), ("list", "pods/log")], []),
        ([("get", "pods"), ("get", "pods/log")], ["list on any of pods, pods/log"]),
        ([("get", "pods"), ("list", "pods")], ["anything on pods/log"]),
        (
            [],
            [
                "get on any of pods, pods/log",
                "list on any of pods, pods/log",
                "anything on pods",
                "anything on pods/log",
            ],
        ),
    ],
)
def test_a_verb_or_a_resource_that_nobody_asks_for_is_found(used: list[tuple[str, str]], left: list[str]) -> None:
    assert idle([PODS], frozenset(Permission(verb, "", resource) for verb, resource in used)) == left


def test_the_same_verb_in_another_group_is_no_use() -> None:
    assert idle([PODS], frozenset({Permission("get", "apps", "pods")}))


def test_a_server_is_told_to_write_down_the_products_requests_only(tmp_path: Path) -> None:
    flags = audited(tmp_path)
    assert f"--audit-log-path={tmp_path / LOG}" in flags
    first, rest = json.loads((tmp_path / POLICY).read_text())["rules"]
    assert first["users"] == ["system:serviceaccount:trafficfed:trafficfed"]
    assert rest == {"level": "None"}
