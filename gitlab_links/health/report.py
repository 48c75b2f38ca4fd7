"""The health of a connection: what page, API, settings and doctor show."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.error_codes import Severity
from gitlab_links.health.due_tokens import make_token_check_due
from gitlab_links.health.findings import findings
from gitlab_links.health.messages import remedy, summary
from gitlab_links.health.signals import Signals, load
from gitlab_links.health.token_rotation import TokenKind, may_rotate, token_kind
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.summaries import (
    HealthStatus,
    IntegrationHealth,
    IntegrationView,
    integration_view,
)
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.freshness import Connection
from gitlab_links.observations.project_watches import make_checks_due
from gitlab_links.observations.watched_projects import WatchedProject

# A viewer expects current data. Must be shorter than job_triggers.CHECK_SECONDS, or a check right
# after a job would be skipped.
FRESH_ENOUGH = timedelta(seconds=30)


class HealthColour(StrEnum):
    """The verdict at a glance; ``gray`` is an org that is not connected."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GRAY = "gray"


# The verdict as an org's settings show it.
_STATUS = {
    HealthColour.GREEN: HealthStatus.OK,
    HealthColour.AMBER: HealthStatus.ATTENTION,
    HealthColour.RED: HealthStatus.ATTENTION,
    HealthColour.GRAY: HealthStatus.NOT_CONFIGURED,
}


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """One finding with its texts; ``since`` is None if it is not stored yet."""

    code: str
    severity: Severity
    subject: str
    summary: str
    remedy: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class TokenHealth:
    """The token as GitLab last described it."""

    scopes: Sequence[str] | None
    expires_at: datetime | None
    username: str | None
    kind: TokenKind | None
    checked_at: datetime | None
    may_rotate: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict and its reasons.

    ``checked_at`` is the oldest check among the token and all webhooks of projects that GitLab
    has shown; None while one of them has not been checked. ``connection`` is the org's settings
    with their health, which follows from ``status``; ``integration`` is the row behind it.
    """

    status: HealthColour
    checked_at: datetime | None
    findings: Sequence[ReportedFinding]
    token: TokenHealth
    projects: Sequence[WatchedProject]
    connection: IntegrationView
    integration: OrgGitLabIntegration | None


def report_of(org_id: uuid.UUID, now: datetime) -> Report:
    """The report for a viewer, from stored data: calls no GitLab and writes nothing.

    If the last check is older than ``FRESH_ENOUGH``, triggers one; a later report shows its
    result.
    """
    signals = load(org_id, now)
    report = report_on(signals)
    checked_at = report.checked_at
    if signals.connected and (checked_at is None or checked_at < now - FRESH_ENOUGH):
        trigger_after_commit(db.session, JobKind.REQUEST_CHECK, org_id)
    return report


def connection_view(org_id: uuid.UUID) -> IntegrationView:
    """The org's settings with their health; triggers no check."""
    return report_on(load(org_id, utcnow())).connection


def report_on(signals: Signals) -> Report:
    """The report that follows from the signals; no database."""
    since = {(row.code, row.subject): row.opened_at for row in signals.problems}
    reported = [
        ReportedFinding(
            code=one.code,
            severity=one.severity,
            subject=one.subject,
            summary=summary(one),
            remedy=remedy(one),
            since=since.get((one.code, one.subject)),
        )
        for one in findings(signals)
    ]
    status = _colour(reported) if signals.connected else HealthColour.GRAY
    return Report(
        status=status,
        checked_at=_checked_at(signals) if signals.connected else None,
        findings=reported,
        token=_token_health(signals.integration),
        projects=signals.projects,
        connection=integration_view(
            signals.org_id, signals.integration, _connection_health(signals, status)
        ),
        integration=signals.integration,
    )


def _token_health(integration: OrgGitLabIntegration | None) -> TokenHealth:
    if integration is None:
        return TokenHealth(None, None, None, None, None, may_rotate=False)
    return TokenHealth(
        scopes=integration.token_scopes,
        expires_at=integration.token_expires_at,
        username=integration.token_username,
        kind=token_kind(integration.token_username),
        checked_at=integration.token_checked_at,
        may_rotate=may_rotate(integration),
    )


def _connection_health(signals: Signals, status: HealthColour) -> IntegrationHealth:
    integration = signals.integration
    code = Connection.of(integration).error_code
    return IntegrationHealth(
        status=_STATUS[status],
        error_code=code,
        paused_until=signals.paused_until,
        last_event_at=None if signals.received is None else signals.received.last_at,
        last_synced_at=None if integration is None else integration.last_synced_at,
    )


def check_soon(org_id: uuid.UUID, now: datetime, *, fresh: timedelta = FRESH_ENOUGH) -> int:
    """Make the checks of the token and of hooks due that are older than ``fresh``.

    Returns how many. A job is triggered after the caller has committed.
    """
    token = make_token_check_due(org_id, now, now - fresh)
    projects = make_checks_due(org_id, now, unless_since=now - fresh)
    if token or projects:
        trigger_after_commit(db.session, JobKind.RUN_CHECKS, org_id)
    return projects + token


def _checked_at(signals: Signals) -> datetime | None:
    parts = [None if signals.integration is None else signals.integration.token_checked_at]
    # What GitLab has never shown has no webhook to check: anybody may link a mistyped project.
    parts += [project.checked_at for project in signals.projects if project.seen]
    known = [part for part in parts if part is not None]
    return min(known) if len(known) == len(parts) else None


def _colour(reported: Sequence[ReportedFinding]) -> HealthColour:
    if any(one.severity is Severity.CRITICAL for one in reported):
        return HealthColour.RED
    return HealthColour.AMBER if reported else HealthColour.GREEN
