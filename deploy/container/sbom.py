"""Prints the bill of materials of the Python environment that runs it: CycloneDX 1.6 in JSON, the same text every time.

In an image it stands at /opt/trafficfed/sbom.cdx.json.
"""

import json
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions

ROOT = "trafficfed"


def canonical(name: str) -> str:
    """A distribution's name as indexes write it (PEP 503)."""
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-")))


def component(found: Distribution) -> dict[str, object]:
    name, version = canonical(found.metadata["Name"]), found.version
    made: dict[str, object] = {"type": "library", "name": name, "version": version}
    made["purl"] = made["bom-ref"] = f"pkg:pypi/{name}@{version}"
    if "License-Expression" in found.metadata:
        made["licenses"] = [{"expression": found.metadata["License-Expression"]}]
    return made


def bill(found: Iterable[Distribution]) -> dict[str, object]:
    """The document. Raises LookupError where the program itself is not among them."""
    components = sorted({each["name"]: each for each in map(component, found)}.items(), key=lambda item: str(item[0]))
    others = [each for name, each in components if name != ROOT]
    program = dict(components).get(ROOT)
    if program is None:
        raise LookupError(f"{ROOT} is not installed here")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**program, "type": "application"}},
        "components": others,
        "dependencies": [{"ref": program["bom-ref"], "dependsOn": [each["bom-ref"] for each in others]}],
    }


if __name__ == "__main__":
    json.dump(bill(distributions()), sys.stdout, indent=1)
    print()
