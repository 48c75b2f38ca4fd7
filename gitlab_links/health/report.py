"""The health of a connection as pages and API show it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gitlab_links.doorbell import Bell, ring_after_commit
from gitlab_links.extensions import db
from gitlab_links.health.findings import Severity
from gitlab_links.health.judging import health_of
from gitlab_links.health.words import remedy, summary
from gitlab_links.hooks.watching import WatchedProject, look_soon
from gitlab_links.integrations.due_tokens import ask_soon
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.operations import find_integration
from gitlab_links.integrations.rotation import TokenKind, may_rotate, token_kind

# Who looks wants to know what is so now, not what was so this morning. Shorter than the bell
# is quiet: else what was looked at a moment after one ring would be passed over at the next.
FRESH_ENOUGH = timedelta(seconds=30)


class HealthColour(StrEnum):
    """The verdict at a glance; ``gray`` is an org that is not connected."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GRAY = "gray"


@dataclass(frozen=True, slots=True)
class Told:
    """One finding in words; ``since`` is None where it was noticed just now."""

    code: str
    severity: Severity
    subject: str
    summary: str
    remedy: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class TokenHealth:
    """The token as GitLab last told it."""

    scopes: Sequence[str] | None
    expires_at: datetime | None
    username: str | None
    kind: TokenKind | None
    checked_at: datetime | None
    may_rotate: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Everything at once, in a fixed number of queries.

    ``checked_at`` is when GitLab had last told of the token and of every webhook; None
    while one of them is still to be looked at.
    """

    status: HealthColour
    checked_at: datetime | None
    findings: Sequence[Told]
    token: TokenHealth
    projects: Sequence[WatchedProject]


def report_of(org_id: uuid.UUID, now: datetime) -> Report:
    """What is so now, as far as is known, for somebody who looks at it.

    Asks GitLab nothing and writes nothing: where that is a while ago, a worker is rung for
    to ask, and the next look shows what came of it.
    """
    health = health_of(org_id, now)
    integration = find_integration(org_id)
    connected = integration is not None and integration.token_ciphertext is not None
    told = [
        Told(
            code=one.code,
            severity=one.severity,
            subject=one.subject,
            summary=summary(one),
            remedy=remedy(one),
            since=health.since.get((one.code, one.subject)),
        )
        for one in health.findings
    ]
    checked_at = _checked_at(integration, health.projects) if connected else None
    if connected and (checked_at is None or checked_at < now - FRESH_ENOUGH):
        ring_after_commit(db.session, Bell.CHECK, org_id)
    return Report(
        status=_colour(told) if connected else HealthColour.GRAY,
        checked_at=checked_at,
        findings=told,
        token=TokenHealth(
            scopes=integration.token_scopes if integration else None,
            expires_at=integration.token_expires_at if integration else None,
            username=integration.token_username if integration else None,
            kind=token_kind(integration.token_username) if integration else None,
            checked_at=integration.token_checked_at if integration else None,
            may_rotate=integration is not None and may_rotate(integration),
        ),
        projects=health.projects,
    )


def check_soon(org_id: uuid.UUID, now: datetime, *, fresh: timedelta = FRESH_ENOUGH) -> int:
    """Have the token and all hooks looked at that were not within ``fresh``; says how many.

    A worker is rung for once the caller has committed.
    """
    token = ask_soon(org_id, now, now - fresh)
    projects = look_soon(org_id, now, unless_since=now - fresh)
    if token or projects:
        ring_after_commit(db.session, Bell.WATCH, org_id)
    return projects + token


def _checked_at(
    integration: OrgGitLabIntegration | None, projects: Sequence[WatchedProject]
) -> datetime | None:
    parts = [None if integration is None else integration.token_checked_at]
    parts += [project.checked_at for project in projects if project.seen]
    known = [part for part in parts if part is not None]
    return min(known) if len(known) == len(parts) else None


def _colour(told: Sequence[Told]) -> HealthColour:
    if any(one.severity is Severity.CRITICAL for one in told):
        return HealthColour.RED
    return HealthColour.AMBER if told else HealthColour.GREEN
