"""The part of the API server's contract that users see: the pinned kubectl works against it."""

import yaml

from trafficfed.testing.apiserver_subject import Fixtures, Namespace, config_map, endpoint_slice, service
from trafficfed.testing.kubectl import Kubectl


class KubectlContract(Fixtures):
    async def test_kubectl_applies_annotates_and_deletes(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        manifest = yaml.safe_dump(service("web", type="LoadBalancer"))
        assert await kubectl.ok(*scope, "apply", "-f", "-", stdin=manifest) == "service/web created\n"
        assert await kubectl.ok(*scope, "apply", "-f", "-", stdin=manifest) == "service/web unchanged\n"
        await kubectl.ok(*scope, "annotate", "service", "web", "trafficfed.io/weight=10")
        await kubectl.ok(*scope, "label", "svc", "web", "tier=front")
        value = yaml.safe_load(await kubectl.ok(*scope, "get", "service", "web", "-o", "yaml"))
        assert value["metadata"]["annotations"]["trafficfed.io/weight"] == "10"
        table = await kubectl.ok(*scope, "get", "service", "-l", "tier=front", "-o", "wide")
        assert table.split()[:4] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP"]
        await kubectl.ok(*scope, "annotate", "service", "web", "trafficfed.io/weight-")
        assert "deleted" in await kubectl.ok(*scope, "delete", "service", "web")
        assert "NotFound" in (await kubectl(*scope, "get", "service", "web")).errors

    async def test_kubectl_keeps_what_client_side_apply_does_not_state(
        self, kubectl: Kubectl, namespace: Namespace
    ) -> None:
        scope = ("-n", namespace.name)
        ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=yaml.safe_dump(service("web", ports=ports)))
        await kubectl.ok(*scope, "annotate", "service", "web", "by=hand")
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=yaml.safe_dump(service("web", ports=ports[1:])))
        output = "jsonpath={.metadata.annotations.by} {.spec.ports[*].name}"
        assert await kubectl.ok(*scope, "get", "svc", "web", "-o", output) == "hand b"

    async def test_kubectl_meets_conflicts_of_server_side_apply(self, kubectl: Kubectl, namespace: Namespace) -> None:
        apply = ("-n", namespace.name, "apply", "--server-side", "-f", "-")
        await kubectl.ok(*apply, "--field-manager=one", stdin=yaml.safe_dump(config_map("c", a="1")))
        refused = await kubectl(*apply, stdin=yaml.safe_dump(config_map("c", a="2")))
        assert 'conflict with "one"' in refused.errors
        await kubectl.ok(*apply, "--force-conflicts", stdin=yaml.safe_dump(config_map("c", a="2")))

    async def test_kubectl_takes_over_from_its_client_side_apply(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=yaml.safe_dump(config_map("c", a="1")))
        changed = yaml.safe_dump(config_map("c", a="2"))
        await kubectl.ok(*scope, "apply", "--server-side", "-f", "-", stdin=changed)

    async def test_kubectl_patches_in_three_ways(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=yaml.safe_dump(service("web", type="LoadBalancer")))
        patch = (*scope, "patch", "service", "web")
        await kubectl.ok(*patch, "-p", '{"spec":{"ports":[{"name":"https","port":443}]}}')
        await kubectl.ok(*patch, "--type=json", "-p", '[{"op":"add","path":"/metadata/labels/x","value":"y"}]')
        balanced = '{"status":{"loadBalancer":{"ingress":[{"ip":"127.0.1.1"}]}}}'
        await kubectl.ok(*patch, "--type=merge", "--subresource=status", "-p", balanced)
        output = "jsonpath={.spec.ports[*].port} {.metadata.labels.x} {.status.loadBalancer.ingress[0].ip}"
        assert await kubectl.ok(*scope, "get", "svc", "web", "-o", output) == "443 80 y 127.0.1.1"

    async def test_kubectl_replace_refuses_a_stale_version(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=yaml.safe_dump(config_map("c", a="1")))
        read = await kubectl.ok(*scope, "get", "configmap", "c", "-o", "yaml")
        await kubectl.ok(*scope, "replace", "-f", "-", stdin=read.replace('a: "1"', 'a: "2"'))
        stale = await kubectl(*scope, "replace", "-f", "-", stdin=read)
        assert "the object has been modified" in stale.errors

    async def test_kubectl_describes_explains_and_diffs(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        manifest = service("web", type="LoadBalancer", selector={"app": "web"})
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=yaml.safe_dump(manifest))
        pods = yaml.safe_dump(endpoint_slice("web-1", "10.0.0.1"))
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=pods)
        described = await kubectl.ok(*scope, "describe", "service", "web")
        assert "10.0.0.1:8080" in described
        assert "Events:                   <none>" in described
        assert "FIELD: ports <[]ServicePort>" in await kubectl.ok("explain", "service.spec.ports")
        manifest["spec"]["sessionAffinity"] = "ClientIP"
        difference = await kubectl(*scope, "diff", "-f", "-", stdin=yaml.safe_dump(manifest))
        assert (difference.code, "+  sessionAffinity: ClientIP" in difference.output) == (1, True)

    async def test_kubectl_names_the_unknown_field(self, kubectl: Kubectl, namespace: Namespace) -> None:
        manifest = yaml.safe_dump(service("web", typ="LoadBalancer"))
        refused = await kubectl("-n", namespace.name, "apply", "-f", "-", stdin=manifest)
        assert 'unknown field "spec.typ"' in refused.errors

    async def test_kubectl_waits_and_watches(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=yaml.safe_dump(service("web", type="LoadBalancer")))
        async with kubectl.follow(*scope, "get", "service", "web", "--watch", "--no-headers") as lines:
            assert "<pending>" in await anext(lines)
            balanced = '{"status":{"loadBalancer":{"ingress":[{"ip":"127.0.1.1"}]}}}'
            await kubectl.ok(*scope, "patch", "svc", "web", "--type=merge", "--subresource=status", "-p", balanced)
            assert "127.0.1.1" in await anext(lines)
        ready = "--for=jsonpath={.status.loadBalancer.ingress[0].ip}=127.0.1.1"
        await kubectl.ok(*scope, "wait", ready, "service/web", "--timeout=10s")

    async def test_kubectl_knows_short_names_and_several_kinds(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        manifests = yaml.safe_dump_all([service("web"), config_map("c", a="1"), endpoint_slice("web-1", "10.0.0.1")])
        await kubectl.ok(*scope, "apply", "-f", "-", stdin=manifests)
        names = await kubectl.ok(*scope, "get", "svc,endpointslices", "-o", "name")
        assert names.split() == ["service/web", "endpointslice.discovery.k8s.io/web-1"]

    async def test_kubectl_creates_without_a_manifest(self, kubectl: Kubectl, namespace: Namespace) -> None:
        scope = ("-n", namespace.name)
        await kubectl.ok("create", "namespace", f"{namespace.name}-2")
        await kubectl.ok(*scope, "create", "service", "loadbalancer", "web", "--tcp=80:8080")
        await kubectl.ok(*scope, "expose", "service", "web", "--name=more", "--port=81", "--type=NodePort")
        await kubectl.ok(*scope, "create", "configmap", "c", "--from-literal=a=1")
        await kubectl.ok(*scope, "create", "secret", "generic", "s", "--from-literal=a=1")
        ports = "jsonpath={range .items[*]}{.spec.type} {.spec.ports[0].port}:{.spec.ports[0].targetPort} {end}"
        assert await kubectl.ok(*scope, "get", "services", "-o", ports) == "NodePort 81:81 LoadBalancer 80:8080 "
        assert await kubectl.ok(*scope, "get", "configmap", "c", "-o", "jsonpath={.data.a}") == "1"
        assert await kubectl.ok(*scope, "get", "secret", "s", "-o", "jsonpath={.data.a} {.type}") == "MQ== Opaque"
        again = await kubectl(*scope, "create", "configmap", "c")
        assert "already exists" in again.errors
