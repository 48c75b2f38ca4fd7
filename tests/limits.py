"""Seconds after which the product gives up waiting, or leaves the rest of its work for later.

In production they are short. On a busy machine an ordinary step takes as long.
"""

from importlib import import_module
from typing import Any

import pytest

from gitlab_links import slow_gitlabs
from gitlab_links.job_triggers import JobKind
from gitlab_links.storage.postgresql import CONNECT_ARGS
from tests.hanging import HANGS

LIMITS = {
    "deltas.turned_away": ("NOTED_AFTER_SECONDS",),
    "deliveries.refusals": ("WRITE_SECONDS",),
    "demo.gitlab.delivery": ("TIMEOUT_SECONDS",),
    "demo.rest_api": ("TIMEOUT_SECONDS",),
    "demo.seed": ("TIMEOUT_SECONDS",),
    "health.hook_repair": ("RESEND_SECONDS", "WHOLE_SECONDS"),
    "health.title_search": ("WHOLE_SECONDS",),
    "health.token_rotation": ("CALLING_SECONDS", "SAVING_UNTIL_SECONDS"),
    "http.transactions": ("BEGIN_SECONDS",),
    "job_triggers": ("RUNNING_SECONDS",),
    "jobs.backfills": ("SLICE_SECONDS",),
    "jobs.drains": ("SLICE_SECONDS",),
    "jobs.events": ("SLICE_SECONDS",),
    "jobs.fetches": ("SLICE_SECONDS",),
    "jobs.health_checks": ("CALLING_SECONDS", "PROBLEM_SECONDS"),
    "jobs.operations": ("SLICE_SECONDS",),
    "jobs.org_deletions": ("SLICE_SECONDS",),
    "jobs.outgoing": ("BATCH_SECONDS",),
    "jobs.rule_slices": ("SLICE_SECONDS",),
    "jobs.sweeps": ("FORGETTING_SECONDS",),
    "ops.machine_checks": ("CLOCK_SECONDS", "MAIL_SECONDS"),
    "outgoing.outcomes": ("SLOW_SECONDS",),
    "slow_gitlabs": ("SLOW_SECONDS",),
    "storage.database": ("POOL_WAIT_SECONDS", "SQLITE_SHORT_WAIT_SECONDS"),
    "storage.postgresql": ("CONNECT_SECONDS", "FIRST_STATEMENT_SECONDS", "LOCK_SECONDS"),
    "storage.redis_pool": ("WAIT_SECONDS",),
}


# Where it stands, its name there, its value.
Limit = tuple[Any, str, Any]


def raised() -> list[Limit]:
    """Every limit, so long that only what hangs meets it."""
    found: list[Limit] = [
        (import_module(f"gitlab_links.{module}"), name, int(HANGS))
        for module, names in LIMITS.items()
        for name in names
    ]
    found.append((CONNECT_ARGS, "connect_timeout", int(HANGS)))
    # Of all answers of a minute, so it is more than one slow answer takes.
    found.append((slow_gitlabs, "BUDGET_SECONDS", 2 * int(HANGS)))
    # Still shorter than what a job of a slow GitLab may wait.
    return found + [(kind, "quiet_seconds", int(HANGS) // 2) for kind in JobKind]


def as_now(limits: list[Limit]) -> list[Limit]:
    """The same ones with their present values."""
    return [
        (place, name, place[name] if isinstance(place, dict) else getattr(place, name))
        for place, name, _ in limits
    ]


def put(limits: list[Limit], patch: pytest.MonkeyPatch) -> None:
    """Have these limits hold until ``patch`` is undone."""
    for place, name, value in limits:
        set_it = patch.setitem if isinstance(place, dict) else patch.setattr
        set_it(place, name, value)


def of_flags(limits: list[Limit]) -> list[Limit]:
    """Those that real workers meet as well: for how long a flag in Redis keeps other jobs away."""
    return [limit for limit in limits if isinstance(limit[0], JobKind)]
