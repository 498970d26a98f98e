"""What rules may say is what an API server would understand, and mistakes are told with their place."""

import json
from typing import Any

import pytest

from trafficfed.baseline.expressions import compile, judge
from trafficfed.baseline.judging import Item, Program

ROLE = {
    "kind": "ClusterRole",
    "metadata": {"name": "all", "labels": {"team": "a"}},
    "rules": [{"verbs": ["get", "*"], "resources": ["pods"]}],
    "spec": {"replicas": 3, "memory": "2Gi", "ratio": 0.5, "nothing": None, "big": 1 << 40},
}


def verdict(expression: str, object: Any = ROLE, **more: Any) -> tuple[bool, str]:
    program = Program(expression=expression, **more)
    facts = json.dumps({"region": "eu", "labels": {"tier": "one"}}).encode()
    (found,) = judge(
        program, facts, (Item(object=json.dumps(object).encode(), namespace=b'{"metadata":{"name":"shop"}}'),)
    ).verdicts
    return found.holds, found.message


@pytest.mark.parametrize(
    "expression",
    [
        "object.rules.exists(r, r.verbs.exists(v, v == '*'))",
        "!object.rules.all(r, !('*' in r.verbs))",
        "has(object.metadata.labels) && object.metadata.labels['team'] == 'a'",
        "object.metadata.?labels[?'none'].orValue('x') == 'x'",
        "!has(object.spec.absent) && object.spec.nothing == null",
        "object.spec.ratio < 1.0 && object.spec.big > 5 && object.spec.replicas == 3",
        "object.metadata.name.matches('^[a-z]+$') && 'a,b'.split(',').size() == 2",
        "'registry/x:1'.find('[a-z]+') == 'registry' && 'a1b2'.findAll('[0-9]') == ['1', '2']",
        "'a1b2'.findAll('[0-9]', 1) == ['1']",
        "[3, 1].sum() == 4 && [3, 1].min() == 1 && [3, 1].max() == 3 && ![3, 1].isSorted()",
        "[3, 1].indexOf(1) == 1 && [1, 1].lastIndexOf(1) == 1 && [1].indexOf(9) == -1",
        "quantity(object.spec.memory).isGreaterThan(quantity('1Gi'))",
        "quantity('500m').isLessThan(quantity('1')) && quantity('1Ki').asInteger() == 1024",
        "quantity('1').add(quantity('1')).compareTo(quantity('2')) == 0 && quantity('-1').sign() == -1",
        "quantity('3').sub(quantity('1')).asApproximateFloat() == 2.0 && !quantity('500m').isInteger()",
        "isQuantity('1Gi') && !isQuantity('lots') && isIP('192.0.2.1') && !isIP('x') && isCIDR('10.0.0.0/8')",
        "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3')) && !cidr('10.0.0.0/8').containsIP('192.0.2.1')",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.0.0.0/8').prefixLength() == 8",
        "ip('::1').family() == 6 && ip('::1').isLoopback() && ip('0.0.0.0').isUnspecified()",
        "variables.cluster.region == 'eu' && variables.cluster.labels.tier == 'one'",
        "namespaceObject.metadata.name == 'shop' && oldObject == null",
        "timestamp('2026-01-01T00:00:00Z') < timestamp('2027-01-01T00:00:00Z')",
    ],
)
def test_it_holds(expression: str) -> None:
    assert compile(Program(expression=expression)).faults == ()
    assert verdict(expression) == (True, "")


def test_variables_build_on_each_other_and_fail_only_where_they_are_used() -> None:
    variables = (
        ("verbs", "object.rules.map(r, r.verbs)"),
        ("count", "variables.verbs.size()"),
        ("bad", "object.no.such"),
    )
    assert verdict("variables.count == 1", variables=variables) == (True, "")
    holds, message = verdict("variables.bad == 1", variables=variables)
    assert not holds
    assert message.startswith("cannot be evaluated: ")


def test_a_message_of_its_own_is_said_where_it_does_not_hold() -> None:
    said = "'too many: ' + string(object.spec.replicas)"
    assert verdict("object.spec.replicas < 3", message_expression=said) == (False, "too many: 3")
    assert verdict("object.spec.replicas < 3", message_expression="object.no") == (False, "")


def test_what_cannot_be_evaluated_does_not_hold() -> None:
    holds, message = verdict("object.spec.none.such == 1")
    assert (holds, message) == (False, 'cannot be evaluated: Key not found in map : "none"')
    assert verdict("quantity('1').containsIP('10.0.0.1')")[0] is False


def test_the_cluster_itself_may_be_asked() -> None:
    program = Program(expression="object.region in ['eu'] && variables.cluster.region == 'eu'")
    assert judge(program, b'{"region":"eu"}', (Item(),)).verdicts[0].holds


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("object.spec.replicas <=", "line 1, column 24: Syntax error"),
        ("object.a == 1 &&\n  frob == 2", "line 2, column 3: undeclared reference to 'frob'"),
        ("1 + 'a' == 2", "line 1, column 3: found no matching overload for '_+_' applied to '(int, string)'"),
        ("request.userInfo.username == 'a'", "undeclared reference to 'request.userInfo.username'"),
        ("url('x').getHost() == 'x'", "undeclared reference to 'url'"),
        ("'text'", "gives string, must give bool"),
        (
            "object.a.all(a, a.b.all(b, b.all(c, c.all(d, d))))",
            "line 1, column 39: all is the fourth loop within the others",
        ),
        ("(" * 200 + "true" + ")" * 200, "ecursion"),
    ],
)
def test_a_mistake_is_told_with_its_place(expression: str, told: str) -> None:
    (fault,) = compile(Program(expression=expression)).faults
    assert fault.where == "expression"
    assert told in str(fault.problem)


def test_each_part_is_blamed_for_itself() -> None:
    program = Program(expression="frob", variables=(("a", "true"), ("b", "1 +")), message_expression="1")
    found = compile(program).faults
    assert [fault.where for fault in found] == ["variables[1].expression", "expression", "messageExpression"]


def test_too_many_turns_of_loops_are_given_up() -> None:
    program = Program(expression="object.l.all(a, object.l.all(b, a + b >= 0))")
    item = Item(object=json.dumps({"l": list(range(1000))}).encode())
    (found,) = judge(program, b"{}", (item,)).verdicts
    assert (found.holds, found.costly) == (False, True)
