"""Paths, queries, Accept headers, selectors and protobuf bodies, each on its own."""

import struct
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.sandbox.apiserver import protobuf
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.formats import negotiate
from trafficfed.sandbox.apiserver.kinds import NODE, SERVICE, Json
from trafficfed.sandbox.apiserver.routing import parse_intent, parse_list, parse_target
from trafficfed.sandbox.apiserver.selectors import matcher


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/services", ("Service", "", "", "")),
        ("/api/v1/namespaces/shop/services", ("Service", "shop", "", "")),
        ("/api/v1/namespaces/shop/services/web", ("Service", "shop", "web", "")),
        ("/api/v1/namespaces/shop/services/web/status", ("Service", "shop", "web", "status")),
        ("/api/v1/namespaces", ("Namespace", "", "", "")),
        ("/api/v1/namespaces/shop", ("Namespace", "", "shop", "")),
        ("/api/v1/namespaces/shop/finalize", ("Namespace", "", "shop", "finalize")),
        ("/api/v1/nodes/one", ("Node", "", "one", "")),
        ("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", ("EndpointSlice", "shop", "", "")),
    ],
)
def test_paths_name_objects_and_collections(path: str, expected: tuple[str, ...]) -> None:
    target = parse_target(path)
    assert (target.kind.name, target.namespace, target.name, target.subresource) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/services",
        "/api/v1/nothings",
        "/api/v1/services/web",
        "/api/v1/namespaces/shop/nodes",
        "/api/v1/namespaces/shop/services/web/scale",
        "/api/v1/namespaces/shop/services/web/status/more",
        "/apis/example.org/v1/services",
    ],
)
def test_other_paths_lead_nowhere(path: str) -> None:
    with pytest.raises(ApiFailure) as caught:
        parse_target(path)
    assert caught.value.code == 404


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "x"}, 400),
        ({"watch": "perhaps"}, 400),
        ({"resourceVersion": "-1"}, 400),
        ({"continue": "x", "resourceVersion": "5"}, 400),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422),
        ({"resourceVersionMatch": "Nearly", "resourceVersion": "5"}, 422),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "5", "watch": "1"}, 422),
        ({"sendInitialEvents": "true"}, 422),
        ({"sendInitialEvents": "true", "watch": "1"}, 422),
    ],
)
def test_queries_that_contradict_themselves_are_refused(query: Mapping[str, str], code: int) -> None:
    with pytest.raises(ApiFailure) as caught:
        parse_list(query)
    assert caught.value.code == code


def test_writers_are_known_by_name_or_by_program() -> None:
    assert parse_intent({"fieldManager": "me"}, "kubectl/v1").manager == "me"
    assert parse_intent({}, "").manager == "unknown"
    for query in ({"dryRun": "Some"}, {"fieldValidation": "Lax"}):
        with pytest.raises(ApiFailure) as caught:
            parse_intent(query, "")
        assert caught.value.code == 422


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "whole"),
        ("*/*", "whole"),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "table"),
        ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "partial"),
        ("application/vnd.kubernetes.protobuf, application/json", "whole"),
    ],
)
def test_the_first_format_that_is_served_is_taken(accept: str, form: str) -> None:
    assert negotiate(accept).form == form


@pytest.mark.parametrize("accept", ["text/html", "application/vnd.kubernetes.protobuf", "application/json;as=Song"])
def test_other_formats_are_not_acceptable(accept: str) -> None:
    with pytest.raises(ApiFailure) as caught:
        negotiate(accept)
    assert caught.value.code == 406


WEB: Json = {"metadata": {"name": "web", "labels": {"app": "web", "x/y": ""}}, "spec": {"type": "NodePort"}}


class TestSelectors:
    @pytest.mark.parametrize(
        ("labels", "chosen"),
        [
            ("app=web", True),
            ("app == web", True),
            ("app!=web", False),
            ("none!=web", True),
            ("app in (a, web)", True),
            ("app notin (a,b),app", True),
            ("none notin (a)", True),
            ("x/y", True),
            ("x/y=", True),
            ("!none,!app", False),
            ("app=web,none", False),
        ],
    )
    def test_labels(self, labels: str, chosen: bool) -> None:
        test = matcher(SERVICE, labels, "")
        assert test is not None
        assert test(WEB) == chosen

    @pytest.mark.parametrize(
        ("fields", "chosen"),
        [("metadata.name=web", True), ("spec.type!=NodePort", False), ("spec.clusterIP=", True)],
    )
    def test_fields(self, fields: str, chosen: bool) -> None:
        test = matcher(SERVICE, "", fields)
        assert test is not None
        assert test(WEB) == chosen

    def test_absent_booleans_are_false(self) -> None:
        test = matcher(NODE, "", "spec.unschedulable=false")
        assert test is not None
        assert test({"metadata": {}, "spec": {}})
        assert not test({"metadata": {}, "spec": {"unschedulable": True}})

    def test_nothing_selects_everything(self) -> None:
        assert matcher(SERVICE, "", "") is None

    @pytest.mark.parametrize(
        ("labels", "fields"), [("a b", ""), ("in (a)", ""), ("=", ""), ("", "spec.none=a"), ("", "a")]
    )
    def test_nonsense_is_refused(self, labels: str, fields: str) -> None:
        with pytest.raises(ApiFailure) as caught:
            matcher(SERVICE, labels, fields)
        assert caught.value.code == 400


def varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def part(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def body(kind: str, raw: bytes) -> bytes:
    return protobuf.MAGIC + part(1, part(1, "v1") + part(2, kind)) + part(2, raw)


class TestProtobuf:
    @given(st.dictionaries(st.text(max_size=20), st.text(max_size=300), max_size=4))
    def test_maps_are_read(self, data: dict[str, str]) -> None:
        raw = part(1, part(1, "c")) + b"".join(part(2, part(1, key) + part(2, text)) for key, text in data.items())
        expected = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
        assert protobuf.read(body("ConfigMap", raw)) == expected | ({"data": data} if data else {})

    def test_what_is_not_set_is_left_out_and_pointers_are_kept(self) -> None:
        port = part(1, "") + part(2, "TCP") + part(3, 65535) + part(4, part(1, 0) + part(2, 8080) + part(3, ""))
        named = part(3, 81) + part(4, part(1, 1) + part(2, 0) + part(3, "web")) + part(5, 0)
        spec = part(1, port) + part(1, named) + part(13, 0) + part(20, 0) + part(7, "")
        found = protobuf.read(body("Service", part(1, part(1, "web") + part(8, b"")) + part(2, spec)))
        assert found["metadata"] == {"name": "web"}
        assert found["spec"] == {
            "ports": [{"protocol": "TCP", "port": 65535, "targetPort": 8080}, {"port": 81, "targetPort": "web"}],
            "allocateLoadBalancerNodePorts": False,
        }

    def test_bytes_are_shown_as_json_shows_them(self) -> None:
        secret = protobuf.read(body("Secret", part(2, part(1, "a") + part(2, b"\xff\x00"))))
        assert secret["data"] == {"a": "/wA="}

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (body("Deployment", b""), 501),
            (body("ServicePort", b""), 501),
            (body("Service", part(2, part(99, "new"))), 501),
            (b"{}", 400),
            (protobuf.MAGIC + b"\x0a\xff", 400),
            (body("Service", b"\x12\x7f"), 400),
            (body("Service", part(1, part(1, b"\xff"))), 400),
            (protobuf.MAGIC + struct.pack("<Q", 0), 501),
        ],
    )
    def test_what_is_not_known_is_never_dropped(self, content: bytes, code: int) -> None:
        with pytest.raises(ApiFailure) as caught:
            protobuf.read(content)
        assert caught.value.code == code
