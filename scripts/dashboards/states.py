"""How values that several dashboards show are written and coloured."""

from scripts.dashboards.grammar import BAD, GOOD, WARN, of

NOT_FRESH = 'freshness!="Fresh"'
DAY_S = 86_400
ENDS = ((None, BAD), (3 * DAY_S, WARN), (14 * DAY_S, GOOD))
FRESHNESS = ((1, "Fresh", GOOD), (2, "Stale", WARN), (3, "Suspect", BAD))


def freshness(*matchers: str) -> str:
    """1 Fresh, 2 Stale, 3 Suspect: the worst that any controller says."""
    states = (("Suspect", 3), ("Stale", 2), ("Fresh", 1))
    worst_first = ((of("cluster_freshness", *matchers, f'freshness="{name}"'), value) for name, value in states)
    return " or ".join(f"max by (cluster) ({state} * {value} > 0)" for state, value in worst_first)
