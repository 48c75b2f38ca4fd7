"""The state of a connection as a list of findings: what is so, and what to do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gitlab_links.admin.delivery_stats import DeliveryStats
from gitlab_links.admin.times import ago, day, until
from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answers import RATE_LIMITED
from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.health.findings import Severity
from gitlab_links.health.report import Report
from gitlab_links.integrations.views import EXPIRY_WARNING, IntegrationView

QUIET_AFTER = timedelta(days=7)
ENOUGH_SCOPES = frozenset({"read_api", "api"})
_WORST_FIRST = ("red", "amber", "green", "gray")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``remedy`` is empty where nothing is to be done."""

    tone: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All findings, the worst first, and the verdict that follows from them."""

    tone: str
    headline: str
    findings: Sequence[Finding]


_HEADLINES = {
    "red": "Not working",
    "amber": "Needs your attention",
    "green": "Everything works",
    "gray": "Not connected yet",
}


def health_report(view: IntegrationView, stats: DeliveryStats, report: Report) -> HealthReport:
    """Green only if GitLab can be read and its events arrive."""
    if view.base_url is None or not view.has_token:
        step = "the address of your GitLab" if view.base_url is None else "an access token"
        finding = Finding("gray", f"Start with step 1: set {step}.")
        return HealthReport("gray", _HEADLINES["gray"], [finding])
    findings = [*_connection(view, report), *_token(view, report), *_webhook(view, stats, report)]
    findings += [*_hooks(report)]
    findings.sort(key=lambda finding: _WORST_FIRST.index(finding.tone))
    tone = findings[0].tone
    return HealthReport(tone, _HEADLINES[tone], findings)


def _connection(view: IntegrationView, report: Report) -> Iterator[Finding]:
    health = view.health
    named = next((one for one in report.findings if one.code == health.error_code), None)
    if named is not None and named.code != RATE_LIMITED:
        tone = "red" if named.severity is Severity.CRITICAL else "amber"
        yield Finding(tone, named.summary, named.remedy)
    elif health.paused_until is not None:
        yield Finding(
            "amber",
            f"GitLab asked for a pause; reading goes on {until(health.paused_until)}.",
            facts_of(RATE_LIMITED).remedy,
        )
    elif named is not None:
        yield Finding("amber", named.summary, named.remedy)
    elif health.last_synced_at is None:
        yield Finding("green", f"{view.base_url} is set; nothing has been read from it yet.")
    else:
        yield Finding("green", f"{view.base_url} was last read {ago(health.last_synced_at)}.")


def _token(view: IntegrationView, report: Report) -> Iterator[Finding]:
    if view.token_expires_at is not None:
        yield _expiry(view.token_expires_at, utcnow(), may_rotate=report.token.may_rotate)
    if view.token_scopes is None:
        yield Finding(
            "amber", "The scopes and expiry of the token are not known.", "Validate the connection."
        )
    elif not ENOUGH_SCOPES & set(view.token_scopes):
        held = ", ".join(view.token_scopes) or "none"
        yield Finding(
            "amber",
            f"The token has other scopes than it needs: {held}.",
            "Make one with read_api, and set it below.",
        )


def _expiry(expires_at: datetime, now: datetime, *, may_rotate: bool) -> Finding:
    when = day(expires_at.date())
    renew = "Make a new token in GitLab, and set it below."
    if expires_at <= now:
        return Finding("red", f"The token expired on {when}.", renew)
    if may_rotate:
        renew = "Press Rotate the token, below."
    if expires_at < now + EXPIRY_WARNING:
        return Finding("amber", f"The token expires {until(expires_at, now)}, on {when}.", renew)
    return Finding("green", f"The token is good until {when}.")


def _webhook(view: IntegrationView, stats: DeliveryStats, report: Report) -> Iterator[Finding]:
    last = view.health.last_event_at
    if any(one.code == "no_webhooks" for one in report.findings):
        pass  # told with the projects
    elif not view.webhook_configured and not any(one.hook_id for one in report.projects):
        yield Finding(
            "amber",
            "No webhook secret is set, so changes are noticed only by looking now and then.",
            "Follow steps 2 and 3: changes then arrive within seconds.",
        )
    elif last is None:
        yield Finding(
            "amber", "No event has come from GitLab yet.", "Add the webhook there, as in step 3."
        )
    elif last < utcnow() - QUIET_AFTER:
        yield Finding(
            "amber",
            f"The last event came {ago(last)}.",
            "Look in GitLab under Settings > Webhooks whether the webhook is disabled.",
        )
    else:
        yield Finding("green", f"The last event came {ago(last)}.")
    if stats.failed:
        yield Finding(
            "amber",
            f"{stats.failed} of the last day's deliveries failed.",
            "See under Deliveries why, and replay them.",
        )


def _hooks(report: Report) -> Iterator[Finding]:
    """What is wrong with the ways of single projects."""
    for told in report.findings:
        if told.subject or told.code == "no_webhooks":
            tone = "red" if told.severity is Severity.CRITICAL else "amber"
            yield Finding(tone, told.summary, told.remedy)
