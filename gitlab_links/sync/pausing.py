"""What a failed call means for the whole connection: pauses, stops, one probe at a time."""

from datetime import datetime, timedelta

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode, needs_a_person, stops_all_calls
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import retry_after

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
PAUSE_WITHOUT_A_WORD = timedelta(minutes=1)
# What a person has to put right is looked at again this seldom.
PAUSE_FOR_A_PERSON = timedelta(minutes=5)
BREAKER_OPENS_AT = 3


def is_trouble(code: str) -> bool:
    """Whether GitLab may be in trouble as a whole; it may be this one answer, too."""
    return code == ErrorCode.NETWORK_ERROR or code.startswith("http_5")


def was_away(integration: OrgGitLabIntegration) -> bool:
    """Whether GitLab was not to be reached when it was asked last."""
    return integration.failures >= BREAKER_OPENS_AT


def gravity(failure: GitLabFailure | None) -> int:
    """For noting a round's outcomes in order: what weighs most is noted last and stays."""
    if failure is None:
        return 0
    if needs_a_person(failure.code):
        return 3
    return 2 if failure.code == ErrorCode.RATE_LIMITED else 1


def note_success(integration: OrgGitLabIntegration, started_at: datetime) -> None:
    """GitLab answered: whatever was wrong with the connection is over."""
    integration.last_synced_at = started_at
    integration.failures = 0
    integration.error_code = None
    integration.error_at = None
    integration.paused_until = None


def note_failure(integration: OrgGitLabIntegration, failure: GitLabFailure, now: datetime) -> None:
    """Pause as long as the failure asks for, and say why where an admin can read it.

    A refused token (``auth_error``) is not tried again at all: see ``plan.connected``.
    """
    if not (stops_all_calls(failure.code) or is_trouble(failure.code)):
        return
    integration.failures += 1
    if failure.code == ErrorCode.RATE_LIMITED:
        named = failure.retry_after
        pause = PAUSE_WITHOUT_A_WORD if named is None else timedelta(seconds=min(named, 1e6))
        until = now + max(SHORTEST_PAUSE, min(pause, LONGEST_PAUSE))
        _pause(integration, failure.code, now, until)
    elif needs_a_person(failure.code):
        _pause(integration, failure.code, now, now + PAUSE_FOR_A_PERSON)
    elif was_away(integration):
        _pause(integration, failure.code, now, retry_after(integration.failures, now))


def _pause(integration: OrgGitLabIntegration, code: str, now: datetime, until: datetime) -> None:
    integration.paused_until = max(until, integration.paused_until or until)
    if integration.error_code != code:
        integration.error_code = code
        integration.error_at = now
