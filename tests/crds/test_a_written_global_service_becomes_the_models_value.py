"""What a user writes on the hub means the same as the annotations of a Service do."""

import json
from typing import Any

import msgspec
import pytest

from trafficfed.crds.globalservice import GlobalServiceObject, HealthCheckSpec, Steering, declared
from trafficfed.discovery.annotations import ORDERING, PICKING, read_annotations
from trafficfed.model import Form, GlobalService, HealthCheck, ServiceKey, WhenAllDown


def read(**spec: Any) -> GlobalServiceObject:
    body = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"hostnames": ["web.example.org"], **spec}}
    return msgspec.json.decode(json.dumps(body), type=GlobalServiceObject)


def test_the_least_that_can_be_written_has_the_models_defaults() -> None:
    assert declared(read(), "prod", Form.ADDRESS) == GlobalService(
        key=ServiceKey("prod", "shop", "web"),
        hostnames=("web.example.org",),
        origin=("hub:GlobalService/shop/web",),
    )
    assert declared(read(healthCheck={}), "prod", Form.ADDRESS).health_check == HealthCheck()


def test_everything_that_can_be_written_arrives() -> None:
    check = {"scheme": "https", "port": 8443, "path": "/healthz", "host": "a.example.org", "intervalSeconds": 5}
    check |= {"timeoutSeconds": 1, "fall": 2, "rise": 4, "failbackSeconds": 7}
    found = declared(
        read(
            hostnames=["b.example.org", "a.example.org"],
            steering=["geo", "weighted"],
            healthCheck=check,
            ttl=60,
            targetForm="hostname",
            whenAllDown="fallback",
            fallback=["192.0.2.1"],
        ),
        "prod",
        Form.ADDRESS,
    )
    assert found == GlobalService(
        key=ServiceKey("prod", "shop", "web"),
        hostnames=("a.example.org", "b.example.org"),
        steering=("geo", "weighted"),
        health_check=HealthCheck(
            scheme="https",
            port=8443,
            path="/healthz",
            host="a.example.org",
            interval_s=5,
            timeout_s=1,
            fall=2,
            rise=4,
            failback_s=7,
        ),
        ttl=60,
        form=Form.HOSTNAME,
        stated_form=Form.HOSTNAME,
        when_all_down=WhenAllDown.FALLBACK,
        fallback=("192.0.2.1",),
        origin=("hub:GlobalService/shop/web",),
    )


@pytest.mark.parametrize("form", list(Form))
def test_the_endpoints_decide_the_form_where_it_is_auto(form: Form) -> None:
    assert declared(read(), "prod", form).form is form


def test_objects_and_annotations_know_the_same_words() -> None:
    assert {str(word) for word in Steering} == {*ORDERING, *PICKING}
    annotated = read_annotations({"trafficfed.io/steering": "geo,weighted", "trafficfed.io/ttl": "60"})
    assert annotated is not None
    written = declared(read(steering=["geo", "weighted"], ttl=60), "prod", Form.ADDRESS)
    assert (annotated.steering, annotated.ttl) == (written.steering, written.ttl)


def test_the_check_of_an_object_defaults_as_one_of_an_annotation_does() -> None:
    annotated = read_annotations({"trafficfed.io/health-check": "https://:8443/healthz"})
    assert annotated is not None
    spec = HealthCheckSpec(scheme="https", port=8443, path="/healthz")  # type: ignore[arg-type] # as decoded
    written = GlobalServiceObject(spec=msgspec.structs.replace(read().spec, health_check=spec))
    assert declared(written, "prod", Form.ADDRESS).health_check == annotated.health_check
