"""Values that the tests of the chart begin with, one of each way to install it."""

from typing import Any

import pytest

Json = dict[str, Any]


@pytest.fixture
def one_controller() -> Json:
    """The smallest: one controller in one of two members, which publishes to a name server elsewhere."""
    return {
        "controller": {
            "config": {
                "owner": "prod",
                "clusters": [
                    {"name": "eu", "in-cluster": True, "region": "eu-central-1"},
                    {"name": "us", "kubeconfig": "./us.kubeconfig", "region": "us-east-1"},
                ],
                "providers": {
                    "bind": {
                        "kind": "rfc2136",
                        "server": "192.0.2.53:53",
                        "tsig": {"name": "trafficfed.", "secret-file": "./tsig.secret"},
                    }
                },
                "zones": [{"name": "fed.example.org", "providers": ["bind"], "open": True}],
            },
            "secrets": ["trafficfed-keys"],
        }
    }


@pytest.fixture
def everything(one_controller: Json) -> Json:
    """Each part and each switch on: leadership, hub, propagation, name server, prober, monitoring."""
    controller = one_controller["controller"]
    controller["config"] |= {
        "leadership": {
            "name": "eu",
            "key-file": "./controllers.key",
            "electorate": [{"cluster": "eu"}, {"cluster": "us"}, {"zone": "fed.example.org", "provider": "bind"}],
            "peers": [{"name": "us", "feed": "198.51.100.10:9053", "region": "us-east-1"}],
            "lease": "10s",
        },
        "hub": {"in-cluster": True},
        "services": {"imports": "write"},
        "baselines": {"members": "write"},
        "vantage": {"name": "controller-eu", "cluster": "eu"},
        "vantages": [{"name": "probe-eu", "cluster": "eu", "key-file": "./prober.key"}],
        "health": {"interval": "10s", "timeout": 3},
    }
    controller["config"]["providers"]["own"] = {"kind": "embedded"}
    controller["config"]["zones"][0]["providers"] = ["bind", "own"]
    controller["feed"] = {"enabled": True, "service": {"type": "LoadBalancer", "annotations": {"a": "b"}}}
    controller["env"] = [{"name": "AWS_REGION", "value": "eu-central-1"}]
    zone = {"name": "fed.example.org", "nameservers": ["ns1.fed.example.org"], "mailbox": "hostmaster@example.org"}
    return {
        **one_controller,
        "rbac": dict.fromkeys(
            ("member", "elector", "hub", "propagation", "services", "istio", "baselines", "baselinesHub", "access"),
            True,
        ),
        "nameserver": {
            "enabled": True,
            "config": {
                "zones": [zone],
                "places": [{"network": "192.0.2.0/24", "country": "DE"}],
                "wait": "5s",
                "clusterset": {"cluster": "eu", "in-cluster": True},
            },
            "feeds": ["198.51.100.10:9053"],
            "secrets": ["trafficfed-keys"],
        },
        "prober": {
            "enabled": True,
            "config": {"name": "probe-eu", "cluster": "eu", "region": "eu-central-1"},
            "secrets": ["trafficfed-keys"],
        },
        "monitoring": {key: {"enabled": True} for key in ("serviceMonitor", "prometheusRule", "dashboards")},
    }
