"""Pause the connection after a failure, and end the pause."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode, needs_a_person, stops_all_calls
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.pauses import growing_pause
from gitlab_links.links.freshness import retry_after
from gitlab_links.sync.blame import Kind, kind_of

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
DEFAULT_RATE_LIMIT_PAUSE = timedelta(minutes=1)
# How often to retry after a failure that a person has to fix.
PAUSE_FOR_A_PERSON = timedelta(minutes=5)
BREAKER_OPENS_AT = 3


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The state of a connection before a round. ``failed``: GitLab could not be read.
    ``stopped``: because of the connection itself, not of each project.
    """

    failed: bool = False
    stopped: bool = False

    @classmethod
    def of(cls, integration: OrgGitLabIntegration) -> "ConnectionState":
        """The current state."""
        has_error = integration.error_code not in {None, ErrorCode.RATE_LIMITED}
        return cls(
            failed=has_error or integration.failures >= BREAKER_OPENS_AT,
            stopped=has_error and integration.failures > 0,
        )


def note_success(integration: OrgGitLabIntegration, started_at: datetime) -> None:
    """GitLab returned items: the connection works again."""
    integration.last_synced_at = started_at
    integration.clear_error()


def note_failure(
    integration: OrgGitLabIntegration, failure: GitLabFailure, now: datetime, *, calls: int = 1
) -> None:
    """Pause for as long as the failure requires, and store its code for admins to see.

    ``calls`` is the number of failed calls in a row. A refused token or account is retried
    automatically, with growing pauses; see ``growing_pause``.
    """
    kind = kind_of(failure)
    if kind is None and not stops_all_calls(failure.code):
        return
    integration.failures += calls if kind is Kind.TROUBLE else 1
    if failure.code == ErrorCode.RATE_LIMITED:
        named = failure.retry_after
        pause = DEFAULT_RATE_LIMIT_PAUSE if named is None else timedelta(seconds=min(named, 1e6))
        until = now + max(SHORTEST_PAUSE, min(pause, LONGEST_PAUSE))
        _pause(integration, failure, now, until)
    elif kind in {Kind.TOKEN, Kind.REFUSED}:
        until = now + growing_pause(integration.failures)
        _pause(integration, failure, now, until)
        # Retry even if no item is due for a day.
        due_at = integration.token_check_due_at
        integration.token_check_due_at = until if due_at is None else min(due_at, until)
    elif needs_a_person(failure.code):
        _pause(integration, failure, now, now + PAUSE_FOR_A_PERSON)
    elif integration.failures >= BREAKER_OPENS_AT:
        _pause(integration, failure, now, retry_after(integration.failures, now))


def note_refused_account(org_id: uuid.UUID, failure: GitLabFailure, now: datetime) -> None:
    """Like ``note_failure``, for a call outside of fetching. The caller commits."""
    integration = lock_integration(org_id)
    if integration is not None:
        note_failure(integration, failure, now)


def note_all_failing(
    integration: OrgGitLabIntegration, failure: GitLabFailure, now: datetime
) -> None:
    """Store that no project can be read although GitLab answers about the account. There is no
    pause: each item has its own retry time, and a new item may succeed.
    """
    integration.note_error(failure.code, failure.reason, now)


def _pause(
    integration: OrgGitLabIntegration, failure: GitLabFailure, now: datetime, until: datetime
) -> None:
    integration.paused_until = max(until, integration.paused_until or until)
    integration.note_error(failure.code, failure.reason, now)
