"""Whether the fleet keeps its baselines."""

import os
from pathlib import Path

from trafficfed.cli.configured import settings_of
from trafficfed.cli.controller import Controller
from trafficfed.cli.failures import EXIT_FOUND
from trafficfed.cli.output import Screen, write
from trafficfed.observe.views import AuditView


def audit(config: Path, output: str, *, baseline: str, cluster: str) -> int:
    """Show every violation; the exit code says whether there is any."""
    view = Controller(settings_of(config).api).get("/api/audit", AuditView, baseline=baseline, cluster=cluster)
    write(view, output, Screen.of_terminal(os.environ))
    return 0 if view.compliant else EXIT_FOUND
