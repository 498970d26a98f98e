"""An OperatorControl on the hub and an operator control of the model are two spellings of one thing."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.crds.operatorcontrol import (
    OperatorControlObject,
    OperatorControlSpec,
    moment,
    ordered,
    seconds,
    spec_of,
)
from trafficfed.crds.structs import HubMeta
from trafficfed.model import OperatorControl
from trafficfed.steering.orders import named, scope
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.processes import ServerFailed

Json = dict[str, Any]
CREATED = "2026-03-01T12:00:00Z"
DRAIN: Json = {"action": "drain", "cluster": "eu", "why": "kernel upgrade"}
SHIFT: Json = {"action": "shift", "why": "warming up", "cluster": "eu", "share": 10}


def test_what_is_written_becomes_a_control_that_began_when_it_was_created() -> None:
    body = {"metadata": {"name": "a", "creationTimestamp": CREATED}, "spec": {**DRAIN, "until": "2026-03-01T14:00:00Z"}}
    control = ordered(msgspec.json.decode(json.dumps(body), type=OperatorControlObject))
    assert (control.kind, control.cluster, control.service, control.why) == ("drain", "eu", "", "kernel upgrade")
    assert control.until_s - control.since_s == 7200.0
    assert control == named(control), "it has its id"


@given(
    kind=st.sampled_from(["drain", "shift", "freeze"]),
    cluster=st.sampled_from(["", "eu"]),
    service=st.sampled_from(["", "default/shop/web"]),
    why=st.text(min_size=1, max_size=50).filter(lambda text: text.isprintable() and bool(text.strip())),
    until_s=st.sampled_from([0.0, 1_800_000_000.0, 1_800_000_000.25]),
    to=st.sampled_from(["", "us"]),
    share=st.integers(0, 100),
)
def test_a_control_comes_back_from_the_hub_as_it_was(
    kind: str, cluster: str, service: str, why: str, until_s: float, to: str, share: int
) -> None:
    control = OperatorControl(
        kind=kind,
        cluster=cluster,
        service=service,
        who="ann",
        why=why,
        since_s=1_700_000_000.0,
        until_s=until_s,
        to=to,
        share=share,
    )
    meta = HubMeta(name="a", creation_timestamp=moment(control.since_s))
    spec = msgspec.json.decode(msgspec.json.encode(spec_of(control)), type=OperatorControlSpec)
    assert ordered(OperatorControlObject(metadata=meta, spec=spec)) == named(control)


def test_only_a_freeze_of_everything_says_everything() -> None:
    assert spec_of(OperatorControl(kind="freeze")).everything
    assert not spec_of(OperatorControl(kind="freeze", service="default/shop/web")).everything
    assert scope(ordered(OperatorControlObject(spec=spec_of(OperatorControl(kind="freeze"))))) == ("freeze", "", "")


def test_a_kind_that_the_hub_has_no_word_for_is_not_written_there() -> None:
    with pytest.raises(ValueError, match="force-up"):
        spec_of(OperatorControl(kind="force-up", cluster="eu"))


@pytest.mark.parametrize("at_s", [0.0, 1772366400.0, 1772366400.123456])
def test_moments_keep_their_microseconds(at_s: float) -> None:
    assert seconds(moment(at_s)) == pytest.approx(at_s, abs=1e-6)


def test_a_moment_that_is_none_is_no_control() -> None:
    body = {"spec": {**DRAIN, "until": "tomorrow"}}
    with pytest.raises(ValueError, match="tomorrow"):
        ordered(msgspec.json.decode(json.dumps(body), type=OperatorControlObject))


def put(hub: RealCluster, spec: Json) -> Json:
    body = {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "OperatorControl",
        "metadata": {"name": "drain-eu"},
        "spec": spec,
    }
    applied = hub.kubectl("apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(body))
    found: Json = json.loads(applied)
    return found


@pytest.mark.real
@pytest.mark.parametrize(
    "spec",
    [
        DRAIN,
        {**DRAIN, "service": "default/shop/web", "who": "ann", "until": "2026-03-01T14:00:00Z"},
        {"action": "freeze", "why": "w", "everything": True},
        {"action": "freeze", "why": "w", "cluster": "eu"},
        {"action": "freeze", "why": "w", "service": "default/shop/web"},
        SHIFT,
        {**SHIFT, "to": "us", "service": "default/shop/web"},
    ],
)
def test_a_real_server_takes_what_makes_sense(hub: RealCluster, spec: Json) -> None:
    assert spec.items() <= put(hub, spec)["spec"].items()


@pytest.mark.real
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"action": "drain", "why": "w"}, "a drain needs the cluster to take out"),
        ({"action": "freeze", "why": "w"}, "a freeze needs a cluster, a service, or everything: true"),
        ({"action": "freeze", "why": "w", "cluster": "eu", "everything": True}, "everything is for a freeze without"),
        ({**DRAIN, "everything": True}, "everything is for a freeze without"),
        ({**DRAIN, "action": "move"}, 'Unsupported value: "move"'),
        ({**DRAIN, "action": "shift"}, "a shift needs the cluster whose traffic goes elsewhere, and the share"),
        ({"action": "shift", "why": "w", "share": 10}, "a shift needs the cluster whose traffic goes elsewhere"),
        ({**SHIFT, "to": "eu"}, "a shift needs another cluster to go to"),
        ({**SHIFT, "share": 101}, "should be less than or equal to 100"),
        ({**DRAIN, "share": 10}, "to and share are for a shift"),
        ({**DRAIN, "to": "us"}, "to and share are for a shift"),
        ({**DRAIN, "why": ""}, "should be at least 1 chars long"),
        ({**DRAIN, "why": "a\nb"}, "should match"),
        ({**DRAIN, "service": "web"}, "should match"),
        ({**DRAIN, "until": "tomorrow"}, "date-time"),
    ],
)
def test_a_real_server_refuses_the_rest_with_the_reason(hub: RealCluster, spec: Json, message: str) -> None:
    with pytest.raises(ServerFailed) as refused:
        put(hub, spec)
    assert message in str(refused.value)


@pytest.mark.real
def test_kubectl_lists_controls_by_what_matters(hub: RealCluster) -> None:
    body = {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "OperatorControl",
        "metadata": {"name": "listed"},
        "spec": {**DRAIN, "who": "ann"},
    }
    hub.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(body))
    try:
        head, row = hub.kubectl("get", "operatorcontrols", "listed").splitlines()
    finally:
        hub.kubectl("delete", "operatorcontrol", "listed")
    assert [each for each in ("ACTION", "CLUSTER", "UNTIL", "BY", "IN FORCE") if each not in head] == []
    assert "drain" in row
    assert "ann" in row
