"""Why a candidate does not lead, in sentences that stay the same while their cause does."""

from collections.abc import Sequence

from trafficfed.leadership.sight import Rules, Sight

NOT_READY = "it is not ready: it has loaded no table yet, or does not know how each cluster stands"
STOOD_DOWN = "it gave up the leadership and leaves it to others for a while"
UNDER_WAY = "the election is under way"
IN_DOUBT = "new here or restored, so its votes are left alone for one lease time"


def lapsed(rules: Rules) -> str:
    return f"it could not renew its lease at {rules.majority} of {len(rules.electorate)} electors in time"


def outdated(term: int) -> str:
    return f"term {term} was seen, which is newer than its own"


def disagreement(rules: Rules, elector: str, sight: Sight) -> str:
    """What is wrong with the record at an elector, and what to do; empty where it is of our fleet and electorate."""
    record = sight.record
    if record is None or rules.agrees(record):
        return ""
    if record.owner != rules.owner:
        what, theirs, ours = "owner", record.owner, rules.owner
    else:
        what, theirs, ours = "electorate", ", ".join(record.electorate), ", ".join(rules.electorate)
    return (
        f"elector {elector} has the record of a controller with another {what} ({theirs}; here {ours}): give every "
        "controller the same, and delete that record once none of the others runs any more"
    )


def lack(rules: Rules, elector: str, sight: Sight, now_s: float, *, in_doubt: bool) -> str:
    """Why an elector's vote cannot be asked for now; empty where it can."""
    if sight.error or sight.seen is None or sight.silent(now_s, rules.silence_s):
        return sight.error or "no answer yet"
    if sight.record and not rules.agrees(sight.record):
        return disagreement(rules, elector, sight)
    if sight.record and now_s < sight.lapses_s and not sight.free_for(rules.holder):
        return f"held by {sight.record.controller}"
    return IN_DOUBT if in_doubt else ""


def shortage(rules: Rules, lacks: Sequence[tuple[str, str]]) -> str:
    """Which electors (name, why not) are missing for a majority; empty where it has one."""
    if len(rules.electorate) - len(lacks) >= rules.majority:
        return ""
    missing = "; ".join(f"{elector}: {why}" for elector, why in lacks)
    return f"it needs {rules.majority} of {len(rules.electorate)} electors ({missing})"
