"""What an API server adds to a Deployment, and what it refuses in one (Kubernetes, pkg/apis/apps/v1/defaults.go)."""

from collections.abc import Iterator

from trafficfed.sandbox.apiserver.failures import Cause
from trafficfed.sandbox.apiserver.kinds import Json

POD_DEFAULTS: Json = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
CONTAINER_DEFAULTS: Json = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}


def complete(deployment: Json) -> None:
    """Fill in the defaults, in place."""
    spec = deployment.setdefault("spec", {})
    for key, value in (("replicas", 1), ("revisionHistoryLimit", 10), ("progressDeadlineSeconds", 600)):
        spec.setdefault(key, value)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    _complete_pod(spec.setdefault("template", {}).setdefault("spec", {}))


def _complete_pod(pod: Json) -> None:
    for key, value in POD_DEFAULTS.items():
        pod.setdefault(key, value)
    pod.setdefault("securityContext", {})
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        for key, value in CONTAINER_DEFAULTS.items():
            container.setdefault(key, value)
        container.setdefault("resources", {})
        container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _pull_policy(image: str) -> str:
    """
    >>> _pull_policy("registry.example.org:5000/web"), _pull_policy("web:1.0")
    ('Always', 'IfNotPresent')
    """
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def mistakes(deployment: Json, old: Json | None) -> Iterator[Cause]:
    """What an API server would refuse."""
    spec = deployment["spec"]
    template, selector = spec["template"], spec.get("selector")
    if not selector:
        yield Cause("FieldValueRequired", "Required value", "spec.selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    if any(labels.get(key) != value for key, value in ((selector or {}).get("matchLabels") or {}).items()):
        why = "Invalid value: `selector` does not match template `labels`"
        yield Cause("FieldValueInvalid", why, "spec.template.metadata.labels")
    if old is not None and old["spec"].get("selector") != selector:
        yield Cause("FieldValueInvalid", "Invalid value: field is immutable", "spec.selector")
    if spec["replicas"] < 0:
        why = f"Invalid value: {spec['replicas']}: must be greater than or equal to 0"
        yield Cause("FieldValueInvalid", why, "spec.replicas")
    yield from _container_mistakes(template["spec"].get("containers") or [])


def _container_mistakes(containers: list[Json]) -> Iterator[Cause]:
    path = "spec.template.spec.containers"
    if not containers:
        yield Cause("FieldValueRequired", "Required value", path)
    for index, container in enumerate(containers):
        for field in ("name", "image"):
            if not container.get(field):
                yield Cause("FieldValueRequired", "Required value", f"{path}[{index}].{field}")
