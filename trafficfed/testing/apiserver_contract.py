"""What trafficfed relies on in a Kubernetes API server: one suite for real ones and for the emulated one.

A test module inherits ``ApiServerContract`` and supplies the fixture ``subject``. The claims are those of the
Kubernetes API conventions and of what a real 1.37 was seen to do; only one that holds at a real server stands here.
"""

import pytest

from trafficfed.testing.apiserver_subject import (
    Fixtures,
    Namespace,
    Object,
    Subject,
    causes,
    config_map,
    endpoint_slice,
    service,
)
from trafficfed.testing.kubectl_contract import KubectlContract
from trafficfed.testing.kubernetes_http import JSON_PATCH, STRATEGIC_PATCH, TABLE, Api

INITIAL_EVENTS = "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class ReadingContract(Fixtures):
    async def test_the_server_has_an_identity_that_stays(self, api: Api) -> None:
        first = await api.get("/api/v1/namespaces/kube-system")
        second = await api.get("/api/v1/namespaces/kube-system")
        assert first.body["metadata"]["uid"] == second.body["metadata"]["uid"] != ""

    async def test_what_is_not_there_is_told_as_a_status_with_details(self, api: Api, namespace: Namespace) -> None:
        reply = await api.get(namespace.path("services", "web"))
        assert reply.status == 404
        assert (reply.body["kind"], reply.body["reason"]) == ("Status", "NotFound")
        assert reply.body["details"] == {"name": "web", "kind": "services"}
        slice_reply = await api.get(namespace.path("endpointslices", "web"))
        assert slice_reply.body["message"] == 'endpointslices.discovery.k8s.io "web" not found'
        assert (await api.get("/api/v1/nonsense")).status == 404

    async def test_pages_show_the_state_of_the_first_one(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps")
        for number in range(5):
            await api.post(path, config_map(f"c{number}"))
        first = await api.get(f"{path}?limit=2")
        assert first.body["metadata"]["remainingItemCount"] == 3
        await api.delete(f"{path}/c2")
        await api.post(path, config_map("c9"))
        names, reply = [one["metadata"]["name"] for one in first.body["items"]], first
        while token := reply.body["metadata"].get("continue"):
            reply = await api.get(f"{path}?limit=2&continue={token}")
            names += [one["metadata"]["name"] for one in reply.body["items"]]
            assert reply.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
        assert names == ["c0", "c1", "c2", "c3", "c4"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("labelSelector=app%3Da", ["a"]),
            ("labelSelector=app%20in%20(a,b)", ["a", "b"]),
            ("labelSelector=app%20notin%20(a,b)", ["c"]),
            ("labelSelector=app!%3Da", ["b", "c"]),
            ("labelSelector=!app", []),
            ("labelSelector=app,app!%3Db", ["a", "c"]),
            ("fieldSelector=metadata.name%3Db", ["b"]),
            ("fieldSelector=metadata.name!%3Db", ["a", "c"]),
            ("fieldSelector=spec.type%3DNodePort", ["c"]),
        ],
    )
    async def test_selectors_choose(self, api: Api, namespace: Namespace, query: str, expected: list[str]) -> None:
        path = namespace.path("services")
        for manifest in (service("a"), service("b"), service("c", type="NodePort")):
            await api.post(path, manifest)
        reply = await api.get(f"{path}?{query}")
        assert [one["metadata"]["name"] for one in reply.body["items"]] == expected

    @pytest.mark.parametrize(
        "query", ["labelSelector=a%20b%20c", "fieldSelector=spec.nothing%3Da", "resourceVersion=x"]
    )
    async def test_a_query_without_meaning_is_a_bad_request(self, api: Api, namespace: Namespace, query: str) -> None:
        reply = await api.get(f"{namespace.path('services')}?{query}")
        assert (reply.status, reply.body["reason"]) == (400, "BadRequest")

    async def test_tables_are_made_for_people(self, api: Api, namespace: Namespace) -> None:
        manifest = service("web", type="LoadBalancer", selector={"app": "web"}, allocateLoadBalancerNodePorts=False)
        await api.post(namespace.path("services"), manifest)
        table = (await api.get(namespace.path("services"), TABLE)).body
        names = [(column["name"], column["priority"]) for column in table["columnDefinitions"]]
        assert names == [
            ("Name", 0),
            ("Type", 0),
            ("Cluster-IP", 0),
            ("External-IP", 0),
            ("Port(s)", 0),
            ("Age", 0),
            ("Selector", 1),
        ]
        cells = table["rows"][0]["cells"]
        assert (*cells[:2], *cells[3:5], cells[6]) == ("web", "LoadBalancer", "<pending>", "80/TCP", "app=web")


class WritingContract(Fixtures):
    async def test_a_service_is_completed(self, api: Api, namespace: Namespace) -> None:
        reply = await api.post(namespace.path("services"), service("web", type="LoadBalancer"))
        assert reply.status == 201
        metadata, spec = reply.body["metadata"], reply.body["spec"]
        assert all(metadata[key] for key in ("uid", "resourceVersion", "creationTimestamp"))
        port = spec["ports"][0]
        assert (port["protocol"], port["targetPort"]) == ("TCP", 80)
        assert 30000 <= port["nodePort"] < 32768
        assert spec["clusterIPs"] == [spec["clusterIP"]]
        assert (spec["sessionAffinity"], spec["externalTrafficPolicy"]) == ("None", "Cluster")
        assert reply.body["status"] == {"loadBalancer": {}}

    async def test_names_are_unique_and_namespaces_must_exist(self, api: Api, namespace: Namespace) -> None:
        await api.post(namespace.path("services"), service("web"))
        again = await api.post(namespace.path("services"), service("web"))
        assert (again.status, again.body["reason"]) == (409, "AlreadyExists")
        lost = await api.post("/api/v1/namespaces/nowhere/services", service("web"))
        assert (lost.status, lost.body["details"]["kind"]) == (404, "namespaces")

    async def test_generated_names_differ(self, api: Api, namespace: Namespace) -> None:
        manifest = {"metadata": {"generateName": "web-"}, "data": {"a": "b"}}
        names = {(await api.post(namespace.path("configmaps"), manifest)).body["metadata"]["name"] for _ in range(3)}
        assert len(names) == 3
        assert all(name.startswith("web-") for name in names)

    async def test_every_mistake_is_told_at_once(self, api: Api, namespace: Namespace) -> None:
        manifest = service("web", type="Nonsense", ports=[{"port": 0}, {"port": 81, "name": "b"}])
        reply = await api.post(namespace.path("services"), manifest)
        assert (reply.status, reply.body["reason"]) == (422, "Invalid")
        assert {"spec.type", "spec.ports[0].port", "spec.ports[0].name"} <= set(causes(reply.body))

    @pytest.mark.parametrize(
        ("manifest", "field"),
        [
            (service("Web_1"), "metadata.name"),
            (service("web", ports=[]), "spec.ports"),
            (service("web", externalIPs=["127.0.0.1"]), "spec.externalIPs[0]"),
            (service("web", ports=[{"port": 80, "protocol": "X"}]), "spec.ports[0].protocol"),
            (service("web", type="ExternalName"), "spec.externalName"),
        ],
    )
    async def test_a_service_that_cannot_be_is_refused(
        self, api: Api, namespace: Namespace, manifest: Object, field: str
    ) -> None:
        reply = await api.post(namespace.path("services"), manifest)
        assert reply.status == 422
        assert field in causes(reply.body)

    async def test_unknown_fields_are_refused_or_dropped_as_asked(self, api: Api, namespace: Namespace) -> None:
        path, manifest = namespace.path("services"), service("web", nonsense=1)
        strict = await api.post(f"{path}?fieldValidation=Strict", manifest)
        assert strict.status == 400
        assert 'unknown field "spec.nonsense"' in strict.body["message"]
        warned = await api.post(f"{path}?fieldValidation=Warn", manifest)
        assert warned.headers["Warning"] == '299 - "unknown field \\"spec.nonsense\\""'
        assert "nonsense" not in warned.body["spec"]

    async def test_a_value_of_the_wrong_type_is_refused(self, api: Api, namespace: Namespace) -> None:
        reply = await api.post(namespace.path("services"), service("web", ports=[{"port": "eighty"}]))
        assert (reply.status, reply.body["reason"]) == (400, "BadRequest")

    async def test_a_replacement_needs_the_newest_version(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps", "c")
        first = (await api.post(namespace.path("configmaps"), config_map("c", a="1"))).body
        second = await api.put(path, first | {"data": {"a": "2"}})
        assert second.status == 200
        stale = await api.put(path, first | {"data": {"a": "3"}})
        assert (stale.status, stale.body["reason"]) == (409, "Conflict")
        assert (await api.get(path)).body["data"] == {"a": "2"}

    async def test_a_write_without_change_is_no_new_version(self, api: Api, namespace: Namespace) -> None:
        first = (await api.post(namespace.path("services"), service("web"))).body
        path = namespace.path("services", "web")
        assert (await api.put(path, first)).body == first
        assert (await api.patch(path, {"metadata": {"labels": {"app": "web"}}})).body == first

    async def test_another_objects_identity_is_a_conflict(self, api: Api, namespace: Namespace) -> None:
        first = (await api.post(namespace.path("configmaps"), config_map("c"))).body
        other = first | {"metadata": first["metadata"] | {"uid": "another"}, "data": {"a": "b"}}
        assert (await api.put(namespace.path("configmaps", "c"), other)).status == 409
        unmet = await api.delete(namespace.path("configmaps", "c"), {"preconditions": {"uid": "another"}})
        assert (unmet.status, unmet.body["reason"]) == (409, "Conflict")

    async def test_a_dry_run_changes_nothing(self, api: Api, namespace: Namespace) -> None:
        reply = await api.post(f"{namespace.path('services')}?dryRun=All", service("web"))
        assert (reply.status, reply.body["spec"]["type"]) == (201, "ClusterIP")
        assert (await api.get(namespace.path("services", "web"))).status == 404

    async def test_status_is_written_apart(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("services", "web")
        balanced = {"loadBalancer": {"ingress": [{"ip": "127.0.1.1"}]}}
        await api.post(namespace.path("services"), service("web", type="LoadBalancer") | {"status": balanced})
        assert (await api.patch(path, {"status": balanced})).body["status"] == {"loadBalancer": {}}
        patch = {"status": balanced, "spec": {"sessionAffinity": "ClientIP"}}
        after = (await api.patch(f"{path}/status", patch)).body
        assert after["status"]["loadBalancer"]["ingress"] == [{"ip": "127.0.1.1", "ipMode": "VIP"}]
        assert after["spec"]["sessionAffinity"] == "None"

    async def test_a_change_of_type_takes_what_the_new_type_cannot_have(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("services", "web")
        first = (await api.post(namespace.path("services"), service("web", type="LoadBalancer"))).body
        await api.patch(f"{path}/status", {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.1.1"}]}}})
        after = (await api.patch(path, {"spec": {"type": "ClusterIP"}})).body
        assert after["status"] == {"loadBalancer": {}}
        assert "nodePort" not in after["spec"]["ports"][0]
        assert "externalTrafficPolicy" not in after["spec"]
        assert after["spec"]["clusterIP"] == first["spec"]["clusterIP"]
        moved = await api.patch(path, {"spec": {"clusterIP": "10.1.2.3"}})
        assert (moved.status, causes(moved.body)) == (422, ["spec.clusterIPs[0]"])

    async def test_finalizers_hold_a_deletion(self, api: Api, namespace: Namespace) -> None:
        manifest = config_map("c")
        manifest["metadata"]["finalizers"] = ["example.org/wait"]
        path = namespace.path("configmaps", "c")
        await api.post(namespace.path("configmaps"), manifest)
        marked = await api.delete(path)
        assert "deletionTimestamp" in marked.body["metadata"]
        assert (await api.get(path)).status == 200
        await api.patch(path, {"metadata": {"finalizers": None}})
        assert (await api.get(path)).status == 404

    async def test_many_can_be_deleted_by_selector(self, api: Api, namespace: Namespace) -> None:
        for name in ("a", "b"):
            await api.post(namespace.path("configmaps"), config_map(name))
        reply = await api.delete(f"{namespace.path('configmaps')}?labelSelector=app%3Da")
        assert reply.status == 200
        left = await api.get(f"{namespace.path('configmaps')}?labelSelector=app")
        assert [one["metadata"]["name"] for one in left.body["items"]] == ["b"]

    async def test_slices_count_generations_and_refuse_loopback(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("endpointslices")
        refused = await api.post(path, endpoint_slice("web", "10.0.0.1", "127.0.0.1"))
        assert (refused.status, causes(refused.body)) == (422, ["endpoints[1].addresses[0]"])
        first = await api.post(path, endpoint_slice("web", "10.0.0.1"))
        assert first.body["metadata"]["generation"] == 1
        labelled = await api.patch(f"{path}/web", {"metadata": {"annotations": {"a": "b"}}})
        assert labelled.body["metadata"]["generation"] == 1
        changed = await api.patch(f"{path}/web", {"endpoints": None})
        assert (changed.body["metadata"]["generation"], changed.body["endpoints"]) == (2, None)
        moved = await api.patch(f"{path}/web", {"addressType": "IPv6"})
        assert (moved.status, causes(moved.body)) == (422, ["addressType"])


class PatchingContract(Fixtures):
    @pytest.fixture
    async def web(self, api: Api, namespace: Namespace) -> str:
        manifest = service("web", ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2}])
        await api.post(namespace.path("services"), manifest)
        return namespace.path("services", "web")

    async def test_a_merge_patch_sets_removes_and_replaces_lists(self, api: Api, web: str) -> None:
        patch = {"metadata": {"labels": {"app": None, "x": "y"}}, "spec": {"ports": [{"port": 3}]}}
        after = (await api.patch(web, patch)).body
        assert after["metadata"]["labels"] == {"x": "y"}
        assert [port["port"] for port in after["spec"]["ports"]] == [3]

    async def test_a_strategic_patch_merges_ports_by_their_number(self, api: Api, web: str) -> None:
        patch = {"spec": {"ports": [{"port": 2, "targetPort": 22}, {"port": 1, "$patch": "delete"}]}}
        after = (await api.patch(web, patch, STRATEGIC_PATCH)).body
        assert [(port["name"], port["targetPort"]) for port in after["spec"]["ports"]] == [("b", 22)]

    async def test_a_json_patch_is_all_or_nothing(self, api: Api, web: str) -> None:
        add = {"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}}
        wrong = await api.patch(web, [add, {"op": "test", "path": "/spec/type", "value": "X"}], JSON_PATCH)
        assert wrong.status == 422
        assert "annotations" not in (await api.get(web)).body["metadata"]
        right = await api.patch(web, [add, {"op": "remove", "path": "/spec/ports/0"}], JSON_PATCH)
        assert [port["name"] for port in right.body["spec"]["ports"]] == ["b"]

    async def test_a_patch_may_insist_on_a_version(self, api: Api, web: str) -> None:
        reply = await api.patch(web, {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}})
        assert (reply.status, reply.body["reason"]) == (409, "Conflict")

    async def test_a_patch_of_no_known_type_is_refused(self, api: Api, web: str) -> None:
        assert (await api.patch(web, {}, "application/json")).status == 415

    async def test_names_in_body_and_path_must_agree(self, api: Api, web: str) -> None:
        assert (await api.patch(web, {"metadata": {"name": "other"}})).status in (400, 422)
        assert (await api.patch(f"{web}-none", {"metadata": {"labels": {"a": "b"}}})).status == 404


class ApplyingContract(Fixtures):
    async def test_apply_creates_and_repeats_without_a_change(self, api: Api, namespace: Namespace) -> None:
        path, manifest = namespace.path("services", "web"), service("web")
        first = await api.apply(path, manifest, "one")
        assert first.status == 201
        assert (await api.apply(path, manifest, "one")).body == first.body

    async def test_the_applier_manages_just_what_it_states(self, api: Api, namespace: Namespace) -> None:
        first = await api.apply(namespace.path("services", "web"), service("web"), "one")
        (entry,) = first.body["metadata"]["managedFields"]
        assert (entry["manager"], entry["operation"]) == ("one", "Apply")
        port: Object = {".": {}, "f:name": {}, "f:port": {}}
        assert entry["fieldsV1"] == {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': port}},
        }

    async def test_an_update_manages_what_it_changes(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps", "c")
        await api.apply(path, config_map("c", a="1", b="1"), "one")
        after = (await api.patch(f"{path}?fieldManager=two", {"data": {"a": "2"}})).body
        held = {entry["manager"]: entry["fieldsV1"]["f:data"] for entry in after["metadata"]["managedFields"]}
        assert held == {"one": {"f:b": {}}, "two": {"f:a": {}}}

    async def test_a_field_of_another_manager_is_a_conflict_unless_forced(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("services", "web")
        await api.apply(path, service("web", type="NodePort"), "one")
        manifest = service("web", type="ClusterIP", ports=[{"name": "other", "port": 80}])
        refused = await api.apply(path, manifest, "two")
        assert (refused.status, refused.body["reason"]) == (409, "Conflict")
        assert sorted(causes(refused.body)) == ['.spec.ports[port=80,protocol="TCP"].name', ".spec.type"]
        assert refused.body["message"].startswith('Apply failed with 2 conflicts: conflicts with "one":\n- .spec.')
        forced = await api.apply(path, manifest, "two", force=True)
        assert (forced.body["spec"]["type"], forced.body["spec"]["ports"][0]["name"]) == ("ClusterIP", "other")
        assert (await api.apply(path, service("web", type="NodePort"), "one")).status == 409

    async def test_equal_values_are_shared(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps", "c")
        await api.apply(path, config_map("c", a="1"), "one")
        shared = await api.apply(path, config_map("c", a="1"), "two")
        assert shared.status == 200
        assert {entry["manager"] for entry in shared.body["metadata"]["managedFields"]} == {"one", "two"}

    async def test_what_is_no_longer_stated_goes_unless_another_holds_it(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps", "c")
        await api.apply(path, config_map("c", a="1", b="1", c="1"), "one")
        await api.apply(path, config_map("c", b="1"), "two")
        after = await api.apply(path, config_map("c", c="1"), "one")
        assert after.body["data"] == {"b": "1", "c": "1"}

    async def test_ports_are_merged_by_number_and_protocol(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("services", "web")
        tcp, udp = {"name": "tcp", "port": 53, "protocol": "TCP"}, {"name": "udp", "port": 53, "protocol": "UDP"}
        await api.apply(path, service("web", ports=[tcp, udp]), "one")
        await api.apply(path, service("web", ports=[{"name": "more", "port": 54}]), "two")
        after = await api.apply(path, service("web", ports=[udp]), "one")
        assert {port["name"] for port in after.body["spec"]["ports"]} == {"udp", "more"}

    async def test_apply_wants_a_manager_and_a_name(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps", "c")
        nameless = await api.patch(path, config_map("c"), "application/apply-patch+yaml")
        assert (nameless.status, causes(nameless.body)) == (422, ["fieldManager"])
        assert (await api.apply(path, config_map("c") | {"metadata": {}}, "one")).status == 400

    async def test_an_apply_with_a_version_that_nothing_has_only_creates(self, api: Api, namespace: Namespace) -> None:
        path, manifest = namespace.path("configmaps", "c"), config_map("c", a="1")
        manifest["metadata"]["resourceVersion"] = "1"
        assert (await api.apply(path, manifest, "one")).status == 201
        assert (await api.apply(path, manifest, "one")).status == 409

    async def test_status_is_applied_apart(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("services", "web")
        await api.apply(path, service("web", type="LoadBalancer"), "one")
        status = {"loadBalancer": {"ingress": [{"ip": "127.0.1.1"}]}}
        manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "status": status}
        after = await api.apply(f"{path}/status", manifest, "cloud")
        assert after.body["status"]["loadBalancer"]["ingress"][0]["ip"] == "127.0.1.1"
        entries = {one["manager"]: one.get("subresource") for one in after.body["metadata"]["managedFields"]}
        assert entries == {"one": None, "cloud": "status"}


class WatchingContract(Fixtures):
    async def test_a_watch_tells_every_change_after_a_version_in_order(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps")
        await api.post(path, config_map("before"))
        revision = (await api.get(path)).body["metadata"]["resourceVersion"]
        await api.post(path, config_map("c", a="1"))
        async with api.watch(f"{path}?watch=true&resourceVersion={revision}") as events:
            await api.patch(f"{path}/c", {"data": {"a": "2"}})
            await api.delete(f"{path}/c")
            seen = await events.take(3)
        assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
        assert [event["object"]["data"]["a"] for event in seen] == ["1", "2", "2"]
        revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
        assert revisions == sorted(set(revisions))

    @pytest.mark.parametrize("query", ["", "&resourceVersion=0"])
    async def test_a_watch_from_no_version_tells_what_there_is_first(
        self, api: Api, namespace: Namespace, query: str
    ) -> None:
        path = namespace.path("configmaps")
        await api.post(path, config_map("a"))
        async with api.watch(f"{path}?watch=true&labelSelector=app{query}") as events:
            first = await events.take(1)
            await api.post(path, config_map("b"))
            second = await events.take(1)
        assert [event["object"]["metadata"]["name"] for event in first + second] == ["a", "b"]

    async def test_a_watch_list_ends_its_initial_events_with_a_bookmark(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("services")
        for name in ("a", "b"):
            newest = (await api.post(path, service(name))).body["metadata"]["resourceVersion"]
        async with api.watch(f"{path}?{INITIAL_EVENTS}") as events:
            *initial, end = await events.take(3)
            await api.delete(f"{path}/a")
            (gone,) = await events.take(1)
        assert {(event["type"], event["object"]["metadata"]["name"]) for event in initial} == {
            ("ADDED", "a"),
            ("ADDED", "b"),
        }
        assert end["type"] == "BOOKMARK"
        assert end["object"]["kind"] == "Service"
        assert end["object"]["metadata"]["annotations"] == {INITIAL_EVENTS_END: "true"}
        assert int(end["object"]["metadata"]["resourceVersion"]) >= int(newest)
        assert (gone["type"], gone["object"]["metadata"]["name"]) == ("DELETED", "a")

    async def test_initial_events_want_not_older_than(self, api: Api, namespace: Namespace) -> None:
        reply = await api.get(f"{namespace.path('services')}?watch=true&sendInitialEvents=true")
        assert (reply.status, causes(reply.body)) == (422, ["resourceVersionMatch"])

    async def test_an_object_comes_and_goes_with_its_labels(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps")
        created = (await api.post(path, config_map("c"))).body["metadata"]["resourceVersion"]
        async with api.watch(f"{path}?watch=true&resourceVersion={created}&labelSelector=x%3Dy") as events:
            await api.patch(f"{path}/c", {"metadata": {"labels": {"x": "y"}}})
            await api.patch(f"{path}/c", {"data": {"a": "1"}})
            await api.patch(f"{path}/c", {"metadata": {"labels": {"x": None}}})
            seen = await events.take(3)
        assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]

    async def test_a_watch_can_be_of_one_name(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps")
        revision = (await api.get(path)).body["metadata"]["resourceVersion"]
        query = f"?watch=true&resourceVersion={revision}&fieldSelector=metadata.name%3Db"
        async with api.watch(path + query) as events:
            for name in ("a", "b"):
                await api.post(path, config_map(name))
            (only,) = await events.take(1)
        assert only["object"]["metadata"]["name"] == "b"

    async def test_a_watch_ends_in_order_when_its_time_is_up(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps")
        revision = (await api.get(path)).body["metadata"]["resourceVersion"]
        async with api.watch(f"{path}?watch=true&timeoutSeconds=1&resourceVersion={revision}") as events:
            assert await events.next() is None

    async def test_tables_can_be_watched(self, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps")
        await api.post(path, config_map("c", a="1"))
        async with api.watch(f"{path}?watch=true&labelSelector=app", TABLE) as events:
            event = await events.next()
        assert event is not None
        assert event["object"]["kind"] == "Table"
        assert event["object"]["rows"][0]["cells"][:2] == ["c", 1]

    async def test_history_that_was_forgotten_is_gone(self, subject: Subject, api: Api, namespace: Namespace) -> None:
        path = namespace.path("configmaps")
        for name in ("a", "b"):
            await api.post(path, config_map(name))
        page = (await api.get(f"{path}?limit=1")).body["metadata"]
        await api.delete(f"{path}/a")
        await subject.forget_history()
        watched = await self._first(api, f"{path}?watch=true&resourceVersion={page['resourceVersion']}")
        listed = await api.get(f"{path}?limit=1&continue={page['continue']}")
        exact = await api.get(f"{path}?resourceVersion={page['resourceVersion']}&resourceVersionMatch=Exact")
        assert [watched["code"], listed.status, exact.status] == [410, 410, 410]
        assert (watched["reason"], listed.body["reason"]) == ("Expired", "Expired")
        onwards = await api.get(f"{path}?limit=1&continue={listed.body['metadata']['continue']}")
        assert onwards.status == 200

    async def _first(self, api: Api, path: str) -> Object:
        """The Status that a watch begins with, as its answer or as its first event."""
        reply = await api.get(path + "&timeoutSeconds=5")
        found: Object = reply.body if isinstance(reply.body, dict) else {}
        return found["object"] if found.get("type") == "ERROR" else found


class ApiServerContract(
    ReadingContract, WritingContract, PatchingContract, ApplyingContract, WatchingContract, KubectlContract
):
    """Every claim; inherit it and supply ``subject``."""
