"""What cannot be read, evaluated or found is named; everything else goes on."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.baseline.fields import difference
from trafficfed.baseline.judging import Fault, Item, Program, Verdict
from trafficfed.baseline.reading import read_baseline
from trafficfed.baseline.runner import FleetBaselines
from trafficfed.baseline.template import filled
from trafficfed.errors import ConfigError, Transient
from trafficfed.propagation.objects import HUB, ObjectKey
from trafficfed.testing.baselines_world import BaselinesWorld, InProcess, cluster_role, config_map, namespace

Make = Callable[..., BaselinesWorld]
Json = dict[str, Any]
RBAC = "rbac.authorization.k8s.io/v1"


def stars(**more: Any) -> Json:
    objects = [{"apiVersion": RBAC, "kind": "ClusterRole"}]
    return {
        "name": "no-stars",
        "mustHold": {"objects": objects, "expression": "!('*' in object.rules[0].verbs)", **more},
    }


class Failing(InProcess):
    """Fails as often as it is told to, in the way that it is told."""

    def __init__(self, error: Exception | None = None, times: int = 0, costly: bool = False) -> None:
        self.error, self.times, self.costly = error, times, costly

    async def compile(self, program: Program) -> tuple[Fault, ...]:
        self._fail()
        return await super().compile(program)

    async def judge(self, program: Program, cluster: bytes, items: tuple[Item, ...]) -> tuple[Verdict, ...]:
        self._fail()
        if self.costly:
            return tuple(Verdict(holds=False, message="cannot be evaluated: too much", costly=True) for _ in items)
        return await super().judge(program, cluster, items)

    def _fail(self) -> None:
        if self.error is not None and self.times:
            self.times -= 1
            raise self.error


def evaluated_by(world: BaselinesWorld, evaluator: InProcess) -> FleetBaselines:
    world.baselines._evaluator = evaluator
    return world.baselines


@pytest.mark.looptime
async def test_an_evaluation_that_failed_is_made_again(make: Make) -> None:
    world = make(members=("eu",))
    world.baseline("roles", stars())
    world.write("eu", cluster_role("wild", "*"))
    evaluated_by(world, Failing(Transient("it was killed"), times=3))
    async with world.running(settle_s=15.0):
        assert len(world.violations()) == 1


@pytest.mark.looptime
async def test_without_the_library_rules_are_refused_by_its_name_and_objects_are_still_kept(make: Make) -> None:
    world = make(members=("eu",))
    template = {"name": "there", "mustHave": {"template": config_map("fleet", a="1")}}
    world.baseline("roles", stars(), template, mode="enforce")
    evaluated_by(world, Failing(ConfigError("baselines need CEL: install trafficfed[baselines]"), times=100))
    async with world.running():
        assert "install trafficfed[baselines]" in world.condition("roles", "Accepted")[2]
        assert world.get("eu", "v1", "ConfigMap", "fleet", "shop") is not None
        assert world.baselines.refused == {"roles": 1}


@pytest.mark.looptime
async def test_a_rule_that_is_too_much_for_three_objects_is_refused(make: Make) -> None:
    world = make(members=("eu",))
    world.baseline("roles", stars())
    world.write("eu", cluster_role("one", "get"), cluster_role("two", "get"))
    evaluated_by(world, Failing(costly=True))
    async with world.running():
        assert len(world.violations()) == 2
        world.write("eu", cluster_role("three", "get"))
        await asyncio.sleep(1.0)
        assert world.violations() == []
        assert world.condition("roles", "Accepted")[:2] == ("False", "TooCostly")
        assert "costs too much of 3 objects" in world.condition("roles", "Accepted")[2]


@pytest.mark.looptime
async def test_an_object_that_is_no_baseline_is_named(make: Make) -> None:
    world = make(members=("eu",))
    world.baseline("good", stars())
    async with world.running():
        with pytest.raises(ConfigError, match="not a FleetBaseline"):
            read_baseline(b'{"metadata": {"name": "x"}, "spec": {"rules": 3}}')
        engine = world.baselines._engine
        assert engine is not None
        engine.rulebook.unreadable["bad"] = "not a FleetBaseline: rules"
        assert [(each.name, each.faults) for each in world.baselines.audited or ()] == [
            ("bad", ("not a FleetBaseline: rules",)),
            ("good", ()),
        ]
        assert [each.object for each in world.baselines.refusals] == ["bad"]


@pytest.mark.looptime
async def test_rules_by_namespace_labels_follow_the_namespaces(make: Make) -> None:
    world = make(members=("eu",))
    closed = {"namespaces": {"labelSelector": {"matchLabels": {"closed": "yes"}}}}
    objects = [{"apiVersion": "v1", "kind": "ConfigMap", **closed}]
    expression = "namespaceObject.metadata.labels.closed == 'yes' && has(object.data.class)"
    world.baseline("classes", {"name": "class", "mustHold": {"objects": objects, "expression": expression}})
    world.write("eu", config_map("plain"), namespace("other"), config_map("plain", "other"))
    async with world.running():
        assert world.violations() == []
        world.write("eu", namespace("other", closed="yes"))
        await asyncio.sleep(1.0)
        assert world.violations() == [("eu", "class", "ConfigMap other/plain")]
        world.write("eu", namespace("other", closed="no"))
        await asyncio.sleep(1.0)
        assert world.violations() == []


@pytest.mark.looptime
async def test_a_template_of_a_kind_that_is_not_there_is_told(make: Make) -> None:
    world = make(members=("eu",))
    template = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}
    nameless = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop"}}
    named = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    world.baseline(
        "odd",
        {"name": "thing", "mustHave": {"template": template}},
        {"name": "nameless", "mustHave": {"template": nameless}},
        {"name": "named", "mustHave": {"template": named, "namespaces": {"names": ["shop"]}}},
        {"name": "kindless", "mustHave": {"template": {"metadata": {"name": "a"}}}},
        mode="enforce",
    )
    async with world.running():
        found = {each[1]: (each[3], each[4]) for each in world.violations(messages=True)}
        assert found["thing"] == ("", "Thing of example.org/v1 is not served there")
        assert found["nameless"] == ("template.metadata.name", "is missing; name the object that must be there")
        assert found["named"][0] == "template.metadata.name"
        assert found["kindless"] == ("template", "needs apiVersion, kind and metadata")


@pytest.mark.looptime
async def test_what_a_secret_says_is_told_to_nobody(make: Make) -> None:
    world = make(members=("eu",))
    metadata = {"name": "key", "namespace": "shop"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": "aGlkZGVu"}}
    world.baseline("keys", {"name": "key", "mustHave": {"template": {**secret, "data": {"key": "d2FudGVk"}}}})
    world.write("eu", secret)
    async with world.running():
        assert world.violations(messages=True) == [("eu", "key", "Secret shop/key", "data.key", "is not as it must be")]


@pytest.mark.looptime
async def test_what_would_break_a_denying_rule_may_not_be_placed(make: Make) -> None:
    world = make()
    gone = {"name": "gone", "mustNotHave": {"apiVersion": "v1", "kind": "ConfigMap", "name": "debug"}}
    told = {"messageExpression": "'has ' + object.rules[0].verbs[0]"}
    world.baseline("deny", stars(**told), gone, mode="deny", placement={"clusterAffinity": {"clusterNames": ["eu"]}})
    assert await world.baselines.objection("eu", ObjectKey("", "ConfigMap", "shop", "debug"), b"{}") == "", (
        "it does not run"
    )
    async with world.running():

        async def objection(at: str, made: Json) -> str:
            meta = made["metadata"]
            group = made["apiVersion"].rpartition("/")[0]
            key = ObjectKey(group, made["kind"], meta.get("namespace", ""), meta["name"])
            return await world.baselines.objection(at, key, json.dumps(made).encode())

        assert await objection("eu", cluster_role("wild", "*")) == "has * (FleetBaseline deny, rule no-stars)"
        assert await objection("eu", config_map("debug")) == "must not be there (FleetBaseline deny, rule gone)"
        assert await objection("eu", config_map("fine")) == ""
        assert await objection("eu", cluster_role("tame", "get")) == ""
        assert await objection("us", cluster_role("wild", "*")) == ""


@pytest.mark.looptime
async def test_nothing_is_placed_before_the_baselines_are_known(make: Make) -> None:
    world = make(members=("eu",), answer_s=1.0)
    gone = {"name": "gone", "mustNotHave": {"apiVersion": "v1", "kind": "ConfigMap", "name": "debug"}}
    world.baseline("deny", gone, mode="deny")
    async with world.running(settle_s=0.0):
        await asyncio.sleep(0)
        key = ObjectKey("", "ConfigMap", "shop", "debug")
        assert await world.baselines.objection("eu", key, b'{"metadata":{"name":"debug"}}') != ""
    world.restart()
    world.servers[HUB].go()
    async with world.running(settle_s=0.0):
        await asyncio.sleep(0)
        assert await world.baselines.objection("eu", key, b'{"metadata":{"name":"debug"}}') == "", (
            "the hub is out of reach"
        )


@pytest.mark.parametrize(
    ("wanted", "found", "exact", "path", "message"),
    [
        ({"a": 1}, {}, False, "a", "is not there, must be 1"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, False, "a.b", "is 2, must be 1"),
        ({"a": {"b": 1}}, {"a": {}}, False, "a.b", "is not there, must be 1"),
        ({"a": {"b": 1}}, {"a": 3}, False, "a", "is 3, must be {'b': 1}"),
        ({"a": True}, {"a": 1}, False, "a", "is 1, must be True"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, False, "a", "has no entry {'b': 1}"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True, "a[0].c", "must not be there"),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True, "a.c", "must not be there"),
        ({"a": [1]}, {"a": [2, 1]}, True, "a", "has 2 entries, must have 1"),
        (
            {"metadata": {"labels": {"x": "y"}}},
            {"metadata": {"labels": {"x": "z"}}},
            True,
            "metadata.labels.x",
            "is 'z', must be 'y'",
        ),
        ({"a": "x" * 200}, {}, False, "a", f"is not there, must be {repr('x' * 200)[:77]}..."),
    ],
)
def test_the_first_field_that_differs_is_named(wanted: Json, found: Json, exact: bool, path: str, message: str) -> None:
    differs = difference(wanted, found, exact=exact)
    assert differs is not None
    assert (differs.path, differs.message) == (path, message)


@pytest.mark.parametrize(
    ("wanted", "found", "exact"),
    [
        ({"a": [{"b": 1}]}, {"a": [{"c": 0}, {"b": 1, "c": 2}], "d": 4}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}], "status": {"x": 1}}, True),
        ({"metadata": {"labels": {"x": "y"}}}, {"metadata": {"labels": {"x": "y", "z": "1"}, "uid": "u"}}, True),
    ],
)
def test_what_is_as_it_must_be_does_not_differ(wanted: Json, found: Json, exact: bool) -> None:
    assert difference(wanted, found, exact=exact) is None


FACTS = {"name": "eu", "region": "eu-1", "labels": {"tier": "one"}, "compliance": {}}


def test_text_takes_values_of_the_cluster() -> None:
    template = {"a": ["${cluster.name}-${ cluster.labels.tier }", 3, {"b": "$${cluster.name}"}], "c": "plain"}
    assert filled(template, FACTS) == {"a": ["eu-one", 3, {"b": "${cluster.name}"}], "c": "plain"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("${cluster.zone}", "template.a[0].b: the cluster states no zone"),
        ("${cluster.labels.none}", "template.a[0].b: the cluster states no labels.none"),
        ("${cluster.labels}", "is no property of a cluster; there are cluster.name"),
        ("${cluster.name.x}", "is no property of a cluster"),
        ("${secret}", "is no property of a cluster"),
    ],
)
def test_what_a_cluster_does_not_state_is_named_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("[", r"\[").replace("]", r"\]")):
        filled({"a": [{"b": text}]}, FACTS)
