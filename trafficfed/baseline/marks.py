"""Words on what baselines make in API servers."""

import hashlib

from trafficfed.propagation.objects import TemplateKind

OWNER_LABEL = "trafficfed.io/baseline-by"
"""On everything that is made: which controller. What does not carry it with our own name is not ours to delete."""

RULE_ANNOTATION = "trafficfed.io/baseline"
"""Which baseline and rule it was made for: NAME/RULE."""

HUB_ANNOTATION = "trafficfed.io/baseline-hub"
"""UID of the hub that the baseline stands on: only its absence there says that it is gone."""

HASH_ANNOTATION = "trafficfed.io/content-hash"

MANAGER = "trafficfed-baseline"
"""Field manager, with baseline and rule behind it: two rules about one object do not take each other's fields."""

LONGEST_MANAGER = 128
"""Characters (metav1.ApplyOptions)."""

ADMISSION = "admissionregistration.k8s.io/v1"
BASELINES = TemplateKind(
    api_version="trafficfed.io/v1alpha1", kind="FleetBaseline", plural="fleetbaselines", namespaced=False
)
POLICIES = TemplateKind(
    api_version=ADMISSION, kind="ValidatingAdmissionPolicy", plural="validatingadmissionpolicies", namespaced=False
)
BINDINGS_OF_POLICIES = TemplateKind(
    api_version=ADMISSION,
    kind="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    namespaced=False,
)


def manager_of(baseline: str, rule: str) -> str:
    """Short enough for an API server, and different for different rules.

    >>> manager_of("pods", "restricted")
    'trafficfed-baseline/pods/restricted'
    """
    found = f"{MANAGER}/{baseline}/{rule}"
    if len(found) <= LONGEST_MANAGER:
        return found
    return f"{MANAGER}/{hashlib.blake2b(found.encode(), digest_size=16).hexdigest()}"
