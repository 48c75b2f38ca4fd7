"""The jobs that may run. Each takes ids as text, and may run twice or never."""

import uuid
from collections.abc import Callable

from gitlab_links.jobs import (
    backfills,
    digests,
    drains,
    events,
    fetches,
    health_checks,
    link_mails,
    operations,
    outgoing,
    overviews,
    pending_mentions,
    rule_slices,
    sweeps,
)


def drain(org_id: str) -> None:
    """Process an org's due deliveries. Triggered by accepted webhooks and by the sweep."""
    drains.drain_slice(uuid.UUID(org_id))


def apply_rules(org_id: str) -> None:
    """Look at the tasks that an org's status rules have to. Triggered by changes of items and
    links, and by the sweep.
    """
    rule_slices.rules_slice(uuid.UUID(org_id))


def link_pending(org_id: str) -> None:
    """Link an org's new tasks with what mentioned them before. Triggered by the sweep."""
    pending_mentions.pending_slice(uuid.UUID(org_id))


def publish_events(org_id: str) -> None:
    """Publish an org's events. Triggered by recording them and by the sweep."""
    events.publish_events(uuid.UUID(org_id))


def send_events(org_id: str) -> None:
    """Send events that are due to endpoints. Triggered by publishing them and by the sweep."""
    outgoing.send_events(uuid.UUID(org_id))


def sync(org_id: str) -> None:
    """Fetch an org's due items. Triggered by requests for a refresh and by the sweep."""
    fetches.fetch_slice(uuid.UUID(org_id))


def backfill(org_id: str) -> None:
    """Look back for mentions, a list at a time. Triggered by pages, programs and the sweep."""
    backfills.backfill_slice(uuid.UUID(org_id))


def sweep() -> None:
    """Trigger the jobs of every org with due work. Scheduled."""
    sweeps.sweep()


def clean() -> None:
    """Delete what is past its retention. Scheduled."""
    sweeps.clean()
    health_checks.forget_old()


def find_due_checks() -> None:
    """Store changes of health, and trigger the checks that are due. Scheduled."""
    health_checks.find_due_checks()


def send_digests() -> None:
    """Send the daily mails of what waits on people. Scheduled."""
    digests.send_digests()


def send_mails() -> None:
    """Send the mails with links that work once. Triggered by the sweep."""
    link_mails.send_due_mails()


def verdicts() -> None:
    """Store the verdict on each connection for the metrics. Scheduled."""
    health_checks.store_all_verdicts()


def run_checks(org_id: str) -> None:
    """Run an org's due checks of token and hooks. Triggered by the schedule and by pages."""
    health_checks.run_checks(uuid.UUID(org_id))


def operate(org_id: str) -> None:
    """Run an org's waiting operations. Triggered by pages, programs and the schedule."""
    operations.run_operations(uuid.UUID(org_id))


def count_overview(org_id: str) -> None:
    """Count the overview of a large org. Triggered by viewing it."""
    overviews.count_overview(uuid.UUID(org_id))


def request_check(org_id: str) -> None:
    """Make the checks of an org's token and hooks due. Triggered by viewing its health."""
    health_checks.request_check(uuid.UUID(org_id))


ALLOWED: dict[str, Callable[..., None]] = {
    f"{__name__}.{function.__name__}": function
    for function in (
        drain,
        apply_rules,
        link_pending,
        publish_events,
        send_events,
        sync,
        backfill,
        sweep,
        clean,
        find_due_checks,
        send_mails,
        send_digests,
        verdicts,
        run_checks,
        operate,
        count_overview,
        request_check,
    )
}
# The previous release enqueued under these names. Accepted until the next release.
FORMER_NAMES: dict[str, Callable[..., None]] = {
    f"{__name__}.look": find_due_checks,
    f"{__name__}.watch": run_checks,
    f"{__name__}.check": request_check,
}
ALLOWED |= FORMER_NAMES
