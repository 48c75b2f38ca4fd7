"""The jobs that may run: each takes ids as text, each may run twice or never."""

import uuid
from collections.abc import Callable

from gitlab_links.jobs import drains, fetches, health_checks, operations, sweeps


def drain(org_id: str) -> None:
    """Process an org's due deliveries. Rung by each accepted webhook and by the sweeper."""
    drains.drain_slice(uuid.UUID(org_id))


def sync(org_id: str) -> None:
    """Fetch an org's due items. Rung by whatever asks for a refresh and by the sweeper."""
    fetches.fetch_slice(uuid.UUID(org_id))


def sweep() -> None:
    """Ring for every org with due work that nobody is at. Scheduled."""
    sweeps.sweep()


def clean() -> None:
    """Drop what is past its retention. Scheduled."""
    sweeps.clean()
    health_checks.forget_old()


def find_due_checks() -> None:
    """Find what has become of connections, and which are to be looked at. Scheduled."""
    health_checks.find_due_checks()


def verdicts() -> None:
    """Store the verdict on each connection for the metrics. Scheduled."""
    health_checks.store_all_verdicts()


def run_checks(org_id: str) -> None:
    """Look at an org's token and hooks where that is due. Rung by the schedule and by pages."""
    health_checks.run_checks(uuid.UUID(org_id))


def operate(org_id: str) -> None:
    """Do what an org has asked for in its GitLab. Rung by pages, programs and the schedule."""
    operations.run_operations(uuid.UUID(org_id))


def request_check(org_id: str) -> None:
    """Make an org's token and hooks due. Rung by whoever looks at its health."""
    health_checks.request_check(uuid.UUID(org_id))


ALLOWED: dict[str, Callable[..., None]] = {
    f"{__name__}.{function.__name__}": function
    for function in (
        drain,
        sync,
        sweep,
        clean,
        find_due_checks,
        verdicts,
        run_checks,
        operate,
        request_check,
    )
}
# Queued under these names by the release before: accepted until the next one.
FORMER_NAMES: dict[str, Callable[..., None]] = {
    f"{__name__}.look": find_due_checks,
    f"{__name__}.watch": run_checks,
    f"{__name__}.check": request_check,
}
ALLOWED |= FORMER_NAMES
