"""docs/install.md: its values are taken as they stand, and every value and switch that it names is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.config.load import load
from trafficfed.testing.charts import CHART, ROOT, configuration, helm, of_kind, rendered
from trafficfed.testing.pages import page

PAGE = page("docs/install.md")
BLOCKS = [fence.text for fence in PAGE.fences if fence.language == "yaml"]
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def named() -> list[str]:
    """Dotted names in the prose that begin as a value does."""
    return sorted(
        {
            each
            for each in re.findall(r"`([\w.]+)(?:: [^`]*)?`", PAGE.prose)
            if each.split(".")[0] in VALUES and "." in each
        }
    )


def test_the_page_names_values_at_all() -> None:
    assert {"rbac.elector", "nameserver.service.annotations", "controller.feed.service.type"} <= set(named())


@pytest.mark.parametrize("name", named())
def test_every_value_that_it_names_is_there(name: str) -> None:
    here: Any = VALUES
    for key in name.split("."):
        if key == "config" or here == {}:  # what is in there is the product's own, not the chart's
            break
        assert key in here, name
        here = here[key]


@pytest.mark.real
@pytest.mark.slow
def test_its_first_values_make_files_that_the_product_reads(tmp_path: Path) -> None:
    made = rendered(yaml.safe_load(BLOCKS[0]))
    for name in ("feed.key", "us.kubeconfig", "tsig.secret"):
        (tmp_path / name).write_text("a2V5" * 12)
        (tmp_path / name).chmod(0o440)
    for component in ("controller", "nameserver"):
        path = tmp_path / "trafficfed.yaml"
        path.write_text(configuration(made, component))
        settings = load(path, {})
        assert settings.warnings == ()
        assert bool(settings.nameserver) == (component == "nameserver")


@pytest.mark.real
@pytest.mark.slow
def test_all_its_values_go_together() -> None:
    values: dict[str, Any] = {}
    for text in BLOCKS:
        values |= yaml.safe_load(text)
    api, *_ = of_kind(rendered(values), "NetworkPolicy", "trafficfed-controller")["spec"]["ingress"]
    assert api["from"][1:] == values["networkPolicy"]["apiFrom"]


@pytest.mark.real
@pytest.mark.slow
def test_its_commands_name_a_chart_that_can_be_packed_with_all_that_it_needs(tmp_path: Path) -> None:
    assert "deploy/helm/trafficfed" in PAGE.text
    helm("package", str(CHART), "--destination", str(tmp_path))
    (packed,) = tmp_path.glob("*.tgz")
    values = {
        **yaml.safe_load(BLOCKS[0]),
        "monitoring": {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}},
    }
    text = helm("template", "trafficfed", str(packed), "--include-crds", "--namespace=trafficfed", values=values)
    kinds = [each["kind"] for each in yaml.safe_load_all(text) if each]
    dashboards = list((ROOT / "deploy" / "grafana").glob("*.json"))
    assert kinds.count("CustomResourceDefinition") == 5
    assert kinds.count("PrometheusRule") == 1
    assert kinds.count("ConfigMap") == 2 + len(dashboards)
