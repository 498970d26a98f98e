"""A mistake in values is told before anything is installed, with the value's name and what to do."""

from typing import Any

import pytest

from trafficfed.testing.charts import ChartRefused, rendered

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]


def put(values: Json, path: str, value: object) -> None:
    *parents, last = path.split("/")
    here: Any = values
    for each in parents:
        here = here[int(each)] if isinstance(here, list) else here.setdefault(each, {})
    if value is None:
        here.pop(last)
    else:
        here[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("controler", {}, "controler"),
        ("controller/replicas", 3, "replicas"),
        ("controller/config/ownr", "x", "ownr"),
        ("controller/config/state", "/tmp", "state"),
        ("controller/config/zones/0/open", "yes", "open"),
        ("controller/config/zones/0/providers", [], "providers"),
        ("controller/config/health/interval", "10 seconds", "interval"),
        ("controller/config/clusters/0/continent", "Europe", "continent"),
        ("nameserver/service/externalTrafficPolicy", "local", "externalTrafficPolicy"),
        ("nameserver/replicas", 0, "replicas"),
        ("image/digest", "latest", "digest"),
        ("rbac/member", "true", "member"),
    ],
)
def test_the_schema_refuses_and_names_the_value(everything: Json, path: str, value: object, said: str) -> None:
    put(everything, path, value)
    with pytest.raises(ChartRefused) as refused:
        rendered(everything)
    assert said in str(refused.value)
    assert "schema" in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("controller/config/owner", None, "controller.config.owner is missing"),
        ("controller/config/zones", None, "controller.config.zones is missing"),
        ("controller/config/providers/bind/tsig/secret", "eA==", "would stand in a ConfigMap"),
        ("controller/secrets", [], "controller.secrets is empty: name the Secret that has feed.key"),
        ("controller/feed/enabled", False, "set it to true"),
        ("rbac/member", False, "eu is this cluster, but rbac.member is false"),
        ("rbac/elector", False, "electorate has eu, which is this cluster, but rbac.elector is false"),
        ("rbac/hub", False, "hub is this cluster, but rbac.hub is false"),
        ("rbac/baselinesHub", False, "keeps those of this cluster, but rbac.baselinesHub is false"),
        ("rbac/baselines", False, "keeps them in eu, which is this cluster, but rbac.baselines is false"),
        ("controller/config/leadership/namespace", "kube-system", "leadership.namespace is kube-system"),
        ("controller/config/propagation/namespace", "kube-system", "propagation.namespace is kube-system"),
        ("nameserver/config/zones", None, "nameserver.config.zones is missing"),
        ("nameserver/secrets", [], "nameserver.secrets is empty"),
        ("prober/config/name", None, "prober.config.name is missing"),
        ("prober/secrets", [], "prober.secrets is empty"),
    ],
)
def test_what_does_not_go_together_is_refused_and_told(everything: Json, path: str, value: object, said: str) -> None:
    put(everything, path, value)
    with pytest.raises(ChartRefused) as refused:
        rendered(everything)
    assert said in str(refused.value)


def test_who_follows_nobody_is_refused(everything: Json) -> None:
    everything["controller"] = {"enabled": False}
    with pytest.raises(ChartRefused, match=r"prober.controllers is empty"):
        rendered(everything)
    everything["prober"]["controllers"] = ["192.0.2.10:9053"]
    everything["nameserver"]["feeds"] = []
    with pytest.raises(ChartRefused, match=r"nameserver.feeds is empty"):
        rendered(everything)


def test_a_controller_without_any_configuration_is_told_where_to_look() -> None:
    with pytest.raises(ChartRefused, match=r"docs/install.md has an example"):
        rendered({})
