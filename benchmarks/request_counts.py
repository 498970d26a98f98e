"""How many requests an API server served, by its own count."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from trafficfed.kubernetes_api.transport import Transport

METRIC = "apiserver_request_total"
SHOWN = 0.01

Requests = Counter[tuple[str, str]]
"""By verb (APPLY is a server-side apply) and resource, its subresource after a slash."""


async def served(transport: Transport) -> Requests:
    """All since it started, whoever asked; a watch is counted when it ends. Raises Transient or Refused."""
    text = (await transport.request("GET", "/metrics")).decode()
    lines = [line for line in text.splitlines() if line.startswith(f"{METRIC}{{")]
    counts: Requests = Counter()
    for family in text_string_to_metric_families("\n".join([f"# TYPE {METRIC} counter", *lines, ""])):
        for sample in family.samples:
            resource, part = sample.labels["resource"], sample.labels["subresource"]
            if resource:
                counts[sample.labels["verb"], f"{resource}/{part}" if part else resource] += int(sample.value)
    return counts


def told(counts: Requests, objects: int, most: int = 4) -> str:
    """The most frequent ones, for each object."""
    frequent = [(what, count / objects) for what, count in counts.most_common(most) if count / objects >= SHOWN]
    return ", ".join(f"{verb} {resource} {each:.2f}" for (verb, resource), each in frequent) or f"fewer than {SHOWN}"
