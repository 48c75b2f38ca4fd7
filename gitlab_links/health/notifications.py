"""Sending health alerts to an org: each change once, with retries.

In steps, as for every call over the network: load, send, save.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update

from gitlab_links.accounts.models import Org
from gitlab_links.audit.changes import Action
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, DomainError
from gitlab_links.extensions import db, settings
from gitlab_links.health.messages import remedy, summary
from gitlab_links.health.models import HealthProblem
from gitlab_links.health.problems import audit_problem, finding_of
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.policy import NOTIFY_URL
from gitlab_links.security import cipher
from gitlab_links.storage.database import new_id

NOTIFICATIONS_AT_ONCE = 10
RETRY_AFTER = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
CLAIM = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notification:
    """One change to send; ``to`` is a URL or an e-mail address, in plaintext."""

    org_id: uuid.UUID
    problem_id: uuid.UUID
    to: str = field(repr=False)
    body: dict[str, Any]


def orgs_with_due_notifications(now: datetime, limit: int) -> Sequence[uuid.UUID]:
    """Orgs with alerts that are due."""
    return db.session.scalars(
        select(HealthProblem.org_id)
        .where(HealthProblem.notice_due_at <= now)
        .distinct()
        .limit(limit)
    ).all()


def load_due_notifications(org_id: uuid.UUID, now: datetime) -> list[Notification]:
    """Claim the due alerts, and audit the recoveries that have lasted; the caller commits."""
    problems = db.session.scalars(
        select(HealthProblem)
        .where(HealthProblem.org_id == org_id, HealthProblem.notice_due_at <= now)
        .order_by(HealthProblem.id)
        .limit(NOTIFICATIONS_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    to = notify_url(find_integration(org_id))
    org_name = db.session.scalar(select(Org.name).where(Org.id == org_id)) or ""
    notices = []
    for problem in problems:
        if problem.closed_at is not None and problem.notice_attempts == 0:
            audit_problem(problem, Action.HEALTH_RECOVERED)
        # No recovery is sent for a problem that was never sent.
        if to is None or (problem.closed_at is not None and problem.notified_at is None):
            problem.notice_due_at = None
            continue
        problem.notice_attempts += 1
        problem.notice_due_at = now + CLAIM
        notices.append(Notification(org_id, problem.id, to, _body(problem, org_name)))
    return notices


def save_outcome(notice: Notification, now: datetime, failure: str | None) -> None:
    """Save the outcome, ``failure`` being the reason or None; the caller commits."""
    note_delivery(notice.org_id, now, failure)
    problem = db.session.get(HealthProblem, notice.problem_id, with_for_update=True)
    if problem is None:
        return
    if failure is None:
        problem.notified_at = now
        problem.notice_due_at = None
        problem.notice_attempts = 0 if problem.closed_at is None else problem.notice_attempts
    elif problem.notice_attempts > len(RETRY_AFTER):
        problem.notice_due_at = None
    else:
        problem.notice_due_at = now + RETRY_AFTER[problem.notice_attempts - 1]


def note_delivery(org_id: uuid.UUID, now: datetime, failure: str | None) -> None:
    """Save when and why the last alert failed to arrive; clears both if it arrived."""
    if failure is not None:
        log.warning("alert.not_sent", org_id=str(org_id), reason=failure)
    integration = OrgGitLabIntegration
    db.session.execute(
        update(integration)
        .where(integration.org_id == org_id)
        .values(
            notify_failure=failure,
            notify_failed_at=None if failure is None else now,
            # The settings of the org stay as they were.
            updated_at=integration.updated_at,
        )
    )


def test_body(org_id: uuid.UUID) -> dict[str, Any]:
    """An alert that says that it is a test."""
    org_name = db.session.scalar(select(Org.name).where(Org.id == org_id)) or ""
    message = "This is a test: health alerts of this org arrive here."
    known = {"type": "health.test", "id": str(new_id()), "closed_at": None}
    return known | _message(org_id, org_name, message)


def notify_url(integration: OrgGitLabIntegration | None) -> str | None:
    """The org's address for alerts, in plaintext; None if not set or not readable."""
    if integration is None or integration.notify_url_ciphertext is None:
        return None
    try:
        return cipher().decrypt(
            integration.notify_url_ciphertext,
            org_id=integration.org_id,
            origin="",
            purpose=NOTIFY_URL,
        )
    except DomainError:
        return None


def _message(
    org_id: uuid.UUID, org_name: str, message: str, advice: str = "", before: str = ""
) -> dict[str, str]:
    """``text`` is what chat services show; the rest is for programs."""
    page = f"{settings().public_base_url}/orgs/{org_id}/gitlab"
    text = f"{org_name}: {before}{message} {advice}".rstrip()
    return {
        "text": f"{text} {page}",
        "org_id": str(org_id),
        "org_name": org_name,
        "summary": message,
        "remedy": advice,
        "url": page,
    }


def _body(problem: HealthProblem, org_name: str) -> dict[str, Any]:
    finding, over = finding_of(problem), problem.closed_at is not None
    advice, before = ("", "Over: ") if over else (remedy(finding), "")
    known = {
        "type": "health.recovered" if over else "health.problem",
        "id": str(problem.id),
        "code": problem.code,
        "severity": problem.severity,
        "subject": problem.subject,
        "opened_at": problem.opened_at.isoformat(),
        "closed_at": None if problem.closed_at is None else problem.closed_at.isoformat(),
    }
    return known | _message(problem.org_id, org_name, summary(finding), advice, before)


class NoAlertAddress(Conflict, code="no_alert_address"):
    """The org has no readable address for health alerts."""


def send_test_alert(org_id: uuid.UUID) -> str | None:
    """Send a test to the stored address; returns None if it was accepted, else the reason.

    Raises :class:`NoAlertAddress`, and what ``waiting_for_gitlab`` raises.
    """
    # requests is slow to import, and receiving webhooks does not need it.
    from gitlab_links.health.alert_sending import send

    to = notify_url(find_integration(org_id))
    if to is None:
        raise NoAlertAddress("No address for health alerts is stored, or it cannot be read.")
    body = test_body(org_id)
    db.session.commit()
    with waiting_for_gitlab(org_id):
        failure = send(to, body)
    note_delivery(org_id, utcnow(), failure)
    return failure
