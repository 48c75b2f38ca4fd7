"""What is wrong with a connection at a moment, as codes: computed, never stored as such."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gitlab_links.gitlab.answers import INSUFFICIENT_SCOPE, RATE_LIMITED, READING_SCOPES
from gitlab_links.hooks.views import HookState
from gitlab_links.hooks.watching import WatchedProject
from gitlab_links.integrations.models import OrgGitLabIntegration

# The last threshold that has been passed counts, so that each is told once.
EXPIRY_THRESHOLDS = (1, 7, 30)
NOT_FOUND = "not_found"
MISSED_LATELY = timedelta(hours=1)
SILENT_AFTER = timedelta(days=7)


class Severity(StrEnum):
    """``critical``: links are, or will soon be, out of date. ``warning``: look at it."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``subject`` is a project path or empty; ``detail`` is JSON."""

    code: str
    severity: Severity
    subject: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def findings(
    integration: OrgGitLabIntegration | None, projects: Sequence[WatchedProject], now: datetime
) -> list[Finding]:
    """Everything that is wrong, the gravest first; nothing of an org that is not connected."""
    if integration is None or integration.base_url is None or integration.token_ciphertext is None:
        return []
    found = [*_connection(integration), *_expiry(integration, now), *_projects(projects, now)]
    return sorted(found, key=lambda one: one.severity is not Severity.CRITICAL)


def _connection(integration: OrgGitLabIntegration) -> Iterator[Finding]:
    code = integration.error_code
    if code is None:
        return
    severity = Severity.WARNING if code == RATE_LIMITED else Severity.CRITICAL
    detail: dict[str, Any] = {}
    if code == INSUFFICIENT_SCOPE:
        detail = {"scopes": integration.token_scopes, "missing_scopes": list(READING_SCOPES)}
    yield Finding(code, severity, detail=detail)


def _expiry(integration: OrgGitLabIntegration, now: datetime) -> Iterator[Finding]:
    expires_at = integration.token_expires_at
    if expires_at is None:
        return
    detail = {"expires_at": expires_at.date().isoformat()}
    if expires_at <= now:
        yield Finding("token_expired", Severity.CRITICAL, detail=detail)
        return
    for days in EXPIRY_THRESHOLDS:
        if expires_at <= now + timedelta(days=days):
            severity = Severity.CRITICAL if days == 1 else Severity.WARNING
            yield Finding(f"token_expires_{days}d", severity, detail=detail)
            return


def _projects(projects: Sequence[WatchedProject], now: datetime) -> Iterator[Finding]:
    # A path that GitLab has never shown may be a typing error: that is told on its links.
    projects = [project for project in projects if project.seen]
    hidden = [project for project in projects if _is_hidden(project)]
    projects = [project for project in projects if not _is_hidden(project)]
    for project in hidden:
        detail = {"project_id": str(project.id), "links": project.links}
        yield Finding("project_hidden", Severity.CRITICAL, project.path, detail)
    looked = [project for project in projects if project.checked_at is not None]
    deaf = {HookState.MISSING, HookState.UNREADABLE}
    if looked and all(one.hook_state in deaf and one.last_event_at is None for one in looked):
        # One thing to do, however many projects: nothing has been set up yet.
        yield Finding("no_webhooks", Severity.WARNING, detail={"projects": len(looked)})
        return
    for project in projects:
        yield from _hook(project)
        yield from _missed(project, now)


def _is_hidden(project: WatchedProject) -> bool:
    """GitLab has shown it before. To who sees a project and not its hooks it answers 403."""
    return project.hook_state is HookState.UNREADABLE and project.error_code == NOT_FOUND


def _hook(project: WatchedProject) -> Iterator[Finding]:
    detail: dict[str, Any] = {"project_id": str(project.id)}
    match project.hook_state:
        case HookState.DISABLED:
            yield Finding("hook_disabled", Severity.CRITICAL, project.path, detail)
        case HookState.TEMPORARILY_DISABLED:
            until = project.disabled_until
            detail |= {"until": None if until is None else until.isoformat(timespec="seconds")}
            yield Finding("hook_temporarily_disabled", Severity.CRITICAL, project.path, detail)
        case HookState.MISSING:
            yield Finding("hook_missing", Severity.WARNING, project.path, detail)
        case HookState.EVENTS_MISSING:
            detail |= {"events": list(project.events_missing)}
            yield Finding("hook_events_missing", Severity.WARNING, project.path, detail)
        case HookState.UNPROVEN:
            yield Finding("hook_unproven", Severity.CRITICAL, project.path, detail)
        case HookState.UNREADABLE if project.last_event_at is None:
            yield Finding("hook_unreadable", Severity.WARNING, project.path, detail)


def _missed(project: WatchedProject, now: datetime) -> Iterator[Finding]:
    """Events that should have come: the proof that no setting can give."""
    missed, event = project.last_missed_at, project.last_event_at
    if missed is None or missed < now - SILENT_AFTER:
        return
    detail = {
        "project_id": str(project.id),
        "by_webhook": project.changes_by_webhook,
        "by_sweep": project.changes_by_sweep,
    }
    if event is None or event < missed - MISSED_LATELY:
        yield Finding("changes_only_by_sweep", Severity.CRITICAL, project.path, detail)
    elif missed > now - MISSED_LATELY:
        yield Finding("events_missed", Severity.WARNING, project.path, detail)
