"""Telling an org of changes of its health: once each, tried again for a while.

In steps as all that leaves the machine: prepare, send, keep.
"""

import json
import smtplib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
import urllib3
from sqlalchemy import select

from gitlab_links.audit.operations import Action
from gitlab_links.errors import DomainError
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.guarded_session import GuardedSession, ResponseTooLargeError
from gitlab_links.gitlab.guarded_socket import BlockedAddressError
from gitlab_links.health.judging import audit_problem, finding_of
from gitlab_links.health.letters import letter
from gitlab_links.health.models import HealthProblem
from gitlab_links.health.words import remedy, summary
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.policy import NOTIFY_URL, is_url
from gitlab_links.security import cipher

NOTICES_A_TIME = 10
SECONDS_EACH = 3.0
ANSWER_BYTES = 64 * 1024
RETRY_AFTER = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
CLAIM = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """One change to be told; ``to`` is a URL or an e-mail address, in clear."""

    problem_id: uuid.UUID
    to: str = field(repr=False)
    body: dict[str, Any]


def orgs_with_due_notices(now: datetime, limit: int) -> Sequence[uuid.UUID]:
    """Orgs that are to be told something."""
    return db.session.scalars(
        select(HealthProblem.org_id)
        .where(HealthProblem.notice_due_at <= now)
        .distinct()
        .limit(limit)
    ).all()


def prepare_notices(org_id: uuid.UUID, now: datetime) -> list[Notice]:
    """Take what is due, and audit the recoveries that have lasted; the caller commits."""
    problems = db.session.scalars(
        select(HealthProblem)
        .where(HealthProblem.org_id == org_id, HealthProblem.notice_due_at <= now)
        .order_by(HealthProblem.id)
        .limit(NOTICES_A_TIME)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    to = notify_url(find_integration(org_id))
    notices = []
    for problem in problems:
        if problem.closed_at is not None and problem.notice_attempts == 0:
            audit_problem(problem, Action.HEALTH_RECOVERED)
        # Nobody needs to hear that something is over who has not heard that it began.
        if to is None or (problem.closed_at is not None and problem.told_at is None):
            problem.notice_due_at = None
            continue
        problem.notice_attempts += 1
        problem.notice_due_at = now + CLAIM
        notices.append(Notice(problem.id, to, _body(problem)))
    return notices


def send_notice(notice: Notice) -> bool:
    """Post or mail it; True if it was taken. No database here."""
    return _post(notice) if is_url(notice.to) else _mail(notice)


def _mail(notice: Notice) -> bool:
    server = settings().mail_server
    if server is None:
        return False
    try:
        server.send(letter(notice.body, notice.to), SECONDS_EACH)
    except (smtplib.SMTPException, OSError):
        return False
    return True


def _post(notice: Notice) -> bool:
    """The address was given by an admin: the connection is guarded as those to GitLab are."""
    with GuardedSession(
        settings().gitlab_allowed_hosts,
        seconds=SECONDS_EACH,
        max_bytes=ANSWER_BYTES,
        ca_file=settings().gitlab_ca_file,
    ) as session:
        session.deadline.start()
        try:
            answer = session.post(
                notice.to,
                data=json.dumps(notice.body).encode(),
                headers={"Content-Type": "application/json", "User-Agent": "gitlab_links"},
                allow_redirects=False,
            )
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            BlockedAddressError,
            ResponseTooLargeError,
        ):
            return False
        return 200 <= answer.status_code < 300


def keep_notice(notice: Notice, now: datetime, *, sent: bool) -> None:
    """Note what became of it; the caller commits."""
    problem = db.session.get(HealthProblem, notice.problem_id, with_for_update=True)
    if problem is None:
        return
    if sent:
        problem.told_at = now
        problem.notice_due_at = None
        problem.notice_attempts = 0 if problem.closed_at is None else problem.notice_attempts
    elif problem.notice_attempts > len(RETRY_AFTER):
        problem.notice_due_at = None
    else:
        problem.notice_due_at = now + RETRY_AFTER[problem.notice_attempts - 1]


def notify_url(integration: OrgGitLabIntegration | None) -> str | None:
    """Where the org wants to be told, in clear; None where nowhere, or it cannot be read."""
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


def _body(problem: HealthProblem) -> dict[str, Any]:
    """``text`` is what chat services show; the rest is for programs."""
    finding, over = finding_of(problem), problem.closed_at is not None
    words = summary(finding)
    page = f"{settings().public_base_url}/orgs/{problem.org_id}/gitlab"
    advice = "" if over else remedy(finding)
    text = f"{'Over: ' if over else ''}{words} {advice}".rstrip()
    return {
        "text": f"{text} {page}",
        "type": "health.recovered" if over else "health.problem",
        "id": str(problem.id),
        "org_id": str(problem.org_id),
        "code": problem.code,
        "severity": problem.severity,
        "subject": problem.subject,
        "summary": words,
        "remedy": advice,
        "opened_at": problem.opened_at.isoformat(),
        "closed_at": None if problem.closed_at is None else problem.closed_at.isoformat(),
        "url": page,
    }
