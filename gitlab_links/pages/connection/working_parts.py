"""What works in a connection, in sentences for its page. What does not work is a finding."""

from collections.abc import Iterator
from datetime import datetime

from gitlab_links.health.report import Report
from gitlab_links.pages.times import day

_ABOUT_EXPIRY = "token_exp"
_ABOUT_EVENTS = frozenset({"no_webhooks", "no_webhook_secret", "no_events", "no_recent_events"})

HEADLINES = {
    "red": "Not working",
    "amber": "Needs your attention",
    "green": "Everything works",
    "gray": "Not connected yet",
}


def good_news(report: Report) -> Iterator[tuple[str, datetime | None]]:
    """One sentence each about reading, the token and the events, where they work, without its
    end: the moment, if it has one, and the full stop.
    """
    here, codes = report.connection, {finding.code for finding in report.findings}
    if not here.has_token:
        return
    if here.health.error_code is None and here.health.paused_until is None:
        if here.health.last_synced_at is None:
            yield f"{here.base_url} is set, and nothing has been read from it yet", None
        else:
            yield f"{here.base_url} was last read", here.health.last_synced_at
    expires_at = report.token.expires_at
    if expires_at is not None and not any(code.startswith(_ABOUT_EXPIRY) for code in codes):
        yield f"The token is valid until {day(expires_at.date())}", None
    if here.health.last_event_at is not None and not codes & _ABOUT_EVENTS:
        yield "The last event arrived", here.health.last_event_at
