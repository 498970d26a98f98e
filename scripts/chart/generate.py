"""Writes what is made of other things: python -m scripts.chart.generate [--check]

The chart's values.yaml and values.schema.json and docs/helm-values.md come from scripts/chart/values.py, its crds/ from
the structs of the hub's objects. With --check nothing is written, and the names of files that differ are printed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from scripts.chart.values import Chart, ControllerConfig, Json, NameServerConfig, ProberConfig, Values
from trafficfed.config import fields
from trafficfed.crds.definitions import crds_yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "trafficfed"
MADE = "made by scripts/chart/generate.py from scripts/chart/values.py; do not edit"
CONFIGS = (ControllerConfig, NameServerConfig, ProberConfig)
WRITTEN: dict[Callable[..., Any], Json] = {
    fields.duration: {"type": ["number", "string"], "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)?$"},
    fields.listen_address: {"type": "string", "pattern": r":[0-9]+$"},
    fields.cidr: {"type": "string"},
    fields.dns_name: {"type": "string"},
    fields.identifier: {"type": "string", "pattern": rf"^{fields._NAME.pattern}$"},
    fields.country: {"type": "string", "pattern": "^[A-Za-z]{2}$"},
    fields.continent: {"type": "string", "pattern": "^[A-Za-z]{2}$"},
    fields.kind: {"type": "string", "pattern": "/"},
}
"""Values as users write them, where the product's validator takes more than the type it makes of them."""


class _AsWritten(GenerateJsonSchema):
    def default_schema(self, schema: Any) -> Json:
        """Defaults stand in values.yaml."""
        return self.generate_inner(schema["schema"])

    def function_before_schema(self, schema: Any) -> Json:
        function = schema["function"]["function"]
        if function in WRITTEN:
            return dict(WRITTEN[function])
        inner = super().function_before_schema(schema)
        if function.__name__ == "_one_or_many":
            return {"anyOf": [{"type": "string"}, inner]}
        return inner


def schema() -> Json:
    """The JSON schema of the values, in the draft that Helm reads."""
    made = Chart.model_json_schema(by_alias=True, schema_generator=_AsWritten)
    for model in CONFIGS:
        made["$defs"][model.__name__].pop("required", None)  # empty while its part is off; else the templates ask
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": MADE, **_plain(made)}


def _plain(node: Any) -> Any:
    """Without titles, which say the keys again."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    return [_plain(each) for each in node] if isinstance(node, list) else node


def values_yaml() -> str:
    return f"# {MADE.capitalize()}.\n" + "".join(_lines(Chart, 0))


def _lines(model: type[BaseModel], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner = field.annotation
        if _is_part(inner):
            assert isinstance(inner, type), "a part is a class"
            yield f"{pad}# {_first(inner.__doc__)}\n{pad}{key}:\n"
            yield from _lines(inner, depth + 1)
        else:
            yield f"{pad}# {_sentence(field)}\n" if field.description else ""
            yield _entry(key, default(field), pad)


def _entry(key: str, value: Any, pad: str) -> str:
    if not value or not isinstance(value, dict | list):
        return f"{pad}{key}: {json.dumps(value)}\n"
    text = yaml.safe_dump({key: value}, default_flow_style=None, sort_keys=False, width=1000).rstrip()
    return "".join(f"{pad}{line}\n" for line in text.splitlines())


def default(field: FieldInfo) -> Any:
    """As plain YAML values."""
    return _dumped(field.get_default(call_default_factory=True))


def _dumped(value: Any) -> Any:
    if isinstance(value, Values):
        return {field.alias or name: _dumped(getattr(value, name)) for name, field in type(value).model_fields.items()}
    if isinstance(value, dict):
        return {key: _dumped(each) for key, each in value.items()}
    return [_dumped(each) for each in value] if isinstance(value, tuple | list) else value


def _is_part(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Values)


def _first(text: str | None) -> str:
    return (text or "").splitlines()[0]


def _sentence(field: FieldInfo) -> str:
    text = field.description or ""
    return text[0].upper() + text[1:] + "."


def values_page() -> str:
    head = (
        "# Values of the Helm chart\n\n[Installing](install.md) tells which of them you need. Values that do not fit"
        " the schema are refused by Helm.\n"
    )
    return head + "".join(_tables(Chart, ""))


def _tables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    plain = [(name, field) for name, field in model.model_fields.items() if not _is_part(field.annotation)]
    if prefix:
        yield f"\n## {prefix[:-1]}\n\n{_first(model.__doc__)}\n"
    if plain and prefix:
        yield "\n| value | default | meaning |\n|---|---|---|\n"
        for name, field in plain:
            shown = json.dumps(default(field), ensure_ascii=False)
            shown = "the usual workloads" if len(shown) > 120 else f"`{shown}`"
            yield f"| `{prefix}{field.alias or name}` | {shown} | {field.description or ''} |\n"
    for name, field in model.model_fields.items():
        inner = field.annotation
        if _is_part(inner):
            assert isinstance(inner, type), "a part is a class"
            yield from _tables(inner, f"{prefix}{field.alias or name}.")


def files() -> dict[Path, str]:
    """Every file and what it should say."""
    return {
        CHART / "values.yaml": values_yaml(),
        CHART / "values.schema.json": json.dumps(schema(), indent=1) + "\n",
        CHART / "crds" / "trafficfed.io.yaml": crds_yaml(),
        ROOT / "docs" / "helm-values.md": values_page(),
    }


def main(arguments: list[str]) -> int:
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
