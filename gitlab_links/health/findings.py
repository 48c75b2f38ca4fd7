"""The only judge of a connection: what is wrong with it, as codes.

Page, API, settings, alerts, doctor and metrics all use these findings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gitlab_links.config.setting_values import MEGABYTE
from gitlab_links.deliveries.trust import still_distrusted
from gitlab_links.gitlab.answers import READING_SCOPES
from gitlab_links.gitlab.error_codes import ErrorCode, Severity, facts_of
from gitlab_links.health.signals import Signals
from gitlab_links.health.token_life import overdue_from
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import TallyKind
from gitlab_links.observations.watched_projects import WatchedProject
from gitlab_links.observations.webhook_tallies import Tally
from gitlab_links.outgoing.alerts import ONLY_HEALTH
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.rules.batch import MOST_A_MINUTE

# Only the smallest threshold that applies is reported, so each is sent once.
EXPIRY_THRESHOLDS = (1, 7, 30)
MISSED_LATELY = timedelta(hours=1)
SILENT_AFTER = timedelta(days=7)
# New in the API: shown now, notified from the next release on.
SHOWN_FIRST = frozenset(
    {
        "project_unreadable",
        "token_unchecked",
        "no_webhook_secret",
        "no_events",
        "no_recent_events",
        "deliveries_failed",
        "alerts_undelivered",
        "webhook_contradicted",
        "webhook_other_instance",
        "webhooks_refused",
        "webhooks_turned_away",
        "webhook_bodies_over_quota",
        "slashes_decoded",
        "links_at_former_address",
        "rules_stopped",
        "endpoint_off",
    }
)
LATELY = timedelta(days=1)
# The events of one webhook may be accepted while those of another are rejected.
REFUSED_LATELY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``subject`` is a project path or empty; ``detail`` is JSON."""

    code: str
    severity: Severity
    subject: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def findings(signals: Signals) -> list[Finding]:
    """Everything that is wrong, critical first; empty for an org that is not connected."""
    integration = signals.integration
    if integration is None or not signals.connected:
        return []
    found = [*_connection(signals, integration), *_expiry(integration, signals.now)]
    if integration.error_code is None:  # an error of the connection explains unreadable projects
        found += _unreadable(signals.projects)
    found += _elsewhere(signals)
    found += _projects(signals.projects, signals.now)
    found += _events(signals, integration, found)
    found += _endpoints(signals.endpoints)
    if signals.rules_stopped_at is not None:
        detail = {"most": MOST_A_MINUTE}
        found.append(Finding("rules_stopped", Severity.WARNING, detail=detail))
    for tally in signals.tallies:
        found += _webhooks(signals, integration, tally)
    return sorted(found, key=lambda one: one.severity is not Severity.CRITICAL)


def is_notified(finding: Finding) -> bool:
    """Whether it is stored, audited and sent; a new code is only shown for one release."""
    return finding.code not in SHOWN_FIRST


def _connection(signals: Signals, integration: OrgGitLabIntegration) -> Iterator[Finding]:
    if integration.slashes_decoded_at is not None:
        yield Finding("slashes_decoded", Severity.WARNING)
    code = integration.error_code
    if code is None and signals.paused_until is not None:
        code = ErrorCode.RATE_LIMITED
    if code is None:
        if integration.token_checked_at is None:
            yield Finding("token_unchecked", Severity.WARNING)
        return
    detail: dict[str, Any] = {}
    if code == ErrorCode.INSUFFICIENT_SCOPE:
        # GitLab names what a fine-grained token lacks. Any other token needs one of two scopes.
        missing = None if integration.error_reason else list(READING_SCOPES)
        detail = {"scopes": integration.token_scopes, "missing_scopes": missing}
    if integration.error_reason:
        detail["gitlab_says"] = integration.error_reason
    yield Finding(code, facts_of(code).severity, detail=detail)


def _expiry(integration: OrgGitLabIntegration, now: datetime) -> Iterator[Finding]:
    expires_at = integration.token_expires_at
    if expires_at is None:
        return
    detail = {"expires_at": expires_at.date().isoformat()}
    if expires_at <= now:
        yield Finding("token_expired", Severity.CRITICAL, detail=detail)
        return
    if integration.token_auto_rotate and now < overdue_from(integration.token_set_at, expires_at):
        return
    for days in EXPIRY_THRESHOLDS:
        if expires_at <= now + timedelta(days=days):
            severity = Severity.CRITICAL if days == 1 else Severity.WARNING
            yield Finding(f"token_expires_{days}d", severity, detail=detail)
            return


def _elsewhere(signals: Signals) -> Iterator[Finding]:
    """Links of a GitLab that was left, or that has moved and was not carried over."""
    if signals.elsewhere:
        detail = {
            "addresses": list(signals.elsewhere),
            "projects": sum(signals.elsewhere.values()),
        }
        yield Finding("links_at_former_address", Severity.WARNING, detail=detail)


def _projects(projects: Sequence[WatchedProject], now: datetime) -> Iterator[Finding]:
    # A path that GitLab has never shown may be a typing error: its links show that.
    projects = [project for project in projects if project.seen]
    hidden = [project for project in projects if _is_hidden(project)]
    projects = [project for project in projects if not _is_hidden(project)]
    for project in hidden:
        detail = {"project_id": str(project.id), "links": project.links}
        yield Finding("project_hidden", Severity.CRITICAL, project.path, detail)
    checked = [project for project in projects if project.checked_at is not None]
    no_hook = {HookState.MISSING, HookState.UNREADABLE}
    if checked and all(one.hook_state in no_hook and one.last_event_at is None for one in checked):
        # Nothing is set up yet: one finding instead of one for each project.
        yield Finding("no_webhooks", Severity.WARNING, detail={"projects": len(checked)})
        return
    for project in projects:
        yield from _hook(project)
        yield from _missed(project, now)


def _unreadable(projects: Sequence[WatchedProject]) -> Iterator[Finding]:
    """Projects with items that cannot be read, while the connection works."""
    for project in projects:
        if project.unreadable:
            detail: dict[str, Any] = {
                "project_id": str(project.id),
                "links": project.links,
                "unreadable": project.unreadable,
                "error_code": project.unreadable_code,
            }
            if project.reason:
                detail["gitlab_says"] = project.reason
            yield Finding("project_unreadable", Severity.CRITICAL, project.path, detail)


def _is_hidden(project: WatchedProject) -> bool:
    """Whether GitLab answers 404. To a user who sees a project but not its hooks it answers 403."""
    return project.hook_state is HookState.UNREADABLE and project.error_code == ErrorCode.NOT_FOUND


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
    """Changes without an event: only they prove that webhooks do not work, whatever is set."""
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


def _endpoints(troubled: Sequence[OutgoingEndpoint]) -> Iterator[Finding]:
    """Endpoints that were turned off, and health alerts that do not arrive."""
    for endpoint in troubled:
        name = endpoint.description or endpoint.url_host
        known = {"endpoint_id": str(endpoint.id), "to": name}
        if not endpoint.enabled:
            detail = {**known, "reason": endpoint.disabled_reason}
            yield Finding("endpoint_off", Severity.WARNING, detail=detail)
        elif endpoint.types == ONLY_HEALTH:
            detail = {**known, "reason": endpoint.last_failure}
            yield Finding("alerts_undelivered", Severity.WARNING, detail=detail)


def _events(
    signals: Signals, integration: OrgGitLabIntegration, found: Sequence[Finding]
) -> Iterator[Finding]:
    """Whether events arrive at all, and whether they could be processed."""
    if signals.received is None:
        return
    last = signals.received.last_at
    if any(one.code in {"no_webhooks", "hook_missing"} for one in found):
        pass  # that finding covers it
    elif not integration.has_webhook_secret and not any(one.hook_id for one in signals.projects):
        yield Finding("no_webhook_secret", Severity.WARNING)
    elif last is None:
        yield Finding("no_events", Severity.WARNING)
    elif last < signals.now - SILENT_AFTER:
        detail = {"last_event_on": last.date().isoformat()}
        yield Finding("no_recent_events", Severity.WARNING, detail=detail)
    if signals.received.failed:
        yield Finding(
            "deliveries_failed", Severity.WARNING, detail={"count": signals.received.failed}
        )


def _webhooks(
    signals: Signals, integration: OrgGitLabIntegration, tally: Tally
) -> Iterator[Finding]:
    """What is wrong with the webhooks received."""
    detail: dict[str, Any] = {"times": tally.count, "last_at": f"{tally.last_at:%Y-%m-%d %H:%M}"}
    match tally.kind:
        case TallyKind.CONTRADICTED if still_distrusted(
            tally.last_at, integration.webhook_secret_set_at, signals.now
        ):
            paths = {str(project.id): project.path for project in signals.projects}
            path = paths.get(tally.subject, str(tally.detail.get("project", "")))
            detail |= {"project_id": tally.subject}
            yield Finding("webhook_contradicted", Severity.WARNING, path, detail)
        case TallyKind.OTHER_INSTANCE if tally.last_at > signals.now - LATELY:
            detail |= {"base_url": integration.base_url, **tally.detail}
            yield Finding("webhook_other_instance", Severity.WARNING, detail=detail)
        case TallyKind.STORED_BYTES if (
            tally.count >= signals.body_quota and tally.last_at > signals.now - LATELY
        ):
            detail |= {"megabytes": signals.body_quota // MEGABYTE}
            yield Finding("webhook_bodies_over_quota", Severity.WARNING, detail=detail)
        case TallyKind.TURNED_AWAY if tally.last_at > signals.now - REFUSED_LATELY:
            yield Finding("webhooks_turned_away", Severity.WARNING, detail=detail)
        case TallyKind.REFUSED if _still_refused(signals, integration, tally.last_at):
            # A warning only: strangers can cause it, and the links may be current.
            detail |= tally.detail
            yield Finding("webhooks_refused", Severity.WARNING, detail=detail)


def _still_refused(
    signals: Signals, integration: OrgGitLabIntegration, refused_at: datetime
) -> bool:
    """Until the secret is replaced or events are accepted again, for a day at most."""
    set_at = integration.webhook_secret_set_at
    if refused_at <= signals.now - LATELY or (set_at is not None and set_at > refused_at):
        return False
    accepted_at = signals.received.last_at if signals.received is not None else None
    accepted_since = accepted_at is not None and accepted_at > refused_at
    return not accepted_since or refused_at > signals.now - REFUSED_LATELY
